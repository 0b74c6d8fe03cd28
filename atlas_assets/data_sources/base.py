"""What every source is: queries for a window of days, replies as received, and a pure reading of them."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, model_validator

from atlas_assets.contracts.tables import table as table_named
from atlas_assets.data_sources.errors import MalformedReply, SourceError
from atlas_assets.data_sources.http import HttpClient, Reply
from atlas_assets.data_sources.reply import excerpt
from atlas_assets.settings import SourceSettings

# Columns that the lake adds to what the vendor sent.
LAKE_COLUMNS = frozenset({"partition_date", "object_id", "ingested_at"})

# What reading foreign data raises when it is not as documented.
_READING_ERRORS = (
    SourceError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    pa.ArrowException,
)

_WINDOW_END = b"window_end"


class Query(BaseModel):
    """What is asked of a source: the days from ``start`` to ``end``, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: date
    end: date

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"start {self.start} must not be later than end {self.end}")
        return self

    @property
    def first_day(self) -> date:
        """The first day whose rows are kept."""
        return self.start


S = TypeVar("S", bound=SourceSettings)
Q = TypeVar("Q", bound=Query)


class BaseDataSource(ABC, Generic[S, Q]):
    """A dataset of a vendor.

    Parameters
    ----------
    settings
        The vendor's section of the settings.
    client
        Fetches.

    Attributes
    ----------
    source, dataset
        Names of vendor and dataset, as in the raw objects' paths.
    table
        The raw table whose contract names the columns.
    settings_key
        The vendor's section below ``data_sources``.
    media_suffix
        Ending of the stored replies.
    default_base_url
        The vendor's own address.
    """

    source: ClassVar[str]
    dataset: ClassVar[str]
    table: ClassVar[str]
    settings_key: ClassVar[str]
    media_suffix: ClassVar[Literal["json", "csv", "xml"]]
    default_base_url: ClassVar[str] = ""

    def __init__(self, settings: S, client: HttpClient) -> None:
        self.settings = settings
        self.client = client
        self.base_url = (settings.base_url or self.default_base_url).rstrip("/")

    @abstractmethod
    def queries(self, start: date, end: date) -> Iterator[Q]:
        """The validated queries that cover the days from ``start`` to ``end``, both included.

        Raises
        ------
        ValueError
            When ``start`` is later than ``end``.
        """

    @abstractmethod
    def extract(self, query: Q) -> Iterator[Reply]:
        """The replies to a query as received, page by page.

        Raises
        ------
        SourceError
            When the vendor does not answer as it should.
        """

    @classmethod
    def transform(cls, content: bytes, query: Q) -> pa.Table:
        """The rows of a reply that belong to the query's days, with the vendor's columns of the contract.

        The same bytes and query always give the same rows.

        Raises
        ------
        MalformedReply
            When the bytes are not what the vendor documents.
        """
        try:
            schema = vendor_schema(cls.table)
            columns = cls.read(content, query)
            arrays = [_typed(columns[field.name], field) for field in schema]
            rows = pa.Table.from_arrays(arrays, schema=schema)
            rows = rows.replace_schema_metadata({_WINDOW_END: query.end.isoformat()})
            days = cls.row_dates(rows)
            kept = pc.and_(pc.greater_equal(days, query.first_day), pc.less_equal(days, query.end))
            return rows if pc.all(kept, min_count=0).as_py() else rows.filter(kept)
        except _READING_ERRORS as error:
            problem = excerpt(f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error), 300)
        advice = MalformedReply.advice
        raise MalformedReply(f"{cls.source} {cls.dataset}: the reply cannot be read ({problem}); {advice}.")

    @classmethod
    @abstractmethod
    def read(cls, content: bytes, query: Q) -> Mapping[str, Any]:
        """The reply's rows as columns (lists or arrays) by contract name; anything may be raised."""

    @classmethod
    @abstractmethod
    def row_dates(cls, rows: pa.Table) -> pa.Array:
        """The day that each row of `transform`'s result belongs to, its partition (date32)."""


@cache
def vendor_schema(table: str) -> pa.Schema:
    """The columns of a raw table that come from the vendor."""
    from atlas_assets.contracts.schema import arrow_schema

    return pa.schema([field for field in arrow_schema(table_named(table).contract) if field.name not in LAKE_COLUMNS])


def unique_rows(rows: pa.Table, keys: str | Sequence[str]) -> pa.Table:
    """The rows without repeated keys, in order; of rows with the same key the last received stays.

    Parameters
    ----------
    rows
        Rows in the order they were received.
    keys
        Key columns, or the raw table whose primary key to use.
    """
    if isinstance(keys, str):
        from atlas_assets.contracts.schema import primary_key

        keys = primary_key(table_named(keys).contract)
    numbered = rows.select(list(keys)).append_column("position", pa.array(range(rows.num_rows), pa.int64()))
    last = numbered.group_by(list(keys)).aggregate([("position", "max")])["position_max"]
    return rows if len(last) == rows.num_rows else rows.take(last.take(pc.sort_indices(last)))


def by_name(records: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, list[Any]]:
    """Records as columns; ``names`` maps each column to the vendor's key, which every record must have."""
    return {column: [record[key] for record in records] for column, key in names.items()}


def window_end(rows: pa.Table) -> date:
    """The last day of the query that `transform` read the rows for."""
    return date.fromisoformat(rows.schema.metadata[_WINDOW_END].decode())


def days_since_epoch(days: pa.Array) -> pa.Array:
    """Day numbers (integers) as date32."""
    return days.cast(pa.int32()).cast(pa.date32())


_WIDENING = frozenset({(pa.int64(), pa.float64()), (pa.string(), pa.date32())})


def _typed(values: Any, field: pa.Field) -> pa.Array:
    """The values as the field's type, nothing rounded and nothing guessed."""
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
    if array.type != field.type:
        if not pa.types.is_null(array.type) and (array.type, field.type) not in _WIDENING:
            raise ValueError(f"{field.name} holds {array.type}, not {field.type}")
        array = array.cast(field.type)
    if array.null_count and not field.nullable:
        raise ValueError(f"{field.name} is missing in {array.null_count} rows")
    if pa.types.is_floating(array.type) and not pc.all(pc.is_finite(array), min_count=0).as_py():
        raise ValueError(f"{field.name} is not finite")
    return array
