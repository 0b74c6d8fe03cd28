"""Dynamic model averaging and its forecasts."""

from typing import TYPE_CHECKING

import dagster as dg

from atlas_assets.defs.models.inputs import INPUTS, changes
from atlas_assets.model_settings import DmaSettings
from atlas_assets.orchestration.metadata import forecast_errors
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings
from atlas_assets.orchestration.tables import table
from atlas_assets.orchestration.updating.model_fits import (
    DESCRIPTION,
    UPDATE_EQUALS_REFIT,
    judge_update,
    publish_fit,
)

if TYPE_CHECKING:
    from atlas_assets.models.dma_tables import DmaTable


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
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.dma
    return publish_fit(
        run,
        changes(run, parameters),
        _estimator(parameters),
        parameters=parameters,
        metadata=lambda _: {
            "forgetting_factors": dg.MetadataValue.json(parameters.forgetting_factors),
            "model_forgetting": parameters.model_forgetting,
            "window_size": parameters.window_size,
        },
        plot=plots.dma_fit,
    )


@dg.asset_check(asset=dma_fit, name=UPDATE_EQUALS_REFIT, description=DESCRIPTION)
def dma_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """The table holds what a refit says."""
    parameters = configured_settings().models.dma
    return judge_update(
        lake.open(),
        table("model.dma_fit"),
        _estimator(parameters),
        parameters=parameters,
        changes=lambda view: changes(view, parameters),
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
    from atlas_assets.models import dma_tables
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.dma
    fit = run.read("model.dma_fit")
    if fit.empty:
        return run.publish_nothing("model/dma/fit has no rows yet: load more history.")
    forecasts = dma_tables.dma_forecast_table(fit, changes(run, parameters), target=parameters.target)
    return run.publish(forecasts, metadata=forecast_errors(forecasts), plot=plots.dma_forecasts(forecasts))


def _estimator(parameters: DmaSettings) -> "DmaTable":
    from atlas_assets.models.dma_tables import DmaTable

    return DmaTable(
        target=parameters.target,
        lags=parameters.lags,
        forgetting_factors=parameters.forgetting_factors,
        model_forgetting=parameters.model_forgetting,
        variance_decay=parameters.variance_decay,
        window_size=parameters.window_size,
    )
