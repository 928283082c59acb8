"""The asynchronous client. Requests run on threads, by the synchronous client; streams are asyncio's own."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import datetime
from functools import partial
from typing import Any, AsyncIterator, Callable, Iterable, Optional

from . import websocket
from .client import DEFAULT_URL, Client, Tokens
from .errors import RateLimited, Unauthorized, Unavailable, Unreachable
from .models import (
    ApiKey, Balance, Book, Candle, Event, ExchangeStatus, Fill, Info, Instrument, Number, Order, Plain, Twap, build,
)
from .stream import SILENCE, UNAUTHORIZED, Following, Frame, Lost, Place, Subscription, pause


class AsyncClient:
    """The same as Client, with async methods. Cancelling a call leaves a request that is under way to its own end."""

    def __init__(self, url: str = DEFAULT_URL, *, username: str = "", password: str = "", api_key: str = "",
                 tokens: Optional[Tokens] = None, timeout: float = 15.0, retry_for: float = 15.0) -> None:
        self._sync = Client(url, username=username, password=password, api_key=api_key, tokens=tokens, timeout=timeout, retry_for=retry_for)

    @property
    def tokens(self) -> Tokens:
        return self._sync.tokens

    async def register(self, username: str, password: str) -> None:
        await asyncio.to_thread(self._sync.register, username, password)

    async def login(self, username: str, password: str) -> None:
        await asyncio.to_thread(self._sync.login, username, password)

    async def logout(self) -> None:
        await asyncio.to_thread(self._sync.logout)

    async def info(self) -> Info:
        return await asyncio.to_thread(self._sync.info)

    async def exchanges(self) -> list[ExchangeStatus]:
        return await asyncio.to_thread(self._sync.exchanges)

    async def pairs(self, exchange: str) -> list[Instrument]:
        return await asyncio.to_thread(self._sync.pairs, exchange)

    async def klines(self, exchange: str, symbol: str, interval: str = "1m", limit: int = 100) -> list[Candle]:
        return await asyncio.to_thread(self._sync.klines, exchange, symbol, interval, limit)

    async def orderbook(self, exchange: str, symbol: str, depth: int = 10) -> Book:
        return await asyncio.to_thread(self._sync.orderbook, exchange, symbol, depth)

    async def balance(self) -> list[Balance]:
        return await asyncio.to_thread(self._sync.balance)

    async def deposit(self, asset: str, amount: Number) -> Balance:
        return await asyncio.to_thread(self._sync.deposit, asset, amount)

    async def create_twap(self, order: Twap) -> Order:
        return await asyncio.to_thread(self._sync.create_twap, order)

    async def create_order(self, order: Plain) -> Order:
        return await asyncio.to_thread(self._sync.create_order, order)

    async def preview_twap(self, order: Twap) -> dict[str, Any]:
        return await asyncio.to_thread(self._sync.preview_twap, order)

    async def order(self, token_id: str) -> Order:
        return await asyncio.to_thread(self._sync.order, token_id)

    async def orders(self, status: str = "all", symbol: str = "") -> list[Order]:
        return await asyncio.to_thread(lambda: list(self._sync.orders(status, symbol)))

    async def executions(self, token_id: str) -> list[Fill]:
        return await asyncio.to_thread(lambda: list(self._sync.executions(token_id)))

    async def cancel(self, token_id: str) -> Order:
        return await asyncio.to_thread(self._sync.cancel, token_id)

    async def cancel_all(self) -> list[str]:
        return await asyncio.to_thread(self._sync.cancel_all)

    async def pause(self, token_id: str) -> Order:
        return await asyncio.to_thread(self._sync.pause, token_id)

    async def resume(self, token_id: str) -> Order:
        return await asyncio.to_thread(self._sync.resume, token_id)

    async def amend(self, token_id: str, *, version: int = 0, **changes: Any) -> Order:
        return await asyncio.to_thread(lambda: self._sync.amend(token_id, version=version, **changes))

    async def report(self, token_id: str) -> dict[str, Any]:
        return await asyncio.to_thread(self._sync.report, token_id)

    async def api_keys(self) -> list[ApiKey]:
        return await asyncio.to_thread(self._sync.api_keys)

    async def create_api_key(self, name: str, *scopes: str, allowed_networks: Iterable[str] = (), expires_at: Optional[datetime] = None) -> ApiKey:
        return await asyncio.to_thread(partial(self._sync.create_api_key, name, *scopes, allowed_networks=allowed_networks, expires_at=expires_at))

    async def revoke_api_key(self, key_id: str) -> None:
        await asyncio.to_thread(self._sync.revoke_api_key, key_id)

    async def stream(self, subscriptions: list[Subscription], on_lost: Optional[Callable[[Exception], None]] = None) -> AsyncIterator[Frame]:
        """Like Client.stream. It ends when the iteration does, or its task is cancelled."""
        place, failures = Place(subscriptions), 0
        while True:
            try:
                async for frame in self._connection(place):
                    yield frame
            except (Lost, OSError, Unreachable, Unavailable, RateLimited, asyncio.TimeoutError) as err:
                lost: Exception = err
            except websocket.Broken as err:
                lost = err
                if err.code == UNAUTHORIZED or err.status == 401:
                    if failures:
                        raise Unauthorized(401, {"code": "invalid_token", "detail": str(err)}) from err
                    await asyncio.to_thread(self._sync._renew, self.tokens.access)
            if place.progress:
                failures = 0
            if on_lost:
                on_lost(lost)
            await asyncio.sleep(pause(failures))
            failures += 1

    async def books(self, exchange: str, symbol: str, depth: int = 10, interval_ms: int = 1000) -> AsyncIterator[Book]:
        async for f in self.stream([Subscription("book", symbol, exchange, depth=depth, interval_ms=interval_ms)]):
            yield build(Book, f.body)

    async def events(self, from_seq: int = 0, token_id: str = "",
                     on_lost: Optional[Callable[[Exception], None]] = None) -> AsyncIterator[Event]:
        """Yields what happens to the account from from_seq on, 0 for from now on, without a hole."""
        async for f in self.stream([Subscription("orders", token_id=token_id, from_seq=from_seq)], on_lost):
            yield build(Event, f.body)

    async def follow(self, token_id: str, on_lost: Optional[Callable[[Exception], None]] = None) -> AsyncIterator[Event]:
        """Yields all events of an order, from its acceptance on, until it has ended and nothing of it is on its way."""
        following = Following()
        async for e in self.events(1, token_id, on_lost):
            yield e
            if following.over(e):
                return

    async def _connection(self, place: Place) -> AsyncIterator[Frame]:
        place.progress = place.token_wanted = False
        proto = await asyncio.to_thread(self._sync.handshake)
        context = ssl.create_default_context() if proto.secure else None
        reader, writer = await asyncio.wait_for(asyncio.open_connection(proto.host, proto.port, ssl=context), 10)
        try:
            writer.write(proto.request)
            while True:
                messages = proto.feed(await asyncio.wait_for(reader.read(64 << 10), SILENCE))
                while True:
                    try:
                        text = next(messages, None)
                    finally:
                        writer.write(b"".join(proto.replies))
                        proto.replies.clear()
                    if text is None:
                        break
                    frame, answers = place.take(text)
                    if place.token_wanted:
                        place.token_wanted = False
                        answers = [json.dumps({"action": "auth", "token": await asyncio.to_thread(self._sync._token)})]
                    for answer in answers:
                        writer.write(proto.frame(websocket.TEXT, answer.encode()))
                    await writer.drain()
                    if frame:
                        yield frame
        finally:
            writer.close()
