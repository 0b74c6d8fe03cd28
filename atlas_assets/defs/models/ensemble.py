"""Forecasters combined."""

import dagster as dg

from atlas_assets.orchestration.metadata import forecaster_errors
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


@dg.asset(
    key=["gold", "models", "ensemble_forecasts"],
    deps=[
        dg.AssetKey(["gold", "models", "tvp_var_forecasts"]),
        dg.AssetKey(["gold", "models", "dma_forecasts"]),
    ],
    description="Forecasts of the next return by TVP-VAR, DMA and two benchmarks, combined, with conformal intervals. "
    "Returns are hard to forecast: in the sandbox none of them beats the benchmark zero, the ensemble included.",
    metadata={"parameters": "ensemble"},
    kinds={"python", "numba"},
    code_version="2",
)
def ensemble_forecasts(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Every forecaster and the ensemble of them, with the weights of each origin."""
    from atlas_assets.models import ensemble_tables as tables
    from atlas_assets.orchestration.plots import ensemble as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.ensemble
    dma = run.read("gold.dma_forecasts")
    forecasts = tables.forecasters(
        run.read("gold.tvp_var_forecasts"), dma, trailing_sessions=parameters.trailing_sessions
    )
    table = tables.ensemble_table(
        forecasts,
        variable=str(dma["variable"].iloc[0]),
        method=parameters.method,
        training=parameters.training,
        forgetting=parameters.forgetting,
        coverage=parameters.coverage,
        interval=parameters.interval,
        calibration=parameters.calibration,
    )
    return run.publish(
        table,
        metadata={
            "method": parameters.method,
            "coverage": parameters.coverage,
            "origins": int(table["origin_date"].nunique()),
            **forecaster_errors(table),
        },
        plot=plots.ensemble_forecasts(table, coverage=parameters.coverage),
    )
