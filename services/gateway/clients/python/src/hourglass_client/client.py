"""The synchronous client."""

from __future__ import annotations

import http.client
import json
import random
import secrets
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Iterable, Iterator, Optional
from urllib.parse import quote, urlencode, urlsplit

from . import websocket
from .errors import Conflict, Exists, HourglassError, Pending, RateLimited, Unauthorized, Unavailable, Unreachable, api_error
from .models import (
    ApiKey, Balance, Book, Candle, Event, ExchangeStatus, Fill, Info, Instrument, Number, Order, Plain, Twap, build, exact,
)
from .stream import SILENCE, UNAUTHORIZED, Following, Frame, Lost, Place, Subscription, pause

DEFAULT_URL = "http://127.0.0.1:8000"
_MARGIN = 60.0  # seconds before its end at which a token is renewed: more than the 30 at which a stream warns
_MAX_ANSWER = 64 << 20  # bytes
_MAX_ASKED = 30.0  # seconds; a server that asks for a longer wait gets its error passed on


@dataclass
class Tokens:
    """A session's tokens. Keep them to go on with the session later: Client(tokens=…)."""

    access: str = ""
    refresh: str = ""
    expires_at: float = 0.0  # of the access token, as time.time() tells it


def _named(body: dict[str, Any]) -> dict[str, Any]:
    """Gives an order an id of its own where it has none."""
    body["token_id"] = body["token_id"] or "hg-" + secrets.token_hex(8)
    return body


class Client:
    """Speaks to one gateway. It may be used by any number of threads; an iterator belongs to one of them."""

    def __init__(self, url: str = DEFAULT_URL, *, username: str = "", password: str = "", api_key: str = "",
                 tokens: Optional[Tokens] = None, timeout: float = 15.0, retry_for: float = 15.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError(f"{url!r} must be http://host:port or https://host")
        self._base = url.rstrip("/") + "/v1"
        self._username, self._password, self._api_key = username, password, api_key
        self.tokens = tokens or Tokens()
        self._renewing = threading.Lock()  # held over a renewal, so that concurrent calls need but one
        self._timeout, self._retry_for = timeout, retry_for

    # Users and sessions.

    def register(self, username: str, password: str) -> None:
        """Creates a user with an account and its opening funds. It does not log in."""
        self._call("POST", "/register", {"username": username, "password": password}, public=True)

    def login(self, username: str, password: str) -> None:
        """Opens a session and keeps its tokens; the password is remembered for when the session ends."""
        self._username, self._password = username, password
        with self._renewing:
            self.tokens = self._obtain("/login", {"username": username, "password": password})

    def logout(self) -> None:
        """Ends the session."""
        try:
            self._call("POST", "/logout", repeatable=True)
        except Unauthorized:
            pass  # it has ended already: that is what was asked for
        self.tokens = Tokens()

    # The market.

    def info(self) -> Info:
        return build(Info, self._look("/info"))

    def exchanges(self) -> list[ExchangeStatus]:
        return build(list[ExchangeStatus], self._look("/exchanges?detail=true")["exchanges"])

    def pairs(self, exchange: str) -> list[Instrument]:
        return build(list[Instrument], self._look(f"/exchanges/{quote(exchange, '')}/pairs?detail=true")["pairs"])

    def klines(self, exchange: str, symbol: str, interval: str = "1m", limit: int = 100) -> list[Candle]:
        query = urlencode({"interval": interval, "limit": limit})
        return build(list[Candle], self._look(f"/klines/{quote(exchange, '')}/{quote(symbol, '')}?{query}")["klines"])

    def orderbook(self, exchange: str, symbol: str, depth: int = 10) -> Book:
        return build(Book, self._look(f"/orderbook/{quote(exchange, '')}/{quote(symbol, '')}?depth={depth:d}"))

    # Funds.

    def balance(self) -> list[Balance]:
        return build(list[Balance], self._call("GET", "/balance", repeatable=True)["balances"])

    def deposit(self, asset: str, amount: Number) -> Balance:
        """Adds paper funds. It names itself to the server, so that a repetition after a lost answer adds nothing."""
        body = {"asset": asset, "amount": exact("amount", amount)}
        return build(Balance, self._call("POST", "/deposit", body, repeatable=True, headers={"Idempotency-Key": secrets.token_hex(16)}))

    # Orders.

    def create_twap(self, order: Twap) -> Order:
        """Places an order. It is safe to repeat: the token_id names it, so a lost answer is found again and nothing is placed
        twice. An order that was there before the call raises Exists."""
        return self._create("/orders/twap", order.body())

    def create_order(self, order: Plain) -> Order:
        """Places a market or a limit order; as safe to repeat as create_twap."""
        return self._create("/orders", order.body())

    def preview_twap(self, order: Twap) -> dict[str, Any]:
        """Checks an order and estimates what it would cost. It changes nothing."""
        return self._call("POST", "/orders/twap/preview", _named(order.body()), repeatable=True)

    def order(self, token_id: str) -> Order:
        """One order in full. One whose creation raised Pending raises it here too until it is decided on; if it was refused
        then, its status is "rejected", with the code as its reason and all of it in raw["rejection"]."""
        return build(Order, self._call("GET", f"/orders/{quote(token_id, '')}", repeatable=True))

    def orders(self, status: str = "all", symbol: str = "") -> Iterator[Order]:
        """Yields orders, newest first, page by page."""
        query = {"status": status, **({"symbol": symbol} if symbol else {})}
        for o in self._pages("/orders", query, "orders"):
            yield build(Order, o)

    def executions(self, token_id: str) -> Iterator[Fill]:
        """Yields the fills of an order, oldest first, page by page."""
        for f in self._pages(f"/orders/{quote(token_id, '')}/executions", {"limit": "1000"}, "executions"):
            yield build(Fill, f)

    def cancel(self, token_id: str) -> Order:
        return self._change("DELETE", token_id, "", "canceled")

    def cancel_all(self) -> list[str]:
        """Cancels every open order and returns the token_ids of those that were."""
        answer = self._call("DELETE", "/orders?status=open", repeatable=True)
        return [order["token_id"] for order in answer["canceled"]]

    def pause(self, token_id: str) -> Order:
        return self._change("POST", token_id, "/pause", "paused")

    def resume(self, token_id: str) -> Order:
        return self._change("POST", token_id, "/resume", "active")

    def amend(self, token_id: str, *, version: int = 0, **changes: Any) -> Order:
        """Changes the unfilled part: quantity, limit_price, ends_at. It is sent once; with the order's version it raises
        Changed where the order is another by now."""
        headers = {"If-Match": f'"{version}"'} if version else {}
        body = {k: v if isinstance(v, str) else exact(k, v) for k, v in changes.items()}
        return build(Order, self._call("PUT", f"/orders/{quote(token_id, '')}", body, headers=headers))

    def report(self, token_id: str) -> dict[str, Any]:
        """The execution-quality report, provisional until the window's end; its numbers are texts."""
        return self._call("GET", f"/orders/{quote(token_id, '')}/report", repeatable=True)

    # Keys for programs.

    def api_keys(self) -> list[ApiKey]:
        """Lists the keys, without their secrets."""
        return build(list[ApiKey], self._call("GET", "/api-keys", repeatable=True)["keys"])

    def create_api_key(self, name: str, *scopes: str, allowed_networks: Iterable[str] = (), expires_at: Optional[datetime] = None) -> ApiKey:
        """Makes a key with scopes, "read" or "trade" or both; only this answer has its secret. It is sent once.

        allowed_networks are where it may be used from ("203.0.113.0/24", "2001:db8::1"), from anywhere if there are none.
        expires_at needs a time zone.
        """
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if networks := list(allowed_networks):
            body["allowed_networks"] = networks
        if expires_at:
            body["expires_at"] = expires_at.isoformat()
        return build(ApiKey, self._call("POST", "/api-keys", body))

    def revoke_api_key(self, key_id: str) -> None:
        self._call("DELETE", f"/api-keys/{quote(key_id, '')}", repeatable=True)

    # Streams.

    def stream(self, subscriptions: list[Subscription], on_lost: Optional[Callable[[Exception], None]] = None) -> Iterator[Frame]:
        """Connects, subscribes, and yields what comes. A lost connection is made again for as long as you iterate, all is
        subscribed again, and order events go on after the last one yielded: none is missing, none comes twice. It raises
        StreamRefused or Unauthorized where trying again is useless."""
        place, failures = Place(subscriptions), 0
        while True:
            try:
                yield from self._connection(place)
            except (Lost, OSError, Unreachable, Unavailable, RateLimited) as err:
                if place.progress:
                    failures = 0
                if on_lost:
                    on_lost(err)
                time.sleep(pause(failures))
                failures += 1
            except websocket.Broken as err:
                refused = err.code == UNAUTHORIZED or err.status == 401
                if refused:
                    if failures:
                        raise Unauthorized(401, {"code": "invalid_token", "detail": str(err)}) from err
                    self._renew(self.tokens.access)
                elif place.progress:
                    failures = 0
                if on_lost:
                    on_lost(err)
                time.sleep(pause(failures))
                failures += 1

    def books(self, exchange: str, symbol: str, depth: int = 10, interval_ms: int = 1000) -> Iterator[Book]:
        for f in self.stream([Subscription("book", symbol, exchange, depth=depth, interval_ms=interval_ms)]):
            yield build(Book, f.body)

    def events(self, from_seq: int = 0, token_id: str = "", on_lost: Optional[Callable[[Exception], None]] = None) -> Iterator[Event]:
        """Yields what happens to the account from from_seq on, 0 for from now on, without a hole."""
        for f in self.stream([Subscription("orders", token_id=token_id, from_seq=from_seq)], on_lost):
            yield build(Event, f.body)

    def follow(self, token_id: str, on_lost: Optional[Callable[[Exception], None]] = None) -> Iterator[Event]:
        """Yields all events of an order, from its acceptance on, until it has ended and nothing of it is on its way."""
        following = Following()
        for e in self.events(1, token_id, on_lost):
            yield e
            if following.over(e):
                return

    def handshake(self) -> websocket.Protocol:
        """What a connection to the stream begins with; for clients that bring their own sockets."""
        return websocket.Protocol(self._base + "/ws", {"Authorization": f"Bearer {self._token()}"})

    def _connection(self, place: Place) -> Iterator[Frame]:
        place.progress = place.token_wanted = False
        proto = self.handshake()
        with socket.create_connection((proto.host, proto.port), timeout=10) as raw:
            raw.settimeout(SILENCE)
            with (ssl.create_default_context().wrap_socket(raw, server_hostname=proto.host) if proto.secure else raw) as sock:
                sock.sendall(proto.request)
                while True:
                    messages = proto.feed(sock.recv(64 << 10))
                    while True:
                        try:
                            text = next(messages, None)
                        finally:
                            if proto.replies:
                                sock.sendall(b"".join(proto.replies))
                                proto.replies.clear()
                        if text is None:
                            break
                        frame, answers = place.take(text)
                        if place.token_wanted:
                            place.token_wanted = False
                            answers = [json.dumps({"action": "auth", "token": self._token()})]
                        for answer in answers:
                            sock.sendall(proto.frame(websocket.TEXT, answer.encode()))
                        if frame:
                            yield frame

    # Requests.

    def _look(self, path: str) -> Any:
        return self._call("GET", path, repeatable=True, public=True)

    def _pages(self, path: str, query: dict[str, str], name: str) -> Iterator[Any]:
        cursor = ""
        while True:
            page = self._call("GET", f"{path}?{urlencode({**query, **({'cursor': cursor} if cursor else {})})}", repeatable=True)
            yield from page[name]
            cursor = page.get("next_cursor", "")
            if not cursor:
                return

    def _change(self, method: str, token_id: str, action: str, wanted: str) -> Order:
        """Asks for a state. A refusal of a repetition is the lost answer of the first try, if the order is in that state."""
        tries: list[bool] = []
        try:
            return build(Order, self._call(method, f"/orders/{quote(token_id, '')}{action}", repeatable=True, tries=tries))
        except (Conflict, Pending) as err:
            if isinstance(err, Pending) or tries:
                now = self.order(token_id)
                if now.status == wanted:
                    return now
            raise

    def _create(self, path: str, body: dict[str, Any]) -> Order:
        """Asks again as long as the order is recorded and not decided on: the repetition is the same command to the server,
        waits for its answer, and tells a refusal that came late."""
        tries: list[bool] = []
        deadline, pauses, named = time.monotonic() + self._retry_for, 0, _named(body)
        while True:
            try:
                return build(Order, self._call("POST", path, named, repeatable=True, tries=tries))
            except Exists as err:
                if tries and err.identical and err.order:
                    return build(Order, err.order)  # our own first try, whose answer was lost
                raise
            except Pending:
                if time.monotonic() > deadline:
                    raise Pending(f"order {named['token_id']} is recorded, but not decided on yet") from None
            tries.append(True)
            time.sleep(min(2.0, 0.1 * 2**pauses))
            pauses += 1

    def _call(self, method: str, path: str, body: Any = None, *, repeatable: bool = False, public: bool = False,
              headers: Optional[dict[str, str]] = None, tries: Optional[list[bool]] = None) -> Any:
        """Sends a request, again where that is safe: where it does no more twice than once, or was certainly not carried out.
        tries gets an entry for each repetition of one that may have been carried out."""
        deadline, attempt, renewed = time.monotonic() + self._retry_for, 0, False
        data = None if body is None else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if data else {}
        while True:
            token = "" if public else self._token()
            try:
                return self._once(method, path, data, {**kind, **(headers or {})}, token)
            except Unauthorized:
                if public or renewed or self._api_key:
                    raise
                renewed = True
                self._renew(token)
                continue
            except HourglassError as err:
                unsent = isinstance(err, Unreachable) and isinstance(err.__cause__, (ConnectionRefusedError, socket.gaierror))
                limited = isinstance(err, RateLimited)
                transient = isinstance(err, Unreachable) or limited or isinstance(err, Unavailable) and err.status != 500
                wait = max(random.uniform(0.5, 1) * min(2.0, 0.1 * 2**attempt), getattr(err, "retry_after", None) or 0.0)
                if not transient or not (repeatable or unsent or limited) or wait > _MAX_ASKED or time.monotonic() + wait > deadline:
                    raise
                if tries is not None and not unsent and not limited:
                    tries.append(True)
            attempt += 1
            time.sleep(wait)

    def _once(self, method: str, path: str, data: Optional[bytes], headers: dict[str, str], token: str) -> Any:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        headers["User-Agent"] = "hourglass-python"
        request = urllib.request.Request(self._base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                status, text = answer.status, answer.read(_MAX_ANSWER)
        except urllib.error.HTTPError as err:
            with err:
                raise self._told(err) from None
        except urllib.error.URLError as err:
            cause = err.reason if isinstance(err.reason, Exception) else err
            raise Unreachable(f"{self._base}: {err.reason}") from cause
        except (OSError, http.client.HTTPException) as err:
            raise Unreachable(f"{self._base}: {err!r}") from err
        if status == 202:
            raise Pending("recorded, but not decided on yet")
        try:
            return json.loads(text, parse_float=str) if text else None
        except ValueError as err:
            raise HourglassError(f"{self._base} does not speak this interface") from err

    @staticmethod
    def _told(err: urllib.error.HTTPError) -> HourglassError:
        try:
            problem = json.loads(err.read(8 << 20))
        except (ValueError, OSError):
            problem = {}
        after = err.headers.get("Retry-After", "")
        return api_error(err.code, problem if isinstance(problem, dict) else {}, float(after) if after.isdigit() else None)

    # Tokens.

    def _token(self) -> str:
        if self._api_key:
            return self._api_key
        with self._renewing:
            if not self.tokens.access or time.time() > self.tokens.expires_at - _MARGIN:
                self.tokens = self._fresh()
            return self.tokens.access

    def _renew(self, refused: str) -> None:
        with self._renewing:
            if self.tokens.access == refused:  # else somebody else has done so already
                self.tokens = self._fresh()

    def _fresh(self) -> Tokens:
        if self.tokens.refresh:
            try:
                return self._obtain("/token", {"grant_type": "refresh_token", "refresh_token": self.tokens.refresh}, form=True)
            except Unauthorized:
                if not self._username:
                    raise
        if not self._username:
            raise Unauthorized(401, {"code": "not_logged_in", "detail": "log in first"})
        return self._obtain("/login", {"username": self._username, "password": self._password})

    def _obtain(self, path: str, fields: dict[str, str], form: bool = False) -> Tokens:
        asked = time.time()
        if form:
            answer = self._once("POST", path, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}, "")
        else:
            answer = self._call("POST", path, fields, repeatable=True, public=True)
        return Tokens(answer["access_token"], answer["refresh_token"], asked + answer["expires_in"])
