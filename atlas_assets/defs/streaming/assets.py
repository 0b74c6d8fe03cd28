"""The raw assets that streams fill, and the sensor that turns committed micro-batches into runs."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.stream_evidence import SNAPSHOT, added, cursor_of, last_seen, newest_commits
from atlas_assets.orchestration.tables import enabled_channels
from atlas_assets.streaming.channels import KLINES, MESSAGES, TRADES, Channel

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
KINDS = {TRADES: {"python", "websocket"}, KLINES: {"python", "websocket"}, MESSAGES: {"python", "kafka"}}


def stream_asset(channel: Channel) -> dg.AssetsDefinition:
    """The asset of a table that a stream fills: a run says what came, the rows are there already."""

    @dg.asset(
        key=list(channel.table.asset_key),
        description=channel.table.description,
        kinds=KINDS[channel],
        pool="streams",
        code_version="1",
    )
    def describe(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        from atlas_assets.contracts.schema import arrow_schema

        run = AssetRun(context, lake)
        # Adds no row, makes the table where it is missing, and says what the whole table holds.
        written = run.write(arrow_schema(run.table.contract).empty_table(), window=())
        since = last_seen(context)
        rows, numbers = added(run.lake, channel, since=since, until=written.snapshot_id)
        return run.describe(rows, written, metadata={**numbers, SNAPSHOT: written.snapshot_id})

    return describe


def stream_sensor(assets: dict[Channel, dg.AssetsDefinition]) -> dg.SensorDefinition:
    """The sensor of all streams."""

    @dg.sensor(
        name="stream_sensor",
        target=list(assets.values()),
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notices what streams have committed, and has it described.",
    )
    def notice(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if context.instance.get_runs_count(
            dg.RunsFilter(tags={"dagster/sensor_name": context.sensor_name}, statuses=ACTIVE)
        ):
            return dg.SkipReason("A run is describing what came before.")
        before = int(context.cursor or 0)
        newest = newest_commits(configured_lake(), list(assets), after=before)
        cursor = cursor_of(newest, before)
        # Silver waits for each of its inputs to be made once, even if its stream never runs.
        keys = [
            asset.key
            for channel, asset in assets.items()
            if channel.table.name in newest or context.instance.get_latest_materialization_event(asset.key) is None
        ]
        if not keys:
            return dg.SkipReason("No stream has committed anything new.")
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=str(cursor), asset_selection=keys)], cursor=str(cursor)
        )

    return notice


@dg.definitions
def streaming() -> dg.Definitions:
    """The streams that the settings enable."""
    assets = {channel: stream_asset(channel) for channel in enabled_channels()}
    return dg.Definitions(assets=list(assets.values()), sensors=[stream_sensor(assets)])
