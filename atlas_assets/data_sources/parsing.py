"""From a reply's records to typed rows: nothing rounded, nothing guessed, a bad row set aside by itself."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_assets.contracts.raw import LAKE_COLUMNS, RawTable
from atlas_assets.data_sources.client.errors import MalformedReply, SourceError
from atlas_assets.data_sources.client.reply import excerpt
from atlas_assets.data_sources.fields import (
    LOST_FIELD,
    NEW_FIELD,
    FormatChanged,
    HeaderChanged,
    changes_in,
    new_fields,
)

if TYPE_CHECKING:
    from atlas_assets.data_sources.base import BaseDataSource, Query

UNDECLARED = (NEW_FIELD, LOST_FIELD)
MOST_REJECTED = 1000
"""More bad rows in one reply are a change of format, not bad rows."""

SHOWN_CHARACTERS = 1000
# Vendors' days run ahead of UTC by up to 14 hours, their clocks by a little.
AHEAD = timedelta(days=2)
# Where seconds that are taken for milliseconds end up, until the year 2050.
IN_1970 = date(1970, 1, 31)

# What reading foreign data raises when it is not as documented.
READING_ERRORS = (
    SourceError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    pa.ArrowException,
)


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be read: its place in the reply (from 1), the reason and its beginning as JSON."""

    position: int
    reason: str
    content: str


@dataclass(frozen=True)
class Parsed:
    """What a reply says.

    Attributes
    ----------
    rows
        Rows of the query's days, with the vendor's columns of the table.
    days
        The day of each row (date32).
    positions
        Each row's place in the reply, from 1 (int64).
    rejected
        Rows that cannot be read.
    added
        Of each row the fields that nobody declared, as JSON, and those that were probably renamed
        (`fields.NEW_FIELD` and `fields.LOST_FIELD` begin their names); None for none.
    """

    rows: pa.Table
    days: pa.Array | pa.ChunkedArray
    positions: pa.Array
    rejected: tuple[RejectedRow, ...] = ()
    added: pa.Table | None = None

    @classmethod
    def of(cls, rows: pa.Table, days: Any, positions: pa.Array, rejected: Sequence[RejectedRow] = ()) -> Parsed:
        """Rows as `_table` gives them."""
        added = [name for name in rows.column_names if name.startswith(UNDECLARED)]
        declared = rows.drop_columns(added) if added else rows
        return cls(declared, days, positions, tuple(rejected), rows.select(added) if added else None)


def parse(source: type[BaseDataSource[Any, Any]], content: bytes, query: Query) -> Parsed:
    """The rows of a reply; see `BaseDataSource.transform`."""
    records, changes = None, None
    try:
        records = source.records(content, query)
        if problem := _count_problem(records):
            raise ValueError(problem)
        good, rejected = _read(source, records, query)
    except HeaderChanged as error:
        problem, changes = str(error), error.changes
    except _NothingReadable as error:
        problem = str(error)
    except READING_ERRORS as error:
        problem, records = _problem(error), None
    else:
        return _of_the_days(query, good, rejected)
    if records is not None:
        changes = changes_in(source, records, query, problem)
    told = (
        f"{source.vendor.name} {source.table.asset_key[2]}: the reply cannot be read ({problem}); "
        f"{MalformedReply.advice}."
    )
    raise MalformedReply(told) if changes is None else FormatChanged(told, changes)


class _NothingReadable(ValueError):
    """Not one row of a reply, or hardly any, is as documented."""


def parse_together(
    source: type[BaseDataSource[Any, Any]], replies: Sequence[tuple[bytes, Query]]
) -> tuple[Parsed, list[int]] | None:
    """The rows of several replies at once, and how many each has; the same as one after the other.

    None where that is not sure: where a row is not as documented.

    Parameters
    ----------
    replies
        Of each its bytes and the query that it answers; those to one query come one after the other.
    """
    sizes: list[int] = []
    queries: list[Query] = []
    totals: list[int] = []
    columns: list[Mapping[str, Any]] = []
    try:
        for query, pages in groupby(replies, itemgetter(1)):
            records = [source.records(content, query) for content, _ in pages]
            if any(map(_count_problem, records)):
                return None
            sizes += map(len, records)
            queries.append(query)
            totals.append(sum(map(len, records)))
            columns.append(_columns(source, _joined(records), query))
        rows = _table(source, columns)
        days = _days(source, rows, queries, totals)
        # Of one reply among several, all rows may lie in January 1970: that is looked into one by one.
        newest, oldest = max(query.first_day for query in queries), min(query.as_of for query in queries)
        _refuse_absurd(days, pc.min(days), newest, oldest)
    except READING_ERRORS:
        return None
    first = np.repeat(np.array([query.first_day for query in queries], "datetime64[D]"), totals)
    last = np.repeat(np.array([query.end for query in queries], "datetime64[D]"), totals)
    kept = pc.and_(pc.greater_equal(days, pa.array(first)), pc.less_equal(days, pa.array(last)))
    positions = pa.array(np.concatenate([np.arange(1, size + 1, dtype=np.int64) for size in sizes]))
    if pc.all(kept, min_count=0).as_py():
        return Parsed.of(rows, days, positions), sizes
    kept = kept.combine_chunks() if isinstance(kept, pa.ChunkedArray) else kept
    places = np.repeat(np.arange(len(sizes)), sizes)[kept.to_numpy(zero_copy_only=False)]
    counts = np.bincount(places, minlength=len(sizes)).tolist()
    return Parsed.of(rows.filter(kept), days.filter(kept), positions.filter(kept)), counts


def _joined(records: Sequence[Any]) -> Any:
    """The records of replies to one query, one after the other."""
    if len(records) == 1:
        return records[0]
    if any(isinstance(one, pa.Table) for one in records):
        return pa.concat_tables(records, promote_options="default").combine_chunks()
    return list(chain.from_iterable(records))


def _days(
    source: type[BaseDataSource[Any, Any]], rows: pa.Table, queries: Sequence[Query], totals: Sequence[int]
) -> pa.ChunkedArray:
    """The day of each row, of so many rows of each query in turn."""
    parts: list[Any] = []
    start = 0
    for query, total in zip(queries, totals, strict=True):
        parts.append(source.row_dates(rows.slice(start, total), query))
        start += total
    return pa.chunked_array([chunk for part in parts for chunk in getattr(part, "chunks", [part])], pa.date32())


def _read(
    source: type[BaseDataSource[Any, Any]], records: Any, query: Query
) -> tuple[list[tuple[int, pa.Table, Any]], list[RejectedRow]]:
    """Runs of good rows with their first positions, and the bad rows between them, found by halving."""
    good: list[tuple[int, pa.Table, Any]] = []
    rejected: list[RejectedRow] = []
    waiting = [(0, len(records))]
    while waiting:
        start, stop = waiting.pop()
        part = records if stop - start == len(records) else _part(records, start, stop)
        try:
            good.append((start, *_typed_rows(source, part, query)))
        except READING_ERRORS as error:
            if stop - start > 1:
                middle = (start + stop) // 2
                waiting += [(middle, stop), (start, middle)]
                continue
            rejected.append(RejectedRow(start + 1, _problem(error), _shown(part)))
            if len(rejected) > MOST_REJECTED or len(rejected) == len(records):
                raise _NothingReadable(f"row {rejected[0].position}: {rejected[0].reason}") from None
    return good, rejected


def _typed_rows(source: type[BaseDataSource[Any, Any]], records: Any, query: Query) -> tuple[pa.Table, Any]:
    rows = _table(source, [_columns(source, records, query)])
    days = source.row_dates(rows, query)
    _refuse_absurd(days, pc.max(days), query.first_day, query.as_of)
    return rows, days


def _columns(source: type[BaseDataSource[Any, Any]], records: Any, query: Query) -> Mapping[str, Any]:
    """The columns of the table, and the fields that nobody declared."""
    return {**source.columns(records, query), **new_fields(source, records, query)}


def _table(source: type[BaseDataSource[Any, Any]], parts: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Columns, whole or in parts, as the typed rows of a source's table; fields that nobody declared follow."""
    schema = vendor_schema(source.table)
    for name in sorted({name for part in parts for name in part if name.startswith(UNDECLARED)}):
        schema = schema.append(pa.field(name, pa.string()))
    typed = [typed_column(_column([_part_of(part, field.name) for part in parts], field), field) for field in schema]
    return pa.Table.from_arrays(typed, schema=schema)


def _part_of(part: Mapping[str, Any], name: str) -> Any:
    """A column of a part; a field that nobody declared may be missing in all of it."""
    if name.startswith(UNDECLARED) and name not in part:
        return pa.nulls(len(next(iter(part.values()))), pa.string())
    return part[name]


def _column(parts: Sequence[Any], field: pa.Field) -> Any:
    """The parts of a column as one."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, list) for part in parts):
        return list(chain.from_iterable(parts))
    typed = [typed_column(part, field) for part in parts]
    return pa.chunked_array([chunk for part in typed for chunk in getattr(part, "chunks", [part])], field.type)


def _refuse_absurd(days: Any, telling: Any, first_day: date, as_of: datetime) -> None:
    """Refuse rows in January 1970, where the ``telling`` day of theirs lies there, and those of the future."""
    if len(days) and first_day > IN_1970 and telling.as_py() <= IN_1970:
        raise ValueError("its times lie in January 1970: their unit is not the documented one")
    latest = (as_of.astimezone(UTC) + AHEAD).date() if as_of.year < 9999 else None
    if latest is not None and pc.any(pc.greater(days, latest), min_count=0).as_py():
        raise ValueError(f"its day {pc.max(days).as_py()} lies after {as_of:%Y-%m-%d}, when it was asked for")


def _of_the_days(query: Query, good: list[tuple[int, pa.Table, Any]], rejected: list[RejectedRow]) -> Parsed:
    rows = pa.concat_tables([table for _, table, _ in good], promote_options="default")
    days = pa.chunked_array([chunk for _, _, part in good for chunk in getattr(part, "chunks", [part])], pa.date32())
    positions = pa.concat_arrays(
        [pa.array(np.arange(first + 1, first + 1 + table.num_rows, dtype=np.int64)) for first, table, _ in good]
    )
    kept = pc.and_(pc.greater_equal(days, query.first_day), pc.less_equal(days, query.end))
    if pc.all(kept, min_count=0).as_py():
        return Parsed.of(rows, days, positions, rejected)
    return Parsed.of(rows.filter(kept), days.filter(kept), positions.filter(kept.combine_chunks()), rejected)


def _part(records: Any, start: int, stop: int) -> Any:
    return records.slice(start, stop - start) if isinstance(records, pa.Table) else records[start:stop]


def _count_problem(records: Any) -> str | None:
    return None if isinstance(records, (Sequence, pa.Table)) and not isinstance(records, str | bytes) else "no records"


def _problem(error: Exception) -> str:
    return excerpt(f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error), 300)


def _shown(records: Any) -> str:
    (record,) = records.to_pylist() if isinstance(records, pa.Table) else records
    return excerpt(json.dumps(record, default=str, ensure_ascii=True), SHOWN_CHARACTERS)


@cache
def vendor_schema(table: RawTable) -> pa.Schema:
    """The columns of a raw table that come from the vendor."""
    from atlas_assets.contracts.schema import arrow_schema

    return pa.schema([field for field in arrow_schema(table.contract) if field.name not in LAKE_COLUMNS])


def unique_rows(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The rows without repeated keys, in order; of rows with the same key the last received stays."""
    if _are_increasing([rows[key] for key in keys]):
        return rows
    numbered = rows.select(list(keys)).append_column("position", pa.array(np.arange(rows.num_rows, dtype=np.int64)))
    last = numbered.group_by(list(keys)).aggregate([("position", "max")])["position_max"]
    return rows if len(last) == rows.num_rows else rows.take(last.take(pc.sort_indices(last)))


def _are_increasing(columns: Sequence[Any]) -> bool:
    """Whether each row's key is greater than that of the row before it, as most replies have them."""
    later: Any = None
    for column in reversed(columns):
        here, before = column.slice(1), column.slice(0, max(0, len(column) - 1))
        greater = pc.greater(here, before)
        later = greater if later is None else pc.or_(greater, pc.and_(pc.equal(here, before), later))
    return bool(pc.all(pc.fill_null(later, False), min_count=0).as_py())


def by_name(records: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, list[Any]]:
    """Records as columns; ``names`` maps each column to the vendor's key, which every record must have."""
    return {column: [record[key] for record in records] for column, key in names.items()}


def days_since_epoch(days: Any) -> Any:
    """Day numbers (integers) as date32."""
    return days.cast(pa.int32()).cast(pa.date32())


_WIDENING = frozenset({(pa.int64(), pa.float64()), (pa.string(), pa.date32())})


def typed_column(values: Any, field: pa.Field) -> pa.Array | pa.ChunkedArray:
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
