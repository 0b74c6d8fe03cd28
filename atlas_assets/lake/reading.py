# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Reads: one SELECT at a time, on a connection that cannot write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import duckdb

from atlas_assets.lake.errors import LakeError, first_line
from atlas_assets.lake.history import at_snapshot, table_columns
from atlas_assets.lake.identifiers import quote_identifier, quote_table
from atlas_assets.lake.ranges import Bound, range_condition

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Where = tuple[str, Sequence[object]]
"""A condition with ``?`` for each of its values, and the values."""

_TIME_COLUMNS = (
    "session_date",
    "period",
    "event_time",
    "bucket_end",
    "bar_start",
    "origin_date",
    "date",
    "published_at",
    "fetched_at",
)
_SYMBOL_COLUMNS = ("symbol", "series_id")
_VINTAGE_COLUMNS = ("known_from", "known_to")
_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


class Selection(TypedDict, total=False):
    """Which rows and columns of a table; `Lake.read` says what each means."""

    symbols: Sequence[str] | None
    start: Bound
    end: Bound
    known_on: Bound
    columns: Sequence[str] | None
    where: Where | None
    time_column: str | None


def select_rows(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    *,
    snapshot: int | None,
    symbols: Sequence[str] | None = None,
    start: Bound = None,
    end: Bound = None,
    columns: Sequence[str] | None = None,
    where: Where | None = None,
    time_column: str | None = None,
    known_on: Bound = None,
) -> pa.Table:
    """Select some rows and columns of a table, as it is or as it was at a snapshot."""
    known = table_columns(cursor, table, snapshot)
    conditions: list[str] = []
    parameters: list[object] = []
    if symbols is not None:
        if isinstance(symbols, str):
            symbols = [symbols]
        name = _first_known(known, _SYMBOL_COLUMNS, table, "symbols")
        conditions.append(f"{quote_identifier(name)} IN (SELECT unnest(?::VARCHAR[]))")
        parameters.append([_without_nul(symbol) for symbol in symbols])
    if start is not None or end is not None:
        name = (
            _known(known, time_column, table)
            if time_column
            else _first_known(known, _TIME_COLUMNS, table, "a time range")
        )
        more, values = range_condition(name, known[name], start, end)
        conditions += more
        parameters += values
    if known_on is not None:
        more, values = _vintage_condition(known, table, known_on)
        conditions += more
        parameters += values
    if where is not None:
        conditions.append(f"({where[0]})")
        parameters += where[1]
    chosen = ", ".join(quote_identifier(_known(known, column, table)) for column in columns) if columns else "*"
    written = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = _order(known, time_column)
    query = f"SELECT {chosen} FROM {quote_table(table)}{at_snapshot(snapshot)}{written}{order}"
    return run_query(cursor, query, parameters)


def _vintage_condition(known: dict[str, str], table: str, known_on: Bound) -> tuple[list[str], list[object]]:
    """Return the condition that keeps the vintages of a day; both ends of a vintage belong to it."""
    if not known.keys() >= set(_VINTAGE_COLUMNS):
        raise LakeError(
            f"{table} keeps no vintages (known_from, known_to): select what was known with time_column='published_at' "
            "and end=…, or a snapshot with as_of=…."
        )
    first, last = (known[name] for name in _VINTAGE_COLUMNS)
    since, days = range_condition("known_from", first, None, known_on)
    until, more = range_condition("known_to", last, known_on, None)
    return since + until, days + more


def _order(known: dict[str, str], time_column: str | None) -> str:
    """Rows come in time order, those of one time by instrument, whatever order the files have."""
    times = [time_column] if time_column else [name for name in _TIME_COLUMNS if name in known][:1]
    names = [*times, *(name for name in _SYMBOL_COLUMNS if name in known)]
    return f" ORDER BY {', '.join(quote_identifier(name) for name in names)}" if names else ""


def run_query(cursor: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] | None) -> pa.Table:
    """Return the result of one statement that only reads."""
    try:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1 or statements[0].type not in _READING:
            raise LakeError("Only one statement that reads is accepted: write a SELECT.")
        return cursor.execute(statements[0], parameters).to_arrow_table()
    except (duckdb.OperationalError, duckdb.InternalError):
        raise
    except duckdb.Error as error:
        raise LakeError(f"The query was refused ({first_line(error)}): correct it.") from error


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a DataFrame whose dates and times are all ``datetime64[us]``: those of pandas' default end in 2262."""
    import pyarrow as pa

    fields = [field.with_type(pa.timestamp("us")) if pa.types.is_date(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields)).to_pandas()


def _first_known(known: dict[str, str], candidates: Sequence[str], table: str, what: str) -> str:
    for name in candidates:
        if name in known:
            return name
    raise LakeError(f"{table} has none of the columns {', '.join(candidates)} to select {what}: use where instead.")


def _known(known: dict[str, str], column: str, table: str) -> str:
    if column not in known:
        raise LakeError(f"{table} has no column {column}: it has {', '.join(known)}.")
    return column


def _without_nul(symbol: str) -> str:
    if "\0" in symbol:
        raise LakeError(f"The symbol {symbol!r} holds a NUL character, which the lake never stores: remove it.")
    return symbol
