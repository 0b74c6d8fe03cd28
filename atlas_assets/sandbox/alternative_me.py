"""alternative.me: SYNTHETIC crypto Fear & Greed index.

The value of a day is ``100 (1 - r) + noise``, where :math:`r` is the percentile of the last real
VIX close before the day among the 250 closes up to it, and the noise is normal with a standard
deviation of 6, seeded by (seed, day); rounded and clipped to 0-100. Where the last close is over a
week old, :math:`r` is one half.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import httpx

from atlas_assets.sandbox.market_data import macro_values
from atlas_assets.sandbox.replies import Meter, body_reply, http_date
from atlas_assets.sandbox.seeds import stream
from atlas_assets.sandbox.world import World

FIRST_DAY = date(2018, 2, 1)
"""First day of the index."""

MISSING_DAYS = frozenset(date(2018, 4, day) for day in (14, 15, 16))
"""Days that the vendor's history leaves out."""

_CLASSES: Mapping[int, str] = {25: "Extreme Fear", 46: "Fear", 54: "Neutral", 75: "Greed", 100: "Extreme Greed"}
_NOISE = 6.0
_WINDOW = 250
_DATE_FORMATS = {"us": "%m-%d-%Y", "cn": "%Y-%m-%d", "kr": "%Y-%m-%d", "world": "%d-%m-%Y"}


class AlternativeMeHandler:
    """Answers ``https://api.alternative.me/fng/``.

    Parameters
    ----------
    world
        The present, the seed, the accepted key and the limits.
    """

    def __init__(self, world: World) -> None:
        clock = self._clock = world.clock
        self._seed = world.seed
        self._meter = Meter(10 * world.limit("alternative_me_requests_per_minute", 60), window=600.0)
        self._headers = {"Date": http_date(clock), "Server": "nginx"}
        self._days = [
            day
            for number in range((clock.date() - FIRST_DAY).days + 1)
            if (day := FIRST_DAY + timedelta(days=number)) not in MISSING_DAYS and stamp(day) <= clock
        ]

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        wait = self._meter.take()
        if wait is not None:
            headers = self._headers | {"Retry-After": str(wait)}
            return body_reply("Too Many Requests", "text/html; charset=UTF-8", status=429, headers=headers)
        if request.url.path.rstrip("/") != "/fng":
            return body_reply("Not Found", "text/html; charset=UTF-8", status=404, headers=self._headers)
        query = request.url.params
        text = query.get("limit", "1")
        limit = int(text) if text.isdecimal() else 1
        newest_first = self._days[::-1][: limit or None]
        date_format = _DATE_FORMATS.get(query.get("date_format", ""))
        rows = [self._row(day, date_format) for day in newest_first]
        if rows:
            next_stamp = stamp(newest_first[0] + timedelta(days=1))
            rows[0]["time_until_update"] = str(int((next_stamp - self._clock).total_seconds()))
        document = {"name": "Fear and Greed Index", "data": rows, "metadata": {"error": None}}
        return body_reply(json.dumps(document, indent="\t"), "application/json", headers=self._headers)

    def _row(self, day: date, date_format: str | None) -> dict[str, str]:
        value = index_value(day, seed=self._seed)
        moment = stamp(day)
        return {
            "value": str(value),
            "value_classification": classification(value),
            "timestamp": moment.strftime(date_format) if date_format else str(int(moment.timestamp())),
        }


def stamp(day: date) -> datetime:
    """The moment a day's value carries: 05:00 UTC until 2019, midnight since, as the vendor's replies show."""
    return datetime.combine(day, time(5 if day.year < 2020 else 0), UTC)


def index_value(day: date, *, seed: int = 0) -> int:
    """The index of a day, 0 (fear) to 100 (greed)."""
    noise = stream(seed, "fear_greed", day).gauss(0.0, _NOISE)
    return min(max(round(100 * (1 - _vix_percentile(day)) + noise), 0), 100)


def classification(value: int) -> str:
    """The vendor's label of a value."""
    return next(label for highest, label in _CLASSES.items() if value <= highest)


def _vix_percentile(day: date) -> float:
    """Share of the trailing window's closes below the last one before the day, ties counted half."""
    dates, closes = _vix()
    end = bisect_left(dates, day)
    if end == 0 or (day - dates[end - 1]).days > 7:
        return 0.5
    window = sorted(closes[max(end - _WINDOW, 0) : end])
    last = closes[end - 1]
    return (bisect_left(window, last) + bisect_right(window, last)) / (2 * len(window))


@cache
def _vix() -> tuple[list[date], list[float]]:
    traded = [(day, float(value)) for day, value in macro_values("VIXCLS").items() if value != "."]
    return [day for day, _ in traded], [value for _, value in traded]
