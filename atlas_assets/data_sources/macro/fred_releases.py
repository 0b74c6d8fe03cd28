"""FRED: releases, the days on which they come out, and what is known about each series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_assets.contracts.raw import day, flag, integer, raw_table, text
from atlas_assets.data_sources.base import Query
from atlas_assets.data_sources.client.reply import Reply, json_rows, validate_json
from atlas_assets.data_sources.macro.fred import FredSource
from atlas_assets.data_sources.snapshots import SNAPSHOT_REACH, can_be_seen, snapshot_day

if TYPE_CHECKING:
    import pyarrow as pa

RELEASES, RELEASE_DATES, SERIES = "releases", "release_dates", "seriess"
PAGE = 1000
FOREVER = "9999-12-31"

SERIES_FIELDS = (
    "realtime_start",
    "realtime_end",
    "title",
    "observation_start",
    "observation_end",
    "frequency",
    "frequency_short",
    "units",
    "units_short",
    "seasonal_adjustment",
    "seasonal_adjustment_short",
    "last_updated",
    "popularity",
)


class SeriesQuery(Query):
    """What is known about one series on the window's last day."""

    series_id: str

    @property
    def instrument(self) -> str:
        """The series."""
        return self.series_id


class FredReleaseDates(FredSource[Query]):
    """The days on which releases come out."""

    table = raw_table(
        "fred",
        "release_dates",
        "Days on which FRED's releases come out. One row per (release_id, date).",
        columns={
            "release_id": integer("FRED release", ge=0),
            "release_name": text("Its name", nullable=True),
            "date": day("Day of the release, as its source announces it"),
        },
        key=("release_id", "date"),
        may_be_empty=True,
    )

    def queries(self, start: date, end: date) -> Iterator[Query]:
        """One query for all releases."""
        yield Query(start=start, end=end, as_of=self.client.now())

    def extract(self, query: Query) -> Iterator[Reply]:
        """The replies, page by page until the count that FRED announces."""
        params: dict[str, str | int] = {
            "realtime_start": query.start.isoformat(),
            "realtime_end": query.end.isoformat(),
            "order_by": "release_date",
            "sort_order": "asc",
            "include_release_dates_with_no_data": str(self.settings.scheduled_releases).lower(),
        }
        yield from self.pages("releases/dates", RELEASE_DATES, PAGE, params)

    @classmethod
    def records(cls, content: bytes, query: Query) -> Sequence[Any]:
        """Release dates, of all releases or (without names) of one."""
        return json_rows(content, RELEASE_DATES)

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: Query) -> Mapping[str, Any]:
        """Release dates as columns."""
        return {
            "release_id": [record["release_id"] for record in records],
            "release_name": [record.get("release_name") for record in records],
            "date": [record["date"] for record in records],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: Query) -> pa.ChunkedArray:
        """The day of the release."""
        return rows["date"]


class FredReleaseSchedule(FredSource[Query]):
    """The days on which releases are to come out, as announced on each day."""

    table = raw_table(
        "fred",
        "release_schedule",
        "Days to come on which FRED's releases are due, as announced on a day. "
        "One row per (snapshot_date, release_id, date).",
        columns={
            "snapshot_date": day("Day that the snapshot stands for (UTC); seen up to a day later, at ingested_at"),
            "release_id": integer("FRED release", ge=0),
            "release_name": text("Its name", nullable=True),
            "date": day("Day on which it is due, as its source announces it"),
        },
        key=("snapshot_date", "release_id", "date"),
        may_be_empty=True,
    )
    reach = SNAPSHOT_REACH
    # Each day keeps its own snapshot, also where several days are loaded again.
    days_per_query = 1

    def queries(self, start: date, end: date) -> Iterator[Query]:
        """One query for all releases."""
        yield Query(start=start, end=end, as_of=self.client.now())

    def extract(self, query: Query) -> Iterator[Reply]:
        """The replies, page by page; none where the window lies in the past, whose schedule FRED does not tell."""
        if not can_be_seen(query):
            return
        params: dict[str, str | int] = {
            "realtime_start": snapshot_day(query).isoformat(),
            "realtime_end": FOREVER,
            "order_by": "release_date",
            "sort_order": "asc",
            "include_release_dates_with_no_data": "true",
        }
        yield from self.pages("releases/dates", RELEASE_DATES, PAGE, params)

    @classmethod
    def records(cls, content: bytes, query: Query) -> Sequence[Any]:
        """Release dates."""
        return json_rows(content, RELEASE_DATES)

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: Query) -> Mapping[str, Any]:
        """Release dates as columns."""
        return {"snapshot_date": [snapshot_day(query)] * len(records), **FredReleaseDates.columns(records, query)}

    @classmethod
    def row_dates(cls, rows: pa.Table, query: Query) -> pa.ChunkedArray:
        """The day of the snapshot."""
        return rows["snapshot_date"]


class FredReleases(FredSource[Query]):
    """Every release as it was known on the window's last day."""

    table = raw_table(
        "fred",
        "releases",
        "FRED's releases as known on a day. One row per (release_id, realtime_start).",
        columns={
            "release_id": integer("FRED release", ge=0),
            "realtime_start": day("Day on which it was known so"),
            "realtime_end": day("The same day"),
            "name": text("Its name"),
            "press_release": flag("Whether it comes with a press release"),
            "link": text("Page of its source", nullable=True),
            "notes": text("What FRED says about it", nullable=True),
        },
        key=("release_id", "realtime_start"),
    )

    def queries(self, start: date, end: date) -> Iterator[Query]:
        """One query for all releases."""
        yield Query(start=start, end=end, as_of=self.client.now())

    def extract(self, query: Query) -> Iterator[Reply]:
        """The replies, page by page until the count that FRED announces."""
        yield from self.pages(RELEASES, RELEASES, PAGE, {**_as_known_on(query.end), "order_by": "release_id"})

    @classmethod
    def records(cls, content: bytes, query: Query) -> Sequence[Any]:
        """Releases."""
        return json_rows(content, RELEASES)

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: Query) -> Mapping[str, Any]:
        """Releases as columns."""
        required = ("realtime_start", "realtime_end", "name", "press_release")
        return {
            "release_id": [record["id"] for record in records],
            **{name: [record[name] for record in records] for name in required},
            **{name: [record.get(name) for record in records] for name in ("link", "notes")},
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: Query) -> pa.ChunkedArray:
        """The day on which it was known so."""
        return rows["realtime_start"]


class OfEachSeries(FredSource[SeriesQuery]):
    """What FRED says of one series at a time, as it was known on the window's last day.

    Attributes
    ----------
    path
        Where it is asked.
    listed
        The key of the reply's list: of one record, or of several where they changed within the days asked for.
    """

    path: ClassVar[str]
    listed: ClassVar[str]
    instrument_column = "series_id"

    def queries(self, start: date, end: date) -> Iterator[SeriesQuery]:
        """One query for each series."""
        for series in dict.fromkeys(series.id for series in self.settings.series):
            yield SeriesQuery(start=start, end=end, as_of=self.client.now(), series_id=series)

    def extract(self, query: SeriesQuery) -> Iterator[Reply]:
        """One reply."""
        params = {"series_id": query.series_id, **_as_known_on(query.end)}
        yield self.ask(self.path, params, check=lambda reply: validate_json(reply, self.listed))

    @classmethod
    def records(cls, content: bytes, query: SeriesQuery) -> Sequence[Any]:
        """The records of the list."""
        return json_rows(content, cls.listed)

    @classmethod
    def row_dates(cls, rows: pa.Table, query: SeriesQuery) -> pa.ChunkedArray:
        """The day on which it was known so."""
        return rows["realtime_start"]


class FredSeriesInfo(OfEachSeries):
    """Title, units, frequency and adjustment of each series as they were known on the window's last day."""

    table = raw_table(
        "fred",
        "series",
        "What FRED says about a series, as known on a day. One row per (series_id, realtime_start).",
        columns={
            "series_id": text("FRED series"),
            "realtime_start": day("Day on which it was known so"),
            "realtime_end": day("The same day"),
            "title": text("Title"),
            "observation_start": day("First period"),
            "observation_end": day("Last period"),
            "frequency": text("Frequency in words"),
            "frequency_short": text("D, W, M, Q or A"),
            "units": text("Units in words"),
            "units_short": text("Units, short"),
            "seasonal_adjustment": text("Seasonal adjustment in words"),
            "seasonal_adjustment_short": text("SA, NSA or SAAR"),
            "last_updated": text("When FRED last updated it, as sent: 2024-10-30 07:54:01-05"),
            "popularity": integer("Popularity at FRED", unit="0 to 100", ge=0),
            "notes": text("What FRED says about it", nullable=True),
        },
        key=("series_id", "realtime_start"),
    )
    path, listed = "series", SERIES

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: SeriesQuery) -> Mapping[str, Any]:
        """Series as columns."""
        return {
            "series_id": [record["id"] for record in records],
            **{name: [record[name] for record in records] for name in SERIES_FIELDS},
            "notes": [record.get("notes") for record in records],
        }


class FredSeriesReleases(OfEachSeries):
    """The release that brings each series, as it was known on the window's last day."""

    table = raw_table(
        "fred",
        "series_releases",
        "The release that brings a series, as known on a day. One row per (series_id, release_id, realtime_start).",
        columns={
            "series_id": text("FRED series"),
            "release_id": integer("FRED release", ge=0),
            "realtime_start": day("Day on which it was known so"),
            "realtime_end": day("The same day"),
            "release_name": text("Its name"),
        },
        key=("series_id", "release_id", "realtime_start"),
    )
    path, listed = "series/release", RELEASES
    unkept = frozenset({"link", "notes", "press_release"})

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: SeriesQuery) -> Mapping[str, Any]:
        """Releases as columns."""
        return {
            "series_id": [query.series_id] * len(records),
            "release_id": [record["id"] for record in records],
            **{name: [record[name] for record in records] for name in ("realtime_start", "realtime_end")},
            "release_name": [record["name"] for record in records],
        }


def _as_known_on(day: date) -> dict[str, str]:
    """A real-time period of one day: what was known then, not what is known now."""
    return {"realtime_start": day.isoformat(), "realtime_end": day.isoformat()}
