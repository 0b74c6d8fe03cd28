"""Value at risk and its backtests."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


@dg.asset(
    key=["gold", "risk_management", "value_at_risk"],
    deps=[dg.AssetKey(["silver", "market", "daily_bars"]), dg.AssetKey(["silver", "market", "corporate_actions"])],
    description="One-day value at risk and expected shortfall, historical and parametric.",
    metadata={"parameters": "value_at_risk"},
    kinds={"python", "numba"},
    code_version="2",
)
def value_at_risk(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """Value at risk of every session, from the sessions before it."""
    from atlas_assets.orchestration.plots import risk_management as plots
    from atlas_assets.risk_management import tables

    run, parameters = AssetRun(context, lake), configured_settings().models.value_at_risk
    table = tables.value_at_risk(
        run.adjusted_bars(),
        window_size=parameters.window_size,
        tail_probabilities=parameters.tail_probabilities,
    )
    if table.empty:
        return run.publish_nothing(
            f"No instrument has {parameters.window_size} sessions with a price yet: load more history."
        )
    return run.publish(table, metadata={"breaches": int(table["is_breach"].sum())}, plot=plots.value_at_risk(table))


@dg.asset(
    key=["gold", "risk_management", "var_backtests"],
    deps=[dg.AssetKey(["gold", "risk_management", "value_at_risk"])],
    description="Kupiec's test of every value-at-risk series.",
    kinds={"python", "numpy"},
    code_version="1",
)
def var_backtests(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """How often each value at risk was undercut, and whether that is too often."""
    from atlas_assets.orchestration.plots import risk_management as plots
    from atlas_assets.risk_management import tables

    run = AssetRun(context, lake)
    at_risk = run.read("gold.value_at_risk")
    if at_risk.empty:
        return run.publish_nothing("gold/risk_management/value_at_risk has no rows yet: load more history.")
    table = tables.var_backtests(at_risk)
    return run.publish(
        table,
        metadata={"rejected_at_5_percent": int((table["kupiec_p_value"] < 0.05).sum())},
        plot=plots.var_backtests(table),
    )
