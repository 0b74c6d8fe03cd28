"""Runs of VPIN through a lake: a day's run reads that day, and what changed in the past is made anew."""

from __future__ import annotations

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import Vpin
from atlas_assets.contracts.silver import Trades
from atlas_assets.defs.indicators import assets
from atlas_assets.indicators import tables
from atlas_assets.lake.states import newest_state
from atlas_assets.orchestration import resources
from atlas_assets.orchestration.plots import indicators as plots
from atlas_assets.orchestration.resources import LakeResource, configured_lake, configured_settings
from atlas_tests.orchestration.rows import put

DAY = pd.Timedelta("1D")
FIRST = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.fixture(autouse=True)
def settings(atlas_home, monkeypatch):
    monkeypatch.setattr(plots, "vpin", lambda *_, **__: None)  # not asked about here
    change(monkeypatch, WINDOW="5", PERCENTILE_WINDOW="20", BUCKETS_PER_DAY="10")


def change(monkeypatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"ATLAS_MODELS__VPIN__{name}", value)
    resources.configured_settings.cache_clear()


def trades(symbol: str, days: int, *, source: str = "binance", each_day: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(sum(map(ord, symbol + source)))
    count = 10 * each_day
    frame = pd.DataFrame(
        {
            "instrument_id": f"ins_{symbol}",
            "symbol": symbol,
            "source": source,
            "trade_id": [f"{number:06}" for number in range(count)],
            "sequence": range(count),
            "event_time": FIRST + pd.to_timedelta(np.sort(random.uniform(0, 10 * 86_400, count)), "s").round("us"),
            "price": 100 + random.normal(0, 0.05, count).cumsum(),
            "quantity": random.exponential(2.0, count),
            "aggressor_side": random.choice(["buy", "sell"], count),
            "side_method": "exchange",
            "is_suspicious": False,
        }
    )
    frame["session_date"] = frame["event_time"].dt.normalize().dt.tz_localize(None)
    return frame[frame["event_time"] < FIRST + days * DAY]


def load(*parts: pd.DataFrame) -> pd.DataFrame:
    frame = pd.concat(parts, ignore_index=True)
    put("silver.trades", Trades, frame.to_dict("records"))
    return frame


def run() -> dict[str, Any]:
    result = dg.materialize([assets.vpin, assets.vpin_update_equals_refit], resources={"lake": LakeResource()})
    (made,) = result.asset_materializations_for_node("gold__indicators__vpin")
    (check,) = result.get_asset_check_evaluations()
    assert check.passed, check.description
    told = {name: value.value for name, value in made.metadata.items()}
    return told | {"compared": check.metadata["symbol"].value if "symbol" in check.metadata else None}


def counted(told: dict[str, Any]) -> tuple[int, int, int]:
    return told["instruments_made_anew"], told["instruments_updated"], told["trades_read"]


def is_that_of(frame: pd.DataFrame) -> None:
    """Hold the table against that of all trades at once."""
    options = configured_settings().models.vpin.model_dump()
    right = tables.vpin(frame, **options).sort_values(["instrument_id", "bucket_number"]).reset_index(drop=True)
    table = configured_lake().read("gold.vpin").sort_values(["instrument_id", "bucket_number"])
    found = table.reset_index(drop=True)[list(right.columns)]
    pd.testing.assert_frame_equal(found, right.astype(found.dtypes), check_exact=True)


def test_a_days_run_reads_that_day_and_the_one_before():
    loaded = load(trades("A", 5), trades("B", 5))
    told = run()
    assert counted(told) == (2, 0, len(loaded))
    assert told["made_anew_because"] == "no state is saved"
    is_that_of(loaded)
    before = told["dagster/row_count"]

    loaded = load(trades("A", 6), trades("B", 5))
    told = run()
    new = loaded[(loaded["symbol"] == "A") & (loaded["event_time"] >= FIRST + 4 * DAY)]
    assert counted(told) == (0, 1, len(new))
    assert told["rows_removed"] <= 1  # the bar that was open is another one now
    assert told["dagster/row_count"] - before == told["rows_added"] - told["rows_removed"]
    assert told["classification_half_and_half"] > 0
    is_that_of(loaded)

    snapshot = configured_lake().current_snapshot()
    assert counted(run()) == (0, 0, 0)
    assert configured_lake().current_snapshot() == snapshot


def test_a_past_that_changed_is_made_anew_for_its_instrument_alone():
    load(trades("A", 5), trades("B", 5))
    run()
    corrected = trades("A", 5)
    corrected.loc[700, "quantity"] += 50
    loaded = load(corrected, trades("B", 6))
    told = run()
    assert counted(told)[:2] == (1, 1)
    is_that_of(loaded)

    # A trade of the day that was open changes no state.
    corrected.loc[corrected.index[-5], "price"] += 1
    loaded = load(corrected, trades("B", 6))
    assert counted(run())[:2] == (0, 1)
    is_that_of(loaded)


def test_another_source_that_has_more_trades_takes_over_and_one_may_go():
    load(trades("A", 5), trades("B", 5))
    run()
    loaded = load(trades("A", 5), trades("A", 5, source="alpaca", each_day=500), trades("B", 5))
    assert counted(run())[:2] == (1, 0)
    is_that_of(loaded)
    loaded = load(trades("B", 5))
    assert counted(run())[:2] == (0, 0)
    is_that_of(loaded)
    loaded = load(trades("A", 3), trades("B", 5))
    assert counted(run())[:2] == (1, 0)
    is_that_of(loaded)


def test_other_parameters_and_damaged_states_make_all_anew(monkeypatch):
    loaded = load(trades("A", 3))
    run()
    change(monkeypatch, WINDOW="7")
    assert run()["made_anew_because"] == "the parameters changed"
    is_that_of(loaded)
    line = newest_state(configured_lake(), "gold/indicators/vpin")
    assert line is not None
    (configured_lake().config.root / "objects" / line.path).write_bytes(b"nothing")
    assert run()["made_anew_because"] == "the saved state could not be read"
    is_that_of(loaded)


def test_without_trades_there_are_no_rows():
    load(trades("A", 1).iloc[:0])
    told = run()
    assert told["dagster/row_count"] == 0
    assert "load raw trades" in told["left_out"]


def test_the_check_finds_rows_that_no_pass_gives(monkeypatch):
    load(trades("A", 3))
    run()
    table = configured_lake().read("gold.vpin")
    table.loc[5, "buy_volume"] += 1e-9
    put("gold.vpin", Vpin, table.to_dict("records"))
    definitions = dg.Definitions(asset_checks=[assets.vpin_update_equals_refit], resources={"lake": LakeResource()})
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process()
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert "A differ from those" in check.description
