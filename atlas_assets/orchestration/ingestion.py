"""From a vendor's replies to rows: every reply is stored before it is read."""

from __future__ import annotations

import bisect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.data_sources.base import BaseDataSource
    from atlas_assets.data_sources.http import Reply
    from atlas_assets.lake import Lake, ObjectRecord, StoredObject


@dataclass(frozen=True)
class Batch:
    """Rows of a raw table and the stored replies they came from."""

    rows: pa.Table
    objects: tuple[ObjectRecord, ...]


def ingest(
    source: BaseDataSource[Any, Any],
    *,
    start: date,
    end: date,
    partition_keys: Sequence[str],
    lake: Lake,
    now: datetime,
    run_id: str,
) -> Batch:
    """Fetch the days from ``start`` to ``end`` (inclusive), store the replies, read the rows.

    Parameters
    ----------
    partition_keys
        All partition days in order; a row belongs to the first one that is not before its day.
    now
        The time of receipt.

    Raises
    ------
    SourceError
        When the vendor does not answer as it should. The replies received until then are stored.
    """
    import pyarrow as pa

    from atlas_assets.data_sources.base import unique_rows

    read: list[tuple[pa.Table, str]] = []
    records: list[ObjectRecord] = []
    for query in source.queries(start, end):
        for reply in source.extract(query):
            stored = lake.objects.put(
                reply.content,
                source=source.source,
                dataset=source.dataset,
                received=now.date(),
                suffix=source.media_suffix,
            )
            rows = source.transform(reply.content, query)
            read.append((rows, stored.object_id))
            records.append(
                _record(source, stored, reply, rows=rows.num_rows, start=start, end=end, now=now, run_id=run_id)
            )
    received = first_received([object_id for _, object_id in read], lake=lake, now=now)
    tables = [
        with_provenance(
            rows,
            partition_dates=_partition_dates(source.row_dates(rows), partition_keys),
            object_id=object_id,
            received=received[object_id],
        )
        for rows, object_id in read
    ]
    rows = unique_rows(pa.concat_tables(tables), source.table)
    return Batch(keep_first_provenance(rows, source.table, lake=lake), tuple(records))


def keep_first_provenance(rows: pa.Table, table: str, *, lake: Lake) -> pa.Table:
    """Rows whose every value the lake has already, as it has them: from the reply that first said so.

    A reply may differ from an earlier one only in the window it was asked for.
    """
    import duckdb
    import pyarrow.compute as pc

    from atlas_assets.lake import LakeError

    bounds: Any = pc.call_function("min_max", [rows["partition_date"]])
    try:
        days = ("partition_date BETWEEN ? AND ?", [bounds["min"].as_py(), bounds["max"].as_py()])
        before = lake.read_arrow(table, where=days)
    except LakeError:  # the first load: there is no table yet
        return rows
    said = [name for name in rows.column_names if name not in ("object_id", "ingested_at")]
    same = " AND ".join(f'"now"."{name}" IS NOT DISTINCT FROM "before"."{name}"' for name in said)
    kept = ", ".join(f'coalesce("before".{name}, "now".{name}) AS {name}' for name in ("object_id", "ingested_at"))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("now", rows)
        connection.register("before", before)
        query = f'SELECT "now".* REPLACE ({kept}) FROM "now" LEFT JOIN "before" ON {same}'
        return connection.execute(query).to_arrow_table()


def first_received(object_ids: Sequence[str], *, lake: Lake, now: datetime) -> dict[str, datetime]:
    """When the bytes of each object were first received: before, or ``now``."""
    known = lake.sql(
        "SELECT object_id, min(fetched_at) AS first FROM lake.raw.objects"
        " WHERE object_id IN (SELECT unnest(?)) GROUP BY object_id",
        [list(object_ids)],
    )
    before = dict(zip(known.column("object_id").to_pylist(), known.column("first").to_pylist(), strict=True))
    return {object_id: before.get(object_id, now) for object_id in object_ids}


def with_provenance(rows: pa.Table, *, partition_dates: pa.Array, object_id: str, received: datetime) -> pa.Table:
    """Rows with the lake's own columns.

    ``ingested_at`` is when these very bytes were first received: the same reply fetched again
    makes the same rows, and nothing downstream runs.
    """
    import pyarrow as pa

    return (
        rows.append_column("partition_date", partition_dates)
        .append_column("object_id", pa.repeat(object_id, rows.num_rows))
        .append_column("ingested_at", pa.repeat(pa.scalar(received, pa.timestamp("us", "UTC")), rows.num_rows))
    )


def _partition_dates(days: pa.Array | pa.ChunkedArray, partition_keys: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    keys = [date.fromisoformat(key) for key in partition_keys]
    whole = days.combine_chunks() if isinstance(days, pa.ChunkedArray) else days
    encoded = whole.dictionary_encode()
    partition = [keys[bisect.bisect_left(keys, day)] for day in encoded.dictionary.to_pylist()]
    return pa.array(partition, pa.date32()).take(encoded.indices)


def _record(
    source: BaseDataSource[Any, Any],
    stored: StoredObject,
    reply: Reply,
    *,
    rows: int,
    start: date,
    end: date,
    now: datetime,
    run_id: str,
) -> ObjectRecord:
    from atlas_assets.lake import ObjectRecord

    return ObjectRecord(
        object_id=stored.object_id,
        path=stored.path,
        source=source.source,
        dataset=source.dataset,
        request=json.dumps(reply.request, sort_keys=True),
        status=reply.status,
        headers=json.dumps(reply.headers, sort_keys=True),
        window_start=datetime.combine(start, time.min, UTC),
        window_end=datetime.combine(end, time.max, UTC),
        fetched_at=now,
        bytes=len(reply.content),
        rows=rows,
        run_id=run_id,
    )


def as_failure(error: Exception, *, permanent: bool) -> dg.Failure:
    """A vendor's failure as Dagster sees it: permanent ones are not tried again."""
    return dg.Failure(description=str(error), allow_retries=not permanent)
