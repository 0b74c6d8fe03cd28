"""Daily partitions of raw assets and the days each of them stands for.

A partition holds everything after the previous partition's day up to its own, the first one all
history before it: nothing published on a holiday is lost, and twenty years of history cost one key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

import dagster as dg

from atlas_assets.contracts.calendars import exchange_days

NEW_YORK = "America/New_York"
SATURDAY = 5


@cache
def exchange_holidays(calendar: str) -> tuple[datetime, ...]:
    """Days on which an exchange stays shut although it is no weekend, from the reviewed table."""
    return tuple(datetime.combine(one.day, time.min) for one in exchange_days(calendar) if one.closes_at is None)


def daily_partitions(first: date, *, last: date | None, calendar: str | None) -> dg.DailyPartitionsDefinition:
    """Daily partitions from ``first`` on.

    Parameters
    ----------
    first
        First partition.
    last
        Last partition; None for one more each day.
    calendar
        ``"XNYS"`` for the sessions of the New York Stock Exchange, None for every day (UTC).
    """
    end = None if last is None else (last + timedelta(days=1)).isoformat()
    if calendar is None:
        return dg.DailyPartitionsDefinition(first.isoformat(), end_date=end, timezone="UTC")
    return dg.DailyPartitionsDefinition(
        first.isoformat(),
        end_date=end,
        timezone=NEW_YORK,
        exclusions=["0 0 * * 6", "0 0 * * 0", *exchange_holidays(calendar)],
    )


def is_open(day: date, *, calendar: str | None) -> bool:
    """Whether a day is a session of an exchange; any day is where ``calendar`` is None."""
    return calendar is None or (day.weekday() < SATURDAY and day not in _holidays(calendar))


@cache
def _holidays(calendar: str) -> frozenset[date]:
    return frozenset(holiday.date() for holiday in exchange_holidays(calendar))


@dataclass(frozen=True)
class Partition:
    """A daily partition: its key, and the first and last day that it holds."""

    key: str
    first: date
    last: date


def partitions_of(keys: Sequence[str], *, all_keys: Sequence[str], history_from: date) -> list[Partition]:
    """The partitions of some adjacent keys, with the days that each holds."""
    position = all_keys.index(keys[0])
    first = history_from if position == 0 else date.fromisoformat(all_keys[position - 1]) + timedelta(days=1)
    found: list[Partition] = []
    for key in keys:
        last = date.fromisoformat(key)
        found.append(Partition(key, first, last))
        first = last + timedelta(days=1)
    return found


def divided(run: Sequence[Partition], days: int | None) -> Iterator[list[Partition]]:
    """The partitions in groups of at most so many days, at least one partition each."""
    group: list[Partition] = []
    for partition in run:
        if group and days is not None and (partition.last - group[0].first).days >= days:
            yield group
            group = []
        group.append(partition)
    if group:
        yield group
