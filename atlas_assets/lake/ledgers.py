# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
"""Ledgers: tables that only ever gain lines, each line recorded in the transaction that it speaks of.

A line that a ledger has already, by its `identity`, is not added again; `near` names the columns by which most of the
ledger can be passed over when such a line is looked for.

`ObjectRecord` says what was received (``raw.objects``), `CoverageEntry` what is there, missing or final
(``raw.coverage``), `QuarantinedRow` what was set aside and why (``raw.quarantine``), `QuarantineDecision` what
somebody decided about it (``raw.quarantine_decisions``), `SchemaChange` how a vendor's records changed
(``raw.schema_changes``), `ModelState` from which saved state a fitted model goes on (``model.states``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from atlas_assets.lake.identifiers import quote_identifier, quote_table, split_table

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class ObjectRecord:
    """A stored reply and the request that it answered.

    Parameters
    ----------
    object_id, path, bytes
        As `ObjectStore.put` gave them.
    source, dataset
        Who sent it, and what it is.
    request, headers
        JSON texts; the caller has taken the secrets out.
    status
        The reply's HTTP status.
    window_start, window_end
        The time that the request asked for.
    fetched_at
        When the reply came.
    rows
        Rows that were read from it.
    run_id
        The run that fetched it.
    """

    table: ClassVar[str] = "raw.objects"
    identity: ClassVar[tuple[str, ...]] = ("object_id", "path", "request", "window_start", "window_end")
    # A path holds the day of receipt, so that a load looks through the lines of its own day.
    near: ClassVar[tuple[str, ...]] = ("source", "dataset", "path")

    object_id: str
    path: str
    source: str
    dataset: str
    request: str
    status: int
    fetched_at: datetime
    bytes: int
    rows: int
    run_id: str
    headers: str = "{}"
    window_start: datetime | None = None
    window_end: datetime | None = None


@dataclass(frozen=True)
class CoverageEntry:
    """What was found out about some days of an instrument; a later entry overrules an earlier one.

    Parameters
    ----------
    source, dataset, instrument
        Whose days.
    first_day, last_day
        The days, both included.
    state
        ``missing``, ``partial``, ``present`` or ``final``.
    rows
        Rows received for them.
    reason
        Why it is missing or partial.
    asked_at
        When the vendor was asked.
    final_from
        When an answer would be the final one.
    run_id
        The run that asked.
    """

    table: ClassVar[str] = "raw.coverage"
    identity: ClassVar[tuple[str, ...]] = (
        *("source", "dataset", "instrument", "first_day", "last_day", "state", "rows", "reason", "asked_at", "run_id"),
    )
    near: ClassVar[tuple[str, ...]] = ("source", "dataset", "asked_at")

    source: str
    dataset: str
    instrument: str
    first_day: date
    last_day: date
    state: str
    rows: int
    asked_at: datetime
    run_id: str
    final_from: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that was set aside, with its place in the object it came from.

    Parameters
    ----------
    source, dataset
        Whose row.
    object_id
        The stored object that holds it.
    position
        Which row of the object, from 1.
    reason
        What is wrong with it.
    content
        The row's beginning, as JSON.
    quarantined_at
        When it was set aside.
    run_id
        The run that did.
    """

    table: ClassVar[str] = "raw.quarantine"
    identity: ClassVar[tuple[str, ...]] = ("source", "dataset", "object_id", "position", "reason")
    near: ClassVar[tuple[str, ...]] = ("source", "dataset")

    source: str
    dataset: str
    object_id: str
    position: int
    reason: str
    content: str
    quarantined_at: datetime
    run_id: str


@dataclass(frozen=True)
class QuarantineDecision:
    """What somebody decided about a quarantined row; the last decision counts, all of them stay.

    Parameters
    ----------
    quarantine_id
        The row in ``silver.quarantine``.
    decision
        ``release`` or ``reject``.
    note
        Why.
    decided_by, decided_at
        Who, and when.
    symbol, session_date
        Of the row, where it has them: what silver makes anew.
    """

    table: ClassVar[str] = "raw.quarantine_decisions"
    identity: ClassVar[tuple[str, ...]] = ("quarantine_id", "decision", "decided_at")
    near: ClassVar[tuple[str, ...]] = ("quarantine_id",)

    quarantine_id: str
    decision: str
    note: str
    decided_by: str
    decided_at: datetime
    symbol: str | None = None
    session_date: date | None = None


@dataclass(frozen=True)
class SchemaChange:
    """A field that a vendor added or probably renamed, or a reply whose rows lack one or have it in another type.

    Parameters
    ----------
    source, dataset
        Whose records.
    change
        ``added`` (the table has it in a column of its own from then on), ``renamed`` (a field that may be missing is
        in no record, and an added one is much like it) or ``refused`` (nothing of the reply was taken).
    field
        The vendor's name of what was added, or the old one of what was renamed; of a refusal, the fields concerned.
    column_name
        The column that keeps what was added or has the new name.
    plan
        What differs and what to do.
    object_id
        The first stored reply that was so.
    noted_at
        When it was received.
    run_id
        The run that noted it.
    """

    table: ClassVar[str] = "raw.schema_changes"
    identity: ClassVar[tuple[str, ...]] = ("source", "dataset", "change", "field", "object_id")
    near: ClassVar[tuple[str, ...]] = ("source", "dataset")

    source: str
    dataset: str
    change: str
    field: str
    plan: str
    object_id: str
    noted_at: datetime
    run_id: str
    column_name: str | None = None


@dataclass(frozen=True)
class ModelState:
    """The saved state of a fitted model: the last line of an asset is the state behind the rows of its table.

    Parameters
    ----------
    asset
        The asset that fits it.
    parameters
        SHA-256 of its parameters.
    code_version
        The version of the code that fitted it.
    last_session
        The last session that it has seen.
    read_snapshot
        The snapshot of the lake from which it read its inputs.
    object_id, path, bytes
        As `ObjectStore.put_state` gave them.
    saved_at
        When it was saved.
    run_id
        The run that did.
    """

    table: ClassVar[str] = "model.states"
    identity: ClassVar[tuple[str, ...]] = ("asset", "object_id", "read_snapshot", "run_id")
    near: ClassVar[tuple[str, ...]] = ("asset", "read_snapshot")

    asset: str
    parameters: str
    code_version: str
    last_session: date
    read_snapshot: int
    object_id: str
    path: str
    bytes: int
    saved_at: datetime
    run_id: str


Record: TypeAlias = ObjectRecord | CoverageEntry | QuarantinedRow | QuarantineDecision | SchemaChange | ModelState
LEDGERS: tuple[type[Record], ...] = (
    *(ObjectRecord, CoverageEntry, QuarantinedRow, QuarantineDecision, SchemaChange),
    ModelState,
)

_SQL_TYPES = {"str": "VARCHAR", "int": "BIGINT", "datetime": "TIMESTAMPTZ", "date": "DATE"}


def create_ledgers(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create the ledgers that the lake lacks, inside the caller's transaction."""
    for ledger in LEDGERS:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{quote_identifier(split_table(ledger.table)[0])}")
        columns = ", ".join(f"{quote_identifier(name)} {kind}" for name, kind in _columns(ledger).items())
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {quote_table(ledger.table)} ({columns})")


def has_ledgers(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether the lake has every ledger."""
    found = cursor.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake'"
    ).fetchall()
    return {split_table(ledger.table) for ledger in LEDGERS} <= set(found)


def append_lines(cursor: duckdb.DuckDBPyConnection, records: Iterable[Record]) -> int:
    """Add the lines that the ledgers do not have yet, inside the caller's transaction; how many were new."""
    given = list(records)
    return sum(_append(cursor, ledger, [line for line in given if isinstance(line, ledger)]) for ledger in LEDGERS)


def _append(cursor: duckdb.DuckDBPyConnection, ledger: type[Record], lines: Sequence[Record]) -> int:
    if not lines:
        return 0
    import pyarrow as pa

    arrow = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "DATE": pa.date32(),
        "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
    }
    unique = dict(zip(map(attrgetter(*ledger.identity), lines), lines, strict=True)).values()
    schema = pa.schema([(name, arrow[kind]) for name, kind in _columns(ledger).items()])
    columns = {name: [getattr(line, name) for line in unique] for name in schema.names}
    cursor.register("incoming_lines", pa.table(columns, schema))
    target = quote_table(ledger.table)
    try:
        added = cursor.execute(
            f"INSERT INTO {target} BY NAME SELECT * FROM incoming_lines {_not_known(ledger, target)}",
            _bounds(ledger, lines),
        ).fetchone()
    finally:
        cursor.unregister("incoming_lines")
    return int(added[0]) if added else 0


def _not_known(ledger: type[Record], target: str) -> str:
    """The condition that a line is new; only the files that can hold it are read for it."""
    same = " AND ".join(f"known.{name} IS NOT DISTINCT FROM incoming_lines.{name}" for name in ledger.identity)
    near = " AND ".join(f"{name} BETWEEN ? AND ?" for name in ledger.near)
    return f"WHERE NOT EXISTS (SELECT 1 FROM (SELECT * FROM {target} WHERE {near}) AS known WHERE {same})"


def _bounds(ledger: type[Record], lines: Sequence[Record]) -> list[object]:
    values = [[getattr(line, name) for line in lines] for name in ledger.near]
    return [bound for some in values for bound in (min(some), max(some))]


def _columns(ledger: type[Record]) -> dict[str, str]:
    return {field.name: _SQL_TYPES[str(field.type).removesuffix(" | None")] for field in fields(ledger)}
