"""Raw assets: one for each source, partitioned by day."""

from dataclasses import dataclass

import dagster as dg

from atlas_assets.contracts.tables import table
from atlas_assets.orchestration.ingestion import as_failure, ingest
from atlas_assets.orchestration.partitions import NEW_YORK, daily_partitions, days_of
from atlas_assets.orchestration.planning import missing_loads
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, VendorResource, configured_settings


@dataclass(frozen=True)
class RawAsset:
    """What a raw asset's declaration needs."""

    table: str
    settings_key: str
    description: str
    calendar: str | None = None


RAW_ASSETS = (
    RawAsset("raw.eodhd_eod", "eod_historical", "Daily bars of stocks and indices from EODHD, as sent.", "XNYS"),
    RawAsset("raw.fred_observations", "fred", "Macro observations with vintages from FRED, as sent."),
    RawAsset("raw.binance_klines", "binance", "One-minute candles from Binance, as sent, finished ones only."),
    RawAsset("raw.binance_agg_trades", "binance", "Aggregate trades from Binance, as sent."),
    RawAsset(
        "raw.alternative_me_fear_greed", "alternative_me", "Crypto Fear & Greed index of alternative.me, as sent."
    ),
    RawAsset("raw.rss_articles", "rss", "Entries of RSS and Atom news feeds, as sent."),
)


def raw_asset(declared: RawAsset) -> dg.AssetsDefinition:
    """The asset that loads one source's dataset into its raw table."""
    settings = configured_settings()
    source_settings = getattr(settings.data_sources, declared.settings_key)
    key = table(declared.table).asset_key
    partitions = daily_partitions(
        source_settings.partitions_from,
        last=settings.clock.date() if settings.clock else None,
        calendar=declared.calendar,
    )

    @dg.asset(
        key=list(key),
        description=declared.description,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
        pool=f"vendor_{key[1]}",
        kinds={"python", key[1] if key[1] != "alternative_me" else "api"},
        code_version="1",
    )
    def load(context: dg.AssetExecutionContext, lake: LakeResource, vendors: VendorResource) -> dg.MaterializeResult:
        from atlas_assets.data_sources.http import PermanentError, SourceError
        from atlas_assets.data_sources.registry import source_of
        from atlas_assets.lake import Window

        run, keys = AssetRun(context, lake), context.partition_keys
        all_keys = partitions.get_partition_keys()
        start, end = days_of(keys, all_keys=all_keys, history_from=source_settings.history_from)
        try:
            batch = ingest(
                vendors.source(source_of(declared.table)),
                start=start,
                end=end,
                partition_keys=all_keys,
                lake=run.lake,
                now=settings.now(),
                run_id=context.run.run_id,
            )
        except SourceError as error:
            raise as_failure(error, permanent=isinstance(error, PermanentError)) from None
        return run.publish(
            batch.rows,
            window=Window("partition_date", keys[0], keys[-1]),
            objects=batch.objects,
            metadata={"replies": len(batch.objects), "bytes": sum(record.bytes for record in batch.objects)},
        )

    return load


def nightly_load(asset: dg.AssetsDefinition) -> dg.ScheduleDefinition:
    """Every night, the partitions of a raw asset that were never loaded: the new day and any missed before."""

    @dg.schedule(
        name=f"load_{'_'.join(asset.key.path[1:])}",
        cron_schedule="30 1 * * *",
        execution_timezone=NEW_YORK,
        target=[asset],
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Loads each partition that was never loaded: the new day, and any day missed before.",
    )
    def load_what_is_missing(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        loads = missing_loads(asset.key, asset.partitions_def, context.instance)
        night = f"{context.scheduled_execution_time:%Y-%m-%d}"
        return [dg.RunRequest(run_key=f"{night}:{load.first}:{load.last}", tags=load.tags) for load in loads] or (
            dg.SkipReason("Every partition is loaded.")
        )

    return load_what_is_missing


@dg.definitions
def sources() -> dg.Definitions:
    """Every enabled source with its nightly schedule."""
    settings = configured_settings()
    assets = [raw_asset(raw) for raw in RAW_ASSETS if getattr(settings.data_sources, raw.settings_key).enabled]
    return dg.Definitions(assets=assets, schedules=[nightly_load(asset) for asset in assets])
