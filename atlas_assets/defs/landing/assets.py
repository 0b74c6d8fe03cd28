"""Daily bars from files dropped into the landing folder, and the sensor that notices them."""

import time

import dagster as dg

from atlas_assets.orchestration.landing import Landed, fingerprint, reject, take, waiting_files
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.asset(
    key=["raw", "landing", "daily_bars"],
    description="Daily bars from files dropped into the landing folder, as written.",
    kinds={"python", "file"},
    pool="landing",
    code_version="1",
)
def landed_daily_bars(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Take every waiting file whole, or set it aside with the reason."""
    from atlas_assets.contracts.schema import arrow_schema
    from atlas_assets.lake import Window

    settings, run = configured_settings(), AssetRun(context, lake)
    rows = arrow_schema(run.table.contract).empty_table()
    written = run.write(rows, window=Window("object_id", "", ""))
    taken = rejected = 0
    files = waiting_files(settings.path(settings.landing.folder), now_seconds=time.time())
    for outcome in take(files, lake=run.lake, now=settings.now(), run_id=context.run.run_id):
        if isinstance(outcome, Landed):
            object_id = outcome.record.object_id
            rows = outcome.rows
            written = run.write(rows, window=Window("object_id", object_id, object_id), objects=[outcome.record])
            outcome.file.unlink(missing_ok=True)
            taken += 1
        else:
            moved = reject(outcome.file, outcome.reason)
            context.log.warning(f"{outcome.file.name} was set aside as {moved}: {outcome.reason}")
            rejected += 1
    return run.describe(rows, written, metadata={"files_taken": taken, "files_rejected": rejected})


@dg.sensor(
    target=dg.AssetSelection.assets(landed_daily_bars),
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes files dropped into the landing folder.",
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run when files wait; the same files ask once."""
    if context.instance.get_runs_count(
        dg.RunsFilter(tags={"dagster/sensor_name": context.sensor_name}, statuses=ACTIVE)
    ):
        return dg.SkipReason("A run is taking the files that were there.")
    settings = configured_settings()
    files = waiting_files(settings.path(settings.landing.folder), now_seconds=time.time())
    if not files:
        return dg.SkipReason("No file waits in the landing folder.")
    return dg.RunRequest(run_key=fingerprint(files))
