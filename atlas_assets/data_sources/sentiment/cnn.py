"""CNN Fear & Greed: the stock market's index, read from files that people save."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from atlas_assets.contracts.raw import number, raw_table, text
from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import PermanentError
from atlas_assets.data_sources.client.reply import Reply, json_object
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "fear_and_greed_historical"
DAY_MILLISECONDS = 86_400_000
ADVICE = "save the reply of graphdata from a browser as cnn/<any name>.json in the landing folder"


class CnnSettings(SourceSettings):
    """CNN Fear & Greed index: from dropped files only."""


CNN = Vendor(
    name="cnn",
    title="CNN Fear & Greed",
    domain="sentiment",
    settings=CnnSettings,
    base_url="https://production.dataviz.cnn.io",
    access=(
        "No key, but no client either: the endpoint is undocumented and guarded against programs, and this product "
        f"does not disguise itself as a browser. {ADVICE.capitalize()}, or ask CNN for permission."
    ),
    limits="Does not apply: nothing is asked for.",
    terms="CNN's terms of use; the data is theirs.",
    conventions=(
        "x is in milliseconds since 1970 (UTC), y in the component's own unit. The last point is of the moment of "
        "saving and shares its day with that of midnight; weekends are there at times; history is recalculated. All "
        "points are kept as sent."
    ),
)


class FearGreedQuery(Query):
    """All points of a file."""


class CnnFearGreed(BaseDataSource[CnnSettings, FearGreedQuery]):
    """The index and its components, about a year of days."""

    vendor = CNN
    table = raw_table(
        "cnn",
        "fear_greed",
        "CNN Fear & Greed index and its components as sent. One row per (component, x).",
        columns={
            "component": text("Name of the series; fear_and_greed_historical is the index"),
            "x": number("Moment of the point", unit="ms since 1970", ge=0),
            "y": number("Value: 0-100 for the index, the component's own unit otherwise"),
            "rating": text("Label, such as extreme fear", nullable=True),
        },
        key=("component", "x"),
    )
    calendar = "XNYS"
    files_only = True
    accumulates = True

    def queries(self, start: date, end: date) -> Iterator[FearGreedQuery]:
        """One query for the whole dataset."""
        yield FearGreedQuery(start=start, end=end, as_of=self.client.now())

    def extract(self, query: FearGreedQuery) -> Iterator[Reply]:
        """Nothing: the vendor does not want to be asked.

        Raises
        ------
        PermanentError
            Always; it says what to do instead.
        """
        raise PermanentError(f"cnn: the index cannot be asked for by programs; {ADVICE}.", advice=ADVICE)

    @classmethod
    def query_for_file(cls, name: str, as_of: datetime) -> FearGreedQuery | None:
        """All points, for files ``cnn/….json``."""
        path = PurePosixPath(name)
        if path.parts[:1] != (cls.vendor.name,) or len(path.parts) < 2 or path.suffix.lower() != ".json":
            return None
        return FearGreedQuery(start=date(1970, 1, 1), end=as_of.astimezone(UTC).date(), as_of=as_of)

    @classmethod
    def records(cls, content: bytes, query: FearGreedQuery) -> Sequence[Any]:
        """The points of all series; the index's present value alone repeats its last point."""
        body = json_object(content, INDEX)
        series = {name: part["data"] for name, part in body.items() if isinstance(part, dict) and "data" in part}
        if INDEX not in series or any(not isinstance(points, list) for points in series.values()):
            raise ValueError("series without points")
        return [
            {**point, "component": name} if isinstance(point, dict) else point
            for name, points in series.items()
            for point in points
        ]

    @classmethod
    def columns(cls, records: Sequence[Mapping[str, Any]], query: FearGreedQuery) -> Mapping[str, Any]:
        """Points as columns."""
        return {
            **{name: [point[name] for point in records] for name in ("component", "x", "y")},
            "rating": [point.get("rating") for point in records],
        }

    @classmethod
    def row_dates(cls, rows: pa.Table, query: FearGreedQuery) -> pa.Array:
        """The UTC day of the point."""
        import pyarrow.compute as pc

        from atlas_assets.data_sources.parsing import days_since_epoch

        return days_since_epoch(pc.floor(pc.divide(rows["x"], DAY_MILLISECONDS)))
