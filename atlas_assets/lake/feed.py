# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportMissingTypeStubs=false
"""The change feed: which rows of a table came and went between two snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlas_assets.lake.hashing import Fingerprint
from atlas_assets.lake.history import fingerprint_of, table_id
from atlas_assets.lake.identifiers import quote_identifier, split_table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_GONE = "change_type IN ('delete', 'update_preimage')"
_OWN = "snapshot_id, rowid, change_type"


def followed_fingerprint(
    cursor: duckdb.DuckDBPyConnection, table: str, since: int, before: Fingerprint, snapshot: int
) -> Fingerprint | None:
    """Return the fingerprint at a snapshot from that at an earlier one and the rows that came and went in between.

    None where the change feed does not tell them.
    """
    if (changes := _changes(cursor, table, since, snapshot)) is None:
        return None
    left, came = (
        fingerprint_of(cursor, f"SELECT * EXCLUDE ({_OWN}) FROM {changes} WHERE {which}")
        for which in (_GONE, f"NOT ({_GONE})")
    )
    return before - left + came


def changed(
    cursor: duckdb.DuckDBPyConnection, table: str, *, by: Sequence[str], first: str | None, since: int, snapshot: int
) -> pa.Table | None:
    """Return the values of some columns in the rows that differ between two snapshots, and the first of another.

    A row that went and came back is no difference. None where the change feed does not tell them.
    """
    if (changes := _changes(cursor, table, since, snapshot)) is None:
        return None
    chosen = ", ".join(map(quote_identifier, by))
    least = f", min({quote_identifier(first)}) AS {quote_identifier(first)}" if first else ""
    return cursor.execute(
        f"SELECT {chosen}{least} FROM (SELECT * EXCLUDE ({_OWN}) FROM {changes} "
        f"GROUP BY ALL HAVING sum(CASE WHEN {_GONE} THEN -1 ELSE 1 END) <> 0) GROUP BY ALL ORDER BY ALL"
    ).to_arrow_table()


def _changes(cursor: duckdb.DuckDBPyConnection, table: str, since: int, snapshot: int) -> str | None:
    """Return the feed as a table of SQL; None where the table is another one, was altered, or snapshots expired."""
    identity = table_id(cursor, table, snapshot)
    if since > snapshot or table_id(cursor, table, since) != identity:
        return None
    row = cursor.execute(
        "SELECT count(*), count(*) FILTER (list_contains(coalesce(changes['tables_altered'], []), ?)) "
        "FROM lake.snapshots() WHERE snapshot_id > ? AND snapshot_id <= ?",
        [str(identity), since, snapshot],
    ).fetchone()
    if row != (snapshot - since, 0):
        return None
    schema, name = split_table(table)
    # Both words are checked by `split_table`. The feed has no snapshot after the last: the last is asked for, and none
    # of it taken. A condition on `snapshot_id` would hide rows that left a file which other rows had left before.
    none_of_it = " LIMIT 0" if since == snapshot else ""
    return f"(FROM lake.{schema}.table_changes('{name}', {min(since + 1, snapshot)}, {snapshot}){none_of_it})"
