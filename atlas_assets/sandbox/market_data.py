"""Real series from data files that come with the arch and statsmodels packages.

The files are read as text, without importing those packages: importing them takes seconds, and
text keeps each value's digits as published.
"""

from __future__ import annotations

import csv
import gzip
import io
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path

INDEX_FILES: Mapping[str, str] = {
    "GSPC.INDX": "data/sp500/sp500.csv.gz",
    "IXIC.INDX": "data/nasdaq/nasdaq.csv.gz",
}
"""EODHD symbol -> file of arch."""


@dataclass(frozen=True, slots=True)
class SeriesSource:
    """Where a FRED series lies and how FRED prints it.

    Attributes
    ----------
    package
        ``arch`` or ``statsmodels``.
    file
        Path below the package.
    column
        Column of the file.
    frequency
        ``d`` (weekdays), ``m`` or ``q``.
    decimals
        Digits that FRED prints after the point.
    """

    package: str
    file: str
    column: str
    frequency: str
    decimals: int


_MACRO = "datasets/macrodata/macrodata.csv"
SERIES_SOURCES: Mapping[str, SeriesSource] = {
    "VIXCLS": SeriesSource("arch", "data/vix/vix.csv.gz", "vix", "d", 2),
    "DCOILWTICO": SeriesSource("arch", "data/wti/wti.csv.gz", "DCOILWTICO", "d", 2),
    "CPILFESL": SeriesSource("arch", "data/core_cpi/core-cpi.csv.gz", "CPILFESL", "m", 3),
    "AAA": SeriesSource("arch", "data/default/default.csv.gz", "AAA", "m", 2),
    "BAA": SeriesSource("arch", "data/default/default.csv.gz", "BAA", "m", 2),
    "GDPC1": SeriesSource("statsmodels", _MACRO, "realgdp", "q", 3),
    "PCECC96": SeriesSource("statsmodels", _MACRO, "realcons", "q", 3),
    "GPDIC1": SeriesSource("statsmodels", _MACRO, "realinv", "q", 3),
    "UNRATE": SeriesSource("statsmodels", _MACRO, "unemp", "q", 1),
    "TB3MS": SeriesSource("statsmodels", _MACRO, "tbilrate", "q", 2),
    "CPIAUCSL": SeriesSource("statsmodels", _MACRO, "cpi", "q", 3),
}
"""FRED series -> file. The last three are monthly at FRED; only their quarterly values are here."""


@dataclass(frozen=True, slots=True)
class DailyBar:
    """One session of an index; prices in index points, volume in shares."""

    session_date: date
    open: float
    high: float
    low: float
    close: float
    adjusted_close: float
    volume: int


@cache
def daily_bars(symbol: str) -> tuple[DailyBar, ...]:
    """The daily bars of an index, oldest first.

    Parameters
    ----------
    symbol
        A key of `INDEX_FILES`.
    """
    return tuple(
        DailyBar(
            _month_first(row["Date"]),
            *(float(row[name]) for name in ("Open", "High", "Low", "Close", "Adj Close")),
            volume=int(row["Volume"]),
        )
        for row in _rows("arch", INDEX_FILES[symbol])
    )


@cache
def macro_values(series_id: str) -> Mapping[date, str]:
    """The values of a FRED series by first day of the period, as FRED prints them; ``"."`` is missing.

    Parameters
    ----------
    series_id
        A key of `SERIES_SOURCES`.
    """
    source = SERIES_SOURCES[series_id]
    values: dict[date, str] = {}
    for row in _rows(source.package, source.file):
        day = _month_first(row["Date"]) if "Date" in row else date(int(row["year"]), 3 * int(row["quarter"]) - 2, 1)
        text = row[source.column]
        values[day] = text if text == "." else f"{float(text):.{source.decimals}f}"
    return values


@cache
def _close_dates() -> list[date]:
    return [bar.session_date for bar in daily_bars("GSPC.INDX")]


def sp500_return_before(day: date) -> tuple[date, float] | None:
    """Session and simple return of the last S&P 500 session before a day; None when it is over a week old."""
    bars, position = daily_bars("GSPC.INDX"), bisect_left(_close_dates(), day) - 1
    if position < 1 or (day - bars[position].session_date).days > 7:
        return None
    return bars[position].session_date, bars[position].close / bars[position - 1].close - 1.0


def _rows(package: str, file: str) -> csv.DictReader[str]:
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"The sandbox reads data files of the package {package}: install it.", name=package)
    content = (Path(spec.submodule_search_locations[0]) / file).read_bytes()
    text = gzip.decompress(content) if file.endswith(".gz") else content
    return csv.DictReader(io.StringIO(text.decode("utf-8-sig")))


def _month_first(text: str) -> date:
    """A date written month/day/year."""
    month, day, year = map(int, text.split("/"))
    return date(year, month, day)
