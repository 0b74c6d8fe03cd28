"""Regimes from silver bars."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


@dg.asset(
    key=["gold", "clustering", "regimes"],
    deps=[dg.AssetKey(["silver", "market", "daily_bars"]), dg.AssetKey(["silver", "market", "corporate_actions"])],
    description="Calm and turbulent sessions by a two-state Markov-switching model, filtered probabilities.",
    metadata={"parameters": "regimes"},
    kinds={"python", "statsmodels"},
    code_version="2",
)
def regimes(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Regime of every session of the configured instruments."""
    from atlas_assets.clustering import tables
    from atlas_assets.clustering.history import TooLittleHistory
    from atlas_assets.orchestration.plots import clustering as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.regimes
    bars = run.adjusted_bars(symbols=parameters.symbols)
    try:
        table = tables.regimes(bars, symbols=parameters.symbols, window_size=parameters.window_size)
    except TooLittleHistory as little:
        return run.publish_nothing(str(little))
    return run.publish(
        table,
        metadata={"turbulent_share": float((table["regime"] == "turbulent").mean())},
        plot=plots.regimes(table),
    )
