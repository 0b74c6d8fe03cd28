# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Snapshots: what was committed, when, by which run, and what a table's version is."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.hashing import Fingerprint
from atlas_assets.lake.identifiers import quote_table, split_table
from atlas_assets.lake.ranges import parse_time

if TYPE_CHECKING:
    import duckdb

AsOf = int | str | date | datetime | None

BATCH_ROWS = 100_000

# Compaction also makes snapshots that name a table, but leaves its content as it was.
_CONTENT_CHANGES = ("tables_inserted_into", "tables_deleted_from", "tables_altered", "inlined_insert", "inlined_delete")
_CHANGED = " || ".join(f"coalesce(changes['{kind}'], [])" for kind in _CONTENT_CHANGES)


@dataclass(frozen=True)
class Snapshot:
    """One commit."""

    id: int
    time: datetime
    author: str | None
    message: str | None
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableInfo:
    """One table: its rows, the snapshot that last changed it (None once that is expired) and its columns' types."""

    name: str
    rows: int
    snapshot: int | None
    columns: dict[str, str]
    description: str | None = None


class Change(NamedTuple):
    """The snapshot that last changed a table (None once that is expired), and what its commit says of itself."""

    snapshot: int | None
    info: dict[str, Any]


def current_snapshot(cursor: duckdb.DuckDBPyConnection) -> int:
    """Return the newest snapshot that the connection sees."""
    row = cursor.execute("FROM lake.current_snapshot()").fetchone()
    assert row is not None
    return int(row[0])


def resolve_snapshot(cursor: duckdb.DuckDBPyConnection, as_of: AsOf) -> int | None:
    """Return the snapshot that was the newest at a time; None stays None.

    Snapshots from the first one later than `as_of` on are left out even where the clock was set back between
    them, so that a read can never see what was committed after its time.
    """
    if as_of is None:
        return None
    if isinstance(as_of, str) and as_of.isdecimal():
        as_of = int(as_of)
    if isinstance(as_of, int):
        found = cursor.execute("SELECT snapshot_id FROM lake.snapshots() WHERE snapshot_id = ?", [as_of]).fetchone()
        if found is None:
            raise LakeError(f"There is no snapshot {as_of} (any more): ask for one of: from lake.snapshots().")
        return as_of
    moment = parse_time(as_of if isinstance(as_of, str) else as_of.isoformat(), "as_of")
    row = cursor.execute(
        "SELECT max(snapshot_id) FROM lake.snapshots() WHERE snapshot_id < "
        "(SELECT coalesce(min(snapshot_id), 9223372036854775807) FROM lake.snapshots() WHERE snapshot_time > ?)",
        [moment],
    ).fetchone()
    if row is None or row[0] is None:
        raise LakeError(f"The lake has no snapshot from {moment.isoformat()} or before: choose a later time.")
    return int(row[0])


def newest_snapshot(cursor: duckdb.DuckDBPyConnection, as_of: AsOf) -> int:
    """Return the snapshot that was the newest at a time, the current one for none."""
    snapshot = resolve_snapshot(cursor, as_of)
    return current_snapshot(cursor) if snapshot is None else snapshot


def list_snapshots(cursor: duckdb.DuckDBPyConnection, table: str | None, limit: int) -> list[Snapshot]:
    """Return the newest snapshots, newest first; of one table if it is given."""
    condition, parameters = "", []
    if table is not None:
        table_columns(cursor, table)
        condition = f"WHERE list_contains({_CHANGED}, ?)"
        parameters = [str(table_id(cursor, table, current_snapshot(cursor)))]
    rows = cursor.execute(
        "SELECT snapshot_id, snapshot_time, author, commit_message, commit_extra_info "
        f"FROM lake.snapshots() {condition} ORDER BY snapshot_id DESC LIMIT ?",
        [*parameters, limit],
    ).fetchall()
    return [Snapshot(number, made, author, message, _parse(info)) for number, made, author, message, info in rows]


def list_tables(cursor: duckdb.DuckDBPyConnection) -> list[TableInfo]:
    """Every table of the lake, by name."""
    rows = cursor.execute(
        "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY 1"
    ).fetchall()
    changes = last_changes(cursor, current_snapshot(cursor))
    return [
        TableInfo(
            name=name,
            rows=_count(cursor, name),
            snapshot=changes[name].snapshot if name in changes else None,
            columns=table_columns(cursor, name),
            description=comment,
        )
        for name, comment in rows
    ]


def table_columns(cursor: duckdb.DuckDBPyConnection, table: str, snapshot: int | None = None) -> dict[str, str]:
    """Return the columns of a table or view and their types, at a snapshot if one is given."""
    import duckdb

    try:
        rows = cursor.execute(f"DESCRIBE SELECT * FROM {quote_table(table)}{at_snapshot(snapshot)}").fetchall()
    except duckdb.CatalogException as error:
        when = f" at snapshot {snapshot}" if snapshot is not None else ""
        raise LakeError(f"The lake has no table {table}{when}: choose one of those in: show all tables.") from error
    return {row[0]: row[1] for row in rows}


def at_snapshot(snapshot: int | None) -> str:
    """Return the clause that reads a table as it was."""
    return "" if snapshot is None else f" AT (VERSION => {int(snapshot)})"


def last_changes(cursor: duckdb.DuckDBPyConnection, snapshot: int) -> dict[str, Change]:
    """Return the last change of every table that there was at a snapshot."""
    rows = cursor.execute(
        f"""
        WITH changes AS (
            SELECT snapshot_id, commit_extra_info, unnest({_CHANGED}) AS table_id
            FROM lake.snapshots() WHERE snapshot_id <= $snapshot
        )
        SELECT s.schema_name || '.' || t.table_name, max(snapshot_id), arg_max_null(commit_extra_info, snapshot_id)
        FROM __ducklake_metadata_lake.ducklake_table AS t
        JOIN __ducklake_metadata_lake.ducklake_schema AS s USING (schema_id)
        LEFT JOIN changes ON CAST(t.table_id AS VARCHAR) = changes.table_id
        WHERE t.begin_snapshot <= $snapshot AND (t.end_snapshot IS NULL OR t.end_snapshot > $snapshot)
            AND s.begin_snapshot <= $snapshot AND (s.end_snapshot IS NULL OR s.end_snapshot > $snapshot)
        GROUP BY ALL
        """,
        {"snapshot": snapshot},
    ).fetchall()
    return {table: Change(changed, _parse(info)) for table, changed, info in rows}


def recorded_fingerprint(change: Change | None, table: str) -> Fingerprint | None:
    """Return the table's fingerprint as its last change recorded it; None when that change was not one of ours."""
    info = {} if change is None else change.info
    return Fingerprint.parse(info["table_version"]) if info.get("table") == table else None


def snapshot_times(cursor: duckdb.DuckDBPyConnection, snapshots: Collection[int]) -> dict[int, str]:
    """Return when snapshots were made (ISO 8601); those that are not there (any more) are left out."""
    rows = cursor.execute(
        "SELECT snapshot_id, CAST(snapshot_time AS TIMESTAMPTZ) FROM __ducklake_metadata_lake.ducklake_snapshot "
        "WHERE snapshot_id IN (SELECT unnest(?::BIGINT[]))",
        [list(snapshots)],
    ).fetchall()
    return {number: made.isoformat() for number, made in rows}


def computed_fingerprint(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    *,
    snapshot: int | None = None,
    where: str = "",
    parameters: list[object] | None = None,
) -> Fingerprint:
    """Return the fingerprint of a table's rows, read in batches."""
    return fingerprint_of(cursor, f"SELECT * FROM {quote_table(table)}{at_snapshot(snapshot)}{where}", parameters)


def fingerprint_of(
    cursor: duckdb.DuckDBPyConnection, query: str, parameters: list[object] | None = None
) -> Fingerprint:
    """Return the fingerprint of a query's rows, read in batches."""
    import pyarrow as pa

    reader = cursor.execute(query, parameters).to_arrow_reader(BATCH_ROWS)
    return sum((Fingerprint.of(pa.Table.from_batches([batch])) for batch in reader), Fingerprint())


def _count(cursor: duckdb.DuckDBPyConnection, table: str) -> int:
    row = cursor.execute(f"SELECT count(*) FROM {quote_table(table)}").fetchone()
    assert row is not None
    return int(row[0])


def table_id(cursor: duckdb.DuckDBPyConnection, table: str, snapshot: int) -> int | None:
    """Return the engine's number of a table, which another one of the same name does not have."""
    schema, name = split_table(table)
    row = cursor.execute(
        "SELECT t.table_id FROM __ducklake_metadata_lake.ducklake_table AS t "
        "JOIN __ducklake_metadata_lake.ducklake_schema AS s USING (schema_id) "
        "WHERE s.schema_name = ? AND t.table_name = ? "
        "AND t.begin_snapshot <= ? AND (t.end_snapshot IS NULL OR t.end_snapshot > ?) "
        "AND s.begin_snapshot <= ? AND (s.end_snapshot IS NULL OR s.end_snapshot > ?)",
        [schema, name, snapshot, snapshot, snapshot, snapshot],
    ).fetchone()
    return None if row is None else int(row[0])


def _parse(info: str | None) -> dict[str, Any]:
    try:
        parsed = json.loads(info) if info else {}
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
