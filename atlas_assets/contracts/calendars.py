"""Calendars of exchanges: the days on which one stays shut or closes early, from a reviewed table."""

from __future__ import annotations

import csv
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import NamedTuple

EXCHANGE_DAYS = Path(__file__).with_name("exchange_days.csv")
"""Columns ``calendar``, ``day`` and ``closes_at`` (local time; empty where the exchange stays shut)."""


class ExchangeDay(NamedTuple):
    """A weekday that is unlike the others; ``closes_at`` is None where the exchange stays shut."""

    day: date
    closes_at: time | None


@cache
def exchange_days(calendar: str) -> tuple[ExchangeDay, ...]:
    """The weekdays of an exchange that are holidays or half days, in order; none for a calendar that is not known.

    Parameters
    ----------
    calendar
        Market identifier code (ISO 10383), such as ``"XNYS"``.
    """
    with EXCHANGE_DAYS.open(encoding="utf-8", newline="") as file:
        return tuple(
            ExchangeDay(
                date.fromisoformat(row["day"]), time.fromisoformat(row["closes_at"]) if row["closes_at"] else None
            )
            for row in csv.DictReader(file)
            if row["calendar"] == calendar
        )
