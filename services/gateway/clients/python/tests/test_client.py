"""What the client promises; with HOURGLASS_URL also against a running platform."""

import asyncio
import json
import os
import secrets
import struct
import threading
import unittest
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hourglass_client import (
    ApiError, AsyncClient, Changed, Client, Conflict, Exists, InvalidRequest, NotFound, Pending, Plain, StreamRefused, Subscription, Twap,
    Unauthorized, Unreachable,
)
from hourglass_client.models import Book, build, parse_time
from hourglass_client.stream import Lost, Place
from hourglass_client.websocket import Broken, Protocol


class Server:
    """Answers requests from a list: (status, body), or None to break the connection."""

    def __init__(self, answers):
        self.answers, self.requests = list(answers), []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self):
                size = int(self.headers.get("Content-Length", 0))
                outer.requests.append((self.command, self.path, self.rfile.read(size), dict(self.headers)))
                answer = outer.answers.pop(0)
                if answer is None:
                    self.connection.close()
                    return
                body = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = do_PUT = handle_any

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


TOKENS = {"access_token": "a", "refresh_token": "r", "expires_in": 600, "token_type": "bearer"}
BALANCES = {"balances": [{"asset": "BTC", "total": "0.1", "available": "0.1", "reserved": "0"}]}


class Requests(unittest.TestCase):
    def test_numbers_stay_exact(self):
        with Server([(200, TOKENS), (200, BALANCES)]) as s:
            self.assertEqual(Client(s.url, username="u", password="p").balance()[0].total, Decimal("0.1"))

    def test_a_float_is_refused(self):
        with self.assertRaises(TypeError):
            Twap("BTC-USDT", "buy", 0.1, 60).body()

    def test_an_expired_token_is_renewed_once(self):
        expired = (401, {"code": "token_expired", "detail": "expired"})
        with Server([(200, TOKENS), expired, (200, {**TOKENS, "access_token": "b"}), (200, BALANCES)]) as s:
            Client(s.url, username="u", password="p").balance()
            self.assertEqual([r[1] for r in s.requests], ["/v1/login", "/v1/balance", "/v1/token", "/v1/balance"])
            self.assertEqual(s.requests[-1][3]["Authorization"], "Bearer b")

    def test_a_lost_answer_of_an_order_is_found_again(self):
        order = {"id": "1", "token_id": "t", "type": "twap", "symbol": "BTC-USDT", "exchanges": [], "side": "buy", "status": "active",
                 "quantity": "1", "filled_quantity": "0", "remaining_quantity": "1", "fees": "0", "version": 1, "market": "sim",
                 "created_at": "2026-01-31T12:00:00Z"}
        exists = (409, {"code": "token_id_exists", "detail": "there", "identical": True, "order": order})
        with Server([(200, TOKENS), None, exists]) as s:
            self.assertEqual(Client(s.url, username="u", password="p").create_twap(Twap("BTC-USDT", "buy", "1", 60, token_id="t")).token_id, "t")
        with Server([(200, TOKENS), exists]) as s, self.assertRaises(Exists):
            Client(s.url, username="u", password="p").create_twap(Twap("BTC-USDT", "buy", "1", 60, token_id="t"))

    def test_an_order_is_asked_for_until_it_is_decided_on(self):
        refused = (422, {"code": "no_market_data", "detail": "no book"})
        with Server([(200, TOKENS), (202, {}), (202, {}), refused]) as s, self.assertRaises(InvalidRequest):
            Client(s.url, username="u", password="p").create_twap(Twap("BTC-USDT", "buy", "1", 60, token_id="t"))
        self.assertEqual([r[:2] for r in s.requests[1:]], [("POST", "/v1/orders/twap")] * 3)
        with Server([(200, TOKENS), (202, {})]) as s, self.assertRaises(Pending):
            Client(s.url, username="u", password="p", retry_for=0).create_twap(Twap("BTC-USDT", "buy", "1", 60))

    def test_a_plain_order_says_what_it_is(self):
        limit = Plain("BTC-USDT", "buy", Decimal("0.10"), type="limit", price=64000, time_in_force="ioc", token_id="t").body()
        self.assertEqual(limit, {"token_id": "t", "symbol": "BTC-USDT", "side": "buy", "exchange": "all", "type": "limit",
                                 "quantity": "0.10", "price": "64000", "time_in_force": "ioc"})

    def test_what_may_have_been_done_is_not_done_again(self):
        with Server([(200, TOKENS), None]) as s, self.assertRaises(Unreachable):
            Client(s.url, username="u", password="p").amend("t", quantity="2")

    def test_times_and_books_are_read(self):
        self.assertEqual(parse_time("2026-01-31T12:00:00.123456789Z"), datetime(2026, 1, 31, 12, 0, 0, 123456, timezone.utc))
        book = build(Book, {"exchange": "all", "symbol": "X-Y", "state": "live", "bids": [["1.10", "2", {"binance": "2"}]], "asks": []})
        self.assertEqual(book.bids[0].parts, {"binance": Decimal(2)})


class Frames(unittest.TestCase):
    def open(self):
        p = Protocol("http://h:1/v1/ws", {})
        import base64, hashlib
        accept = base64.b64encode(hashlib.sha1(p._key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        return p, f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()

    def test_messages_come_whole_however_they_are_cut(self):
        p, head = self.open()
        data = head + b"\x81\x02hi" + b"\x01\x01a" + b"\x89\x00" + b"\x80\x01b" + b"\x81\x7e" + struct.pack(">H", 300) + b"x" * 300
        got = [text for b in data for text in p.feed(bytes([b]))]
        self.assertEqual(got, ["hi", "ab", "x" * 300])
        self.assertEqual(len(p.replies), 1)  # the pong

    def test_a_close_tells_its_code(self):
        p, head = self.open()
        with self.assertRaises(Broken) as caught:
            list(p.feed(head + b"\x88\x02" + struct.pack(">H", 4408)))
        self.assertEqual(caught.exception.code, 4408)

    def test_a_refused_handshake_tells_its_status(self):
        p, _ = self.open()
        with self.assertRaises(Broken) as caught:
            list(p.feed(b"HTTP/1.1 401 Unauthorized\r\n\r\n"))
        self.assertEqual(caught.exception.status, 401)

    def test_events_resume_after_the_last_one(self):
        place = Place([Subscription("orders")])
        place.opening()
        place.take('{"type":"ack","id":1,"from_seq":7}')
        self.assertIn('"from_seq": 7', place.opening()[0])
        self.assertIsNotNone(place.take('{"type":"orders","seq":7}')[0])
        self.assertIsNone(place.take('{"type":"orders","seq":7}')[0])
        self.assertIn('"from_seq": 8', place.opening()[0])
        with self.assertRaises(Lost):
            place.take('{"type":"orders","seq":9}')

    def test_a_refusal_ends_it_unless_it_was_granted_before(self):
        place = Place([Subscription("book", "NO-SUCH")])
        with self.assertRaises(StreamRefused):
            place.take('{"type":"error","id":1,"code":"unknown_symbol","detail":"no"}')
        place.take('{"type":"ack","id":1}')
        with self.assertRaises(Lost):
            place.take('{"type":"error","id":1,"code":"unknown_symbol","detail":"no"}')


@unittest.skipUnless(os.environ.get("HOURGLASS_URL"), "HOURGLASS_URL names no running platform")
class Platform(unittest.TestCase):
    def setUp(self):
        self.url, self.name = os.environ["HOURGLASS_URL"], "py-" + secrets.token_hex(6)
        self.client = Client(self.url, username=self.name, password="correct horse")
        self.client.register(self.name, "correct horse")

    def test_an_order_is_followed_to_its_end(self):
        c = self.client
        order = c.create_twap(Twap("BTC-USDT", "buy", "0.2", duration_seconds=4, interval_seconds=2))
        events = list(c.follow(order.token_id))
        self.assertEqual(events[0].event, "order_accepted")
        self.assertEqual([e.seq for e in events], sorted({e.seq for e in events}))
        done = c.order(order.token_id)
        self.assertEqual(sum(f.quantity for e in events for f in e.fills), done.filled_quantity)
        self.assertEqual(list(c.executions(order.token_id)), [f for e in events for f in e.fills])
        self.assertEqual([o.token_id for o in c.orders("closed")], [order.token_id])
        with self.assertRaises(Conflict):
            c.cancel(order.token_id)

    def test_an_order_is_previewed_paused_amended_and_reported(self):
        c = self.client
        ask = Twap("BTC-USDT", "sell", "0.4", duration_seconds=600, interval_seconds=5)
        self.assertEqual(sum(Decimal(s["quantity"]) for s in c.preview_twap(ask)["schedule"]), Decimal("0.4"))
        token_id = c.create_twap(ask).token_id
        paused = c.pause(token_id)
        self.assertEqual(paused.status, "paused")
        self.assertEqual(c.amend(token_id, quantity="0.3", version=paused.version).quantity, Decimal("0.3"))
        with self.assertRaises(Changed):
            c.amend(token_id, quantity="0.2", version=paused.version)
        self.assertEqual(c.resume(token_id).status, "active")
        self.assertEqual(c.report(token_id)["final"], False)
        self.assertEqual(c.cancel_all(), [token_id])
        self.assertEqual(c.order(token_id).status, "canceled")

    def test_a_market_order_is_filled_at_once(self):
        order = self.client.create_order(Plain("BTC-USDT", "buy", "0.01"))
        events = list(self.client.follow(order.token_id))
        done = self.client.order(order.token_id)
        self.assertEqual((done.status, done.filled_quantity), ("filled", Decimal("0.01")))
        self.assertEqual(sum(f.quantity for e in events for f in e.fills), Decimal("0.01"))

    def test_a_key_does_what_its_scopes_say(self):
        key = self.client.create_api_key("watcher", "read")
        bot = Client(self.url, api_key=key.key)
        self.assertTrue(bot.balance())
        with self.assertRaises(ApiError):
            bot.deposit("USDT", "1")
        self.assertIn((key.id, ["read"], ""), [(k.id, k.scopes, k.key) for k in self.client.api_keys()])
        end = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
        away = self.client.create_api_key("away", "read", allowed_networks=["203.0.113.7", "2001:db8::/48"], expires_at=end)
        self.assertEqual((away.allowed_networks, away.expires_at, away.last_used_at), (["203.0.113.7/32", "2001:db8::/48"], end, None))
        with self.assertRaises(ApiError) as refused:
            Client(self.url, api_key=away.key).balance()
        self.assertEqual((refused.exception.status, refused.exception.code), (403, "address_not_allowed"))
        self.client.revoke_api_key(key.id)
        with self.assertRaises(Unauthorized):
            bot.balance()

    def test_the_market_and_the_funds(self):
        c = self.client
        self.assertEqual(c.info().market, "sim")
        self.assertIn("binance", [e.name for e in c.exchanges()])
        self.assertIn("BTC-USDT", [p.symbol for p in c.pairs("kraken")])
        self.assertEqual(len(c.klines("binance", "BTCUSDT", limit=3)), 3)
        self.assertTrue(c.orderbook("all", "BTC-USDT").bids)
        self.assertEqual(next(c.books("kraken", "BTC-USDT", depth=2)).exchange, "kraken")
        before = {b.asset: b for b in c.balance()}
        self.assertEqual(c.deposit("USDT", "0.10").total, before["USDT"].total + Decimal("0.1"))

    def test_errors_are_classes(self):
        c = self.client
        with self.assertRaises(NotFound):
            c.order("nope")
        with self.assertRaises(InvalidRequest):
            c.create_twap(Twap("BTC-USDT", "buy", "0.2", duration_seconds=-1))
        with self.assertRaises(Unauthorized):
            Client(self.url).balance()
        with self.assertRaises(StreamRefused):
            next(c.books("binance", "NO-SUCH"))

    def test_async(self):
        async def run():
            c = AsyncClient(self.url, username=self.name, password="correct horse")
            order = await c.create_twap(Twap("ETH-USDT", "sell", "1", duration_seconds=4, interval_seconds=2))
            events = [e async for e in c.follow(order.token_id)]
            async for book in c.books("all", "ETH-USDT", depth=1):
                self.assertEqual(book.symbol, "ETH-USDT")
                break
            return events, await c.order(order.token_id)

        events, done = asyncio.run(run())
        self.assertTrue(done.ended)
        self.assertEqual(sum(f.quantity for e in events for f in e.fills), done.filled_quantity)


if __name__ == "__main__":
    unittest.main()
