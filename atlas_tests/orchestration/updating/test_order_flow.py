"""Order-flow features are brought up to date: what is there after any change is what a first run would make."""

from __future__ import annotations

import dagster as dg
import pandas as pd
import pytest

from atlas_assets.clustering.order_flow_buckets import buckets_of_instruments
from atlas_assets.contracts.silver import Trades
from atlas_assets.defs.clustering.order_flow import order_flow_features
from atlas_assets.orchestration.plots import clustering as plots
from atlas_assets.orchestration.resources import LakeResource, configured_lake
from atlas_assets.orchestration.updating import trades as reading
from atlas_assets.orchestration.updating.judged_buckets import TABLE
from atlas_tests.clustering.random_trades import DAYS, trades
from atlas_tests.orchestration.rows import put

OPTIONS = {"bucket_seconds": 1800, "size_quantiles": (0.5, 0.9), "trailing_days": 3}
A_DAY, LOOK_BACK = 60, 3 * 60  # trades
FIRST = pd.concat([trades(), trades(symbol="B", seed=2, days=DAYS[3:])], ignore_index=True)
NEXT_DAY = pd.DatetimeIndex(["2020-03-18"])


@pytest.fixture(autouse=True)
def settings(monkeypatch, atlas_home):
    """Those of the tests, and parts of about two days; no picture, which would be most of a run."""
    monkeypatch.setenv("ATLAS_MODELS__ORDER_FLOW_FEATURES__BUCKET_SECONDS", "1800")
    monkeypatch.setenv("ATLAS_MODELS__ORDER_FLOW_FEATURES__TRAILING_DAYS", "3")
    monkeypatch.setattr(reading.trades_in_parts, "__kwdefaults__", {"most": 2 * A_DAY})
    monkeypatch.setattr(plots, "order_flow_features", lambda table: None)


def run(silver=None):
    """One run, after silver became what is given; what the run says of itself."""
    if silver is not None:
        put("silver.trades", Trades, silver.to_dict("records"))
    made = dg.materialize([order_flow_features], resources={"lake": LakeResource()})
    (event,) = made.asset_materializations_for_node(order_flow_features.op.name)
    return {name: value.value for name, value in event.metadata.items()}


def assert_all_is_as_if_made_at_once(silver):
    names = ["instrument_id", "bucket_start"]
    found = configured_lake().read(TABLE).sort_values(names, ignore_index=True)
    expected = buckets_of_instruments(silver, **OPTIONS)
    assert len(found) > 200
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_exact=True)


def later(symbol, *, seed=7):
    """The trades of one more day."""
    more = trades(symbol=symbol, seed=seed, days=NEXT_DAY)
    return more.assign(trade_id="z" + more["trade_id"], sequence=more["sequence"] + 10_000)


def test_the_first_run_reads_everything_once():
    said = run(FIRST)
    assert_all_is_as_if_made_at_once(FIRST)
    assert said["trades_read"] == len(FIRST)
    assert said["buckets_computed"] == said["dagster/row_count"]
    assert (said["instruments"], said["instruments_computed"]) == (2, 2)


def test_nothing_new_reads_no_trade_and_makes_no_snapshot():
    run(FIRST)
    before = configured_lake().current_snapshot()
    said = run()
    assert (said["trades_read"], said["buckets_computed"], said["instruments_computed"]) == (0, 0, 0)
    assert said["instruments"] == 2
    assert configured_lake().current_snapshot() == before


def test_a_day_more_reads_that_day_the_one_before_and_its_look_back():
    run(FIRST)
    silver = pd.concat([FIRST, later("A")], ignore_index=True)
    said = run(silver)
    assert_all_is_as_if_made_at_once(silver)
    assert said["trades_read"] == LOOK_BACK + 2 * A_DAY
    assert said["instruments_computed"] == 1
    assert said["buckets_computed"] < 2 * 48
    assert said["rows_removed"] == 0


def test_day_after_day_is_the_whole():
    day = FIRST["event_time"].dt.tz_localize(None).dt.floor("D")
    for last in DAYS[1::2]:
        run(FIRST[day <= last])
    assert_all_is_as_if_made_at_once(FIRST)


def test_a_corrected_trade_counts_from_its_day_on():
    run(FIRST)
    silver = FIRST.copy()
    place = silver.index[(silver["symbol"] == "A") & (silver["session_date"] == DAYS[6])][30]
    silver.loc[place, "quantity"] *= 5
    said = run(silver)
    assert_all_is_as_if_made_at_once(silver)
    # Five days from the one before it on, and what these look back at.
    assert said["trades_read"] == LOOK_BACK + 5 * A_DAY


def test_days_that_silver_has_no_more_are_gone_and_come_back():
    run(FIRST)
    for gone in ([9], [0, 1], [4], [7, 8, 9], []):
        silver = FIRST[~((FIRST["symbol"] == "A") & FIRST["session_date"].isin(DAYS[gone]))]
        run(silver)
        assert_all_is_as_if_made_at_once(silver)


def test_doubted_trades_of_the_past_count_no_more():
    run(FIRST)
    silver = FIRST.assign(is_suspicious=(FIRST["symbol"] == "B") & (FIRST.index % 50 == 0))
    run(silver)
    assert_all_is_as_if_made_at_once(silver)


def test_an_instrument_is_made_anew_when_another_source_counts():
    other = trades(symbol="B", source="b", seed=5, days=DAYS[3:])
    few = pd.concat([FIRST, other.iloc[:-A_DAY]], ignore_index=True)
    run(few)
    assert_all_is_as_if_made_at_once(few)
    more = pd.concat([FIRST, other, later("B").assign(source="b")], ignore_index=True)
    said = run(more)
    assert_all_is_as_if_made_at_once(more)
    assert said["trades_read"] == len(other) + A_DAY
    assert set(configured_lake().read(TABLE).query("symbol == 'B'")["source"]) == {"b"}


def test_an_instrument_that_is_gone_or_new_or_has_another_name():
    run(FIRST)
    new = trades(symbol="C", seed=8, days=DAYS[:4])
    renamed = later("A").assign(symbol="Z")
    silver = pd.concat([FIRST[FIRST["symbol"] == "A"], new, renamed], ignore_index=True)
    run(silver)
    assert_all_is_as_if_made_at_once(silver)
    assert set(configured_lake().read(TABLE)["symbol"]) == {"C", "Z"}


def test_the_look_back_is_part_of_the_history_of_a_quiet_instrument():
    """One whose first days are not yet enough to be compared with anything."""
    run(FIRST[FIRST["session_date"] <= DAYS[3]])
    assert "B" not in set(configured_lake().read(TABLE)["symbol"])
    run(FIRST)
    assert_all_is_as_if_made_at_once(FIRST)
