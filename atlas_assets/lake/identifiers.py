"""Names and literals that must be written into SQL because they cannot be parameters."""

import re

from atlas_assets.lake.errors import LakeError

_TABLE = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")


def quote_identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str | int | bool) -> str:
    """Return a value as an SQL literal."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def split_table(table: str) -> tuple[str, str]:
    """Return schema and name of a table such as ``silver.daily_bars``."""
    if not _TABLE.fullmatch(table):
        raise LakeError(f"{table!r} is not a table name: write layer.name in lower case, such as silver.daily_bars.")
    schema, name = table.split(".")
    return schema, name


def quote_table(table: str) -> str:
    """Return a table as a quoted SQL name inside the lake."""
    schema, name = split_table(table)
    return f"lake.{quote_identifier(schema)}.{quote_identifier(name)}"
