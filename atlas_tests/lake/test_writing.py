"""A write touches the rows that differ, and the change feed tells which these were."""

from __future__ import annotations

import random
from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_assets.lake import CommitInfo, Lake, Window, WriteResult
from atlas_assets.lake.hashing import RowHashes
from atlas_assets.lake.writing import MOST_FILES

TABLE = "gold.closes"
SCHEMA = pa.schema([("symbol", pa.string()), ("session_date", pa.date32()), ("close", pa.float64())])
KEYS = ("symbol", "session_date")
FIRST = date(2024, 1, 1)
COMMIT = CommitInfo(run_id="run-1", asset="gold/closes", snapshot_read=0)
DIFFERENT = "SELECT change_type, symbol, close FROM lake.gold.table_changes('closes', {0}, {0}) ORDER BY ALL"


def rows(days: int, **closes: float | None) -> pa.Table:
    """Rows of 'days' days of each symbol; its close counts on from the one given."""
    told = [
        (symbol, FIRST + timedelta(day), None if close is None else close + day)
        for symbol, close in closes.items()
        for day in range(days)
    ]
    return pa.table([list(column) for column in zip(*told, strict=True)] if told else [[], [], []], schema=SCHEMA)


def write(lake: Lake, data: pa.Table, window: Window | None = None) -> WriteResult:
    return lake.replace(TABLE, data, schema=SCHEMA, keys=KEYS, window=window, commit=COMMIT)


def told(lake: Lake, result: WriteResult) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in lake.sql(DIFFERENT.format(result.snapshot_id)).to_pylist()]


def test_rows_that_are_there_already_are_left_where_they_are(lake: Lake):
    write(lake, rows(3, A=1.0, B=5.0))
    added = write(lake, rows(4, A=1.0, B=5.0))
    assert (added.rows, added.added, added.removed) == (8, 2, 0)
    assert told(lake, added) == [("insert", "A", 4.0), ("insert", "B", 8.0)]
    corrected = write(lake, pa.concat_tables([rows(4, A=1.0), rows(3, B=5.0), rows(4, B=5.5).slice(3)]))
    assert (corrected.rows, corrected.added, corrected.removed) == (8, 1, 1)
    assert told(lake, corrected) == [("delete", "B", 8.0), ("insert", "B", 8.5)]
    assert lake.read_arrow(TABLE).num_rows == 8
    assert lake.version(TABLE, recompute=True) == corrected.table_version


def test_a_table_whose_rows_are_mostly_others_is_written_whole(lake: Lake):
    write(lake, rows(4, A=1.0))
    result = write(lake, rows(4, A=4.0))
    assert (result.added, result.removed) == (4, 4)
    assert lake.version(TABLE, recompute=True) == result.table_version


def test_within_a_window_too_and_among_some_symbols(lake: Lake):
    write(lake, rows(3, A=1.0, B=5.0, C=None))
    window = Window("session_date", FIRST, FIRST + timedelta(5), among=("symbol", ("A", "C")))
    result = write(lake, pa.concat_tables([rows(4, A=1.0), rows(3, C=None)]), window)
    assert (result.added, result.removed) == (1, 0)
    assert lake.version(TABLE, recompute=True) == result.table_version
    assert sorted(lake.read_arrow(TABLE)["symbol"].to_pylist()) == [*"AAAABBBCCC"]


def test_many_small_writes_end_where_one_whole_write_does(lake: Lake):
    told, chosen = {}, random.Random(5)
    for number in range(12):
        symbol = chosen.choice("ABCD")
        told[symbol] = rows(chosen.randint(1, 6), **{symbol: chosen.choice([1.0, 2.0, None])})
        if number % 4 == 3:
            told.pop(symbol)
        result = write(lake, pa.concat_tables([rows(0), *told.values()]))
        assert lake.version(TABLE, recompute=True) == result.table_version
    by_key = [(name, "ascending") for name in KEYS]
    assert lake.read_arrow(TABLE).sort_by(by_key).equals(pa.concat_tables(told.values()).sort_by(by_key))


def test_an_empty_table_takes_all_and_gives_all(lake: Lake):
    assert (write(lake, rows(0)).added, write(lake, rows(2, A=1.0)).added) == (0, 2)
    emptied = write(lake, rows(0))
    assert (emptied.added, emptied.removed, emptied.changed) == (0, 2, True)


def files(lake: Lake) -> int:
    return lake.sql(f"SELECT count(DISTINCT filename) AS files FROM lake.{TABLE}")["files"][0].as_py()


def test_a_window_never_lies_in_many_files(lake: Lake):
    known = []
    for days in range(1, 3 * MOST_FILES):
        result = write(lake, rows(days, A=1.0, B=2.0))
        known.append(files(lake))
        assert lake.version(TABLE, recompute=True) == result.table_version
    assert max(known) == MOST_FILES
    assert known.count(1) == 3
    assert lake.changed(TABLE, by=["session_date"], since=result.snapshot_id - MOST_FILES).num_rows == MOST_FILES


few = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12)


@given(these=few, others=few)
def test_of_equal_rows_as_many_are_in_both_as_the_side_with_fewer_has(these, others):
    hashes = [RowHashes.of(pa.table({"value": pa.array(side, pa.string())})) for side in (these, others)]
    only_these, only_others = hashes[0].differences(hashes[1])
    for value in {*these, *others}:
        counts = these.count(value), others.count(value)
        left = [
            sum(lacks and one == value for one, lacks in zip(side, only, strict=True))
            for side, only in ((these, only_these), (others, only_others))
        ]
        assert left == [counts[0] - min(counts), counts[1] - min(counts)]


def test_what_changed_since_a_snapshot(lake: Lake):
    since = write(lake, rows(3, A=1.0, B=5.0, C=None)).snapshot_id
    write(lake, pa.concat_tables([rows(4, A=1.0), rows(3, B=5.0, C=None)]))
    last = write(lake, pa.concat_tables([rows(4, A=1.0), rows(3, B=5.0), rows(3, C=7.0)])).snapshot_id
    assert lake.changed(TABLE, by=["symbol"], since=since).to_pylist() == [{"symbol": "A"}, {"symbol": "C"}]
    first = lake.changed(TABLE, by=["symbol"], first="session_date", since=since).to_pylist()
    assert first == [
        {"symbol": "A", "session_date": FIRST + timedelta(3)},
        {"symbol": "C", "session_date": FIRST},
    ]
    assert lake.changed(TABLE, by=["symbol"], since=since, as_of=last - 1).to_pylist() == [{"symbol": "A"}]
    assert lake.changed(TABLE, by=["symbol"], since=last).to_pylist() == []


def test_every_row_that_leaves_a_file_is_told_whenever_others_left_it(lake: Lake):
    """At random rows leave and come back; between any two snapshots the feed tells what reading both would."""
    chosen, closes = random.Random(3), dict.fromkeys("ABCDEFGH", 1.0)
    written = [write(lake, rows(9, **closes))]
    for _ in range(8):
        there = {symbol: close for symbol, close in closes.items() if chosen.random() < 0.7}
        written.append(write(lake, rows(9, **there)))
    states = {one.snapshot_id: lake.read_arrow(TABLE, as_of=one.snapshot_id).to_pylist() for one in written}
    for since, before in states.items():
        for until, after in states.items():
            if since <= until:
                differ = {row["symbol"] for row in before + after if (row in before) != (row in after)}
                found = lake.changed(TABLE, by=["symbol"], since=since, as_of=until)
                assert found["symbol"].to_pylist() == sorted(differ)
    for one in written:
        assert lake.version(TABLE, as_of=one.snapshot_id) == lake.version(TABLE, as_of=one.snapshot_id, recompute=True)


def test_a_row_that_went_and_came_back_did_not_change(lake: Lake):
    since = write(lake, rows(3, A=1.0, B=5.0)).snapshot_id
    write(lake, rows(3, B=5.0))
    write(lake, rows(3, A=1.0, B=5.0))
    assert lake.changed(TABLE, by=["symbol"], since=since).to_pylist() == []


def test_what_the_feed_cannot_tell_is_not_told(lake: Lake):
    before = lake.current_snapshot()
    since = write(lake, rows(1, A=1.0)).snapshot_id
    assert lake.changed(TABLE, by=["symbol"], since=before) is None
    assert lake.changed(TABLE, by=["symbol"], since=since + 1) is None
    wider = SCHEMA.append(pa.field("volume", pa.float64()))
    lake.create_table(TABLE, wider)
    assert lake.changed(TABLE, by=["symbol"], since=since) is None


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_write_of_many_rows_reads_back(lake: Lake, share: float):
    """More rows than one batch of a read, of which a share differs."""
    count = 250_000
    data = pa.table({"symbol": ["A"] * count, "session_date": [FIRST] * count, "close": range(count)}, SCHEMA)
    write(lake, data)
    other = [close + 0.5 if close < share * count else close for close in range(count)]
    result = write(lake, data.set_column(2, "close", pa.array(other, pa.float64())))
    assert result.added == result.removed == share * count
    assert lake.version(TABLE, recompute=True) == result.table_version
    assert lake.read_arrow(TABLE, columns=["close"])["close"].sort().to_pylist() == sorted(other)


def test_an_open_reader_keeps_nobody_from_writing_and_outlives_its_errors(lake: Lake):
    write(lake, rows(3, A=1.0))
    count = f"SELECT count(*) FROM lake.{TABLE}"
    with lake.reader() as connection:
        assert connection.execute(count).fetchone() == (3,)
        with pytest.raises(duckdb.ConversionException):
            connection.execute("SELECT CAST(symbol AS INTEGER) FROM lake.gold.closes").fetchall()
        write(lake, rows(5, A=1.0))
        assert connection.execute(count).fetchone() == (5,)
