"""Order-flow features of silver trades, and from these its clusters and how far it is from usual."""

from typing import TYPE_CHECKING

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings
from atlas_assets.orchestration.updating.judged_buckets import DESCRIPTION, check_judged_buckets, run_judged_buckets
from atlas_assets.orchestration.updating.model_fits import UPDATE_EQUALS_REFIT

if TYPE_CHECKING:
    import pandas as pd


@dg.asset(
    key=["gold", "clustering", "order_flow_features"],
    deps=[dg.AssetKey(["silver", "market", "trades"])],
    description="Who trades in each time bucket, how much, how fast and on which side; made anew where trades changed.",
    metadata={"parameters": "order_flow_features"},
    kinds={"python", "numpy"},
    code_version="1",
)
def order_flow_features(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Order-flow features of every time bucket of every traded instrument after its first day."""
    import pandas as pd

    from atlas_assets.orchestration.plots import clustering as plots
    from atlas_assets.orchestration.updating.order_flow import updated_features

    run, parameters = AssetRun(context, lake), configured_settings().models.order_flow_features
    updated = updated_features(run, parameters)
    tables = [one.table for one in updated if len(one.table)]
    if not tables:
        return run.publish_nothing("No instrument has a bucket after its first day of trades: load more history.")
    table = pd.concat(tables, ignore_index=True)
    return run.publish(
        table,
        metadata={
            "instruments": len(tables),
            "instruments_computed": sum(one.trades_read > 0 for one in updated),
            "buckets_computed": sum(one.computed for one in updated),
            "trades_read": sum(one.trades_read for one in updated),
        },
        plot=plots.order_flow_features(table),
    )


@dg.asset(
    key=["gold", "clustering", "order_flow_clusters"],
    deps=[order_flow_features],
    description="Time buckets grouped by who trades, how much and on which side, clusters fitted to earlier buckets.",
    metadata={"parameters": "order_flow_clusters"},
    kinds={"python", "scikitlearn"},
    code_version="2",
)
def order_flow_clusters(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Cluster of every time bucket of every traded instrument with enough of them."""
    from atlas_assets.clustering import order_flow_tables as tables
    from atlas_assets.clustering.history import TooLittleHistory
    from atlas_assets.orchestration.plots import clustering as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.order_flow_clusters
    try:
        made = run_judged_buckets(run, parameters, tables.order_flow_clusters)
    except TooLittleHistory as little:
        return run.publish_nothing(str(little))
    table = made.table
    return run.publish(
        table,
        records=made.records,
        metadata={
            **made.metadata,
            "instruments": table["instrument_id"].nunique(),
            "refit_agreement": float(table["refit_agreement"].mean()),
            "feature_means": dg.MetadataValue.md(_means(table)),
        },
        plot=plots.order_flow_clusters(table),
    )


@dg.asset_check(asset=order_flow_clusters, name=UPDATE_EQUALS_REFIT, description=DESCRIPTION)
def order_flow_clusters_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """Clusters that went on from run to run are those of one pass."""
    from atlas_assets.clustering import order_flow_tables as tables

    parameters = configured_settings().models.order_flow_clusters
    return check_judged_buckets(lake.open(), "gold.order_flow_clusters", parameters, tables.order_flow_clusters)


@dg.asset(
    key=["gold", "clustering", "behaviour_deviation"],
    deps=[order_flow_features],
    description="Robust distance of time buckets from the usual order flow of earlier buckets, with p-values.",
    metadata={"parameters": "behaviour_deviation"},
    kinds={"python", "numpy"},
    code_version="2",
)
def behaviour_deviation(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """How unusual every time bucket of every traded instrument with enough of them is."""
    from atlas_assets.clustering import order_flow_tables as tables
    from atlas_assets.clustering.history import TooLittleHistory
    from atlas_assets.orchestration.plots import clustering as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.behaviour_deviation
    try:
        made = run_judged_buckets(run, parameters, tables.behaviour_deviation)
    except TooLittleHistory as little:
        return run.publish_nothing(str(little))
    table = made.table
    return run.publish(
        table,
        records=made.records,
        metadata={
            **made.metadata,
            "instruments": table["instrument_id"].nunique(),
            "unusual_share": float(table["is_unusual"].mean()),
            "largest_distance": float(table["distance"].max()),
        },
        plot=plots.behaviour_deviation(table),
    )


@dg.asset_check(asset=behaviour_deviation, name=UPDATE_EQUALS_REFIT, description=DESCRIPTION)
def behaviour_deviation_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """Deviation that went on from run to run is that of one pass."""
    from atlas_assets.clustering import order_flow_tables as tables

    parameters = configured_settings().models.behaviour_deviation
    return check_judged_buckets(lake.open(), "gold.behaviour_deviation", parameters, tables.behaviour_deviation)


def _means(table: "pd.DataFrame") -> str:
    """Buckets and means of the features of each instrument's clusters, as Markdown."""
    from atlas_assets.clustering.order_flow_tables import FEATURES

    header = ["symbol", "cluster", "last behaviour", "buckets", *FEATURES]
    lines = [header, ["---"] * len(header)]
    for _, rows in table.groupby(["instrument_id", "cluster"], sort=True):
        last = rows.iloc[-1]
        means = [f"{rows[name].mean():.3f}" for name in FEATURES]
        lines.append([str(last["symbol"]), str(last["cluster"]), str(last["behaviour"]), str(len(rows)), *means])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
