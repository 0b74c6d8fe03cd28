# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Tables: they are created on first use, and only ever gain columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.identifiers import quote_identifier, quote_literal, quote_table, split_table
from atlas_assets.lake.schema import is_open, sql_type

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def ensure_table(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    schema: pa.Schema,
    comments: Mapping[str, str] | None = None,
    description: str | None = None,
) -> bool:
    """Create a table, or add the columns that it lacks; whether anything was done.

    Raises
    ------
    LakeError
        When a column that exists has another type in `schema`, or is missing there (unless the table `is_open`).
    """
    layer, name = split_table(table)
    wanted = {column.name: sql_type(column.type, column.name) for column in schema}
    found = cursor.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE database_name = 'lake' AND schema_name = ? AND table_name = ? ORDER BY column_index",
        [layer, name],
    ).fetchall()
    present = {column: kind for column, kind, _ in found}
    target = quote_table(table)
    statements: list[str] = []
    if not present:
        columns = ", ".join(f"{quote_identifier(column)} {kind}" for column, kind in wanted.items())
        statements = [
            f"CREATE SCHEMA IF NOT EXISTS lake.{quote_identifier(layer)}",
            f"CREATE TABLE {target} ({columns})",
        ]
    else:
        _refuse_loss(table, present, wanted)
        statements = [
            f"ALTER TABLE {target} ADD COLUMN {quote_identifier(column)} {kind}"
            for column, kind in wanted.items()
            if column not in present
        ]
    written = {column: comment for column, _, comment in found}
    for column, comment in (comments or {}).items():
        if column in wanted and written.get(column) != comment:
            statements.append(f"COMMENT ON COLUMN {target}.{quote_identifier(column)} IS {quote_literal(comment)}")
    if description is not None and _description(cursor, layer, name) != description:
        statements.append(f"COMMENT ON TABLE {target} IS {quote_literal(description)}")
    for statement in statements:
        cursor.execute(statement)
    return bool(statements)


def _refuse_loss(table: str, present: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for column, kind in present.items():
        if column not in wanted and is_open(table):
            continue
        if column not in wanted:
            raise LakeError(
                f"Column {column} of {table} is missing from the new schema: keep it, for its history would be lost."
            )
        if wanted[column] != kind:
            raise LakeError(
                f"Column {column} of {table} is {kind} but the new schema says {wanted[column]}: "
                "keep the type, or add a column with another name."
            )


def _description(cursor: duckdb.DuckDBPyConnection, layer: str, name: str) -> str | None:
    row = cursor.execute(
        "SELECT comment FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name = ? AND table_name = ?",
        [layer, name],
    ).fetchone()
    return None if row is None else row[0]
