"""Twenty years of 500 stocks with defects of which every place is known, built in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from atlas_assets.lake import Lake, LakeConfig
from atlas_tests.conftest import REPOSITORY
from atlas_tests.dbt.market_at_scale import MODELS, QUALITY, SECOND_SOURCE

pytestmark = [pytest.mark.xdist_group("dbt_market_at_scale"), pytest.mark.slow]

MOST_BYTES = 2 * 2**30
TABLES = tuple(f"silver.{name}" for name in (*MODELS, *QUALITY))


def run(command: str, folder: Path) -> dict[str, float]:
    """Run one of the steps; what it says of itself, printed."""
    program = [sys.executable, "-W", "ignore", "-m", "atlas_tests.dbt.market_at_scale", command, str(folder)]
    outcome = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    figures = json.loads(outcome.stdout.splitlines()[-1]) if command != "load" else {}
    print(f"\n{command}: {figures}", end="")
    return figures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the market is, as the vendors tell it."""
    made = tmp_path_factory.mktemp("market")
    run("load", made)
    return made


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, float]:
    """What the first build needed."""
    return run("build", folder)


@pytest.fixture(scope="module")
def lake(folder: Path, figures: dict[str, float]) -> Lake:
    """The lake with silver."""
    return Lake(LakeConfig(root=folder / "lake"))


@pytest.fixture(scope="module")
def bars(lake: Lake) -> pd.DataFrame:
    """Every source's bars that are not plainly good."""
    found = lake.read("silver.daily_bars_by_source", columns=["symbol", "session_date", "source", "fault", "suspicion"])
    return found.assign(symbol=found["symbol"] + ".US", date=pd.to_datetime(found["session_date"]))


@pytest.fixture(scope="module")
def defects(folder: Path) -> pd.DataFrame:
    """Kind, symbol and date of what is wrong."""
    return pd.read_parquet(folder / "defects.parquet")


def found_of(defects: pd.DataFrame, bars: pd.DataFrame, source: str) -> pd.Series:
    """Which of the defects have a bar that is held, or suspected of the split that is missing."""
    told = defects.merge(bars[bars["source"] == source], on=["symbol", "date"], how="left")
    return (told["fault"].notna() | (told["kind"] == told["suspicion"])).set_axis(defects.index)


def test_the_build_stays_within_two_gibibytes(figures: dict[str, float], lake: Lake) -> None:
    assert len(lake.read("silver.daily_bars", columns=["symbol"])) > 2_500_000
    assert figures["peak_bytes"] < MOST_BYTES


@pytest.mark.parametrize(
    ("kind", "source"),
    [("decimal_slip", "eodhd"), ("missing_split", "eodhd"), ("repeated_day", "eodhd"), ("currency", "landing")],
)
def test_of_a_thousand_defects_one_is_missed(kind: str, source: str, defects: pd.DataFrame, bars: pd.DataFrame) -> None:
    """The bars in another currency say in which; without a label see the next test."""
    some = defects[defects["kind"] == kind]
    recall = found_of(some, bars, source).mean()
    print(f"\n{kind}: {recall:.4%} of {len(some)}", end="")
    assert recall >= 0.999


def test_a_price_in_another_currency_without_a_label_is_told_by_a_second_source(
    defects: pd.DataFrame, bars: pd.DataFrame
) -> None:
    """Alone, it is told by its jumps overnight, there and back; next to a crash or in a wild month it stays unseen."""
    some = defects[defects["kind"] == "price_level"]
    found, seconded = found_of(some, bars, "eodhd"), some["symbol"].isin(bars[bars["source"] == "tiingo"]["symbol"])
    print(
        f"\nprice_level: {found[~seconded].mean():.2%} alone, {found[seconded].mean():.2%} of {seconded.sum()}", end=""
    )
    assert seconded.sum() > len(some) / SECOND_SOURCE / 2
    assert found[seconded].mean() >= 0.999
    assert found[~seconded].mean() >= 0.99


def test_days_that_were_dropped_are_missing_in_the_report(defects: pd.DataFrame, lake: Lake) -> None:
    """Those in another currency came from a file, so this vendor lacks them as well."""
    report = lake.read("silver.reconciliation", where=("source = ?", ["eodhd"]))
    said = report.set_index(pd.to_datetime(report["session_date"]))["missing"]
    lacking = defects[defects["kind"].isin(["dropped", "currency"])].groupby("date").size()
    lacking = lacking.reindex(said.index.union(lacking.index), fill_value=0)
    told = np.minimum(said.reindex(lacking.index, fill_value=0), lacking).sum() / lacking.sum()
    print(f"\ndropped: {told:.4%} of {lacking.sum()}", end="")
    assert told >= 0.999
    assert (said - lacking).clip(lower=0).sum() <= 0.001 * lacking.sum()


def test_false_alarms_are_less_than_one_in_a_thousand(defects: pd.DataFrame, bars: pd.DataFrame) -> None:
    """Crashes and takeovers included; of the second source every alarm is false."""
    wrong = defects.assign(is_wrong=True).merge(bars, on=["symbol", "date"], how="right")["is_wrong"].notna()
    alarms = bars["fault"].notna() | (bars["suspicion"] == "missing_split")
    innocent = ~wrong.to_numpy() | (bars["source"] == "tiingo").to_numpy()
    rate = alarms[innocent].mean()
    print(f"\nfalse alarms: {rate:.5%} of {innocent.sum():,} symbol-days", end="")
    assert rate <= 0.001


def test_a_day_more_is_what_a_rebuild_would_be(folder: Path, lake: Lake, bars: pd.DataFrame) -> None:
    run("day", folder)
    after = {name: lake.version(name, recompute=True) for name in TABLES}
    run("rebuild", folder)
    assert {name: lake.version(name, recompute=True) for name in TABLES} == after
