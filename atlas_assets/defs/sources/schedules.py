"""When sources are asked for what is new."""

import dagster as dg

from atlas_assets.orchestration.partitions import NEW_YORK
from atlas_assets.orchestration.planning import missing_loads


@dg.schedule(
    cron_schedule="30 1 * * *",
    execution_timezone=NEW_YORK,
    target=dg.AssetSelection.groups("eodhd", "fred", "binance", "alternative_me", "rss"),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night, loads each partition that was never loaded: the new day, and any day missed before.",
)
def nightly_load(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """One run for each run of adjacent missing partitions."""
    loads = missing_loads(context.repository_def.asset_graph, context.instance)
    if not loads:
        return dg.SkipReason("Every partition is loaded.")
    return [
        dg.RunRequest(
            run_key=f"{load.key.to_user_string()}:{load.first}:{load.last}:{context.scheduled_execution_time:%Y-%m-%d}",
            asset_selection=[load.key],
            tags=load.tags,
        )
        for load in loads
    ]
