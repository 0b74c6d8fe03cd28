"""Which reply first said what a row says, and what the lake had before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.lake import Lake, Window

OF_THE_REPLY = ("object_id", "ingested_at")


def with_history(
    rows: pa.Table, table: str, windows: Sequence[Window], *, keys: Sequence[str], accumulates: bool, lake: Lake
) -> tuple[pa.Table, int]:
    """New rows of some windows, with what the lake has there, and how many of its rows the vendor revised.

    A row whose every value the lake has already stays as the lake has it: from the reply that first said so. (A reply
    may differ from an earlier one only in the window it was asked for.)

    Parameters
    ----------
    windows
        The rows that will be replaced.
    keys
        Columns that name a row.
    accumulates
        Whether rows of the lake stay that the new ones lack.
    """
    import duckdb

    before = _before(table, windows, rows.schema, lake=lake)
    if before is None:
        return rows, 0
    said = [name for name in rows.column_names if name not in OF_THE_REPLY]
    same = " AND ".join(f'new."{name}" IS NOT DISTINCT FROM old."{name}"' for name in said)
    named = " AND ".join(f'new."{name}" IS NOT DISTINCT FROM old."{name}"' for name in keys)
    first = ", ".join(f"coalesce(old.{name}, new.{name}) AS {name}" for name in OF_THE_REPLY)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("new", rows)
        connection.register("old", before)
        merged = connection.execute(
            f"SELECT new.* REPLACE ({first}), old.object_id IS NOT NULL AS is_known FROM new LEFT JOIN old ON {same}"
        ).to_arrow_table()
        lost = connection.execute(
            f"SELECT * FROM old WHERE NOT EXISTS (SELECT 1 FROM new WHERE {named})"
        ).to_arrow_table()
    import pyarrow as pa
    import pyarrow.compute as pc

    known: Any = pc.call_function("sum", [merged["is_known"].cast(pa.int64())]).as_py() or 0
    merged = merged.drop_columns(["is_known"]).cast(rows.schema)
    if accumulates:
        return pa.concat_tables([merged, lost.select(rows.column_names).cast(rows.schema)]), (
            before.num_rows - known - lost.num_rows
        )
    return merged, before.num_rows - known


def with_first_receipt(rows: pa.Table, *, source: str, dataset: str, lake: Lake) -> pa.Table:
    """Rows whose ``ingested_at`` is when the very bytes they were read from were first received.

    The same reply fetched again makes the same rows, and nothing downstream runs.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not rows.num_rows:
        return rows
    objects: Any = pc.call_function("unique", [rows["object_id"]]).to_pylist()
    known = lake.sql(
        "SELECT object_id, min(fetched_at) AS first FROM lake.raw.objects"
        " WHERE source = ? AND dataset = ? AND object_id IN (SELECT unnest(?)) GROUP BY object_id",
        [source, dataset, objects],
    )
    if not known.num_rows:
        return rows
    place = rows.column_names.index("ingested_at")
    position = pc.call_function("index_in", [rows["object_id"]], pc.SetLookupOptions(known.column("object_id")))
    first = known.column("first").cast(pa.timestamp("us", "UTC")).take(position)
    column: Any = pc.call_function("coalesce", [first, rows["ingested_at"]])
    return rows.set_column(place, rows.schema.field(place), column)


def with_provenance(
    rows: pa.Table, *, partition_dates: pa.Array | pa.ChunkedArray, replies: Sequence[tuple[str, datetime, int]]
) -> pa.Table:
    """Rows with the lake's own columns.

    Parameters
    ----------
    replies
        In the rows' order, of each reply its object_id, when it was received and how many of the rows are its.
    """
    import numpy as np
    import pyarrow as pa

    object_ids, received, counts = zip(*replies, strict=True)
    place = pa.array(np.repeat(np.arange(len(replies)), counts))
    return (
        rows.append_column("partition_date", partition_dates)
        .append_column("object_id", pa.array(object_ids, pa.string()).take(place))
        .append_column("ingested_at", pa.array(received, pa.timestamp("us", "UTC")).take(place))
    )


def with_added(rows: pa.Table, added: pa.Table | None) -> pa.Table:
    """Rows with the columns of fields that nobody declared."""
    if added is not None:
        for name, column in zip(added.column_names, added.columns, strict=True):
            rows = rows.append_column(name, column)
    return rows


def _before(table: str, windows: Sequence[Window], columns: pa.Schema, *, lake: Lake) -> pa.Table | None:
    """What the lake has in the windows; None for nothing."""
    from atlas_assets.lake import LakeError
    from atlas_assets.lake.schema import sql_type

    conditions: list[str] = []
    parameters: list[object] = []
    for window in windows:
        conditions.append(f"({window.column} BETWEEN ?::DATE AND ?::DATE")
        parameters += [window.start, window.end]
        if window.among is not None:
            conditions[-1] += f' AND "{window.among[0]}" IN (SELECT unnest(?::VARCHAR[]))'
            parameters.append(list(window.among[1]))
        conditions[-1] += ")"
    try:
        known = lake.sql(f"SELECT column_name FROM (DESCRIBE lake.{table})").column(0).to_pylist()
    except LakeError:  # the first load: there is no table yet
        return None
    lacking = {one.name: sql_type(one.type, one.name) for one in columns if one.name not in known}
    listed = ", ".join(
        f'NULL::{lacking[name]} AS "{name}"' if name in lacking else f'"{name}"' for name in columns.names
    )
    found = lake.sql(f"SELECT {listed} FROM lake.{table} WHERE {' OR '.join(conditions) or 'false'}", parameters)
    return found if found.num_rows else None
