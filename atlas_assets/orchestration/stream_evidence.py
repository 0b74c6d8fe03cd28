"""What a stream has added to its table since it was last looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from atlas_assets.streaming.sink import RUN_PREFIX

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_assets.lake import Lake
    from atlas_assets.streaming.channels import Channel

PREVIEW_ROWS = 1_000
SNAPSHOT = "seen_snapshot"


def newest_commits(lake: Lake, channels: Sequence[Channel], *, after: int) -> dict[str, int]:
    """The newest snapshot in which a stream has added to each table, for those with one after a snapshot.

    One query of the catalog; no data is read.
    """
    found = lake.sql(
        "SELECT commit_extra_info ->> 'table' AS written, max(snapshot_id) AS snapshot FROM lake.snapshots()"
        " WHERE snapshot_id > ? AND starts_with(commit_extra_info ->> 'run_id', ?) GROUP BY 1",
        [after, RUN_PREFIX],
    )
    newest = dict(zip(found["written"].to_pylist(), found["snapshot"].to_pylist(), strict=True))
    names = [channel.table.name for channel in channels]
    return {name: newest[name] for name in names if name in newest}


def last_seen(context: dg.AssetExecutionContext) -> int:
    """The snapshot up to which the asset's last materialisation has described its table; 0 for none."""
    event = context.instance.get_latest_materialization_event(context.asset_key)
    made = event.asset_materialization if event else None
    seen = made.metadata.get(SNAPSHOT) if made else None
    return int(str(seen.value)) if seen is not None else 0


def added(lake: Lake, channel: Channel, *, since: int, until: int) -> tuple[pa.Table, dict[str, Any]]:
    """The newest of the rows that were added after one snapshot and up to another, and numbers about all of them.

    Parameters
    ----------
    since, until
        Snapshots: the first one excluded, the last one included.
    """
    # A range that is empty would be refused.
    span = f"{min(since + 1, until)}, {until}"
    new = f"change_type = 'insert' AND snapshot_id > {since}"
    table = channel.table.name.partition(".")[2]
    moment = "timestamp" if "timestamp" in channel.table.columns else "event_time"
    changes = f"(SELECT * FROM lake.raw.table_changes('{table}', {span}) WHERE {new})"
    milliseconds = f'if("{moment}" < 100000000000000, "{moment}", "{moment}" // 1000)'
    lag = f"(epoch_ms(ingested_at) - {milliseconds}) / 1000.0"
    names = ", ".join(f'"{name}"' for name in channel.series)
    (numbers,) = lake.sql(
        f"SELECT count(*) AS rows_added, count(DISTINCT ({names})) AS series,"
        f" quantile_disc({lag}, 0.5) AS lag_p50_seconds, quantile_disc({lag}, 0.99) AS lag_p99_seconds,"
        f" min({channel.number}) AS first_number, max({channel.number}) AS last_number FROM {changes}"
    ).to_pylist()
    (gaps,) = lake.sql(
        f"SELECT count(*) AS gaps_missing FROM lake.raw.table_changes('coverage', {span})"
        f" WHERE {new} AND source = ? AND dataset = ? AND state = 'missing'",
        [channel.source, channel.dataset],
    ).to_pylist()
    columns = ", ".join(f'"{name}"' for name in channel.table.columns)
    rows = lake.sql(f"SELECT {columns} FROM {changes} ORDER BY ingested_at DESC LIMIT {PREVIEW_ROWS}")
    return rows, {name: value for name, value in {**numbers, **gaps}.items() if value is not None}


def cursor_of(newest: Mapping[str, int], before: int) -> int:
    """Where the sensor goes on from."""
    return max([before, *newest.values()])
