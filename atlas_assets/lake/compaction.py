"""Compaction: many small files of a table become a few, and nothing that can be asked changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_assets.lake.identifiers import split_table

if TYPE_CHECKING:
    import duckdb


def tables_of_many_files(connection: duckdb.DuckDBPyConnection, *, more_than: int) -> list[str]:
    """Return the tables whose rows lie in more files than so many, by name."""
    rows = connection.execute(
        """
        SELECT s.schema_name || '.' || t.table_name
        FROM __ducklake_metadata_lake.ducklake_data_file AS f
        JOIN __ducklake_metadata_lake.ducklake_table AS t USING (table_id)
        JOIN __ducklake_metadata_lake.ducklake_schema AS s USING (schema_id)
        WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL
        GROUP BY ALL HAVING count(*) > ? ORDER BY ALL
        """,
        [more_than],
    ).fetchall()
    return [str(table) for (table,) in rows]


def merge_files(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    """Merge adjacent small files of a table in a commit of its own; files before and after among those merged.

    Every snapshot, the change feed and the recorded version of the table stay what they were. The files that were
    merged stay on disk until maintenance removes them, for a reader may still have them open.
    """
    schema, name = split_table(table)
    merged = cursor.execute("CALL ducklake_merge_adjacent_files('lake', ?, schema => ?)", [name, schema]).fetchall()
    return sum(int(row[2]) for row in merged), sum(int(row[3]) for row in merged)
