"""alternative.me: the crypto Fear & Greed index."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from atlas_assets.contracts.raw import raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.reply import Reply, json_rows, validate_json
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa


class AlternativeMeSettings(SourceSettings):
    """alternative.me crypto Fear & Greed index (no key)."""


ALTERNATIVE_ME = Vendor(
    name="alternative_me",
    title="alternative.me",
    domain="sentiment",
    settings=AlternativeMeSettings,
    base_url="https://api.alternative.me",
    access="No key.",
    limits="60 requests a minute over ten minutes.",
    terms="Show the source next to the display.",
    conventions="One value a UTC day since 2018-02-01; the hour of its stamp has changed over the years.",
)

DAY_SECONDS = 86_400


class FearGreedQuery(Query):
    """Index values; ``limit`` is the number of newest ones to ask for, 0 for all."""

    limit: int


class AlternativeMeFearGreed(BaseDataSource[AlternativeMeSettings, FearGreedQuery]):
    """Crypto Fear & Greed index, newest value first."""

    vendor = ALTERNATIVE_ME
    unkept = frozenset({"time_until_update"})
    table = raw_table(
        "alternative_me",
        "fear_greed",
        "Crypto Fear & Greed index of alternative.me as sent. One row per timestamp.",
        columns={
            "timestamp": text("Seconds since 1970, as a string"),
            "value": text("Index value 0-100, as a string"),
            "value_classification": text("Vendor's label, such as Extreme Fear"),
        },
        key=("timestamp",),
    )

    def queries(self, start: date, end: date) -> Iterator[FearGreedQuery]:
        """One query that reaches back to ``start``, with days to spare for different clocks."""
        days = (self.client.now().date() - start).days + 2
        limit = 0 if start <= self.settings.history_from else max(days, 1)
        yield FearGreedQuery(start=start, end=end, as_of=self.client.now(), limit=limit)

    def extract(self, query: FearGreedQuery) -> Iterator[Reply]:
        """One reply. ``date_format`` is not sent: it would change what ``timestamp`` means."""
        yield self.client.get(f"{self.base_url}/fng/", params={"limit": query.limit, "format": "json"}, check=_index)

    @classmethod
    def records(cls, content: bytes, query: FearGreedQuery) -> Sequence[Any]:
        """Index values, all of them text."""
        return json_rows(content, "data")

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: FearGreedQuery) -> Mapping[str, Any]:
        """Index values as columns."""
        return {name: [record[name] for record in records] for name in ("timestamp", "value", "value_classification")}

    @classmethod
    def row_dates(cls, rows: pa.Table, query: FearGreedQuery) -> pa.Array:
        """The UTC day; the hour of publication has changed over the years."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from atlas_assets.data_sources.parsing import days_since_epoch

        return days_since_epoch(pc.divide(rows["timestamp"].cast(pa.int64()), DAY_SECONDS))


def _index(reply: Reply) -> object:
    return validate_json(reply, "data")
