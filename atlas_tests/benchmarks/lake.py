"""How fast the lake commits, hashes and reads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from atlas_assets.lake import CommitInfo, Lake, LakeConfig, Window, content_hash
from atlas_tests.benchmarks.measure import Figure, timed

ROWS = 1_000_000
SCHEMA = pa.schema(
    [
        pa.field("trade_id", pa.int64(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("event_time", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("price", pa.float64(), nullable=False),
        pa.field("quantity", pa.float64(), nullable=False),
    ]
)
COMMIT = CommitInfo(run_id="benchmark", asset="raw/benchmark/trades")


def trades(rows: int, *, seed: int = 0) -> pa.Table:
    """Random trades."""
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "trade_id": np.arange(rows),
            "symbol": np.where(rng.random(rows) < 0.5, "BTCUSDT", "ETHUSDT"),
            "event_time": pa.array(1_545_000_000_000_000 + np.arange(rows) * 1000).cast(pa.timestamp("us", "UTC")),
            "price": 4000 + np.cumsum(rng.normal(size=rows)),
            "quantity": rng.lognormal(size=rows),
        }
    ).cast(SCHEMA)


def figures() -> Iterator[Figure]:
    """Commits, hashes, reads."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _figures(Path(folder))


def _figures(folder: Path) -> Iterator[Figure]:
    lake, numbers = Lake(LakeConfig(root=folder / "lake")), count()

    def replace(table: str, rows: pa.Table, window: Window | None) -> None:
        lake.replace(table, rows, schema=SCHEMA, keys=["trade_id"], window=window, commit=COMMIT)

    def commit_one() -> None:
        number = next(numbers)
        row = trades(1, seed=number).set_column(0, SCHEMA.field(0), pa.array([number], pa.int64()))
        replace("raw.small", row, Window("trade_id", number, number))

    one = trades(1).to_pandas()
    yield Figure(
        "commit of one row, durable",
        timed(commit_one, repetitions=20),
        timed(lambda: one.to_parquet(folder / "one.parquet"), repetitions=20),
        "pandas to_parquet, not durable",
    )
    frames = iter([trades(ROWS, seed=seed) for seed in range(5)])
    frame = trades(ROWS).to_pandas()
    replaced = timed(lambda: replace("raw.large", next(frames), None), repetitions=4)
    yield Figure(
        f"replace {ROWS:,} rows: sort, hash, compare, commit",
        replaced,
        timed(lambda: frame.to_parquet(folder / "large.parquet"), repetitions=4),
        "pandas to_parquet",
        rate=f"{ROWS / replaced.best / 1e6:.1f} M rows/s",
    )
    rows = trades(ROWS)
    hashed = timed(lambda: content_hash(rows, ["trade_id"]), repetitions=4)
    yield Figure(
        f"content hash of {ROWS:,} rows",
        hashed,
        timed(lambda: pd.util.hash_pandas_object(frame, index=False).sum(), repetitions=4),
        "pandas hash_pandas_object",
        rate=f"{ROWS / hashed.best / 1e6:.1f} M rows/s",
    )
    snapshot = lake.snapshots("raw.large", limit=2)[1].id
    as_of = timed(lambda: lake.read("raw.large", as_of=snapshot), repetitions=4)
    yield Figure(
        f"read {ROWS:,} rows as of the snapshot before",
        as_of,
        timed(lambda: pd.read_parquet(folder / "large.parquet"), repetitions=4),
        "pandas read_parquet",
        rate=f"{ROWS / as_of.best / 1e6:.1f} M rows/s",
    )
    yield Figure(
        "read five minutes of them",
        timed(lambda: lake.read("raw.large", start="2018-12-16T22:45:00Z", end="2018-12-16T22:50:00Z"), repetitions=8),
    )
