"""Indicators from silver bars and trades."""

import dagster as dg

from atlas_assets.orchestration.metadata import side_accuracy
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.reading import LakeView
from atlas_assets.orchestration.resources import LakeResource, configured_settings
from atlas_assets.orchestration.updating.model_fits import UPDATE_EQUALS_REFIT
from atlas_assets.orchestration.updating.vpin import judge_vpin, run_vpin, sides_known


@dg.asset(
    key=["gold", "indicators", "technical_indicators"],
    deps=[dg.AssetKey(["silver", "market", "daily_bars"]), dg.AssetKey(["silver", "market", "corporate_actions"])],
    description="Averages, bands, oscillators, directional, volume and volatility indicators of every instrument.",
    kinds={"python", "pandas"},
    code_version="2",
)
def technical_indicators(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Every registered indicator over every instrument's bars."""
    from atlas_assets.indicators import tables
    from atlas_assets.orchestration.plots import indicators as plots

    run = AssetRun(context, lake)
    table = tables.technical_indicators(run.adjusted_bars())
    if table.empty:
        return run.publish_nothing("silver/market/daily_bars has no bars yet: load more history.")
    last = table.groupby("instrument_id")[["rsi_14", "realised_volatility_20_ann"]].last()
    return run.publish(
        table,
        metadata={
            "instruments": len(last),
            "median_rsi_14": float(last["rsi_14"].dropna().median()),
            "median_realised_volatility_ann": float(last["realised_volatility_20_ann"].dropna().median()),
        },
        plot=plots.technical_indicators(table),
    )


@dg.asset(
    key=["gold", "indicators", "vpin"],
    deps=[dg.AssetKey(["silver", "market", "trades"])],
    description="Volume-synchronised probability of informed trading, its trailing percentile, and toxic episodes.",
    metadata={"parameters": "vpin"},
    kinds={"python", "numpy"},
    code_version="5",
)
def vpin(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """VPIN of every traded instrument."""
    from atlas_assets.indicators import tables
    from atlas_assets.orchestration.plots import indicators as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.vpin
    made = run_vpin(run, parameters)
    if made.table.empty:
        return run.publish_nothing("No instrument has trades: load raw trades, then silver/market/trades.")
    table, accuracy = made.table, tables.side_accuracy(sides_known(run), bar_seconds=parameters.bar_seconds)
    return run.publish(
        table,
        records=made.records,
        metadata={
            "vpin_mean": float(table["vpin"].mean()),
            "vpin_max": float(table["vpin"].max()),
            "toxic_episodes": int(table.groupby("instrument_id")["toxic_episode"].max().sum()),
            "toxic_share": float((table["toxic_episode"] > 0).mean()),
            **made.metadata,
            **side_accuracy(accuracy),
        },
        plot=plots.vpin(table, toxic_percentile=parameters.toxic_percentile),
    )


@dg.asset_check(
    asset=vpin,
    name=UPDATE_EQUALS_REFIT,
    description="The rows that were made day by day are those of all trades at once, for one instrument.",
)
def vpin_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """The table holds what one pass over all trades says."""
    return judge_vpin(LakeView(lake.open()), configured_settings().models.vpin)
