"""Assets that need a past, on a lake that has none yet: an empty table that says why, and no failure."""

import dagster as dg
import pytest

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.defs.clustering.assets import regimes
from atlas_assets.defs.clustering.order_flow import behaviour_deviation, order_flow_clusters, order_flow_features
from atlas_assets.defs.clustering.states import market_states
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.tables import table


@pytest.mark.parametrize(
    "asset", [regimes, market_states, order_flow_features, order_flow_clusters, behaviour_deviation]
)
def test_there_are_no_rows_yet(atlas_home, asset):
    lake = configured_lake()
    for name in ("silver.daily_bars", "silver.corporate_actions", "silver.trades", "gold.order_flow_features"):
        lake.create_table(name, arrow_schema(table(name).contract))
    result = dg.materialize([asset], resources={"lake": LakeResource()})
    (made,) = result.asset_materializations_for_node(asset.op.name)
    assert made.metadata["dagster/row_count"].value == 0
    assert "load more history" in made.metadata["left_out"].value
    assert lake.read(f"gold.{asset.key.path[-1]}").empty
