"""Streams: subscriptions, and what must outlive a lost connection. No input or output here, so both clients share it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any, Optional

from .errors import StreamRefused
from .models import Event

SILENCE = 60.0  # seconds; the server pings every 20, so who has been silent for three of them is gone
FIRST_PAUSE, LONG_PAUSE = 0.1, 5.0
UNAUTHORIZED = 4401  # the code that the server closes with when a token is not (or no longer) good
_PASSING = frozenset({"unavailable", "internal", "too_many_markets", "timeout"})


@dataclass
class Subscription:
    """Chooses a stream: book, best_touch, trades, klines or orders. Fields that do not concern it stay empty.

    from_seq is the first order event to receive; 0 is what happens from now on."""

    stream: str
    symbol: str = ""
    exchange: str = ""
    interval: str = ""
    depth: int = 0
    interval_ms: int = 0
    token_id: str = ""
    from_seq: int = 0


@dataclass(frozen=True)
class Frame:
    """One message of a stream; body is the whole of it."""

    type: str
    body: dict[str, Any] = field(repr=False)


class Lost(Exception):
    """The connection is of no use any more; make another one."""


def pause(failures: int) -> float:
    """Seconds before the next attempt: doubled each time, with chance, so that many clients do not come back at once."""
    longest = min(LONG_PAUSE, FIRST_PAUSE * 2 ** min(failures, 10))
    return random.uniform(longest / 2, longest)


class Place:
    """Where the subscriptions of one sequence are, over all its connections."""

    def __init__(self, subscriptions: list[Subscription]) -> None:
        self._subs = [Subscription(**vars(s)) for s in subscriptions]
        self._accepted = [False] * len(subscriptions)
        self.progress = False  # something was received or confirmed on this connection
        self.token_wanted = False  # the server asks for a new token

    def opening(self) -> list[str]:
        """The frames that subscribe to everything."""
        self.progress = False
        return [
            json.dumps({"id": i + 1, "action": "subscribe", **{k: v for k, v in vars(s).items() if v}})
            for i, s in enumerate(self._subs)
        ]

    def take(self, text: str) -> tuple[Optional[Frame], list[str]]:
        """Takes a message: what to hand on, if anything, and what to answer."""
        body = json.loads(text)
        kind = body.get("type")
        if kind == "hello":
            return None, self.opening()
        if kind == "ack":
            self._confirmed(body)
        elif kind == "error":
            self._refused(body)
        elif kind == "warning" and body.get("code") == "token_expires":
            self.token_wanted = True
        elif kind == "orders":
            if self._fresh(body):
                self.progress = True
                return Frame(kind, body), []
        elif kind not in ("pong", "shutdown", "warning"):
            self.progress = True
            return Frame(str(kind), body), []
        return None, []

    def _which(self, body: dict[str, Any]) -> Optional[int]:
        i = body.get("id")
        return i - 1 if isinstance(i, int) and 1 <= i <= len(self._subs) else None

    def _confirmed(self, body: dict[str, Any]) -> None:
        i = self._which(body)
        if i is None:
            return
        self._accepted[i] = self.progress = True
        # Order events have their place from now on, so that a connection lost before the first leaves no hole either.
        if self._subs[i].stream == "orders" and body.get("from_seq"):
            self._subs[i].from_seq = body["from_seq"]

    def _refused(self, body: dict[str, Any]) -> None:
        i = self._which(body)
        if i is None:
            return
        code, detail = body.get("code", ""), body.get("detail", "")
        # After a restart the server may not know its exchanges yet; a place ahead of the account never mends itself.
        if code in _PASSING or self._accepted[i] and code != "invalid_from_seq":
            raise Lost(f"{detail} ({code})")
        raise StreamRefused(code, detail)

    def _fresh(self, body: dict[str, Any]) -> bool:
        fresh, seq = False, body["seq"]
        for s in self._subs:
            if s.stream != "orders" or s.token_id and s.token_id != body.get("token_id") or seq < s.from_seq:
                continue
            if not s.token_id and s.from_seq and seq > s.from_seq:
                raise Lost(f"event {s.from_seq} is missing")  # asked for again
            s.from_seq, fresh = seq + 1, True
        return fresh


class Following:
    """Knows whether an order can still change."""

    def __init__(self) -> None:
        self._waiting: set[int] = set()
        self._ended = False

    def over(self, e: Event) -> bool:
        if e.slice is not None:
            if e.slice.status == "sent":
                self._waiting.add(e.slice.k)
            else:
                self._waiting.discard(e.slice.k)
        self._ended = self._ended or e.order is not None and e.order.ended
        return self._ended and not self._waiting
