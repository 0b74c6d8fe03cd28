"""FRED and ALFRED: macro series with every vintage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from pydantic import SecretStr

from atlas_assets.data_sources.base import BaseDataSource, Query, by_name
from atlas_assets.data_sources.http import MalformedReply, Reply, TransientError, validate_json
from atlas_assets.data_sources.reply import json_rows
from atlas_assets.settings import FredSettings

FIRST_VINTAGE = date(1776, 7, 4)
PAGE = 100_000
ROWS = "observations"
COLUMNS = {name: name for name in ("date", "value", "realtime_start", "realtime_end")}


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
    def first_day(self) -> date:
        """The first day of knowledge whose rows are kept."""
        return FIRST_VINTAGE if self.from_first_vintage else self.start


class FredObservations(BaseDataSource[FredSettings, ObservationsQuery]):
    """Observations with the interval in which each was the published one.

    FRED cuts validity intervals to the period asked for. Each query therefore asks from the day before
    its window: what was already known then starts on that day and is dropped, what became known within
    the window starts on its true day and stays.
    """

    source = "fred"
    dataset = "observations"
    table = "raw.fred_observations"
    settings_key = "fred"
    media_suffix = "json"
    default_base_url = "https://api.stlouisfed.org/fred"

    def queries(self, start: date, end: date) -> Iterator[ObservationsQuery]:
        """One query for each series; a window from the beginning of history takes all earlier vintages along."""
        for series in self.settings.series:
            yield ObservationsQuery(
                start=start,
                end=end,
                series_id=series.id,
                frequency=series.frequency,
                from_first_vintage=start <= self.settings.history_from,
            )

    def extract(self, query: ObservationsQuery) -> Iterator[Reply]:
        """The replies, page by page until the count that FRED announces."""
        known_from = FIRST_VINTAGE if query.from_first_vintage else query.start - timedelta(days=1)
        params: dict[str, str | int | SecretStr] = {
            "series_id": query.series_id,
            "realtime_start": known_from.isoformat(),
            "realtime_end": query.end.isoformat(),
            "file_type": "json",
            "limit": PAGE,
            "api_key": self.settings.api_key,
        }
        if query.frequency:
            params |= {"frequency": query.frequency, "aggregation_method": "avg"}
        offset, count = 0, 1
        while offset < count:
            reply = self.client.get(
                f"{self.base_url}/series/observations", params={**params, "offset": offset}, check=_page
            )
            rows, count = _page(reply)
            if not rows and offset < count:
                what = f"{query.series_id} ends after {offset} of {count} announced rows"
                raise TransientError(f"fred observations: {what}; {TransientError.advice}.")
            offset += rows
            yield reply

    @classmethod
    def read(cls, content: bytes, query: ObservationsQuery) -> Mapping[str, Any]:
        """Observations as columns, "." kept."""
        columns = by_name(json_rows(content, ROWS), COLUMNS)
        count = len(columns["date"])
        return {**columns, "series_id": [query.series_id] * count, "frequency": [query.frequency] * count}

    @classmethod
    def row_dates(cls, rows: pa.Table) -> pa.Array:
        """The day on which the value became the published one."""
        return rows["realtime_start"]


def _page(reply: Reply) -> tuple[int, int]:
    """Rows of a page, and rows announced in all."""
    rows = validate_json(reply, ROWS)
    count = json.loads(reply.content).get("count")
    if type(count) is not int:
        raise MalformedReply("sent no count of observations")
    return len(rows), count
