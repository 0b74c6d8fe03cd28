"""The time-varying parameter VAR and its forecasts."""

from typing import TYPE_CHECKING

import dagster as dg

from atlas_assets.defs.models.inputs import INPUTS, changes
from atlas_assets.model_settings import TvpVarSettings
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
    from atlas_assets.models.tvp_var_tables import TvpVarTable


@dg.asset(
    key=["model", "tvp_var", "fit"],
    deps=INPUTS,
    description="Time-varying parameter VAR of returns and macro changes: filtered coefficients and covariances.",
    metadata={"parameters": "tvp_var"},
    kinds={"python", "numba"},
    code_version="2",
)
def tvp_var_fit(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """The fitted model: one set of parameters for each session."""
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.tvp_var
    return publish_fit(
        run,
        changes(run, parameters),
        _estimator(parameters),
        parameters=parameters,
        metadata=lambda _: {
            "forgetting_factor": parameters.forgetting_factor,
            "forgetting_grid": dg.MetadataValue.json(parameters.forgetting_grid),
            "covariance_decay": parameters.covariance_decay,
            "window_size": parameters.window_size,
        },
        plot=plots.tvp_var_fit,
    )


@dg.asset_check(asset=tvp_var_fit, name=UPDATE_EQUALS_REFIT, description=DESCRIPTION)
def tvp_var_update_equals_refit(lake: LakeResource) -> dg.AssetCheckResult:
    """The table holds what a refit says."""
    parameters = configured_settings().models.tvp_var
    return judge_update(
        lake.open(),
        table("model.tvp_var_fit"),
        _estimator(parameters),
        parameters=parameters,
        changes=lambda view: changes(view, parameters),
    )


@dg.asset(
    key=["gold", "models", "tvp_var_forecasts"],
    deps=[dg.AssetKey(["model", "tvp_var", "fit"]), *INPUTS],
    description="One-step TVP-VAR forecasts of every session and the path ahead from the last one.",
    metadata={"parameters": "tvp_var"},
    kinds={"python", "numpy"},
    code_version="2",
)
def tvp_var_forecasts(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Forecasts from the fitted model."""
    from atlas_assets.models import tvp_var_tables
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.tvp_var
    fit = run.read("model.tvp_var_fit")
    if fit.empty:
        return run.publish_nothing("model/tvp_var/fit has no rows yet: load more history.")
    forecasts = tvp_var_tables.forecast_table(fit, changes(run, parameters), horizon=parameters.horizon)
    return run.publish(forecasts, metadata=forecast_errors(forecasts), plot=plots.tvp_var_forecasts(forecasts))


def _estimator(parameters: TvpVarSettings) -> "TvpVarTable":
    from atlas_assets.models.tvp_var_tables import TvpVarTable

    return TvpVarTable(
        lags=parameters.lags,
        forgetting_factor=parameters.forgetting_factor,
        forgetting_grid=parameters.forgetting_grid,
        model_forgetting=parameters.model_forgetting,
        covariance_decay=parameters.covariance_decay,
        window_size=parameters.window_size,
    )
