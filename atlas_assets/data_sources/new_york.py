"""Days and instants of the American exchanges."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
CLOSE = time(16)
"""End of a regular session; the half days before holidays end earlier."""

COUNTABLE_YEARS = range(1678, 2262)
"""Whole years that 64-bit nanoseconds reach."""


def new_york_instant(day: date, clock: time = time.min) -> datetime:
    """The instant (UTC) at which clocks in New York show a day and a time."""
    return datetime.combine(day, clock, NEW_YORK).astimezone(UTC)


def last_second(day: date) -> datetime:
    """The last whole second (UTC) of a day in New York."""
    return new_york_instant(day + timedelta(days=1)) - timedelta(seconds=1)


def instant_of(text: object) -> datetime | None:
    """The instant that a text with an offset names, to the microsecond; None for anything else.

    Neither are years that nanoseconds cannot count to.
    """
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    known = instant is not None and instant.tzinfo is not None and instant.year in COUNTABLE_YEARS
    return instant if known else None


def new_york_days(times: Any) -> Any:
    """The days in New York (date32) of ISO 8601 texts with an offset.

    Raises
    ------
    pyarrow.ArrowInvalid
        When a text is no such instant.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    utc = times.cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns"))
    # Offsets of New York change on whole hours only, so that few instants are looked up.
    hours = pc.floor_temporal(utc, unit="hour").cast(pa.timestamp("s")).cast(pa.int64())
    encoded = (hours.combine_chunks() if isinstance(hours, pa.ChunkedArray) else hours).dictionary_encode()
    days = [datetime.fromtimestamp(hour, UTC).astimezone(NEW_YORK).date() for hour in encoded.dictionary.to_pylist()]
    return pa.array(days, pa.date32()).take(encoded.indices)
