"""Who is traded, at which price, and which bars are not believed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from atlas_assets.contracts.adjustment import adjusted_prices
from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.lake import CommitInfo, Lake, LakeConfig, Window
from atlas_assets.orchestration.tables import table
from atlas_tests.dbt.conftest import Workbench
from atlas_tests.dbt.simulated_market import RECEIVED, Market, sessions, simulate

pytestmark = pytest.mark.xdist_group("dbt_market")
QUALITY = ("sessions", "quarantine", "reconciliation")
MODELS = ("ticker_history", "instruments", "corporate_actions", "daily_bars_by_source", "daily_bars")
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "lean_equity_daily"


def load(bench: Any, name: str, frame: pd.DataFrame, *, window: Window | None = None, received: Any = RECEIVED) -> None:
    """Put rows into a raw table as an ingestion would."""
    contract = table(name).contract
    schema = arrow_schema(contract)
    blank = {column: None for column in schema.names if column not in frame.columns}
    common = {
        "object_id": "a" * 64,
        "ingested_at": received,
        "file_name": "f",
        "row_number": np.arange(1, len(frame) + 1),
    }
    frame = frame.assign(**blank).assign(**{k: v for k, v in common.items() if k in blank})
    if frame["partition_date"].isna().all():
        frame["partition_date"] = pd.Timestamp(received.date())
    rows = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    commit = CommitInfo(run_id="loader", asset=name)
    bench.lake.replace(name, rows, schema=schema, keys=primary_key(contract), window=window, commit=commit)


def load_market(bench: Any, market: Market) -> None:
    """The simulated vendor's bars and splits."""
    load(bench, "raw.eodhd_eod", market.bars)
    splits = market.splits
    told = splits.assign(split=[f"{ratio:.6f}/1.000000" for ratio in splits["ratio"]], partition_date=splits["date"])
    load(bench, "raw.eodhd_splits", told.drop(columns="ratio"))


def build(bench: Any, *more: str) -> None:
    """Build the market's tables."""
    bench.dbt("run", *more, "--select", *MODELS, *QUALITY)


def judged(bench: Any) -> pd.DataFrame:
    """Every source's bar with its verdict."""
    found = bench.lake.read("silver.daily_bars_by_source")
    return found.assign(date=pd.to_datetime(found["session_date"]), symbol=found["symbol"] + ".US")


def scores(bench: Any, market: Market) -> dict[str, tuple[int, float]]:
    """How many defects of each kind there are, and the part that was found; printed with the false alarms."""
    found = judged(bench).query("source == 'eodhd'")
    told = market.defects.merge(found, on=["symbol", "date"], how="left")
    is_found = np.where(
        told["kind"] == "missing_split",
        told["suspicion"] == "missing_split",
        np.where(told["kind"] == "dropped", told["close_raw"].isna(), told["fault"].notna()),
    )
    result = {
        kind: (len(part), float(part.mean())) for kind, part in pd.Series(is_found).groupby(told["kind"].to_numpy())
    }
    innocent = found.merge(market.defects[["symbol", "date", "kind"]], on=["symbol", "date"], how="left")
    alarms = innocent["kind"].isna() & (innocent["fault"].notna() | (innocent["suspicion"] == "missing_split"))
    result["false_alarm"] = (len(innocent), float(alarms.mean()))
    print(f"\n{len(found):,} symbol-days, {len(market.crashes)} crashes: {result}")
    return result


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A lake of this file's own."""
    from atlas_assets.orchestration.dbt.silver import dbt_environment

    folder = tmp_path_factory.mktemp("market")
    made = Workbench(Lake(LakeConfig(root=folder / "lake")), folder / "target")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dbt_environment(made.lake, run_id="test-run").items():
            patch.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def market(bench: Any) -> Market:
    """Six years of a vendor with defects, beside another one without; built."""
    made = simulate(symbols=12, first="2018-01-02", last="2023-12-29", seed=7, share=20)
    load_market(bench, made)
    tickers = made.true_bars["symbol"].str.removesuffix(".US")
    load(bench, "raw.tiingo_daily", made.true_bars.assign(symbol=tickers, div_cash=0.0, split_factor=1.0))
    build(bench)
    return made


@pytest.fixture(scope="module")
def years(bench: Any, market: Market) -> dict[str, tuple[int, float]]:
    """What was found before the days that follow."""
    found = scores(bench, market)
    # The other source's bar stands in for what is not believed, or is missing.
    tickers = market.true_bars["symbol"].str.removesuffix(".US").unique().tolist()
    bars = bench.lake.read("silver.daily_bars", symbols=tickers)
    assert len(bars) >= 0.999 * len(market.true_bars)
    assert set(bars["source"]) == {"eodhd", "tiingo"}
    return found


@pytest.fixture(scope="module")
def slipped(bench: Any, years: Any) -> tuple[str, pd.Timestamp]:
    """Three days more, a build after each: the second one has a slip; whose and when."""
    days = sessions("2024-01-02", "2024-01-04")
    before = judged(bench).query("source == 'eodhd'")
    last = before.sort_values("date").groupby("symbol").tail(1).reset_index(drop=True)
    for number, day in enumerate(days):
        scale = np.where((last.index == 0) & (number == 1), 10.0, 1.0)
        names = {"open": "open_raw", "high": "high_raw", "low": "low_raw", "close": "close_raw", "volume": "volume_raw"}
        prices = {to: last[name] * (scale if to != "volume" else 1) * (1 + number / 1000) for to, name in names.items()}
        frame = pd.DataFrame({"symbol": last["symbol"], "date": day, "partition_date": day, **prices})
        load(bench, "raw.eodhd_eod", frame, window=Window("partition_date", day.date(), day.date()))
        build(bench)
    return last["symbol"][0], days[1]


def test_a_price_that_opened_elsewhere_and_opened_back(bench):
    name = "a_price_that_opened_elsewhere_and_opened_back_is_of_another_currency"
    assert bench.dbt("test", "--select", name) == {name: "pass"}


def test_seeded_defects_are_found_and_crashes_left_alone(years):
    """Where another source has the right price; for one that is alone see the market at scale."""
    assert min(rate for kind, (_, rate) in years.items() if kind != "false_alarm") >= 0.999
    assert years["false_alarm"][1] <= 0.001


def test_a_slip_on_the_newest_day_is_held_and_an_increment_is_what_a_rebuild_would_be(bench, slipped):
    symbol, day = slipped
    held = judged(bench).query("date >= '2024' and fault == 'decimal_slip'")
    assert list(zip(held["symbol"], held["date"], strict=True)) == [(symbol, day)]
    names = [f"silver.{name}" for name in (*MODELS, *QUALITY)]
    before = [bench.lake.version(name, recompute=True) for name in names]
    build(bench, "--full-refresh")
    assert [bench.lake.version(name, recompute=True) for name in names] == before


def test_a_released_row_comes_back_and_a_rejected_one_goes(bench, slipped):
    from atlas_assets.orchestration.quarantine import UndecidableError, decide, quarantined

    rows = quarantined(bench.lake)
    assert set(rows["rule"]) >= {"decimal_slip", "repeated_day", "sources_differ"}
    chosen = rows[rows["rule"] == "decimal_slip"].iloc[0]
    key = (chosen["symbol"], pd.Timestamp(chosen["session_date"]).date())

    def bar() -> list[dict[str, Any]]:
        query = "SELECT source, close_raw FROM lake.silver.daily_bars WHERE symbol = ? AND session_date = ?"
        return bench.lake.sql(query, list(key)).to_pylist()

    def said(decision: Any, minute: int, note: str = "checked by hand") -> None:
        now = dt.datetime(2024, 6, 2, 12, minute, tzinfo=dt.UTC)
        assert decide(bench.lake, [chosen["quarantine_id"]], decision, note=note, decided_by="me", now=now) == 1
        build(bench)

    (before,) = bar() or [None]
    said("release", 0)
    (after,) = bar()
    assert after["source"] == "eodhd"
    assert after != before
    (line,) = quarantined(bench.lake, state="released").to_dict("records")
    assert (line["quarantine_id"], line["note"], line["decided_by"]) == (
        chosen["quarantine_id"],
        "checked by hand",
        "me",
    )
    said("reject", 1)
    assert (bar() or [None]) == [before]
    decisions = bench.lake.read("raw.quarantine_decisions").sort_values("decided_at")
    assert decisions["decision"].tolist() == ["release", "reject"]
    with pytest.raises(UndecidableError, match="needs a note"):
        said("release", 2, " ")
    with pytest.raises(UndecidableError, match="is not in quarantine"):
        decide(bench.lake, ["bar_0"], "reject", note="n", decided_by="me", now=RECEIVED)


def test_what_was_expected_is_reconciled(bench, slipped):
    told = bench.lake.read("silver.reconciliation", where=("source = 'eodhd'", []))
    found = judged(bench).query("source == 'eodhd'")
    assert told["received"].sum() == len(found)
    assert told["quarantined"].sum() == found["fault"].notna().sum()
    spans = found.groupby("symbol")["date"].agg(["min", "max"])
    days = pd.DatetimeIndex(
        sorted({day for first in [spans["min"].min()] for day in sessions(str(first.date()), "2024-01-04")})
    )
    expected = sum(((days >= first) & (days <= last)).sum() for first, last in spans.itertuples(index=False))
    assert told["expected"].sum() == expected
    assert told["missing"].sum() == expected - len(found) > 0


@pytest.mark.recorded
def test_tickers_that_changed_hands_and_splits_of_lean(bench, capsys):
    if not RECORDED.is_dir():
        pytest.skip(f"no recorded data at {RECORDED}")
    daily = pd.read_parquet(RECORDED / "daily_unadjusted.parquet")
    load(bench, "raw.landing_daily_bars", daily.assign(date=daily["date"].dt.normalize()))
    dates = {"parse_dates": ["date"], "date_format": "%Y%m%d"}
    factors = pd.read_csv(RECORDED / "factor_files.csv", **dates)
    factors = factors[factors["date"] < "2050"].rename(columns={"permtick": "symbol", "ref_price": "reference_price"})
    load(bench, "raw.landing_adjustment_factors", factors)
    maps = pd.read_csv(RECORDED / "map_files.csv", **dates)
    maps = maps.rename(columns={"file": "permanent_id", "date": "valid_to"})
    load(bench, "raw.landing_ticker_history", maps)
    build(bench)
    lake = bench.lake
    history = lake.read("silver.ticker_history")
    bars = lake.read("silver.daily_bars", symbols=sorted(daily["symbol"].unique()))
    actions = lake.read("silver.corporate_actions")
    returns = {}
    adjusted = adjusted_prices(bars, actions=actions, as_of=dt.date(2021, 3, 31))
    for (symbol, instrument), part in adjusted.groupby(["symbol", "instrument_id"]):
        change = part["close_split_adj"].pct_change()
        returns[symbol, instrument] = change.set_axis(pd.to_datetime(part["session_date"]))
    with capsys.disabled():
        shown = judged(bench).query("fault.notna() and symbol.str.len() < 9 and source == 'landing'")
        print("\nLean:", shown.groupby(["symbol", "fault"]).size().to_dict())
        print("holders:", history[history["symbol"].isin(daily["symbol"])].groupby("symbol").size().to_dict())

    def of(symbol: str, day: str) -> float:
        (value,) = [change[day] for (name, _), change in returns.items() if name == symbol and day in change.index]
        return value

    assert of("AAPL", "2020-08-31") == pytest.approx(0.0339, abs=1e-3)
    assert of("AAPL", "2014-06-09") == pytest.approx(0.016, abs=2e-3)
    assert of("AIG", "2008-09-15") == pytest.approx(-0.58, abs=0.01)
    assert of("AIG", "2009-07-01") == pytest.approx(-0.2, abs=0.01)
    # No instrument has a jump that is another instrument's price.
    largest = {key: float(change.abs().max()) for key, change in returns.items()}
    assert max(largest.values()) < 1.5, largest
