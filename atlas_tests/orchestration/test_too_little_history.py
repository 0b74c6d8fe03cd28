"""Assets that need a past, on a lake that has none yet: an empty table that says why, and no failure."""

import dagster as dg
import pandas as pd
import pytest

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.contracts.silver import CorporateActions, DailyBars
from atlas_assets.defs.clustering.assets import regimes
from atlas_assets.defs.clustering.order_flow import behaviour_deviation, order_flow_clusters, order_flow_features
from atlas_assets.defs.clustering.states import market_states
from atlas_assets.defs.indicators.assets import technical_indicators
from atlas_assets.defs.models.connectedness import connectedness
from atlas_assets.defs.models.dma import dma_fit, dma_forecasts
from atlas_assets.defs.models.ensemble import ensemble_forecasts
from atlas_assets.defs.models.tvp_var import tvp_var_fit, tvp_var_forecasts
from atlas_assets.defs.risk_management.assets import value_at_risk, var_backtests
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.tables import table, table_of
from atlas_tests.orchestration.rows import put

EMPTY = (
    "silver.daily_bars",
    "silver.corporate_actions",
    "silver.macro_observations",
    "silver.trades",
    "gold.order_flow_features",
    "model.tvp_var_fit",
    "model.dma_fit",
    "gold.tvp_var_forecasts",
    "gold.dma_forecasts",
    "gold.value_at_risk",
)


@pytest.mark.parametrize(
    "asset",
    [
        regimes,
        market_states,
        order_flow_features,
        order_flow_clusters,
        behaviour_deviation,
        technical_indicators,
        tvp_var_fit,
        tvp_var_forecasts,
        dma_fit,
        dma_forecasts,
        connectedness,
        ensemble_forecasts,
        value_at_risk,
        var_backtests,
    ],
)
def test_there_are_no_rows_yet(atlas_home, asset):
    lake = configured_lake()
    for name in EMPTY:
        lake.create_table(name, arrow_schema(table(name).contract))
    result = dg.materialize([asset], resources={"lake": LakeResource()})
    (made,) = result.asset_materializations_for_node(asset.op.name)
    assert made.metadata["dagster/row_count"].value == 0
    assert "load more history" in made.metadata["left_out"].value
    assert lake.read(table_of(tuple(asset.key.path)).name).empty


def test_indicators_of_an_instrument_that_is_a_week_old(atlas_home):
    """What is not known yet is missing, in the table and in the metadata."""
    days = pd.bdate_range("2018-07-02", periods=5, tz="UTC")
    one = {"instrument_id": "1", "symbol": "A", "currency": "USD", "source": "eodhd", "close_raw": 10.0}
    clocks = {"event_time": days[0], "ingested_at": days[0], "object_id": "a" * 64}
    put("silver.daily_bars", DailyBars, [{**one, **clocks, "session_date": day.date()} for day in days])
    put("silver.corporate_actions", CorporateActions, [])
    result = dg.materialize([technical_indicators], resources={"lake": LakeResource()})
    (made,) = result.asset_materializations_for_node(technical_indicators.op.name)
    assert made.metadata["instruments"].value == 1
    assert "median_rsi_14" not in made.metadata
    assert configured_lake().read("gold.technical_indicators")["rsi_14"].isna().all()
