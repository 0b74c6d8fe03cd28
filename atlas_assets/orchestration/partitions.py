"""Daily partitions of raw assets and the days each of them stands for.

A partition holds everything after the previous partition's day up to its own, the first one all
history before it: nothing published on a holiday is lost, and twenty years of history cost one key.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources

import dagster as dg

NEW_YORK = "America/New_York"


@cache
def exchange_holidays(calendar: str) -> tuple[datetime, ...]:
    """Days on which an exchange stays shut although it is no weekend, from the reviewed table."""
    text = resources.files("atlas_assets.orchestration").joinpath("exchange_holidays.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(datetime.fromisoformat(row["holiday"]) for row in rows if row["calendar"] == calendar)


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


def days_of(keys: Sequence[str], *, all_keys: Sequence[str], history_from: date) -> tuple[date, date]:
    """First and last day that a run of adjacent partitions stands for."""
    position = all_keys.index(keys[0])
    first = history_from if position == 0 else date.fromisoformat(all_keys[position - 1]) + timedelta(days=1)
    return first, date.fromisoformat(keys[-1])
