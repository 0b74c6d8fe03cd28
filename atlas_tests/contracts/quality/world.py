"""A small silver in which nothing is wrong (`world.sql`) and what may go wrong with it (`defects.sql`)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from atlas_assets.contracts.calendars import exchange_days
from atlas_assets.contracts.schema import sql_types
from atlas_assets.contracts.tables import DERIVED_TABLES

NOW = datetime(2019, 1, 2, 12, tzinfo=UTC)
SCHEDULED = ("eodhd", "binance", "fred", "reddit", "rss", "alternative_me")
NEW_YORK = ZoneInfo("America/New_York")

CONTENT = Path(__file__).with_name("world.sql")
DEFECTS = Path(__file__).with_name("defects.sql")
_DEFECT = re.compile(r"-- (?P<table>silver\.\w+), (?P<name>\w+), (?P<failures>\d+)\n(?P<change>.*?);\n", re.DOTALL)


def defects() -> list[tuple[str, str, str, int]]:
    """Of each defect the table, the expectation that finds it, the change and how many failures it makes."""
    found = _DEFECT.finditer(DEFECTS.read_text(encoding="utf-8"))
    return [(one["table"], one["name"], one["change"], int(one["failures"])) for one in found]


def silver() -> duckdb.DuckDBPyConnection:
    """A database of its own with the tables of silver and the sound content."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA silver")
    for table in DERIVED_TABLES:
        if table.layer == "silver":
            columns = ", ".join(f'"{name}" {kind}' for name, kind in sql_types(table.contract).items())
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
    connection.executemany("INSERT INTO silver.sessions VALUES (?, ?, ?, ?, ?)", sessions())
    connection.execute(CONTENT.read_text(encoding="utf-8"))
    return connection


def sessions() -> list[tuple[str, date, datetime, datetime, bool]]:
    """The sessions of New York of three years."""
    odd = {one.day: one.closes_at for one in exchange_days("XNYS")}
    days = [date(2017, 1, 1) + timedelta(days=number) for number in range(3 * 365)]
    regular = (day for day in days if day.weekday() < 5 and odd.get(day, time(16)) is not None)
    return [
        (
            "XNYS",
            day,
            datetime.combine(day, time(9, 30), NEW_YORK),
            datetime.combine(day, odd.get(day) or time(16), NEW_YORK),
            day in odd,
        )
        for day in regular
    ]
