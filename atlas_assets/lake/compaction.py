"""Compaction: many small files of a table become a few, and nothing that can be asked changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.lake.identifiers import split_table

if TYPE_CHECKING:
    import duckdb


def merge_files(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    """Merge adjacent small files of a table in a commit of its own; files before and after among those merged.

    Every snapshot, the change feed and the recorded version of the table stay what they were. The files that were
    merged stay on disk until maintenance removes them, for a reader may still have them open.
    """
    schema, name = split_table(table)
    merged = cursor.execute("CALL ducklake_merge_adjacent_files('lake', ?, schema => ?)", [name, schema]).fetchall()
    return sum(int(row[2]) for row in merged), sum(int(row[3]) for row in merged)
