"""Volumes of a vendor who adjusts them for splits: silver has what was traded, whenever the split becomes known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pytest

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.lake import CommitInfo, Lake, LakeConfig, Window
from atlas_assets.orchestration.tables import table as contract_of
from atlas_tests.dbt.conftest import Workbench, environment_of
from atlas_tests.dbt.vendor_rows import bar

pytestmark = pytest.mark.xdist_group("dbt_volumes")
MODELS = ("ticker_history", "corporate_actions", "daily_bars_by_source", "daily_bars", "sessions")
BEFORE = [f"2020-08-{day}" for day in (24, 25, 26, 27, 28)]
LONG_BEFORE = "2020-01-15"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A lake of this file's own."""
    folder = tmp_path_factory.mktemp("volumes")
    lake = Lake(LakeConfig(root=folder / "lake"))
    with environment_of(lake):
        yield Workbench(lake, folder / "target")


def volumes(bench: Workbench, source: str) -> dict[str, float]:
    found = bench.lake.read("silver.daily_bars_by_source", where=("source = ?", [source]))
    return {f"{day:%Y-%m-%d}": volume for day, volume in zip(found["session_date"], found["volume_raw"], strict=True)}


def load(bench: Workbench, day: str, volume: float, received: str) -> None:
    bench.load("raw.eodhd_eod", day, [bar("AAPL.US", day, 500.0, volume=volume)], received=received)


def a_split_undoes_the_volumes_of_rows_received_since(bench):
    for day in [LONG_BEFORE, *BEFORE]:
        load(bench, day, 400.0, "2020-09-01")
    load(bench, "2020-08-31", 500.0, "2020-09-01")
    tiingo = {"symbol": "AAPL", "date": None, "close": 500.0, "volume": 100.0, "div_cash": 0.0, "split_factor": 1.0}
    for day in BEFORE:
        bench.load("raw.tiingo_daily", day, [{**tiingo, "date": date.fromisoformat(day)}], received="2020-09-01")
    bench.dbt("run", "--select", *MODELS)
    assert set(volumes(bench, "eodhd").values()) == {400.0, 500.0}
    # The split becomes known by itself, with no bar beside it; it reaches bars of any age.
    split = {"symbol": "AAPL.US", "date": date(2020, 8, 31), "split": "4.000000/1.000000"}
    bench.load("raw.eodhd_splits", "2020-08-31", [split], received="2020-09-02")
    bench.dbt("run", "--select", *MODELS)
    found = volumes(bench, "eodhd")
    assert {found[day] for day in [LONG_BEFORE, *BEFORE]} == {100.0}
    assert found["2020-08-31"] == 500.0
    assert set(volumes(bench, "tiingo").values()) == {100.0}
    assert_like_made_anew(bench)


def a_row_received_before_the_split_is_left_until_it_comes_again(bench):
    load(bench, BEFORE[0], 100.0, "2020-08-26")
    bench.dbt("run", "--select", *MODELS)
    assert volumes(bench, "eodhd")[BEFORE[0]] == 100.0
    load(bench, BEFORE[0], 400.0, "2020-09-03")
    bench.dbt("run", "--select", *MODELS)
    assert volumes(bench, "eodhd")[BEFORE[0]] == 100.0
    assert_like_made_anew(bench)


def a_split_withdrawn_is_undone_no_more(bench):
    bench.load("raw.eodhd_splits", "2020-08-31", [], received="2020-09-04")
    bench.dbt("run", "--select", *MODELS)
    assert volumes(bench, "eodhd")[LONG_BEFORE] == 400.0
    assert_like_made_anew(bench)


def silver_reads_on_where_a_vendor_added_a_column(bench):
    table = bench.lake.read_arrow("raw.eodhd_eod", where=("date = ?", [date(2020, 8, 31)]))
    more = table.append_column("vwap", pa.array([501.5] * table.num_rows))
    more = more.set_column(more.column_names.index("volume"), "volume", pa.array([510.0] * table.num_rows))
    schema = arrow_schema(contract_of("raw.eodhd_eod").contract)
    window = Window("partition_date", date(2020, 8, 31), date(2020, 8, 31))
    commit = CommitInfo(run_id="loader", asset="raw.eodhd_eod")
    bench.lake.replace("raw.eodhd_eod", more, schema=schema, keys=["symbol", "date"], window=window, commit=commit)
    before = volumes(bench, "eodhd")
    bench.dbt("run", "--select", *MODELS)
    assert volumes(bench, "eodhd") == before | {"2020-08-31": 510.0}
    assert_like_made_anew(bench)


def test_volumes_split_by_split(bench):
    a_split_undoes_the_volumes_of_rows_received_since(bench)
    a_row_received_before_the_split_is_left_until_it_comes_again(bench)
    a_split_withdrawn_is_undone_no_more(bench)
    silver_reads_on_where_a_vendor_added_a_column(bench)


def test_the_unit_test_of_the_model(bench):
    assert bench.dbt("test", "--select", "volume_before_a_split_is_what_was_traded") == {
        "volume_before_a_split_is_what_was_traded": "pass"
    }


def assert_like_made_anew(bench: Workbench) -> None:
    kept = bench.lake.version("silver.daily_bars_by_source", recompute=True)
    bench.dbt("run", "--full-refresh", "--select", *MODELS)
    assert bench.lake.version("silver.daily_bars_by_source", recompute=True) == kept
