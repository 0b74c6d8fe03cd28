"""Hidden Markov states and change points from silver bars."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


@dg.asset(
    key=["gold", "clustering", "market_states"],
    deps=[dg.AssetKey(["silver", "market", "daily_bars"]), dg.AssetKey(["silver", "market", "corporate_actions"])],
    description="Hidden Markov states and change points of daily returns, as they were known after each session.",
    metadata={"parameters": "market_states"},
    kinds={"python", "numba"},
    code_version="1",
)
def market_states(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """State of every session of the configured instruments, and where their returns changed."""
    from atlas_assets.clustering import state_tables as tables
    from atlas_assets.clustering.history import TooLittleHistory
    from atlas_assets.orchestration.plots import clustering as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.market_states
    try:
        table = tables.market_states(run.adjusted_bars(symbols=parameters.symbols), **parameters.model_dump())
    except TooLittleHistory as little:
        return run.publish_nothing(str(little))
    last = table.iloc[-1]
    return run.publish(
        table,
        metadata={
            "turbulent_share": float((table["regime"] == "turbulent").mean()),
            "change_points": int(table["is_change_point"].sum()),
            "mean_log_predictive_density": float(table["log_predictive_density"].mean()),
            "last_state": f"{last['symbol']}: {last['regime']}, probability {last['state_probability']:.2f}",
        },
        plot=plots.market_states(table),
    )
