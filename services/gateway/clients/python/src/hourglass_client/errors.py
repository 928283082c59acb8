"""What can go wrong, as classes: catch the one you can do something about."""

from __future__ import annotations

from typing import Any, Mapping, Optional


class HourglassError(Exception):
    """Everything this package raises about a gateway."""


class Unreachable(HourglassError):
    """No answer came."""


class Pending(HourglassError):
    """Recorded, but not decided on yet: ask for the order later."""


class StreamRefused(HourglassError):
    """A subscription that cannot be had, however often it is asked for."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({code})")
        self.code = code
        self.detail = detail


class ApiError(HourglassError):
    """What the gateway said was wrong (RFC 9457). code is a stable word."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: Optional[float] = None) -> None:
        self.status = status
        self.code: str = problem.get("code", "unknown")
        self.detail: str = problem.get("detail") or problem.get("title") or ""
        self.fields: list[dict[str, str]] = problem.get("errors") or []
        self.request_id: str = problem.get("request_id", "")
        self.close_matches: list[str] = problem.get("close_matches") or []
        self.order: Optional[dict[str, Any]] = problem.get("order")
        self.identical: bool = bool(problem.get("identical"))
        self.retry_after = retry_after
        super().__init__(f"{self.detail} ({status} {self.code})")


class InvalidRequest(ApiError):
    """400, 405, 413, 415, 422: it cannot be carried out as it is."""


class Unauthorized(ApiError):
    """401, 403: not logged in."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: the state forbids it."""


class Exists(Conflict):
    """409 token_id_exists: order has the order, identical says whether it was asked for with the same parameters."""


class Changed(ApiError):
    """412: the order has changed meanwhile."""


class RateLimited(ApiError):
    """429."""


class Unavailable(ApiError):
    """5xx."""


_BY_STATUS = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 409: Conflict, 412: Changed, 429: RateLimited}


def api_error(status: int, problem: Mapping[str, Any], retry_after: Optional[float]) -> ApiError:
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else InvalidRequest)
    if problem.get("code") == "token_id_exists":
        kind = Exists
    return kind(status, problem, retry_after)
