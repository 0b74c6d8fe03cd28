# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""The manifest of raw objects: the table ``raw.objects``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MANIFEST_TABLE = "raw.objects"

_IDENTITY = ("object_id", "path", "request", "window_start", "window_end")


@dataclass(frozen=True)
class ObjectRecord:
    """One line of the manifest: a stored reply and the request that it answered.

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
class ObjectDifferences:
    """Where store and manifest differ.

    An orphan is a reply that was stored before its run was killed: harmless, and adopted when the run is repeated.
    A missing object is a loss.
    """

    orphans: tuple[str, ...]
    missing: tuple[str, ...]


def record_objects(cursor: duckdb.DuckDBPyConnection, objects: Sequence[ObjectRecord]) -> int:
    """Add the records that the manifest does not have yet, inside the caller's transaction; how many were new."""
    if not objects:
        return 0
    import pyarrow as pa

    utc = pa.timestamp("us", "UTC")
    types = {"status": pa.int32(), "bytes": pa.int64(), "rows": pa.int64()}
    types |= dict.fromkeys(("window_start", "window_end", "fetched_at"), utc)
    unique = {tuple(getattr(record, name) for name in _IDENTITY): record for record in objects}
    fields = [pa.field(name, types.get(name, pa.string())) for name in ObjectRecord.__dataclass_fields__]
    cursor.register(
        "incoming_objects", pa.Table.from_pylist([asdict(record) for record in unique.values()], pa.schema(fields))
    )
    same = " AND ".join(f"known.{name} IS NOT DISTINCT FROM incoming_objects.{name}" for name in _IDENTITY)
    try:
        added = cursor.execute(
            f"INSERT INTO lake.raw.objects BY NAME SELECT * FROM incoming_objects "
            f"WHERE NOT EXISTS (SELECT 1 FROM lake.raw.objects AS known WHERE {same})"
        ).fetchone()
    finally:
        cursor.unregister("incoming_objects")
    return int(added[0]) if added else 0
