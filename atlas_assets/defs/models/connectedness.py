"""Connectedness of the variables of the TVP-VAR."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


@dg.asset(
    key=["gold", "models", "connectedness"],
    deps=[dg.AssetKey(["model", "tvp_var", "fit"])],
    description="How much of each variable's forecast error variance comes from the others, session by session.",
    metadata={"parameters": "connectedness"},
    kinds={"python", "numba"},
    code_version="1",
)
def connectedness(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Total, directional and pairwise connectedness from the VAR of each session."""
    from atlas_assets.models import connectedness_tables as tables
    from atlas_assets.orchestration.plots import connectedness as plots

    run, models = AssetRun(context, lake), configured_settings().models
    fit = run.read("model.tvp_var_fit")
    if fit.empty:
        return run.publish_nothing("model/tvp_var/fit has no rows yet: load more history.")
    table = tables.connectedness_table(
        fit,
        variables=[*models.tvp_var.symbols, *models.tvp_var.series],
        horizon=models.connectedness.horizon,
        method=models.connectedness.method,
    )
    by_session = table.drop_duplicates("session_date")["total"]
    last = table[(table["counterpart"] == tables.OTHERS) & (table["session_date"] == table["session_date"].max())]
    return run.publish(
        table,
        metadata={
            "horizon": models.connectedness.horizon,
            "method": models.connectedness.method,
            "sessions": len(by_session),
            "total_mean": float(by_session.mean()),
            "total_last": float(by_session.iloc[-1]),
            "net_last": dg.MetadataValue.json(dict(zip(last["variable"], last["net"].round(2), strict=True))),
        },
        plot=plots.connectedness(table),
    )
