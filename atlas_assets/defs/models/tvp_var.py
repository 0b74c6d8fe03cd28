"""The time-varying parameter VAR and its forecasts."""

import dagster as dg

from atlas_assets.defs.models.inputs import INPUTS, changes
from atlas_assets.orchestration.metadata import forecast_errors
from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


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
    from atlas_assets.models import tables
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.tvp_var
    table = tables.fit_table(
        changes(run, parameters),
        lags=parameters.lags,
        forgetting_factor=parameters.forgetting_factor,
        covariance_decay=parameters.covariance_decay,
        window_size=parameters.window_size,
    )
    return run.publish(
        table,
        metadata={
            "forgetting_factor": parameters.forgetting_factor,
            "covariance_decay": parameters.covariance_decay,
            "window_size": parameters.window_size,
            "sessions": int(table["session_date"].nunique()),
        },
        plot=plots.tvp_var_fit(table),
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
    from atlas_assets.models import tables
    from atlas_assets.orchestration.plots import models as plots

    run, parameters = AssetRun(context, lake), configured_settings().models.tvp_var
    table = tables.forecast_table(run.read("model.tvp_var_fit"), changes(run, parameters), horizon=parameters.horizon)
    return run.publish(
        table,
        metadata=forecast_errors(table),
        plot=plots.tvp_var_forecasts(table),
    )
