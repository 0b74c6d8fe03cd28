"""The asset graph: complete, governed, and pointing one way."""

from __future__ import annotations

import dagster as dg
import pytest

from atlas_assets.data_sources.files.known import KNOWN_DATASETS
from atlas_assets.data_sources.registry import sources
from atlas_assets.orchestration.tables import enabled_tables
from atlas_assets.streaming.channels import CHANNELS

# Dropped files and streams: no vendor is asked for a day of them.
AS_IT_COMES = {
    *(known.table.asset_key for known in KNOWN_DATASETS.values()),
    *(source.table.asset_key for source in sources() if source.files_only),
    *(channel.table.asset_key for channel in CHANNELS),
    ("silver", "market", "sessions"),
}
RANK = {"raw": 0, "silver": 1, "gold": 2, "model": 2}
MOST_PARTITIONS = 10_000


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    from atlas_assets.definitions import defs

    return defs()


@pytest.fixture(scope="module")
def graph(definitions) -> dg.AssetGraph:
    return definitions.resolve_asset_graph()


def test_it_loads_and_validates(definitions):
    dg.Definitions.validate_loadable(definitions)


def test_every_table_is_an_asset_and_every_asset_a_table(graph):
    assert {tuple(key.path) for key in graph.get_all_asset_keys()} == {table.asset_key for table in enabled_tables()}


def test_the_graph(graph):
    """Who stands on whom: a change here is a change of architecture and belongs in the commit message."""
    parents = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    bars, trades = "silver/market/daily_bars", "silver/market/trades"
    told, holders = "silver/market/daily_bars_by_source", "silver/market/ticker_history"
    prices = sorted(["silver/market/corporate_actions", bars])
    macro = "silver/macro/macro_observations"
    scored = [
        "gold/sentiment/document_scores", "silver/sentiment/document_groups", "silver/sentiment/document_mentions"
    ]  # fmt: skip
    raw = {f"raw/{name}" for name in ("eodhd/eod", "binance/klines", "landing/daily_bars")}
    roots = {name for name, above in parents.items() if not above}
    calendar = {"silver/market/sessions"}
    assert roots - calendar == {"/".join(table.asset_key) for table in enabled_tables() if table.layer == "raw"}
    assert raw <= set(parents[told])
    assert raw <= set(parents[holders])
    assert parents[bars] == [told]
    assert holders in parents["silver/market/instruments"]
    assert parents["gold/indicators/technical_indicators"] == prices
    assert parents["gold/indicators/vpin"] == [trades]
    assert parents["gold/clustering/regimes"] == prices
    assert parents["gold/clustering/market_states"] == prices
    assert parents["gold/clustering/order_flow_features"] == [trades]
    assert parents["gold/clustering/order_flow_clusters"] == ["gold/clustering/order_flow_features"]
    assert parents["gold/clustering/behaviour_deviation"] == ["gold/clustering/order_flow_features"]
    assert parents["gold/sentiment/document_scores"] == ["silver/sentiment/documents"]
    assert parents["gold/sentiment/daily_sentiment"] == sorted(["silver/market/instruments", *scored])
    assert parents["gold/sentiment/instrument_sentiment"] == scored
    assert parents["gold/sentiment/fear_greed_index"] == sorted(
        ["gold/sentiment/daily_sentiment", "silver/sentiment/fear_greed", "silver/market/instruments", macro, *prices]
    )
    assert parents["model/tvp_var/fit"] == [macro, *prices]
    assert parents["gold/models/tvp_var_forecasts"] == ["model/tvp_var/fit", macro, *prices]
    assert parents["model/dma/fit"] == [macro, *prices]
    assert parents["gold/models/dma_forecasts"] == ["model/dma/fit", macro, *prices]
    assert parents["gold/models/connectedness"] == ["model/tvp_var/fit"]
    assert parents["gold/models/ensemble_forecasts"] == ["gold/models/dma_forecasts", "gold/models/tvp_var_forecasts"]
    assert parents["gold/risk_management/value_at_risk"] == prices
    assert parents["gold/risk_management/var_backtests"] == ["gold/risk_management/value_at_risk"]


def test_layers_point_one_way(graph):
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            assert RANK[parent.path[0]] <= RANK[key.path[0]]


def test_no_asset_forgets_what_the_house_asks(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        name, layer = key.to_user_string(), key.path[0]
        assert node.description, name
        assert node.owners, name
        assert node.group_name == key.path[1], name
        assert node.kinds, name
        assert node.code_version, name
        assert node.tags["layer"] == layer, name
        assert (node.automation_condition is None) == (layer == "raw"), name
        assert (node.freshness_policy is None) == (tuple(key.path) in AS_IT_COMES), name
        assert len(graph.get_check_keys_for_assets({key})) >= 3, name


def test_raw_is_partitioned_by_day_and_backfilled_in_one_run(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        if key.path[0] == "raw" and tuple(key.path) not in AS_IT_COMES:
            assert isinstance(node.partitions_def, dg.TimeWindowPartitionsDefinition)
            assert len(node.partitions_def.get_partition_keys()) <= MOST_PARTITIONS
            assert node.backfill_policy == dg.BackfillPolicy.single_run()
        else:
            assert node.partitions_def is None


def test_what_runs_by_itself(definitions):
    repository = definitions.get_repository_def()
    sensors = {"landing_sensor", "run_when_inputs_change", "stream_sensor"}
    assert {sensor.name for sensor in repository.sensor_defs} == sensors
    assert {schedule.name for schedule in repository.schedule_defs} == {
        f"load_{table.asset_key[1]}_{table.asset_key[2]}"
        for table in enabled_tables()
        if table.layer == "raw" and table.asset_key not in AS_IT_COMES
    }
    for schedule in repository.schedule_defs:
        assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 1 * * *", "America/New_York")


def test_shape_checks_block_and_the_others_do_not(graph):
    for key in graph.get_all_asset_keys():
        for check in graph.get_check_keys_for_assets({key}):
            if check.name in {"contract_shape", "contract_truth", "row_count_surprise"}:
                assert graph.get(check).blocking == (check.name == "contract_shape")


def test_what_stands_on_made_up_data_says_so(graph):
    def label(*key: str) -> str:
        return graph.get(dg.AssetKey(key)).metadata.get("synthetic", "")

    assert "simulation" in label("raw", "binance", "agg_trades")
    assert "simulation" in label("gold", "indicators", "vpin")
    assert "template news" in label("gold", "sentiment", "daily_sentiment")
    assert "follow a rule" in label("model", "tvp_var", "fit")
    assert not label("raw", "eodhd", "eod")
    assert not label("raw", "landing", "daily_bars")


def test_a_changed_parameter_is_new_code(atlas_home, monkeypatch):
    from atlas_assets.definitions import defs
    from atlas_assets.orchestration import resources

    def code_version() -> str | None:
        resources.configured_settings.cache_clear()
        return defs().resolve_asset_graph().get(dg.AssetKey(["model", "tvp_var", "fit"])).code_version

    before = code_version()
    monkeypatch.setenv("ATLAS_MODELS__TVP_VAR__FORGETTING_FACTOR", "0.97")
    assert code_version() != before
