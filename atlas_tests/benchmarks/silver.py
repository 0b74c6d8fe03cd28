"""How long silver takes to judge twenty years of 500 stocks, and a day more; pandas beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from atlas_assets.lake import Lake, LakeConfig
from atlas_tests.benchmarks.measure import REPOSITORY, Figure, Timing, timed

SYMBOLS = 500
BUILD_PROMISE, DAY_PROMISE = 20.0, 3.0
PEER = "pandas in memory, three of the rules, nothing kept"


def figures() -> Iterator[Figure]:
    """The first build and the day after it, each in a process of its own; dbt's start is left out of both."""
    with tempfile.TemporaryDirectory() as folder:
        _run("load", folder)
        lake = Lake(LakeConfig(root=Path(folder) / "lake"))
        raw = lake.read("raw.eodhd_eod", columns=["symbol", "date", "open", "high", "low", "close", "volume"])
        splits = lake.read("raw.eodhd_splits", columns=["symbol", "date", "split"])
        peer = timed(lambda: clean(raw, splits), repetitions=1, warm_up=False)
        for command, what, promise in (
            ("build", f"silver of {len(raw):,} daily bars from raw", BUILD_PROMISE),
            ("day", f"one day more of {SYMBOLS} stocks", DAY_PROMISE),
        ):
            took = _run(command, folder)
            memory = f"{took['cpu']} s of CPU, at most {took['peak_bytes'] / 2**20:,.0f} MiB"
            yield Figure(what, Timing((took["seconds"],)), peer, PEER, memory, promise)
            yield Figure("  dbt's start before it", Timing((took["start"],)))


def clean(bars: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    """Believable bars by the rules on slips, levels and repeated days, as one would write them at first."""
    ratio = splits["split"].str.split("/").str[0].astype(float)
    told = splits.assign(date=pd.to_datetime(splits["date"]), log_ratio=np.log(ratio)).sort_values("date")
    told["log_ratio"] = told.groupby("symbol")["log_ratio"].cumsum()
    bars = bars.assign(date=pd.to_datetime(bars["date"])).sort_values("date")
    bars = pd.merge_asof(bars, told[["symbol", "date", "log_ratio"]], on="date", by="symbol")
    bars = bars.sort_values(["symbol", "date"], ignore_index=True)
    bars["level"] = np.log(bars["close"]) + bars["log_ratio"].fillna(0)
    of_symbol = bars.groupby("symbol", sort=False)
    before, after = of_symbol["level"].shift(1), of_symbol["level"].shift(-1)
    moves = (bars["level"] - before).abs()
    usual = moves.groupby(bars["symbol"], sort=False).rolling(21).median().shift(1).to_numpy()
    volatility = np.maximum(0.003, 1.4826 * usual)
    displacement = bars["level"] - (before + after) / 2
    nearest = np.minimum(moves, (bars["level"] - after).abs())
    powers = (displacement.abs() / np.log(10)).round()
    agree = (after - before).abs() < nearest / 2
    slip = agree & powers.between(1, 4) & ((displacement.abs() - powers * np.log(10)).abs() < 0.2)
    level = agree & (nearest > np.maximum(0.1, 6 * volatility))
    values = ["open", "high", "low", "close", "volume"]
    repeated = (bars[values] == of_symbol[values].shift(1)).all(axis=1)
    return bars[~(slip | level | repeated)]


def _run(command: str, folder: str) -> dict[str, float]:
    program = [sys.executable, "-W", "ignore", "-m", "atlas_tests.dbt.market_at_scale", command, folder, str(SYMBOLS)]
    outcome = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if outcome.returncode:
        raise RuntimeError(f"{command} failed: {outcome.stderr[-500:]}")
    return json.loads(outcome.stdout.splitlines()[-1]) if command != "load" else {}
