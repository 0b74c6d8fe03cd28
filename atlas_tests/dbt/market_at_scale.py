"""Build silver from twenty years of 500 simulated stocks, and say how long it took and how much memory.

``python -m atlas_tests.dbt.market_at_scale load /tmp/market``, then the same with ``build``, ``day`` (one day more)
and ``rebuild``: each in a process of its own, since loading needs memory too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.lake import CommitInfo, Lake, LakeConfig, Window
from atlas_assets.orchestration.tables import table
from atlas_tests.dbt import bars_at_scale
from atlas_tests.dbt.bars_at_scale import peak_bytes
from atlas_tests.dbt.simulated_market import RECEIVED, simulate

SYMBOLS, FIRST, LAST, NEXT_DAY = 500, "2004-01-02", "2023-12-29", "2024-01-02"
# One stock in so many has a second source, which is right.
SECOND_SOURCE = 10
MODELS = ("ticker_history", "instruments", "corporate_actions", "daily_bars_by_source", "daily_bars")
QUALITY = ("sessions", "quarantine", "reconciliation")


def put(lake: Lake, name: str, frame: pd.DataFrame, *, window: Window | None = None) -> None:
    """Put rows into a raw table as an ingestion would."""
    contract = table(name).contract
    schema = arrow_schema(contract)
    common = {"partition_date": frame["date"], "object_id": "a" * 64, "ingested_at": RECEIVED}
    common |= {"file_name": "bars.csv", "row_number": np.arange(1, len(frame) + 1)}
    blank = {name: common.get(name) for name in schema.names if name not in frame.columns}
    rows = pa.Table.from_pandas(frame.assign(**blank)[schema.names], schema=schema, preserve_index=False)
    commit = CommitInfo(run_id="loader", asset=name)
    lake.replace(name, rows, schema=schema, keys=primary_key(contract), window=window, commit=commit)


def load(lake: Lake, folder: Path, symbols: int) -> None:
    """A vendor with defects; the bars in another currency come from a file that says so."""
    market = simulate(symbols=symbols, first=FIRST, last=LAST, seed=1)
    market.defects.to_parquet(folder / "defects.parquet")
    labelled = market.defects.query("kind == 'currency'")[["symbol", "date"]]
    bars = market.bars.merge(labelled, on=["symbol", "date"], how="left", indicator="found_in")
    in_file = bars["found_in"] == "both"
    put(lake, "raw.eodhd_eod", bars[~in_file].drop(columns="found_in"))
    tickers = bars["symbol"].str.removesuffix(".US")
    put(lake, "raw.landing_daily_bars", bars[in_file][["date", *_VALUES]].assign(symbol=tickers, currency="EUR"))
    told = market.splits["ratio"].map("{:.6f}/1.000000".format)
    put(lake, "raw.eodhd_splits", market.splits.assign(split=told))
    second = market.true_bars[market.true_bars["symbol"].isin(market.true_bars["symbol"].unique()[::SECOND_SOURCE])]
    tickers = second["symbol"].str.removesuffix(".US")
    put(lake, "raw.tiingo_daily", second.assign(symbol=tickers, div_cash=0.0, split_factor=1.0))


_VALUES = ["open", "high", "low", "close", "volume"]


def load_day(lake: Lake) -> None:
    """One session more: each stock a little above its last one."""
    last = lake.read("raw.eodhd_eod", columns=["symbol", "date", *_VALUES], where=("date > ?", ["2023-12-01"]))
    frame = last.sort_values("date").groupby("symbol", as_index=False).tail(1)
    day = pd.Timestamp(NEXT_DAY)
    put(
        lake,
        "raw.eodhd_eod",
        frame.assign(date=day, close=frame["close"] * 1.001),
        window=Window("partition_date", day.date(), day.date()),
    )


def main(command: str, folder: str, symbols: str = str(SYMBOLS)) -> None:
    """Load, or build and print the figures as JSON."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    lake = Lake(LakeConfig(root=place / "lake"))
    if command == "load":
        load(lake, place, int(symbols))
        return
    if command == "day":
        load_day(lake)
    more = ("--full-refresh",) if command == "rebuild" else ()
    # No bar that comes changes the calendar of sessions.
    models = [name for name in (*MODELS, *QUALITY) if (command, name) != ("day", "sessions")]
    took = bars_at_scale.build(lake, place / "target", *more, models=models)
    print(json.dumps({**took, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
