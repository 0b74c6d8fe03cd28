"""Dynamic model averaging and its forecasts."""

import dagster as dg

from atlas_assets.defs.models.inputs import INPUTS, changes
from atlas_assets.orchestration.metadata import forecast_errors
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


@dg.asset(
    key=["model", "dma", "fit"],
    deps=INPUTS,
    description="Dynamic model averaging of the next return: forecasts and inclusion probabilities of regressors.",
    metadata={"parameters": "dma"},
    kinds={"python", "numba"},
    code_version="1",
)
def dma_fit(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """The fitted model: what it says after each session."""
    from atlas_assets.models import tables
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.dma
    table = tables.dma_fit_table(
        changes(run, parameters),
        target=parameters.target,
        lags=parameters.lags,
        forgetting_factors=parameters.forgetting_factors,
        model_forgetting=parameters.model_forgetting,
        variance_decay=parameters.variance_decay,
        window_size=parameters.window_size,
    )
    return run.publish(
        table,
        metadata={
            "forgetting_factors": dg.MetadataValue.json(parameters.forgetting_factors),
            "model_forgetting": parameters.model_forgetting,
            "window_size": parameters.window_size,
            "sessions": int(table["origin_date"].nunique()),
        },
        plot=plots.dma_fit(table),
    )


@dg.asset(
    key=["gold", "models", "dma_forecasts"],
    deps=[dg.AssetKey(["model", "dma", "fit"]), *INPUTS],
    description="Forecasts of the next return by dynamic model averaging, beside what came.",
    metadata={"parameters": "dma"},
    kinds={"python", "numpy"},
    code_version="1",
)
def dma_forecasts(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Forecasts from the fitted model."""
    from atlas_assets.models import tables
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.dma
    table = tables.dma_forecast_table(run.read("model.dma_fit"), changes(run, parameters), target=parameters.target)
    return run.publish(
        table,
        metadata=forecast_errors(table),
        plot=plots.dma_forecasts(table),
    )
