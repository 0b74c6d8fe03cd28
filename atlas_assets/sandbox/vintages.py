"""Vintages of the FRED series: when each value was published, and what was printed before it.

Release dates follow these rules (weekends move a release to Monday, holidays do not):

====================  =====================================================================
daily                 the next weekday
CPILFESL              the 13th of the following month
AAA, BAA              the 1st of the following month
UNRATE                the first Friday after the quarter
TB3MS                 the 1st of the month after the quarter
CPIAUCSL              the 13th of the month after the quarter
GDPC1 and components  28th of the first, second and third month after the quarter: advance,
                      second and third print
====================  =====================================================================

No value is revised other than those of `REVISION_SCALE`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from statistics import fmean

from atlas_assets.sandbox.market_data import SERIES_SOURCES, macro_values
from atlas_assets.sandbox.seeds import stream

FREQUENCIES = ("d", "w", "m", "q", "sa", "a")
"""From high to low."""

OPEN_END = date(9999, 12, 31)
"""``realtime_end`` of a value that still is the published one."""

REVISION_SCALE: Mapping[str, float] = {"GDPC1": 0.0015, "PCECC96": 0.0010, "GPDIC1": 0.0080}
"""SYNTHETIC: relative standard deviation of the advance print from the final value; the second print has half of it."""

_RELEASE_DAY = {"CPILFESL": 13, "CPIAUCSL": 13, "AAA": 1, "BAA": 1, "TB3MS": 1}
_MONTHS_IN_PERIOD = {"m": 1, "q": 3, "sa": 6, "a": 12}


@dataclass(frozen=True, slots=True)
class Observation:
    """A value and the days on which it was the published one.

    Attributes
    ----------
    period
        First day of the period observed.
    value
        As FRED prints it; ``"."`` is missing.
    known_from, known_to
        First and last day on which it was the published value.
    """

    period: date
    value: str
    known_from: date
    known_to: date


@lru_cache(maxsize=64)
def vintages(series_id: str, *, seed: int = 0) -> tuple[Observation, ...]:
    """All prints of a series, ordered by period and publication.

    Parameters
    ----------
    series_id
        A key of `SERIES_SOURCES`.
    seed
        Seed of the synthetic revisions.
    """
    observations: list[Observation] = []
    for period, final in macro_values(series_id).items():
        releases = release_dates(series_id, period)
        prints = _prints(series_id, period, final, seed) if len(releases) > 1 else [final]
        observations += _intervals(period, zip(releases, prints, strict=True))
    return tuple(observations)


def release_dates(series_id: str, period: date) -> list[date]:
    """The days on which a period's prints come out: one, or three for the national accounts."""
    frequency = SERIES_SOURCES[series_id].frequency
    if frequency == "d":
        return [_weekday_from(period + timedelta(days=1))]
    after = add_months(period, _MONTHS_IN_PERIOD[frequency])
    if series_id in REVISION_SCALE:
        return [_weekday_from(add_months(after, month).replace(day=28)) for month in range(3)]
    if series_id == "UNRATE":
        return [after + timedelta(days=(4 - after.weekday()) % 7)]
    return [_weekday_from(after.replace(day=_RELEASE_DAY[series_id]))]


def aggregate(
    observations: Sequence[Observation], *, native: str, frequency: str, method: str, decimals: int
) -> list[Observation]:
    """The vintages of a series at a lower frequency.

    A period has a value from the day on which all its observations are out, and a new one
    whenever one of them is revised; missing observations are left out of it.

    Parameters
    ----------
    observations
        Vintages at the native frequency.
    native, frequency
        From and to.
    method
        ``avg``, ``sum`` or ``eop`` (end of period).
    decimals
        Digits printed.
    """
    members: dict[date, dict[date, list[Observation]]] = {}
    for item in observations:
        members.setdefault(period_start(item.period, frequency), {}).setdefault(item.period, []).append(item)
    result: list[Observation] = []
    for period, by_date in members.items():
        if not _is_complete(period, max(by_date), native, frequency):
            continue
        complete_from = max(prints[0].known_from for prints in by_date.values())
        changes = sorted(
            {item.known_from for prints in by_date.values() for item in prints if item.known_from > complete_from}
        )
        releases = [
            (day, _combine([_value_on(prints, day) for prints in by_date.values()], method, decimals))
            for day in (complete_from, *changes)
        ]
        result += _intervals(period, releases)
    return result


def period_start(day: date, frequency: str) -> date:
    """The date that FRED gives to the period that a day belongs to (a week by its last day, Friday)."""
    if frequency == "d":
        return day
    if frequency == "w":
        return day + timedelta(days=(4 - day.weekday()) % 7)
    length = _MONTHS_IN_PERIOD[frequency]
    return date(day.year, (day.month - 1) // length * length + 1, 1)


def add_months(day: date, months: int) -> date:
    """The same day of another month."""
    years, month = divmod(day.month - 1 + months, 12)
    return day.replace(year=day.year + years, month=month + 1)


def _intervals(period: date, releases: Iterable[tuple[date, str]]) -> list[Observation]:
    """Validity intervals of successive prints; a print that repeats the one before opens none."""
    distinct: list[tuple[date, str]] = []
    for release in releases:
        if not distinct or distinct[-1][1] != release[1]:
            distinct.append(release)
    ends = [start - timedelta(days=1) for start, _ in distinct[1:]] + [OPEN_END]
    return [Observation(period, value, start, end) for (start, value), end in zip(distinct, ends, strict=True)]


def _prints(series_id: str, period: date, final: str, seed: int) -> list[str]:
    """SYNTHETIC advance and second print, and the real final value."""
    draw = stream(seed, series_id, period)
    scale, decimals = REVISION_SCALE[series_id], SERIES_SOURCES[series_id].decimals
    second = scale / 2 * draw.gauss(0.0, 1.0)
    advance = second + scale * 3**0.5 / 2 * draw.gauss(0.0, 1.0)
    return [f"{float(final) * (1 + error):.{decimals}f}" for error in (advance, second)] + [final]


def _weekday_from(day: date) -> date:
    return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))


def _is_complete(period: date, last: date, native: str, frequency: str) -> bool:
    """Whether the last native date of the period is among those published."""
    end = period + timedelta(days=1) if frequency == "w" else add_months(period, _MONTHS_IN_PERIOD[frequency])
    if native != "d":
        return add_months(last, _MONTHS_IN_PERIOD[native]) >= end
    final_weekday = end - timedelta(days=1)
    return last >= final_weekday - timedelta(days=max(final_weekday.weekday() - 4, 0))


def _value_on(prints: list[Observation], day: date) -> str:
    return prints[bisect_right([item.known_from for item in prints], day) - 1].value


def _combine(values: list[str], method: str, decimals: int) -> str:
    numbers = [float(value) for value in values if value != "."]
    if not numbers:
        return "."
    value = {"avg": fmean(numbers), "sum": sum(numbers), "eop": numbers[-1]}[method]
    return f"{value:.{decimals}f}"
