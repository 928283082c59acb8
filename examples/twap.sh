#!/usr/bin/env bash
# Places an order and waits for its end, with curl alone: HOURGLASS_URL=http://127.0.0.1:8000 examples/twap.sh
set -euo pipefail
url=${HOURGLASS_URL:-http://127.0.0.1:8000}/v1
name=shell-$RANDOM$RANDOM password='correct horse battery'

# field NAME reads a string out of JSON, for machines without jq.
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
call() { curl -fsS --retry 3 --retry-connrefused -H 'Content-Type: application/json' "$@"; }

call "$url/register" -d "{\"username\":\"$name\",\"password\":\"$password\"}" >/dev/null
token=$(call "$url/login" -d "{\"username\":\"$name\",\"password\":\"$password\"}" | field access_token)
mine=(-H "Authorization: Bearer $token")

# The token_id names the order, so sending it again after a time-out places nothing twice.
call "$url/orders/twap" "${mine[@]}" -d '{"token_id": "example", "symbol": "BTC-USDT", "side": "buy", "quantity": "0.2",
  "duration_seconds": 6, "interval_seconds": 2}' >/dev/null

until order=$(call "$url/orders?token_id=example" "${mine[@]}") && [[ $order =~ \"status\":\"(filled|expired|canceled)\" ]]; do sleep 1; done
echo "${BASH_REMATCH[1]}: $(field filled_quantity <<<"$order") BTC at $(field average_price <<<"$order") USDT"
call "$url/orders/example/executions" "${mine[@]}" # each with the book level that it was taken from
