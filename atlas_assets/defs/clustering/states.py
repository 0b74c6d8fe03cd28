"""Hidden Markov states and change points from silver bars."""

from functools import partial

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings
from atlas_assets.orchestration.updating.clustering_fits import DESCRIPTION, fits_line, judge_fits, kept_fits
from atlas_assets.orchestration.updating.model_fits import UPDATE_EQUALS_REFIT


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
    bars, fits = run.adjusted_bars(symbols=parameters.symbols), kept_fits(run, parameters)
    try:
        table = tables.market_states(bars, fits=fits, **parameters.model_dump())
    except TooLittleHistory as little:
        return run.publish_nothing(str(little))
    last = table.iloc[-1]
    return run.publish(
        table,
        records=fits_line(run, fits, parameters, last_session=table["session_date"].max().date()),
        metadata={
            "fits_kept": fits.kept,
            "fits_made": fits.made,
            "turbulent_share": float((table["regime"] == "turbulent").mean()),
            "change_points": int(table["is_change_point"].sum()),
            "mean_log_predictive_density": float(table["log_predictive_density"].mean()),
            "last_state": f"{last['symbol']}: {last['regime']}, probability {last['state_probability']:.2f}",
        },
        plot=plots.market_states(table),
    )


@dg.asset_check(asset=market_states, name=UPDATE_EQUALS_REFIT, description=DESCRIPTION)
def market_states_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """A fit that was kept is what a new one would be."""
    from atlas_assets.clustering.state_tables import fitted_states

    parameters = configured_settings().models.market_states
    return judge_fits(
        lake.open(), "gold/clustering/market_states", parameters, partial(fitted_states, states=parameters.states)
    )
