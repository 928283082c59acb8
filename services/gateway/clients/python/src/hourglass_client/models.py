"""The words of the interface, as frozen dataclasses. Numbers are Decimal, times are aware datetimes in UTC.

What a server of a later version says beyond these fields is in raw.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Optional, TypeVar, Union

T = TypeVar("T")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")


def parse_time(text: str) -> datetime:
    """Reads RFC 3339; what is finer than a microsecond is cut off."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"not a time: {text!r}")
    seconds, fraction, zone = found.groups()
    at = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
    return (at + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))).astimezone(timezone.utc)


def format_time(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a time needs its zone: datetime.now(timezone.utc)")
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


@functools.lru_cache(maxsize=None)  # as many entries as there are classes here
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def build(kind: Any, value: Any) -> Any:
    """Builds what a type annotation says from decoded JSON."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if value is None or kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return build(next(a for a in args if a is not type(None)), value)
    if origin is list:
        return [build(args[0], v) for v in value]
    if origin is dict:
        return {k: build(args[1], v) for k, v in value.items()}
    if kind is Decimal:
        return Decimal(value)
    if kind is datetime:
        return parse_time(value)
    if kind is Level:
        return Level(Decimal(value[0]), Decimal(value[1]), build(dict[str, Decimal], value[2]) if len(value) > 2 else {})
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        known = {f.name: build(hints[f.name], value[f.name]) for f in dataclasses.fields(kind) if f.name != "raw" and f.name in value}
        if "raw" in hints:
            known["raw"] = value
        return kind(**known)  # type: ignore[operator]
    return value


@dataclass(frozen=True)
class Balance:
    asset: str
    total: Decimal
    available: Decimal
    reserved: Decimal


@dataclass(frozen=True)
class Info:
    assets: list[str]
    pairs: list[str]
    exchanges: list[str]
    intervals: list[str]
    market: str  # live, sim or replay
    version: str
    server_time: datetime


@dataclass(frozen=True)
class ExchangeStatus:
    name: str
    status: str
    market: str
    pairs: Optional[int] = None
    lag_ms: Optional[int] = None
    last_message_at: Optional[datetime] = None
    reason: str = ""


@dataclass(frozen=True)
class Instrument:
    symbol: str
    native: str
    base: str
    quote: str
    status: str
    price_tick: Decimal
    quantity_step: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    exchange: str = ""


@dataclass(frozen=True)
class Candle:
    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_time: datetime
    complete: bool


@dataclass(frozen=True)
class Level:
    price: Decimal
    quantity: Decimal
    parts: dict[str, Decimal] = field(default_factory=dict)  # by exchange, on a consolidated book


@dataclass(frozen=True)
class Book:
    exchange: str
    symbol: str
    state: str  # only a live book is in sync
    bids: list[Level]  # best first
    asks: list[Level]  # best first
    reason: str = ""
    seq: int = 0
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Planned:
    k: int
    due_at: datetime
    quantity: Decimal


@dataclass(frozen=True)
class Fill:
    id: str
    slice: int
    exchange: str
    at: datetime
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    level: int
    displayed: Decimal
    book_sequence: int = 0
    order_id: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Slice:
    k: int
    due_at: datetime
    planned: Decimal
    wanted: Decimal
    status: str
    filled: Decimal
    reason: str = ""
    fills: list[Fill] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


ENDED = frozenset({"filled", "expired", "canceled", "rejected"})


@dataclass(frozen=True)
class Order:
    id: str
    token_id: str
    type: str
    symbol: str
    exchanges: list[str]
    side: str
    status: str
    quantity: Decimal
    filled_quantity: Decimal
    remaining_quantity: Decimal
    fees: Decimal
    created_at: datetime
    version: int
    market: str
    average_price: Optional[Decimal] = None
    limit_price: Optional[Decimal] = None
    arrival_mid: Optional[Decimal] = None
    slippage_bps: Optional[Decimal] = None
    starts_at: Optional[datetime] = None
    ends_at: Optional[datetime] = None
    slices_total: int = 0
    slices_done: int = 0
    progress: Decimal = Decimal(0)
    reason: str = ""
    schedule: list[Planned] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True)
class ApiKey:
    """Lets a program act for a user. key is told once, when it is made."""

    id: str
    name: str
    scopes: list[str] = field(default_factory=list)
    created_at: Optional[datetime] = None
    key: str = field(default="", repr=False)
    allowed_networks: list[str] = field(default_factory=list)  # where it may be used from; empty: from anywhere
    expires_at: Optional[datetime] = None
    last_used_at: Optional[datetime] = None  # up to a minute early


@dataclass(frozen=True)
class Event:
    """What happened to the account. seq counts its events without a hole."""

    seq: int
    ts: datetime
    event: str
    order_id: str = ""
    token_id: str = ""
    order: Optional[Order] = None
    slice: Optional[Slice] = None
    fills: list[Fill] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)
    report: Optional[dict[str, Any]] = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


Number = Union[Decimal, int, str]


def exact(name: str, value: Any) -> Any:
    """Takes a number that is exact; a float is none."""
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise TypeError(f"{name} must be a Decimal, an int or a str, not {type(value).__name__}: a float is not exact")
    return str(value) if not isinstance(value, Decimal) else format(value, "f")


@dataclass
class Twap:
    """A TWAP order to place. options are the further parameters of the interface, by their names there."""

    symbol: str
    side: str
    quantity: Number
    duration_seconds: int
    interval_seconds: Optional[int] = None
    slices: Optional[int] = None
    exchange: Union[str, list[str]] = "all"
    limit_price: Optional[Number] = None
    token_id: str = ""
    starts_at: Optional[datetime] = None
    options: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "token_id": self.token_id, "symbol": self.symbol, "side": self.side, "exchange": self.exchange,
            "quantity": exact("quantity", self.quantity), "duration_seconds": self.duration_seconds,
        }
        for name in ("interval_seconds", "slices"):
            if getattr(self, name) is not None:
                body[name] = getattr(self, name)
        if self.limit_price is not None:
            body["limit_price"] = exact("limit_price", self.limit_price)
        if self.starts_at is not None:
            body["starts_at"] = format_time(self.starts_at)
        for name, value in self.options.items():
            body[name] = value if value is None or isinstance(value, (str, int)) and not isinstance(value, bool) else exact(name, value)
        return body


@dataclass
class Plain:
    """A market or a limit order to place; without a time_in_force a limit order is gtc, a market order ioc."""

    symbol: str
    side: str
    quantity: Number
    type: str = "market"
    price: Optional[Number] = None  # of a limit order
    time_in_force: str = ""
    exchange: Union[str, list[str]] = "all"
    token_id: str = ""

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "token_id": self.token_id, "symbol": self.symbol, "side": self.side, "exchange": self.exchange, "type": self.type,
            "quantity": exact("quantity", self.quantity),
        }
        if self.price is not None:
            body["price"] = exact("price", self.price)
        if self.time_in_force:
            body["time_in_force"] = self.time_in_force
        return body
