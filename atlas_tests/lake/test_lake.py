"""Writes, reads, as-of reads and schema rules, on each kind of catalog."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from atlas_assets.lake import (
    CommitInfo,
    CoverageEntry,
    Lake,
    LakeConfig,
    LakeError,
    QuarantinedRow,
    Window,
    WriteResult,
    content_hash,
)

TABLE = "silver.daily_bars"
SCHEMA = pa.schema([("symbol", pa.string()), ("session_date", pa.date32()), ("close_raw", pa.float64())])
KEYS = ("symbol", "session_date")
COMMIT = CommitInfo(run_id="run-1", asset="silver/market/daily_bars", partition="2024-01-02", code_version="7")
MONDAY, TUESDAY = date(2024, 1, 1), date(2024, 1, 2)

# ruff: noqa: E501, RUF001
NASTY = [
    "BRK", "BRK/B", "BRK.B", "BRK/../A", "a'); DROP TABLE silver.daily_bars; --", "", " ", "NA", "NaN", "null", "NULL", "None",
    "1E5", "001", "-", "--", "/*", "%", "_", "\\", "\\x00", '"', "'", "''", "`", ";", "?", "$1", "{}", "[]", "é", "e\u0301",
    "😀", "名前", "\n", "\r\n", "\t", "x" * 300, "TRUE", "true", "inf", "^GSPC", "BTC-USD", "EURUSD=X", "ES=F", "0x10", "1_000",
    "con", "nul", "..", ".", "~", "*", "a,b", "a|b", "\u200b", "\u202e", "ﬀ", "ß", "ı", "İ", "+1", "=1+1", "@x",
    *(f"S{number:03d}" for number in range(60)),
]  # fmt: skip


def bars(day: date, *, symbols: list[str] | None = None, close: float = 1.0) -> pa.Table:
    symbols = symbols or ["AAPL", "BRK/B", "MSFT"]
    return pa.table(
        {"symbol": symbols, "session_date": [day] * len(symbols), "close_raw": [close] * len(symbols)}, SCHEMA
    )


def write(lake: Lake, day: date, data: pa.Table | pd.DataFrame | None = None, schema: pa.Schema = SCHEMA):
    data = bars(day) if data is None else data
    return lake.replace(TABLE, data, schema=schema, keys=KEYS, window=Window("session_date", day, day), commit=COMMIT)


def test_a_write_is_read_back_and_recorded(lake: Lake) -> None:
    result = write(lake, MONDAY)
    assert result.changed
    assert result.rows == 3
    assert result.snapshot_id == lake.current_snapshot()
    frame = lake.read(TABLE)
    assert list(frame["symbol"]) == ["AAPL", "BRK/B", "MSFT"]
    assert frame["session_date"].dtype == "datetime64[us]"
    newest = lake.snapshots(TABLE)[0]
    assert (newest.id, newest.author, newest.message) == (
        result.snapshot_id,
        "atlas",
        "silver/market/daily_bars 2024-01-02",
    )
    assert newest.info["run_id"] == "run-1"
    assert newest.info["version"] == result.version == content_hash(lake.read_arrow(TABLE), KEYS)
    info = {table.name: table for table in lake.tables()}[TABLE]
    assert (info.rows, info.snapshot) == (3, result.snapshot_id)


def test_the_same_content_makes_no_snapshot(lake: Lake) -> None:
    first = write(lake, MONDAY)
    shuffled = bars(MONDAY).take([2, 0, 1])
    again = write(lake, MONDAY, shuffled.to_pandas())
    assert not again.changed
    assert (again.version, again.table_version, again.snapshot_id) == (
        first.version,
        first.table_version,
        first.snapshot_id,
    )
    reader = pa.RecordBatchReader.from_batches(SCHEMA, shuffled.to_batches(max_chunksize=1))
    assert not write(lake, MONDAY, reader).changed


def test_versions_do_not_depend_on_how_the_content_came_about(lake: Lake, make_config) -> None:
    write(lake, MONDAY, bars(MONDAY, close=5.0))
    write(lake, TUESDAY)
    last = write(lake, MONDAY)
    other = Lake(make_config())
    whole = pa.concat_tables([bars(TUESDAY), bars(MONDAY)])
    result = other.replace(TABLE, whole, schema=SCHEMA, keys=KEYS, window=None, commit=COMMIT)
    assert result.table_version == last.table_version == lake.version(TABLE)
    assert lake.version(TABLE, recompute=True) == lake.version(TABLE)
    with lake.commit_lock(timeout=5), lake.connect() as connection:
        connection.execute("UPDATE silver.daily_bars SET close_raw = 2 WHERE symbol = 'AAPL'")
    assert lake.version(TABLE) == lake.version(TABLE, recompute=True) != last.table_version


def test_a_version_that_follows_from_changes_is_that_of_the_rows(lake: Lake) -> None:
    """What others than the lake commit, whether its version before was known or not, and whatever became of the file."""
    write(lake, MONDAY)
    file = lake.config.root / "versions.json"

    def commit(statement: str) -> str:
        with lake.commit_lock(timeout=5), lake.connect() as connection:
            connection.execute(statement)
        assert lake.version(TABLE) == lake.version(TABLE, recompute=True) == lake.version(TABLE)
        return lake.version(TABLE)

    first = commit("UPDATE silver.daily_bars SET close_raw = 2 WHERE symbol = 'AAPL'")
    assert str(lake.current_snapshot()) in file.read_text()
    commit("INSERT INTO silver.daily_bars SELECT * REPLACE (close_raw + 1 AS close_raw) FROM silver.daily_bars")
    commit("DELETE FROM silver.daily_bars WHERE symbol = 'AAPL' AND close_raw > 2")
    commit("ALTER TABLE silver.daily_bars ADD COLUMN n INTEGER")
    commit("UPDATE silver.daily_bars SET n = 1")
    commit("ALTER TABLE silver.daily_bars ALTER n TYPE BIGINT")
    commit("CREATE OR REPLACE TABLE silver.daily_bars AS SELECT 'a' AS x")
    snapshot = next(one.id for one in lake.snapshots() if lake.version(TABLE, as_of=one.id, recompute=True) == first)
    assert lake.version(TABLE, as_of=snapshot) == first
    known = file.read_text()
    for spoiled in ("{", "[]", '{"silver.daily_bars": 1}', known.replace("T", "t")):
        file.write_text(spoiled)
        assert lake.version(TABLE) == lake.version(TABLE, recompute=True)


def test_as_of_by_snapshot_and_by_time(lake: Lake) -> None:
    first = write(lake, MONDAY, bars(MONDAY, close=1.0))
    second = write(lake, MONDAY, bars(MONDAY, close=2.0))
    times = {snapshot.id: snapshot.time for snapshot in lake.snapshots()}
    for as_of, close in [
        (first.snapshot_id, 1.0),
        (str(first.snapshot_id), 1.0),
        (times[first.snapshot_id], 1.0),
        (times[second.snapshot_id] - timedelta(microseconds=1), 1.0),
        (times[first.snapshot_id].isoformat(), 1.0),
        (second.snapshot_id, 2.0),
        (times[second.snapshot_id], 2.0),
        (datetime(2999, 1, 1), 2.0),  # noqa: DTZ001 - taken as UTC
        ("2999-01-01", 2.0),
        (None, 2.0),
    ]:
        assert set(lake.read(TABLE, as_of=as_of)["close_raw"]) == {close}
        assert lake.sql(f"SELECT max(close_raw) AS x FROM {TABLE}", as_of=as_of).to_pylist() == [{"x": close}]
        with lake.reader(as_of) as connection:
            assert connection.execute(f"SELECT min(close_raw) FROM {TABLE}").fetchone() == (close,)
    assert lake.version(TABLE, as_of=first.snapshot_id) == first.table_version
    with pytest.raises(LakeError, match="no snapshot from 1999"):
        lake.read(TABLE, as_of="1999-01-01")
    with pytest.raises(LakeError, match="no snapshot 999"):
        lake.read(TABLE, as_of=999)
    with pytest.raises(LakeError, match=r"no table silver.daily_bars at snapshot 0"):
        lake.read(TABLE, as_of=0)


def test_a_failed_write_leaves_yesterdays_partition_whole(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock IO manager deletes first, then fails: dagster-io/dagster#14091."""
    before = write(lake, MONDAY)
    faulty = bars(MONDAY).append_column("surprise", pa.array([1, 2, 3]))
    for data in (
        faulty,
        bars(MONDAY).drop_columns("close_raw"),
        bars(MONDAY).set_column(2, "close_raw", pa.array(["x"] * 3)),
    ):
        with pytest.raises(LakeError):
            write(lake, MONDAY, data)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("atlas_assets.lake.writing._sync", fail)
    with pytest.raises(OSError, match="disk full"):
        write(lake, MONDAY, bars(MONDAY, close=9.0))
    monkeypatch.undo()
    assert lake.current_snapshot() == before.snapshot_id
    assert lake.read_arrow(TABLE).equals(bars(MONDAY))
    assert write(lake, MONDAY, bars(MONDAY, close=9.0)).changed


def test_symbols_are_data(lake: Lake) -> None:
    assert len(NASTY) == len(set(NASTY)) > 100
    for day in (MONDAY, TUESDAY):
        write(lake, day, bars(day, symbols=NASTY))
    for symbol in NASTY:
        assert list(lake.read(TABLE, symbols=[symbol])["symbol"]) == [symbol] * 2
        assert lake.read(TABLE, where=("symbol = ?", [symbol])).shape[0] == 2
    assert len(lake.read(TABLE, symbols=["BRK", "BRK/B", "absent"])) == 4
    assert lake.read(TABLE, symbols=[]).empty
    write(lake, TUESDAY, bars(TUESDAY, symbols=["BRK"], close=3.0))
    assert sorted(lake.read(TABLE, start=MONDAY, end=MONDAY)["symbol"]) == sorted(NASTY)
    assert lake.read_arrow(TABLE, start=TUESDAY).to_pylist() == [
        {"symbol": "BRK", "session_date": TUESDAY, "close_raw": 3.0}
    ]
    folders = {
        path.relative_to(lake.config.tables_folder).parent for path in lake.config.tables_folder.rglob("*.parquet")
    }
    assert folders == {Path("silver/daily_bars")}


def test_nul_is_refused_with_its_place(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"Column symbol .* NUL"):
        write(lake, MONDAY, bars(MONDAY, symbols=["a\0b"]))
    write(lake, MONDAY)
    with pytest.raises(LakeError, match="NUL"):
        lake.read(TABLE, symbols=["a\0b"])


def test_missing_numbers_times_and_wide_values(lake: Lake) -> None:
    schema = pa.schema(
        [("event_time", pa.timestamp("ns", "UTC")), ("x", pa.float64()), ("n", pa.int64()), ("flag", pa.bool_()),
         ("kind", pa.dictionary(pa.int8(), pa.string())), ("vector", pa.list_(pa.float64())), ("amount", pa.decimal128(30, 8))]
    )  # fmt: skip
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
    rows = pa.table(
        {
            "event_time": pa.array([datetime(1677, 1, 1, tzinfo=UTC), last, None], pa.timestamp("us", "UTC")),
            "x": [math.nan, math.inf, None],
            "n": [2**63 - 1, -(2**63), None],
            "flag": [True, False, None],
            "kind": pa.array(["a", "b", None]).dictionary_encode(),
            "vector": [[1.0, 2.0], [], None],
            "amount": pa.array([None, 1, -1]).cast(pa.decimal128(30, 8)),
        }
    )
    result = lake.replace("raw.wide", rows, schema=schema, keys=["n"], window=None, commit=COMMIT)
    back = lake.read_arrow("raw.wide")
    assert sorted(str(value) for value in back["x"].to_pylist()) == ["None", "None", "inf"]
    assert last in back["event_time"].to_pylist()
    assert content_hash(back, ["n"]) == result.version
    assert lake.version("raw.wide", recompute=True) == result.table_version
    assert not lake.replace("raw.wide", rows, schema=schema, keys=["n"], window=None, commit=COMMIT).changed
    assert str(lake.read("raw.wide")["event_time"].dtype) == "datetime64[us, UTC]"
    too_fine = rows.set_column(0, "event_time", pa.array([1, 2, 3], pa.timestamp("ns", "UTC")))
    with pytest.raises(LakeError, match=r"Column event_time"):
        lake.replace("raw.wide", too_fine, schema=schema, keys=["n"], window=None, commit=COMMIT)


def test_a_day_as_the_end_of_a_time_range_is_whole(lake: Lake) -> None:
    schema = pa.schema([("event_time", pa.timestamp("us", "UTC")), ("x", pa.int64())])
    hours = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(72)]
    rows = pa.table({"event_time": hours, "x": range(72)}, schema)
    window = Window("event_time", "2024-01-01", "2024-01-03")
    lake.replace("raw.ticks", rows, schema=schema, keys=["event_time"], window=window, commit=COMMIT)
    assert len(lake.read("raw.ticks", start="2024-01-02", end="2024-01-02")) == 24
    assert len(lake.read("raw.ticks", start="2024-01-02", end="2024-01-02T05:00:00Z")) == 6
    assert len(lake.read("raw.ticks", end=datetime(2024, 1, 1, 5))) == 6  # noqa: DTZ001 - taken as UTC
    assert len(lake.read("raw.ticks", start=5, end=6, time_column="x")) == 2
    with pytest.raises(LakeError, match=r"24 of the rows .* outside the window"):
        lake.replace(
            "raw.ticks", rows, schema=schema, keys=["x"], window=Window("event_time", None, "2024-01-02"), commit=COMMIT
        )


def test_columns_are_added_and_never_lost(lake: Lake) -> None:
    lake.create_table(TABLE, SCHEMA, comments={"close_raw": "USD, it's unadjusted"}, description="Daily bars")
    snapshot = lake.current_snapshot()
    lake.create_table(TABLE, SCHEMA, comments={"close_raw": "USD, it's unadjusted"}, description="Daily bars")
    assert lake.current_snapshot() == snapshot
    write(lake, MONDAY)
    wider = SCHEMA.append(pa.field("volume", pa.int64()))
    before = lake.version(TABLE)
    lake.create_table(TABLE, wider)
    assert lake.version(TABLE) == before
    write(lake, TUESDAY, bars(TUESDAY).append_column("volume", pa.array([1, 2, 3])), wider)
    assert lake.read(TABLE, start=MONDAY, end=MONDAY)["volume"].isna().all()
    info = {table.name: table for table in lake.tables()}[TABLE]
    assert info.description == "Daily bars"
    assert list(info.columns) == ["symbol", "session_date", "close_raw", "volume"]
    narrowed = wider.set(2, pa.field("close_raw", pa.float32()))
    with pytest.raises(LakeError, match=r"Column close_raw .* DOUBLE .* FLOAT"):
        lake.create_table(TABLE, narrowed)
    with pytest.raises(LakeError, match=r"Column volume .* missing"):
        lake.create_table(TABLE, SCHEMA)
    with pytest.raises(LakeError, match="unknown column surprise"):
        write(lake, MONDAY, bars(MONDAY).append_column("surprise", pa.array([1, 2, 3])))


def test_an_empty_result_is_a_commit_with_a_schema(lake: Lake) -> None:
    empty = SCHEMA.empty_table()
    assert write(lake, MONDAY, empty).changed
    assert not write(lake, MONDAY, empty).changed
    assert list(lake.read(TABLE).columns) == SCHEMA.names
    write(lake, MONDAY)
    assert write(lake, MONDAY, empty).rows == 0
    assert lake.read(TABLE).empty


WRITING = [
    f"DROP TABLE {TABLE}",
    f"INSERT INTO {TABLE} VALUES ('x', NULL, 1)",
    f"EXPLAIN ANALYZE DELETE FROM {TABLE}",
    "SELECT 1; SELECT 2",
    "COPY (SELECT 1) TO 'stolen.csv'",
    "SELECT * FROM read_text('/etc/hostname')",
    "CALL lake.set_commit_message('a', 'b')",
    "SET threads = 9",
    "SELECT * FROM ducklake_expire_snapshots('lake', older_than => now())",
    "ATTACH ':memory:' AS other",
    "nonsense",
    "",
]


def test_sql_only_reads(lake: Lake) -> None:
    write(lake, MONDAY)
    snapshot = lake.current_snapshot()
    for query in WRITING:
        with pytest.raises(LakeError):
            lake.sql(query)
    assert lake.current_snapshot() == snapshot
    assert lake.sql(f"SELECT count(*) AS n FROM {TABLE} WHERE symbol = ?", ["AAPL"]).to_pylist() == [{"n": 1}]


def test_a_moved_lake_still_opens(config: LakeConfig, tmp_path: Path) -> None:
    write(Lake(config), MONDAY)
    config.root.rename(tmp_path / "moved")
    moved = Lake(LakeConfig(tmp_path / "moved", catalog=config.catalog, extensions=config.extensions))
    assert len(moved.read(TABLE)) == 3
    assert write(moved, TUESDAY).changed


def test_mistakes_are_said_in_one_sentence(lake: Lake) -> None:
    write(lake, MONDAY)
    mistakes = [
        lambda: lake.read("silver.absent"),
        lambda: lake.read("silver.x; DROP TABLE"),
        lambda: lake.read(TABLE, columns=["absent"]),
        lambda: lake.read(TABLE, start="yesterday"),
        lambda: lake.read(TABLE, where=("absent = ?", [1])),
        lambda: lake.read(TABLE, time_column="absent", start=MONDAY),
        lambda: lake.read(TABLE, as_of="yesterday"),
        lambda: lake.snapshots("silver.absent"),
        lambda: lake.version("silver.absent"),
        lambda: lake.create_table("Silver.X", SCHEMA),
        lambda: lake.create_table("silver.x", pa.schema([("a", pa.duration("s"))])),
        lambda: LakeConfig(Path("x"), catalog="mysql://x"),
        lambda: lake.replace(TABLE, bars(MONDAY), schema=SCHEMA, keys=["absent"], window=None, commit=COMMIT),
        lambda: lake.replace(
            TABLE, bars(MONDAY), schema=SCHEMA, keys=KEYS, window=Window("absent", 1, 1), commit=COMMIT
        ),
    ]
    for mistake in mistakes:
        with pytest.raises(LakeError) as caught:
            mistake()
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(".")


def test_a_large_table_costs_its_window(lake: Lake) -> None:
    rows = 20_000
    days = pa.array((np.arange(rows) // 100).astype("int32")).cast(pa.date32())
    symbols = [f"S{row % 100}" for row in range(rows)]
    table = pa.table({"symbol": symbols, "session_date": days, "close_raw": np.arange(rows, dtype=float)}, SCHEMA)
    lake.replace(TABLE, table, schema=SCHEMA, keys=KEYS, window=None, commit=COMMIT)
    result = write(lake, date(1970, 1, 5), bars(date(1970, 1, 5), symbols=["S1"]))
    assert result.table_version == lake.version(TABLE, recompute=True)
    assert len(lake.read(TABLE)) == rows - 99


def test_several_windows_are_replaced_at_once_and_nothing_beside_them(lake: Lake):
    schema = pa.schema([("symbol", pa.string()), ("session_date", pa.date32()), ("close", pa.float64())])

    def write(rows: list[tuple[str, int, float]], window: object) -> WriteResult:
        data = pa.Table.from_pylist(
            [{"symbol": symbol, "session_date": date(2024, 1, day), "close": close} for symbol, day, close in rows],
            schema,
        )
        return lake.replace(
            "raw.bars", data, schema=schema, keys=["symbol", "session_date"], window=window, commit=COMMIT
        )

    write([("BRK", 1, 1.0), ("BRK/B", 1, 2.0), ("BRK", 2, 3.0), ("BRK/B", 2, 4.0)], None)
    first = Window("session_date", date(2024, 1, 1), date(2024, 1, 1), among=("symbol", ("BRK/B",)))
    second = Window("session_date", date(2024, 1, 2), date(2024, 1, 2), among=("symbol", ("BRK",)))
    changed = write([("BRK/B", 1, 20.0), ("BRK", 2, 30.0)], [first, second])
    assert sorted(lake.read("raw.bars")["close"]) == [1.0, 4.0, 20.0, 30.0]
    assert lake.version("raw.bars", recompute=True) == changed.table_version
    with pytest.raises(LakeError, match="outside the window"):
        write([("BRK", 1, 5.0)], [first, second])
    added = write([("BRK", 3, 6.0)], ())
    assert sorted(lake.read("raw.bars")["close"]) == [1.0, 4.0, 6.0, 20.0, 30.0]
    assert lake.version("raw.bars", recompute=True) == added.table_version
    with pytest.raises(LakeError, match="column ticker is not"):
        write([], Window("session_date", None, None, among=("ticker", ("BRK",))))


def test_the_ledgers_keep_each_line_once(lake: Lake):
    moment = datetime(2024, 1, 2, tzinfo=UTC)
    entry = CoverageEntry(
        "eodhd", "eod", "AAPL", date(2024, 1, 1), date(2024, 1, 1), "missing", 0, moment, "run", None, "gone"
    )
    row = QuarantinedRow("eodhd", "eod", "0" * 64, 3, "close is missing", "{}", moment, "run")
    assert lake.record([entry, row, entry], commit=COMMIT) == 2
    assert lake.record([row, entry], commit=COMMIT) == 0
    assert lake.read("raw.coverage")["reason"].tolist() == ["gone"]
    assert lake.read("raw.quarantine")["position"].tolist() == [3]
