"""Indicators from silver bars and trades."""

import dagster as dg

from atlas_assets.orchestration.metadata import side_accuracy
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


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
    return run.publish(
        table,
        metadata={
            "instruments": table["instrument_id"].nunique(),
            "last_realised_volatility_ann": float(table["realised_volatility_20_ann"].dropna().iloc[-1]),
        },
        plot=plots.technical_indicators(table),
    )


@dg.asset(
    key=["gold", "indicators", "vpin"],
    deps=[dg.AssetKey(["silver", "market", "trades"])],
    description="Volume-synchronised probability of informed trading, its trailing percentile, and toxic episodes.",
    metadata={"parameters": "vpin"},
    kinds={"python", "numpy"},
    code_version="4",
)
def vpin(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """VPIN of every traded instrument."""
    from atlas_assets.indicators import tables
    from atlas_assets.orchestration.plots import indicators as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.vpin
    columns = ["instrument_id", "symbol", "source", "trade_id", "sequence", "event_time", "price", "quantity"]
    trades = run.read("silver.trades", columns=[*columns, "aggressor_side", "side_method", "is_suspicious"])
    table = tables.vpin(
        trades,
        bar_seconds=parameters.bar_seconds,
        buckets_per_day=parameters.buckets_per_day,
        window=parameters.window,
        percentile_window=parameters.percentile_window,
        toxic_percentile=parameters.toxic_percentile,
        toxic_buckets=parameters.toxic_buckets,
    )
    return run.publish(
        table,
        metadata={
            "vpin_mean": float(table["vpin"].mean()),
            "vpin_max": float(table["vpin"].max()),
            "toxic_episodes": int(table.groupby("instrument_id")["toxic_episode"].max().sum()),
            "toxic_share": float((table["toxic_episode"] > 0).mean()),
            **side_accuracy(tables.side_accuracy(trades, bar_seconds=parameters.bar_seconds)),
        },
        plot=plots.vpin(table, toxic_percentile=parameters.toxic_percentile),
    )
