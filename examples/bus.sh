#!/usr/bin/env bash
# Reads off the bus, past the gateway, which gives a token for it. `bin/hourglass up --nats-listen 127.0.0.1:4222` opens the bus.
set -euo pipefail
url=${HOURGLASS_URL:-http://127.0.0.1:8000}/v1
name=bus-$RANDOM$RANDOM password='correct horse battery'

# field NAME reads a string out of JSON, for machines without jq.
field() { sed -n "s/.*\"$1\": *\[*\"\([^\"]*\)\".*/\1/p"; }
call() { curl -fsS --retry 3 --retry-connrefused -H 'Content-Type: application/json' "$@"; }
nats() { if type -P nats >/dev/null; then command nats "$@"; else GOWORK=off go run github.com/nats-io/natscli/nats@v0.5.0 "$@"; fi; }

call "$url/register" -d "{\"username\":\"$name\",\"password\":\"$password\"}" >/dev/null
token=$(call "$url/login" -d "{\"username\":\"$name\",\"password\":\"$password\"}" | field access_token)

# Good for ten minutes: then the server closes the connection, and a program asks for another token.
credentials=$(call -X POST "$url/nats/credentials" -H "Authorization: Bearer $token")
export NATS_TOKEN NATS_URL
NATS_TOKEN=$(field token <<<"$credentials") NATS_URL=$(field urls <<<"$credentials")

nats sub 'md.touch.binance.BTC-USDT' --count 3 # the best bid and ask, whenever they change
nats sub 'md.trade.*.BTC-USDT' --count 3       # every trade of every exchange
