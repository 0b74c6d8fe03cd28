"""FRED and ALFRED: observations with real-time periods, series information and vintage dates.

Quarterly averages stand in for the native monthly values of UNRATE and TB3MS (end-of-quarter
values for CPIAUCSL): a request without ``frequency`` answers with them too.

Not confirmed by a recorded reply: error texts other than that of the unregistered key and of the
unknown series, the 429, and the treatment of incomplete periods in aggregation (left out here).
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

import httpx

from atlas_assets.sandbox import fred_releases as releases
from atlas_assets.sandbox import vintages as vintage
from atlas_assets.sandbox.market_data import SERIES_SOURCES
from atlas_assets.sandbox.replies import Meter, body_reply, http_date, json_reply
from atlas_assets.sandbox.world import World

RELEASE_TIME = time(9, 0)
"""Chicago time of day from which a release is served on its day."""

_CHICAGO = ZoneInfo("America/Chicago")
_FIRST_REALTIME = date(1776, 7, 4)
_KEY_HELP = "  Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."
_FREQUENCY_NAMES = {"d": "Daily", "m": "Monthly", "q": "Quarterly"}
_METHODS = ("avg", "sum", "eop")


class BadRequestError(Exception):
    """A parameter is refused; the message is FRED's."""


class FredHandler:
    """Answers ``https://api.stlouisfed.org/fred``.

    Parameters
    ----------
    world
        The present, the seed, the accepted key and the limits.
    """

    def __init__(self, world: World) -> None:
        clock = world.clock
        local = clock.astimezone(_CHICAGO)
        self._today = local.date()
        self._published = self._today - timedelta(days=local.time() < RELEASE_TIME)
        self._api_key = world.key("fred")
        self._seed = world.seed
        self._meter = Meter(world.limit("fred_requests_per_minute", 120))
        self._headers = {
            "Cache-Control": "max-age=0, no-cache",
            "Date": http_date(clock),
            "Expires": http_date(clock),
            "Server": "Apache",
        }

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        query = request.url.params
        as_json = query.get("file_type", "xml") == "json"
        wait = self._meter.take()
        if wait is not None:
            return self._error(429, "Too Many Requests.  Exceeded Rate Limit", as_json, {"Retry-After": str(wait)})
        endpoints = {
            "/fred/series/observations": self._observations,
            "/fred/series/vintagedates": self._vintage_dates,
            "/fred/series": self._series,
            "/fred/series/release": self._series_release,
            "/fred/releases": self._releases,
            "/fred/releases/dates": self._releases_dates,
            "/fred/release/dates": self._release_dates,
        }
        endpoint = endpoints.get(request.url.path.rstrip("/"))
        if endpoint is None:
            return self._error(404, "Not Found", as_json)
        try:
            self._check_key(query)
            value = endpoint(query)
        except BadRequestError as error:
            return self._error(400, f"Bad Request.  {error}", as_json)
        if as_json:
            return json_reply(value, headers=self._headers, content_type="application/json; charset=UTF-8")
        return body_reply(_xml(value), "text/xml; charset=UTF-8", headers=self._headers)

    def _observations(self, query: httpx.QueryParams) -> dict[str, Any]:
        series_id = self._series_id(query)
        start, end = self._realtime(query)
        first = _day(query, "observation_start", date(1600, 1, 1))
        last = _day(query, "observation_end", vintage.OPEN_END)
        output_type = _choice(query, "output_type", ("1", "4"))
        units = _choice(query, "units", ("lin",))
        prints = [item for item in self._prints(series_id, query) if first <= item.period <= last]
        if output_type == "4":
            prints = [
                item for index, item in enumerate(prints) if index == 0 or prints[index - 1].period != item.period
            ]
        rows = [
            {
                "realtime_start": max(item.known_from, start).isoformat(),
                "realtime_end": min(item.known_to, end).isoformat(),
                "date": item.period.isoformat(),
                "value": item.value,
            }
            for item in prints
            if item.known_from <= end and item.known_to >= start
        ]
        header = {
            "realtime_start": start.isoformat(),
            "realtime_end": end.isoformat(),
            "observation_start": first.isoformat(),
            "observation_end": last.isoformat(),
            "units": units,
            "output_type": int(output_type),
            "file_type": query.get("file_type", "xml"),
            "order_by": "observation_date",
        }
        return header | _page(query, "observations", rows, most=100_000)

    def _prints(self, series_id: str, query: httpx.QueryParams) -> list[vintage.Observation]:
        """Vintages published by now, at the frequency asked for; what is current has an open end."""
        source = SERIES_SOURCES[series_id]
        frequency = query.get("frequency") or source.frequency
        method = _choice(query, "aggregation_method", _METHODS)
        if frequency not in vintage.FREQUENCIES:
            raise BadRequestError("The value for variable frequency is not one of 'd', 'w', 'm', 'q', 'sa', 'a'.")
        if vintage.FREQUENCIES.index(frequency) < vintage.FREQUENCIES.index(source.frequency):
            raise BadRequestError("The value for variable frequency is higher than the native frequency of the series.")
        published = [
            item if item.known_to < self._published else replace(item, known_to=vintage.OPEN_END)
            for item in vintage.vintages(series_id, seed=self._seed)
            if item.known_from <= self._published
        ]
        if frequency == source.frequency:
            return published
        return vintage.aggregate(
            published, native=source.frequency, frequency=frequency, method=method, decimals=source.decimals
        )

    def _vintage_dates(self, query: httpx.QueryParams) -> dict[str, Any]:
        series_id = self._series_id(query)
        start = _day(query, "realtime_start", _FIRST_REALTIME)
        end = _day(query, "realtime_end", vintage.OPEN_END)
        last = min(end, self._published)
        prints = vintage.vintages(series_id, seed=self._seed)
        days = sorted({item.known_from.isoformat() for item in prints if start <= item.known_from <= last})
        header = {"realtime_start": start.isoformat(), "realtime_end": end.isoformat(), "order_by": "vintage_date"}
        return header | _page(query, "vintage_dates", days, most=10_000)

    def _series(self, query: httpx.QueryParams) -> dict[str, Any]:
        series_id = self._series_id(query)
        start, end = self._realtime(query)
        source = SERIES_SOURCES[series_id]
        known = [item for item in vintage.vintages(series_id, seed=self._seed) if item.known_from <= self._published]
        realtime = {"realtime_start": start.isoformat(), "realtime_end": end.isoformat()}
        row = {
            "id": series_id,
            **realtime,
            "title": f"{series_id} as served by the sandbox",
            "observation_start": known[0].period.isoformat() if known else "",
            "observation_end": known[-1].period.isoformat() if known else "",
            "frequency": _FREQUENCY_NAMES[source.frequency],
            "frequency_short": source.frequency.upper(),
            "units": "",
            "units_short": "",
            "seasonal_adjustment": "",
            "seasonal_adjustment_short": "",
            "last_updated": f"{max(item.known_from for item in known)} 09:00:00-06" if known else "",
            "popularity": 0,
            "notes": "",
        }
        return realtime | {"seriess": [row]}

    def _series_release(self, query: httpx.QueryParams) -> dict[str, Any]:
        series_id = self._series_id(query)
        start, end = self._realtime(query)
        rows = [
            releases.release_row(release, start, end)
            for release in releases.RELEASES.values()
            if series_id in release.series
        ]
        return {"realtime_start": start.isoformat(), "realtime_end": end.isoformat(), "releases": rows}

    def _releases(self, query: httpx.QueryParams) -> dict[str, Any]:
        start, end = self._realtime(query)
        rows = [releases.release_row(release, start, end) for release in releases.RELEASES.values()]
        header = {"realtime_start": start.isoformat(), "realtime_end": end.isoformat(), "order_by": "release_id"}
        return header | _page(query, "releases", rows, most=1_000)

    def _releases_dates(self, query: httpx.QueryParams) -> dict[str, Any]:
        return self._dates(query, list(releases.RELEASES), date(self._today.year, 1, 1), most=1_000, order="desc")

    def _release_dates(self, query: httpx.QueryParams) -> dict[str, Any]:
        number = _whole(query, "release_id", 0)
        if number not in releases.RELEASES:
            raise BadRequestError("The release does not exist.")
        return self._dates(query, [number], _FIRST_REALTIME, most=10_000, order="asc")

    def _dates(
        self, query: httpx.QueryParams, numbers: list[int], first: date, *, most: int, order: str
    ) -> dict[str, Any]:
        """Release dates; those still to come are not known here, with or without data."""
        start, end = _day(query, "realtime_start", first), _day(query, "realtime_end", vintage.OPEN_END)
        _choice(query, "include_release_dates_with_no_data", ("false", "true"))
        last = min(end, self._published)
        rows = releases.date_rows(self._seed, numbers, start, last, named=len(numbers) > 1)
        header = {"realtime_start": start.isoformat(), "realtime_end": end.isoformat(), "order_by": "release_date"}
        return header | _page(query, "release_dates", rows, most=most, order=order)

    def _check_key(self, query: httpx.QueryParams) -> None:
        key = query.get("api_key")
        if not key:
            raise BadRequestError(f"Variable api_key is not set.{_KEY_HELP}")
        if not re.fullmatch(r"[0-9a-z]{32}", key):
            raise BadRequestError(
                f"The value for variable api_key is not a 32 character alpha-numeric lower-case string.{_KEY_HELP}"
            )
        if key != self._api_key:
            raise BadRequestError(f"The value for variable api_key is not registered.{_KEY_HELP}")

    def _series_id(self, query: httpx.QueryParams) -> str:
        series_id = query.get("series_id")
        if not series_id:
            raise BadRequestError("Variable series_id is not set.")
        if series_id.upper() not in SERIES_SOURCES:
            raise BadRequestError("The series does not exist.")
        return series_id.upper()

    def _realtime(self, query: httpx.QueryParams) -> tuple[date, date]:
        start = _day(query, "realtime_start", self._today)
        end = _day(query, "realtime_end", self._today)
        if start < _FIRST_REALTIME:
            raise BadRequestError("The value for variable realtime_start is before 1776-07-04.")
        if self._today < end < vintage.OPEN_END or start > self._today:
            raise BadRequestError(
                f"A real-time date can not be after today's date ({self._today}) unless realtime_end is 9999-12-31."
            )
        if start > end:
            raise BadRequestError("The value for variable realtime_start is after realtime_end.")
        return start, end

    def _error(self, status: int, message: str, as_json: bool, headers: dict[str, str] | None = None) -> httpx.Response:
        merged = self._headers | (headers or {})
        if as_json:
            value = {"error_code": status, "error_message": message}
            return json_reply(value, status=status, headers=merged, content_type="application/json; charset=UTF-8")
        text = f'<?xml version="1.0" encoding="utf-8" ?>\n<error code="{status}" message={quoteattr(message)} />\n'
        return body_reply(text, "text/xml; charset=UTF-8", status=status, headers=merged)


def _day(query: httpx.QueryParams, name: str, default: date) -> date:
    text = query.get(name)
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequestError(f"The value for variable {name} is not a valid date (YYYY-MM-DD).") from None


def _choice(query: httpx.QueryParams, name: str, allowed: tuple[str, ...]) -> str:
    """A parameter with a fixed set of values, the first of which is the default."""
    text = query.get(name) or allowed[0]
    if text not in allowed:
        raise BadRequestError(f"The value for variable {name} is not one of {', '.join(map(repr, allowed))}.")
    return text


def _page(query: httpx.QueryParams, name: str, rows: list[Any], *, most: int, order: str = "asc") -> dict[str, Any]:
    """Sorting and paging, with the header fields that tell of them; ``order`` is the one by default."""
    order = _choice(query, "sort_order", ("asc", "desc") if order == "asc" else ("desc", "asc"))
    limit, offset = (_whole(query, "limit", most), _whole(query, "offset", 0))
    if not 1 <= limit <= most:
        raise BadRequestError(f"The value for variable limit is not between 1 and {most}.")
    ordered = rows[::-1] if order == "desc" else rows
    page = ordered[offset : offset + limit]
    return {"sort_order": order, "count": len(rows), "offset": offset, "limit": limit, name: page}


def _whole(query: httpx.QueryParams, name: str, default: int) -> int:
    text = query.get(name) or str(default)
    if not text.isdecimal():
        raise BadRequestError(f"The value for variable {name} is not a whole number.")
    return int(text)


def _xml(value: dict[str, Any]) -> str:
    """The XML form of a reply: scalars as attributes, each row as an element."""
    root = next(name for name, item in value.items() if isinstance(item, list))
    rows: list[dict[str, str] | str] = value[root]
    element = root.removesuffix("s")
    lines = [f"  {_tag(element, row)}" if isinstance(row, dict) else f"  <{element}>{row}</{element}>" for row in rows]
    opening = _tag(root, {name: str(item) for name, item in value.items() if name != root}).replace(" />", ">")
    return "\n".join(['<?xml version="1.0" encoding="utf-8" ?>', opening, *lines, f"</{root}>"]) + "\n"


def _tag(name: str, attributes: dict[str, str]) -> str:
    return f"<{name} " + " ".join(f"{key}={quoteattr(str(item))}" for key, item in attributes.items()) + " />"
