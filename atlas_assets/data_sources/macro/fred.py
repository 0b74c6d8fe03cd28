"""FRED and ALFRED: macro series with every vintage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SecretStr

from atlas_assets.contracts.raw import day, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Q, Query
from atlas_assets.data_sources.client.errors import MalformedReply, TransientError
from atlas_assets.data_sources.client.reply import Reply, json_rows, validate_json
from atlas_assets.data_sources.settings import Section, SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_VINTAGE = date(1776, 7, 4)
PAGE = 100_000
ROWS = "observations"


class FredSeries(Section):
    """A FRED series and the frequency it is asked for."""

    id: str
    frequency: Literal["", "d", "w", "m", "q", "a"] = ""


class FredSettings(SourceSettings):
    """FRED and ALFRED: macro series with vintages."""

    api_key: SecretStr | None = None
    series: list[FredSeries] = Field(min_length=1)
    scheduled_releases: bool = Field(default=False, description="whether dates of releases without data are kept")


FRED = Vendor(
    name="fred",
    title="FRED and ALFRED, Federal Reserve Bank of St. Louis",
    domain="macro",
    settings=FredSettings,
    base_url="https://api.stlouisfed.org/fred",
    required_secrets=("api_key",),
    access="Free API key of 32 lower-case letters and digits.",
    limits="120 requests a minute.",
    terms="Not endorsed or certified by the St. Louis Fed; some series are copyrighted by their providers.",
    conventions=(
        'A period is named by its first day. Values are strings, "." is missing or withdrawn. Validity intervals are '
        "days in St. Louis; an open one ends on 9999-12-31."
    ),
)


class ObservationsQuery(Query):
    """What became known of one series between two days.

    Attributes
    ----------
    series_id
        FRED series.
    frequency
        Frequency to average to; empty for the series' own.
    from_first_vintage
        Whether everything known before ``start`` belongs to the window too.
    """

    series_id: str
    frequency: str = ""
    from_first_vintage: bool = False

    @property
    def instrument(self) -> str:
        """The series."""
        return self.series_id

    @property
    def first_day(self) -> date:
        """The first day of knowledge whose rows are kept."""
        return FIRST_VINTAGE if self.from_first_vintage else self.start


class FredSource(BaseDataSource[FredSettings, Q]):
    """What the datasets of FRED share."""

    vendor = FRED

    def pages(self, path: str, key: str, page: int, params: Mapping[str, str | int]) -> Iterator[Reply]:
        """The replies with the rows under ``key``, page by page until the count that FRED announces."""
        offset, count = 0, 1
        while offset < count:
            reply = self.ask(path, {**params, "limit": page, "offset": offset}, check=lambda one: _page(one, key, page))
            rows, count = _page(reply, key, page)
            if not rows and offset < count:
                what = f"{params.get('series_id', key)} ends after {offset} of {count} announced rows"
                raise TransientError(f"fred {path}: {what}; {TransientError.advice}.")
            offset += rows
            yield reply

    def ask(self, path: str, params: Mapping[str, str | int], check: Callable[[Reply], object]) -> Reply:
        """A reply in JSON."""
        sent: dict[str, str | int | SecretStr] = {**params, "file_type": "json", "api_key": self.secret("api_key")}
        return self.client.get(f"{self.base_url}/{path}", params=sent, check=check)


class FredObservations(FredSource[ObservationsQuery]):
    """Observations with the interval in which each was the published one.

    FRED cuts validity intervals to the period asked for. Each query therefore asks from the day before
    its window: what was already known then starts on that day and is dropped, what became known within
    the window starts on its true day and stays.
    """

    table = raw_table(
        "fred",
        "observations",
        "FRED observations with their validity intervals. One row per (series, date, realtime_start).",
        columns={
            "series_id": text("FRED series"),
            "frequency": text("Frequency asked for: d, w, m, q or a; the series' own when empty"),
            "date": day("First day of the period observed"),
            "value": text('Value as sent; "." is missing'),
            "realtime_start": day("First day on which this value was the published one"),
            "realtime_end": day("Last such day; 9999-12-31 while it still is"),
        },
        key=("series_id", "frequency", "date", "realtime_start"),
        rules=("realtime_start <= realtime_end",),
    )
    instrument_column = "series_id"

    def queries(self, start: date, end: date) -> Iterator[ObservationsQuery]:
        """One query for each series; a window from the beginning of history takes all earlier vintages along."""
        for series in self.settings.series:
            yield ObservationsQuery(
                start=start,
                end=end,
                as_of=self.client.now(),
                series_id=series.id,
                frequency=series.frequency,
                from_first_vintage=start <= self.settings.history_from,
            )

    def extract(self, query: ObservationsQuery) -> Iterator[Reply]:
        """The replies, page by page until the count that FRED announces."""
        known_from = FIRST_VINTAGE if query.from_first_vintage else query.start - timedelta(days=1)
        params: dict[str, str | int] = {
            "series_id": query.series_id,
            "realtime_start": known_from.isoformat(),
            "realtime_end": query.end.isoformat(),
        }
        if query.frequency:
            params |= {"frequency": query.frequency, "aggregation_method": "avg"}
        yield from self.pages("series/observations", ROWS, PAGE, params)

    @classmethod
    def records(cls, content: bytes, query: ObservationsQuery) -> Sequence[Any]:
        """Observations, "." kept."""
        return json_rows(content, ROWS)

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: ObservationsQuery) -> Mapping[str, Any]:
        """Observations as columns."""
        names = ("date", "value", "realtime_start", "realtime_end")
        return {
            "series_id": [query.series_id] * len(records),
            "frequency": [query.frequency] * len(records),
            **{name: [record[name] for record in records] for name in names},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: ObservationsQuery) -> pa.ChunkedArray:
        """The day on which the value became the published one."""
        return rows["realtime_start"]


def _page(reply: Reply, key: str, page: int) -> tuple[int, int]:
    """How far a page of so many rows reaches, and rows announced in all."""
    rows, header = validate_json(reply, key), json.loads(reply.content)
    count, limit = header.get("count"), header.get("limit", page)
    if type(count) is not int:
        raise MalformedReply(f"sent no count of {key}")
    # A page that repeats its rows reaches no further than its limit.
    return min(len(rows), page, limit if type(limit) is int and limit > 0 else page), count
