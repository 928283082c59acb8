"""Client of Hourglass: the REST interface with types, and streams that survive a lost connection.

It logs in and renews its tokens by itself, repeats a request only where that cannot do a thing twice, and resumes order
events without a hole. Numbers are decimal.Decimal, never float. It needs nothing but the standard library.
"""

from .aio import AsyncClient
from .client import Client, Tokens
from .errors import (
    ApiError,
    Changed,
    Conflict,
    Exists,
    HourglassError,
    InvalidRequest,
    NotFound,
    Pending,
    RateLimited,
    StreamRefused,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from .models import (
    ApiKey,
    Balance,
    Book,
    Candle,
    Event,
    ExchangeStatus,
    Fill,
    Info,
    Instrument,
    Level,
    Order,
    Plain,
    Planned,
    Slice,
    Twap,
)
from .stream import Frame, Subscription

__all__ = [
    "ApiError", "ApiKey", "AsyncClient", "Balance", "Book", "Candle", "Changed", "Client", "Conflict", "Event", "ExchangeStatus", "Exists",
    "Fill", "Frame", "HourglassError", "Info", "Instrument", "InvalidRequest", "Level", "NotFound", "Order", "Pending", "Plain",
    "Planned", "RateLimited", "Slice", "StreamRefused", "Subscription", "Tokens", "Twap", "Unauthorized", "Unavailable", "Unreachable",
]
__version__ = "0.1.0"
