"""Merged files: all that can be asked of the table stays as it was."""

import random
from itertools import combinations_with_replacement

import pyarrow as pa

from atlas_assets.lake import Lake
from atlas_assets.lake.compaction import tables_of_many_files
from atlas_assets.orchestration import upkeep
from atlas_tests.lake.test_writing import SCHEMA, TABLE, rows, write


def many_files(lake: Lake, more_than: int) -> list[str]:
    with lake.reader() as connection:
        return tables_of_many_files(connection, more_than=more_than)


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


def test_a_table_of_many_files_is_merged_and_no_other(lake: Lake, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_FILES", 3)
    for days in (20, 21, 22):
        write(lake, rows(days, A=1.0, B=2.0))
    version = lake.version(TABLE)
    upkeep.keep_few_files(lake)
    assert many_files(lake, 2) == [TABLE]
    snapshot = lake.current_snapshot()
    assert write(lake, rows(23, A=1.0, B=2.0)).snapshot_id == snapshot + 1
    upkeep.keep_few_files(lake)
    assert not many_files(lake, 1)
    assert lake.version(TABLE, as_of=snapshot) == version
    assert lake.read_arrow(TABLE).num_rows == 46


def test_a_table_that_cannot_be_merged_now_waits(lake: Lake, monkeypatch, caplog):
    from atlas_assets.lake import LakeError

    monkeypatch.setattr(upkeep, "MOST_FILES", 1)
    for days in (5, 6):
        write(lake, rows(days, A=1.0))

    def refuse(self, table):
        raise LakeError(f"{table} was not written.")

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "compact", refuse)
        upkeep.keep_few_files(lake)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"{TABLE} was not written."
    ]
    upkeep.keep_few_files(lake)
    assert not many_files(lake, 1)
