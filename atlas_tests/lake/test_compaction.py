"""Merged files: all that can be asked of the table stays as it was."""

import random
from itertools import combinations_with_replacement

import pyarrow as pa

from atlas_assets.lake import Lake
from atlas_tests.lake.test_writing import SCHEMA, TABLE, rows, write


def written_at_random(lake: Lake, seed: int) -> list[int]:
    """Snapshots of a table that gains, loses and changes rows, merged now and then."""
    chosen = random.Random(seed)
    closes = {symbol: [1.0] * 6 for symbol in "ABCDEF"}
    snapshots: list[int] = []
    for step in range(7):
        for symbol in chosen.sample("ABCDEF", 2):
            closes[symbol][chosen.randrange(6)] = float(chosen.randint(2, 9))
            closes[symbol] = closes[symbol][: chosen.randint(4, 6)] + [1.0] * chosen.randint(2, 3)
        told = pa.concat_tables(
            rows(day + 1, **{symbol: close - day}).slice(day)
            for symbol, of_symbol in closes.items()
            for day, close in enumerate(of_symbol)
        )
        snapshots.append(write(lake, told.cast(SCHEMA)).snapshot_id)
        if step in (3, 5):
            lake.compact(TABLE)
    return snapshots


def test_history_versions_and_feed_stay_as_they_were(lake: Lake, monkeypatch):
    monkeypatch.setattr("atlas_assets.lake.writing.MOST_FILES", 1000)
    snapshots = written_at_random(lake, 1)
    states = {one: lake.read_arrow(TABLE, as_of=one).to_pylist() for one in snapshots}
    for since, until in combinations_with_replacement(snapshots, 2):
        before, after = states[since], states[until]
        differ = {row["symbol"] for row in before + after if (row in before) != (row in after)}
        assert lake.changed(TABLE, by=["symbol"], since=since, as_of=until)["symbol"].to_pylist() == sorted(differ)
    for one in snapshots:
        assert lake.version(TABLE, as_of=one) == lake.version(TABLE, as_of=one, recompute=True)
