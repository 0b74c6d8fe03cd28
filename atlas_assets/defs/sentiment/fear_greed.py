"""Own index of fear and greed."""

import dagster as dg

from atlas_assets.orchestration.publishing import AssetRun
from atlas_assets.orchestration.resources import LakeResource, configured_settings


@dg.asset(
    key=["gold", "sentiment", "fear_greed_index"],
    deps=[
        dg.AssetKey(["silver", "market", "daily_bars"]),
        dg.AssetKey(["silver", "market", "corporate_actions"]),
        dg.AssetKey(["silver", "market", "instruments"]),
        dg.AssetKey(["silver", "macro", "macro_observations"]),
        dg.AssetKey(["silver", "sentiment", "fear_greed"]),
        dg.AssetKey(["gold", "sentiment", "daily_sentiment"]),
    ],
    description="Own index of fear and greed of stocks and of crypto from its components, beside the vendors' indices.",
    metadata={"parameters": "fear_greed"},
    kinds={"python", "numpy"},
    code_version="2",
)
def fear_greed_index(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
    """The index of every session, from what was known at its end."""
    from atlas_assets.orchestration.plots import sentiment as plots
    from atlas_assets.sentiment import fear_greed_tables as tables

    run, parameters = AssetRun(context, lake), configured_settings().models.fear_greed
    bars, instruments = run.adjusted_bars(), run.read("silver.instruments")
    daily, said = run.read("gold.daily_sentiment"), run.read("silver.fear_greed")
    stocks = parameters.stocks
    observations = run.read(
        "silver.macro_observations",
        symbols=stocks.series,
        where=("source = ?", [parameters.series_source]),
    )
    table = tables.fear_greed_table(
        tables.stock_fear_greed(bars, instruments, observations, daily, said, **stocks.model_dump()),
        tables.crypto_fear_greed(bars, instruments, daily, said, **parameters.crypto.model_dump()),
    )
    return run.publish(
        table,
        metadata={
            "components_present": dg.MetadataValue.json(tables.components_present(table)),
            **tables.last_values(table),
            **tables.agreement(table),
        },
        plot=plots.fear_greed_index(table),
    )
