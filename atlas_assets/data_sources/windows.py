"""Windows of time: their days and instants, long ones in parts, and what is not over yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

# What ends later than this is no running bar but a wrong time, which has to be seen.
NEAR = timedelta(days=2)


def midnight(day: date) -> datetime:
    """The instant (UTC) at which a day begins."""
    return datetime.combine(day, time.min, UTC)


def days_of(instants: Any) -> Any:
    """The UTC days (date32) of a column of instants."""
    import pyarrow as pa

    return instants.cast(pa.timestamp("us")).cast(pa.date32())


def divided(start: date, end: date, days: int) -> Iterator[tuple[date, date]]:
    """First and last days of the parts of a window, each of at most ``days`` days; none when it is empty."""
    while start <= end:
        last = min(end, start + timedelta(days=days - 1))
        yield start, last
        start = last + timedelta(days=1)


def is_running(ends: datetime | None, now: datetime) -> bool:
    """Whether a bar that ends at an instant is not over yet; None, an unknown end, is none."""
    return ends is not None and timedelta(0) < ends - now <= NEAR
