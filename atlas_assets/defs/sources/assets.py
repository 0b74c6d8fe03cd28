"""Raw assets: one for each enabled source, partitioned by day."""

import dagster as dg

from atlas_assets.data_sources.registry import Source, enabled_sources
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.orchestration.partitions import NEW_YORK, daily_partitions, partitions_of
from atlas_assets.orchestration.planning import missing_loads
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, VendorResource, configured_lake, configured_settings


class LoadConfig(dg.Config):
    """How a load treats what the ledger says is final."""

    refetch: bool = False


def raw_asset(source: Source, section: SourceSettings) -> dg.AssetsDefinition:
    """The asset that loads a source into its raw table."""
    settings, table = configured_settings(), source.table
    partitions = daily_partitions(
        section.partitions_from, last=settings.clock.date() if settings.clock else None, calendar=source.calendar
    )

    @dg.asset(
        key=list(table.asset_key),
        description=table.description,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
        pool=f"vendor_{source.vendor.name}",
        kinds={"python", source.vendor.domain},
        code_version="2",
    )
    def load(
        context: dg.AssetExecutionContext, config: LoadConfig, lake: LakeResource, vendors: VendorResource
    ) -> dg.MaterializeResult:
        from atlas_assets.orchestration.ingestion import Ingestion

        run = AssetRun(context, lake)
        asked = partitions_of(
            context.partition_keys, all_keys=partitions.get_partition_keys(), history_from=section.history_from
        )
        ingestion = Ingestion(
            vendors.source(source),
            partitions=asked,
            lake=run.lake,
            now=settings.now(),
            run_id=context.run.run_id,
            refetch=config.refetch,
        )
        for batch in ingestion.batches():
            run.write(batch.rows, window=batch.windows, records=batch.records)
        for column, object_id in ingestion.tally.new_columns.items():
            context.log.warning(f"{table.name} gained the column {column}: the vendor sends it since {object_id}.")
        for old, new in ingestion.tally.renamed.items():
            context.log.warning(f"{table.name} lacks {old} in every row: the vendor probably renamed it to {new}.")
        if failure := ingestion.tally.failure():
            raise failure
        return run.describe_partitions(metadata=ingestion.tally.metadata())

    return load


def nightly_load(asset: dg.AssetsDefinition) -> dg.ScheduleDefinition:
    """Every night, the partitions of a raw asset that lack something: the new day, and any missed before."""

    @dg.schedule(
        name=f"load_{'_'.join(asset.key.path[1:])}",
        cron_schedule="30 1 * * *",
        execution_timezone=NEW_YORK,
        target=[asset],
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Loads each partition that lacks something: the new day, a day missed, a day not final before.",
    )
    def load_what_is_missing(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        loads = missing_loads(asset.key, asset.partitions_def, context.instance, configured_lake())
        night = f"{context.scheduled_execution_time:%Y-%m-%d}"
        return [dg.RunRequest(run_key=f"{night}:{load.first}:{load.last}", tags=load.tags) for load in loads] or (
            dg.SkipReason("No partition lacks anything.")
        )

    return load_what_is_missing


@dg.definitions
def sources() -> dg.Definitions:
    """Every enabled source that can be asked, with its nightly schedule."""
    enabled = enabled_sources(configured_settings().data_sources)
    assets = [raw_asset(source, section) for source, section in enabled if not source.files_only]
    return dg.Definitions(assets=assets, schedules=[nightly_load(asset) for asset in assets])
