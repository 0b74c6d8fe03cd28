"""Forecasters combined."""

from typing import TYPE_CHECKING

import dagster as dg

from atlas_assets.model_settings import EnsembleSettings
from atlas_assets.orchestration.metadata import forecaster_errors
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.reading import LakeView
from atlas_assets.orchestration.resources import LakeResource, configured_settings
from atlas_assets.orchestration.tables import table
from atlas_assets.orchestration.updating.model_fits import (
    DESCRIPTION,
    UPDATE_EQUALS_REFIT,
    judge_update,
    publish_fit,
)

if TYPE_CHECKING:
    import pandas as pd

    from atlas_assets.models.ensemble_tables import EnsembleTable


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
    from atlas_assets.orchestration.plots import ensemble as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.ensemble
    return publish_fit(
        run,
        _forecasters(run, parameters),
        _estimator(parameters),
        parameters=parameters,
        metadata=lambda forecasts: {
            "method": parameters.method,
            "coverage": parameters.coverage,
            "origins": int(forecasts["origin_date"].nunique()),
            **forecaster_errors(forecasts),
        },
        plot=lambda forecasts: plots.ensemble_forecasts(forecasts, coverage=parameters.coverage),
    )


@dg.asset_check(asset=ensemble_forecasts, name=UPDATE_EQUALS_REFIT, description=DESCRIPTION)
def ensemble_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """The table holds what a refit says."""
    parameters = configured_settings().models.ensemble
    return judge_update(
        lake.open(),
        table("gold.ensemble_forecasts"),
        _estimator(parameters),
        parameters=parameters,
        changes=lambda view: _forecasters(view, parameters),
    )


def _forecasters(view: LakeView, parameters: EnsembleSettings) -> "pd.DataFrame":
    from atlas_assets.models.ensemble_tables import forecasters

    return forecasters(
        view.read("gold.tvp_var_forecasts"),
        view.read("gold.dma_forecasts"),
        trailing_sessions=parameters.trailing_sessions,
    )


def _estimator(parameters: EnsembleSettings) -> "EnsembleTable":
    from atlas_assets.models.ensemble_tables import EnsembleTable

    return EnsembleTable(**parameters.model_dump(exclude={"trailing_sessions"}))
