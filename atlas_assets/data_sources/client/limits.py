"""What a vendor's class declares about its limits: the headers that tell them, and the plan's quota."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from atlas_assets.data_sources.client.pacing import LONGEST_BAN_SECONDS, http_date

MINUTE = 60.0


@dataclass(frozen=True)
class RateReport:
    """What a reply says about the vendor's rate limit; None for what it leaves out."""

    used: int | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@dataclass(frozen=True)
class RateHeaders:
    """The names of a vendor's rate headers, empty for those it does not send.

    Attributes
    ----------
    used
        Weight used within the present minute, by all who share the key or address.
    limit
        The limit of the window.
    remaining
        What is left of it.
    reset
        When the window ends.
    reset_in
        ``seconds`` left until then, or the ``epoch`` second at which it ends.
    window_seconds
        The vendor's window; only a limit a minute can lower ``rate_limit``, which is one, too.

    Examples
    --------
    >>> BINANCE = RateHeaders(used="x-mbx-used-weight-1m")
    >>> EODHD = RateHeaders(limit="x-ratelimit-limit", remaining="x-ratelimit-remaining")
    >>> REDDIT = RateHeaders(remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", window_seconds=600)
    >>> X = RateHeaders(
    ...     remaining="x-rate-limit-remaining", reset="x-rate-limit-reset", reset_in="epoch", window_seconds=900
    ... )
    """

    used: str = ""
    limit: str = ""
    remaining: str = ""
    reset: str = ""
    reset_in: Literal["seconds", "epoch"] = "seconds"
    window_seconds: float = MINUTE

    def read(self, headers: Mapping[str, str], now: datetime) -> RateReport:
        """What the headers say; unreadable and absurd values count as absent."""
        limit = _number(headers, self.limit)
        return RateReport(
            used=_whole(_number(headers, self.used)),
            limit=_whole(limit) if limit and self.window_seconds == MINUTE else None,
            remaining=_whole(_number(headers, self.remaining)),
            reset_seconds=self.reset_seconds(headers, now),
        )

    def reset_seconds(self, headers: Mapping[str, str], now: datetime) -> float | None:
        """Seconds until the window ends, by the server's own clock where it tells it."""
        value = _number(headers, self.reset)
        if value is None:
            return None
        if self.reset_in == "epoch":
            value = max(0.0, value - (http_date(headers.get("date", "")) or now).timestamp())
        return value if value <= LONGEST_BAN_SECONDS else None


@dataclass(frozen=True)
class Quota:
    """The calls that a plan allows a day or a month.

    Attributes
    ----------
    calls
        How many; None when only the vendor knows.
    period
        ``day`` or ``month``.
    resets_at
        Time of day of the reset (UTC).
    resets_on
        Day of the month of the reset, 1 to 28.
    statuses
        HTTP statuses by which the vendor says that the quota is used up.
    phrases
        Words of an error body that say so, whatever its status; upper and lower case are the same.
    """

    calls: int | None = None
    period: Literal["day", "month"] = "day"
    resets_at: time = time(0)
    resets_on: int = 1
    statuses: Collection[int] = frozenset({402})
    phrases: Collection[str] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.resets_on <= 28:
            raise ValueError(f"resets_on is {self.resets_on}; it must be from 1 to 28")

    def next_reset(self, now: datetime) -> datetime:
        """The first reset after ``now`` (UTC)."""
        today = now.astimezone(UTC).date()
        first = today if self.period == "day" else today.replace(day=self.resets_on)
        reset = datetime.combine(first, self.resets_at.replace(tzinfo=None), UTC)
        if reset > now:
            return reset
        if self.period == "day":
            return reset + timedelta(days=1)
        return (reset.replace(day=1) + timedelta(days=32)).replace(day=self.resets_on)

    def longest_period(self) -> timedelta:
        """The most that can lie between two resets."""
        return timedelta(days=1 if self.period == "day" else 31)

    def is_used_up(self, status: int, text: str) -> bool:
        """Whether an error reply says so."""
        return status in self.statuses or any(phrase.lower() in text.lower() for phrase in self.phrases)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    """A header as a number that is not negative."""
    text = headers.get(name, "").strip() if name else ""
    return float(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else math.floor(value)
