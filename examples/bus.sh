#!/usr/bin/env bash
# Reads market data off the bus, past the gateway. `bin/hourglass up --nats-listen 127.0.0.1:4222` opens the bus for it.
set -euo pipefail
server=${NATS_URL:-nats://127.0.0.1:4222}
nats() { if type -P nats >/dev/null; then command nats "$@"; else GOWORK=off go run github.com/nats-io/natscli/nats@v0.5.0 "$@"; fi; }

nats --server "$server" sub 'md.touch.binance.BTC-USDT' --count 3 # the best bid and ask, whenever they change
nats --server "$server" sub 'md.trade.*.BTC-USDT' --count 3       # every trade of every exchange
