"""Raw assets of the files that people drop, and the sensors that notice them."""

import time

import dagster as dg

from atlas_assets.contracts.raw import RawTable
from atlas_assets.orchestration.inboxes import inboxes, waiting_for
from atlas_assets.orchestration.landing import Landing, quarantine_check
from atlas_assets.orchestration.locations import fingerprint
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
LOCAL_SECONDS, REMOTE_SECONDS = 5, 60
RETRY_SECONDS = 900
QUARANTINED = "quarantined_rows"


def landing_asset(table: RawTable) -> dg.AssetsDefinition:
    """The asset that takes the files of a table."""

    @dg.asset(
        key=list(table.asset_key),
        description=table.description,
        kinds={"python", "file"},
        pool="landing",
        code_version="2",
        check_specs=[
            dg.AssetCheckSpec(
                QUARANTINED, asset=list(table.asset_key), description="No row of the files taken was set aside."
            )
        ],
    )
    def take_files(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        settings, run = configured_settings(), AssetRun(context, lake)
        landing = Landing(table, lake=run.lake, now=settings.now(), run_id=context.run.run_id)
        written, rows = run.write(run.no_rows(), window=()), run.no_rows()
        for batch in landing.batches(waiting_for(settings, now_seconds=time.time()).get(table, [])):
            rows = batch.rows
            written = run.write(rows, window=batch.windows, records=batch.records)
        for message in landing.tally.messages:
            context.log.warning(message)
        described = run.describe(rows, written, metadata=landing.tally.metadata())
        check = quarantine_check(landing.tally, name=QUARANTINED)
        return dg.MaterializeResult(
            metadata=described.metadata, data_version=described.data_version, check_results=[check]
        )

    return take_files


def landing_sensor(
    name: str, assets: list[dg.AssetsDefinition], *, remote: bool, where: str, seconds: int
) -> dg.SensorDefinition:
    """A sensor that asks for a run of the assets that files wait for; files that stay ask again now and then."""

    @dg.sensor(
        name=name,
        target=assets,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Takes files dropped into {where}.",
    )
    def notice_files(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if context.instance.get_runs_count(
            dg.RunsFilter(tags={"dagster/sensor_name": context.sensor_name}, statuses=ACTIVE)
        ):
            return dg.SkipReason("A run is taking the files that were there.")
        now_seconds = time.time()
        waiting = waiting_for(configured_settings(), now_seconds=now_seconds, remote=remote)
        if not waiting:
            return dg.SkipReason(f"No file waits in {where}.")
        files = fingerprint([file for files in waiting.values() for file, _ in files])
        return dg.RunRequest(
            run_key=f"{files}:{int(now_seconds // RETRY_SECONDS)}",
            asset_selection=[dg.AssetKey(table.asset_key) for table in waiting],
        )

    return notice_files


@dg.definitions
def landing() -> dg.Definitions:
    """An asset for each table that dropped files go to, and a sensor for each kind of place."""
    settings = configured_settings()
    assets = [landing_asset(table) for table in inboxes(settings)]
    folders, urls = settings.landing.folders, settings.landing.urls
    sensors = []
    if folders:
        where = "the landing folder" if len(folders) == 1 else "the landing folders"
        sensors.append(landing_sensor("landing_sensor", assets, remote=False, where=where, seconds=LOCAL_SECONDS))
    if urls:
        where = " or ".join(urls)
        sensors.append(
            landing_sensor("remote_landing_sensor", assets, remote=True, where=where, seconds=REMOTE_SECONDS)
        )
    return dg.Definitions(assets=assets, sensors=sensors)
