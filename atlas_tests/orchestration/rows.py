"""Tables of the lake with the columns that a test is about."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.lake import CommitInfo
from atlas_assets.orchestration.resources import configured_lake


def put(table: str, contract: type, rows: list[dict[str, Any]]) -> None:
    """Make these the rows of a table; columns that they lack are empty."""
    schema = arrow_schema(contract)
    configured_lake().replace(
        table,
        pa.Table.from_pylist([{**dict.fromkeys(schema.names), **row} for row in rows], schema=schema),
        schema=schema,
        keys=primary_key(contract),
        window=None,
        commit=CommitInfo(run_id="test", asset=table),
    )
