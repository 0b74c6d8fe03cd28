"""The whole graph on the sandbox: made once from nothing, then asked what it is."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from atlas_assets.orchestration.tables import enabled_tables, table
from atlas_tests.demo_home import LANDED_DAYS, LANDED_SYMBOL, SAME_DAY_OF, Home, inside, instance_of, made_home

# One home for all of them: made again on the other worker it would cost minutes.
pytestmark = pytest.mark.xdist_group("demo")

FIRST_ROWS = {
    "raw.eodhd_eod": 10_062,
    "raw.binance_agg_trades": 310_798,
    "raw.landing_daily_bars": 0,
    # Binance's, and Alpaca's of one stock.
    "silver.trades": 310_798 + 5_217,
    # Two indices, two pairs and two coins, two stocks, one fund.
    "silver.instruments": 9,
    # Two indices over 5,031 sessions, two pairs over the 31 days of December, two stocks over 63, a fund over 5, and
    # two coins from the 23rd to the 30th, the last day that is over.
    "silver.daily_bars": 2 * 5_031 + 2 * 31 + 2 * 63 + 5 + 2 * 8,
    "gold.technical_indicators": 2 * 5_031 + 2 * 31 + 2 * 63 + 5 + 2 * 8,
    # Returns of two indices.
    "gold.regimes": 2 * 5_030,
    "gold.market_states": 2 * (5_030 - 1_500),
    # Two pairs in quarters of an hour of 30 days but the last, and the stock in those in which it traded.
    "gold.order_flow_features": 2 * (30 * 96 - 1) + 4 * 26 - 1,
    # After the first 672; the stock has too few.
    "gold.order_flow_clusters": 2 * (30 * 96 - 1 - 672),
    "gold.behaviour_deviation": 2 * (30 * 96 - 1 - 672),
    # After 250 returns, by two methods at two levels.
    "gold.value_at_risk": 2 * (5_030 - 250) * 2 * 2,
    "gold.var_backtests": 2 * 2 * 2,
    # Every document, since all are English or in no language.
    "gold.document_scores": 4_884,
    # By day, market, kind and language; the last two only of what there was.
    "gold.daily_sentiment": 447,
    # Two pairs on the days that somebody wrote of them, by kind and together.
    "gold.instrument_sentiment": 124,
    # From the first session with three components on: of stocks those of VIX, of crypto the twenty-one last days.
    "gold.fear_greed_index": 1_202 + 21,
}
# Neither what may name an instrument nor what is set aside belongs to a time.
TIMELESS = {"silver.instrument_terms"}
PLOTTED = {one.name for one in enabled_tables() if one.layer in {"gold", "model"}} | {"silver.reconciliation"}
EVERY_ASSET_SAYS = {
    "dagster/row_count",
    "dagster/column_schema",
    "dagster/table_name",
    "preview",
    "content_hash",
    "snapshot_id",
    "read_at_snapshot",
    "inputs",
    "changed",
}
PNG = b"\x89PNG\r\n\x1a\n"
STEPS = ("first", "second", "same bytes", "landed")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    return made_home(tmp_path_factory)


@pytest.fixture(scope="module")
def lake(home):
    with inside(home.folder):
        import atlas_assets as atlas

        yield atlas.open_lake()


@pytest.fixture(scope="module")
def graph(home) -> dg.AssetGraph:
    with inside(home.folder):
        from atlas_assets.definitions import defs

        return defs().resolve_asset_graph()


@pytest.fixture(scope="module")
def first_run(home) -> dict[str, dg.AssetMaterialization]:
    """What each table's asset said when it was first made."""
    with instance_of(home.folder) as instance:
        return {
            table.name: instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=dg.AssetKey(list(table.asset_key))), limit=200, ascending=True
            )
            .records[0]
            .asset_materialization
            for table in enabled_tables()
        }


def value(materialisation: dg.AssetMaterialization, name: str):
    return materialisation.metadata[name].value


def test_the_first_run_makes_every_asset(home):
    answer = home.observed.answers["first"]
    assert answer.code == 0, answer.out + answer.err
    assert home.observed.made["first"] == sorted("/".join(table.asset_key) for table in enabled_tables())
    for each in enabled_tables():
        assert f"made    {'/'.join(each.asset_key)}" in answer.out
    assert "failed  " not in answer.out


def test_every_check_of_every_run_passes(home):
    with instance_of(home.folder) as instance:
        evaluations = [
            record.event_log_entry.dagster_event.asset_check_evaluation_data
            for run in instance.get_runs()
            for record in instance.get_records_for_run(
                run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
            ).records
        ]
    assert len(evaluations) > 92
    assert {(each.asset_key.to_user_string(), each.check_name) for each in evaluations if not each.passed} == set()
    assert {each.asset_key for each in evaluations} == {
        dg.AssetKey(list(table.asset_key)) for table in enabled_tables()
    }


@pytest.mark.parametrize(("name", "rows"), FIRST_ROWS.items())
def test_rows_are_those_of_the_truth(home, lake, name, rows):
    counted = lake.sql(f"SELECT count(*) AS n FROM lake.{name}", as_of=home.observed.snapshots["first"])
    assert counted["n"][0].as_py() == rows


def test_the_index_is_the_real_one(lake):
    bars = lake.read("silver.daily_bars", symbols=["GSPC"], start="2018-12-31", end="2018-12-31")
    assert bars["close_raw"].tolist() == [2506.8501]


def test_trades_are_those_of_the_simulator(home, lake):
    from atlas_assets.sandbox import SandboxTransport

    clock = dt.datetime(2018, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    truth = SandboxTransport(clock=clock).simulator.trades("BTCUSDT", dt.date(2018, 12, 17))
    trades = lake.read("silver.trades", symbols=["BTCUSDT"], start="2018-12-17", end="2018-12-17")
    trades = trades.assign(number=trades["trade_id"].astype(int)).sort_values("number")
    assert trades["number"].tolist() == list(range(truth.first_id, truth.first_id + len(truth.time_ms)))
    assert (trades["price"] * 100).round().astype(int).tolist() == truth.price_ticks.tolist()
    assert (trades["quantity"] * 100_000).round().astype(int).tolist() == truth.quantity_lots.tolist()


@pytest.mark.parametrize("name", [each.name for each in enabled_tables()])
def test_every_materialisation_leaves_its_evidence(home, lake, first_run, name):
    made = first_run[name]
    assert set(made.metadata) >= EVERY_ASSET_SAYS
    rows = lake.sql(f"SELECT count(*) AS n FROM lake.{name}", as_of=home.observed.snapshots["first"])["n"][0].as_py()
    assert value(made, "dagster/row_count") == rows
    assert value(made, "dagster/table_name") == name
    shown = {column.name: column for column in value(made, "dagster/column_schema").columns}
    assert shown.keys() == table(name).contract.to_schema().columns.keys()
    assert all(column.description for column in shown.values())
    if "dagster/uri" in made.metadata or not name.startswith("silver."):
        assert value(made, "dagster/uri").endswith(f"tables/{name.replace('.', '/')}")
    assert str(value(made, "preview")).startswith("| ")
    if rows and name != "gold.var_backtests":
        told = value(made, "time_range")
        assert told == "none" if name in TIMELESS else ": " in str(told)


@pytest.mark.parametrize("name", [each.name for each in enabled_tables()])
def test_the_data_version_is_the_contents(home, lake, graph, first_run, name):
    """Of a whole table the table's own version, of a raw partition the content hash of its rows."""
    made = first_run[name]
    version = made.tags["dagster/data_version"]
    if graph.get(dg.AssetKey(list(table(name).asset_key))).is_partitioned:
        assert version == value(made, "content_hash")
    else:
        assert version == lake.version(name, as_of=home.observed.snapshots["first"])
        assert version == lake.version(name, as_of=home.observed.snapshots["first"], recompute=True)


@pytest.mark.parametrize("name", [each.name for each in enabled_tables() if each.layer != "raw"])
def test_the_inputs_are_the_parents_and_their_versions(home, lake, graph, first_run, name):
    parents = set(graph.get(dg.AssetKey(list(table(name).asset_key))).parent_keys)
    recorded = value(first_run[name], "inputs")
    recorded = json.loads(recorded) if isinstance(recorded, str) else recorded
    # The tables of disabled sources are read, empty, and are no assets.
    enabled = {each.name for each in enabled_tables()}
    assert {dg.AssetKey(list(table(parent).asset_key)) for parent in recorded if parent in enabled} == parents
    for parent, version in recorded.items():
        assert version == lake.version(parent, as_of=home.observed.snapshots["first"]), parent


def test_every_plot_is_a_picture(first_run):
    plots = {name: Path(value(made, "plot_file")) for name, made in first_run.items() if "plot_file" in made.metadata}
    assert set(plots) == PLOTTED
    for name, file in plots.items():
        assert file.name == f"{name.replace('.', '_')}.png"
        assert file.read_bytes().startswith(PNG)
        assert str(value(first_run[name], "plot")).startswith("![")


def test_the_summary_tells_where_to_go_on(home):
    out = home.observed.answers["first"].out
    assert f"{len(enabled_tables())} assets in" in out
    assert ", 0 failed." in out
    assert f"Plots: {home.folder / 'data' / 'plots'}" in out
    assert "atlas read silver.daily_bars --symbol GSPC --from 2018-01-01" in out


def test_a_second_run_does_nothing_and_says_so(home):
    observed = home.observed
    assert observed.answers["second"].code == 0
    assert "Nothing new: every asset is up to date, no work was done." in observed.answers["second"].out
    assert observed.runs["second"] == observed.runs["first"]
    assert observed.snapshots["second"] == observed.snapshots["first"]
    assert observed.made["second"] == []


def test_what_the_demo_made_nothing_makes_again(home):
    """Neither the demo's own planning nor the automation that the daemon evaluates asks for anything."""
    for step in STEPS:
        assert home.observed.stale[step] == [], step
    assert {step: home.observed.requested[step] for step in STEPS} == dict.fromkeys(STEPS, 0)


def test_the_same_bytes_trigger_nothing(home, lake):
    observed = home.observed
    assert observed.data_versions["same day after"] == observed.data_versions["same day before"]
    assert observed.made["same bytes"] == ["/".join(SAME_DAY_OF)]
    assert observed.runs["same bytes"] == observed.runs["second"] + 1
    # The manifest may note the second receipt; no table changes.
    for each in enabled_tables():
        before, after = (lake.version(each.name, as_of=observed.snapshots[step]) for step in ("second", "same bytes"))
        assert after == before, each.name
    assert (observed.stale["same bytes"], observed.requested["same bytes"]) == ([], 0)


def test_a_dropped_file_goes_through_to_gold(home, lake):
    answer = home.observed.answers["landed"]
    assert answer.code == 0, answer.out + answer.err
    made = set(home.observed.made["landed"])
    assert {"raw/landing/daily_bars", "silver/market/daily_bars", "gold/indicators/technical_indicators"} <= made
    indicators = lake.read("gold.technical_indicators", symbols=[LANDED_SYMBOL])
    assert len(indicators) == LANDED_DAYS
    assert sorted(indicators["close_split_adj"]) == [11.0 + n for n in range(LANDED_DAYS)]
    assert not list((home.folder / "landing").glob("*.csv"))


def test_a_dropped_file_leaves_alone_what_does_not_stand_on_it(home):
    made = set(home.observed.made["landed"])
    assert not made & {
        "gold/indicators/vpin",
        "gold/clustering/order_flow_features",
        "gold/clustering/order_flow_clusters",
        "gold/sentiment/instrument_sentiment",
        "raw/eodhd/eod",
    }


@pytest.mark.parametrize("name", ["gold.technical_indicators", "silver.daily_bars", "silver.instruments"])
def test_as_of_the_snapshot_before_everything_is_as_it_was(home, lake, first_run, name):
    before = home.observed.snapshots["same bytes"]
    was = lake.read(name, as_of=before)
    assert LANDED_SYMBOL not in set(was["symbol"])
    assert len(was) == FIRST_ROWS[name]
    assert lake.version(name, as_of=before, recompute=True) == first_run[name].tags["dagster/data_version"]
    now = lake.read(name)
    keys = [column for column in ("instrument_id", "session_date") if column in now]
    kept = now[now["symbol"] != LANDED_SYMBOL].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(kept, was.sort_values(keys, ignore_index=True), check_exact=True)


def test_every_commit_says_who_made_it(home, lake):
    with instance_of(home.folder) as instance:
        runs = {run.run_id for run in instance.get_runs()}
    commits = [commit for commit in lake.snapshots(limit=500) if commit.info.get("asset")]
    assert {tuple(commit.info["asset"].split("/")) for commit in commits} >= {
        each.asset_key for each in enabled_tables() if each.layer in {"gold", "model"}
    }
    assert {commit.info["run_id"] for commit in commits} <= runs
