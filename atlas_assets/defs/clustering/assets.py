"""Regimes from silver bars."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings
from atlas_assets.orchestration.updating.clustering_fits import DESCRIPTION, fits_line, judge_fits, kept_fits
from atlas_assets.orchestration.updating.model_fits import UPDATE_EQUALS_REFIT


@dg.asset(
    key=["gold", "clustering", "regimes"],
    deps=[dg.AssetKey(["silver", "market", "daily_bars"]), dg.AssetKey(["silver", "market", "corporate_actions"])],
    description="Calm and turbulent sessions by a two-state Markov-switching model, filtered probabilities.",
    metadata={"parameters": "regimes"},
    kinds={"python", "statsmodels"},
    code_version="3",
)
def regimes(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Regime of every session of the configured instruments."""
    from atlas_assets.clustering import tables
    from atlas_assets.clustering.history import TooLittleHistory
    from atlas_assets.orchestration.plots import clustering as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.regimes
    bars = run.adjusted_bars(symbols=parameters.symbols)
    fits = kept_fits(run, parameters)
    try:
        table = tables.regimes(bars, symbols=parameters.symbols, window_size=parameters.window_size, fits=fits)
    except TooLittleHistory as little:
        return run.publish_nothing(str(little))
    return run.publish(
        table,
        records=fits_line(run, fits, parameters, last_session=table["session_date"].max().date()),
        metadata={
            "turbulent_share": float((table["regime"] == "turbulent").mean()),
            "fits_kept": fits.kept,
            "fits_made": fits.made,
        },
        plot=plots.regimes(table),
    )


@dg.asset_check(asset=regimes, name=UPDATE_EQUALS_REFIT, description=DESCRIPTION)
def regimes_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """A fit that was kept is what a new one would be."""
    from atlas_assets.clustering.tables import fitted_regimes

    return judge_fits(lake.open(), "gold/clustering/regimes", configured_settings().models.regimes, fitted_regimes)
