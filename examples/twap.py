"""Places an order and follows it to its end. pip install ./services/gateway/clients/python, then: python examples/twap.py"""

import os
import secrets

from hourglass_client import Client, Twap

name, password = "python-" + secrets.token_hex(4), "correct horse battery"
hourglass = Client(os.environ.get("HOURGLASS_URL", "http://127.0.0.1:8000"), username=name, password=password)
hourglass.register(name, password)
order = hourglass.create_twap(Twap("BTC-USDT", "buy", "0.2", duration_seconds=6, interval_seconds=2))
for event in hourglass.follow(order.token_id):  # complete and in order, even if the gateway restarts meanwhile
    for fill in event.fills:
        print(f"{fill.at:%H:%M:%S}  {fill.quantity} BTC at {fill.price} on {fill.exchange}")
order = hourglass.order(order.token_id)
print(f"{order.status}: {order.filled_quantity} BTC at {order.average_price} USDT")
