"""Divides rows into those that keep a contract and those that break one of its rules."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from atlas_assets.contracts.columns import Contract
from atlas_assets.contracts.rules import sql_rules


def divide(rows: pa.Table, contract: type[Contract]) -> tuple[pa.Table, list[tuple[dict[str, Any], str]]]:
    """The rows that keep every rule about single rows, and the others with what is wrong with each.

    Parameters
    ----------
    rows
        Rows with some of the contract's columns, and any others; their order is kept.
    contract
        Rules that speak of columns which the rows lack are passed over.
    """
    rules = [rule for rule in sql_rules(contract) if set(rule.columns) <= set(rows.column_names)]
    if not rules or not rows.num_rows:
        return rows, []
    broken = " OR ".join(f"({rule.violated})" for rule in rules)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("incoming", rows)
        counted = connection.execute(f"SELECT count(*) FROM incoming WHERE {broken}").fetchone()
        if counted is None or counted[0] == 0:
            return rows, []
        kept = connection.execute(f"SELECT * FROM incoming WHERE NOT coalesce({broken}, false)").to_arrow_table()
        marks = ", ".join(f"coalesce({rule.violated}, false)" for rule in rules)
        failing = connection.execute(f"SELECT *, [{marks}] FROM incoming WHERE {broken}").to_arrow_table()
    reasons = failing.column(failing.num_columns - 1).to_pylist()
    texts = [f"{', '.join(rule.columns)}: {rule.name}" for rule in rules]
    return kept.cast(rows.schema), [
        (row, "; ".join(text for text, is_broken in zip(texts, marks, strict=True) if is_broken))
        for row, marks in zip(failing.select(rows.column_names).to_pylist(), reasons, strict=True)
    ]
