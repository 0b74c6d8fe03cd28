"""Real minutes and ticks through silver: sessions across a clock change, equal fills, and the side of each trade."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from atlas_assets.contracts.schema import arrow_schema, primary_key
from atlas_assets.data_sources.files.known import INTRADAY_BARS, TRADES
from atlas_assets.data_sources.files.mapping import FileDataset
from atlas_assets.data_sources.files.reading import read_file
from atlas_assets.lake import CommitInfo, Lake, Window
from atlas_assets.orchestration.tables import table
from atlas_tests.dbt.conftest import Workbench, environment_of

pytestmark = [pytest.mark.xdist_group("dbt_ticks_recorded"), pytest.mark.recorded]

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MINUTES = DATA / "spy_1m_2011" / "nt-spy-minute-2011-03.csv"
SPY = DATA / "lean_equity_tick" / "spy_trades_20131007.parquet"
BAC = DATA / "lean_equity_tick" / "bac_trades_nbbo_20131007_11.parquet"
TRUE_SIDES = DATA / "hftbacktest_binance" / "trades_true_side_20240808_09.parquet"
MODELS = ("sessions", "ticker_history", "instruments", "intraday_bars", "trades")
RECEIVED = datetime(2024, 9, 1, tzinfo=UTC)


def drop(lake: Lake, dataset: FileDataset, file_name: str, content: bytes) -> int:
    """Drop a file as a user would: its rows become a raw partition."""
    read = read_file(content, file_name=file_name, dataset=dataset)
    assert not read.rejected
    name = dataset.table.name
    schema = arrow_schema(table(name).contract)
    dropped = len(lake.sql(f"SELECT DISTINCT partition_date FROM lake.{name}")) if _has(lake, name) else 0
    day = date(2000, 1, 1 + dropped)
    object_id = f"{day.day:02}" * 32
    rows = read.rows
    for column, value in (("partition_date", day), ("object_id", object_id), ("ingested_at", RECEIVED)):
        field = schema.field(column)
        rows = rows.append_column(field, pa.repeat(pa.scalar(value, field.type), len(rows)))
    lake.replace(
        name,
        rows.select(schema.names).cast(schema),
        schema=schema,
        keys=primary_key(table(name).contract),
        window=Window("partition_date", day, day),
        commit=CommitInfo(run_id="loader", asset=name),
    )
    return len(rows)


def _has(lake: Lake, name: str) -> bool:
    return name in {one.name for one in lake.tables()}


def _parquet(query: str, folder: Path) -> bytes:
    path = folder / "file.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def _minutes() -> bytes:
    """NinjaTrader's export under headings that the dataset knows; the instant is the bar's close."""
    lines = [line.split(";") for line in MINUTES.read_text(encoding="utf-8").split()]
    # Date and time of day are two words of one cell.
    days, rest = lines[::2], lines[1::2]
    out = ["symbol,time,named_by,interval_seconds,open,high,low,close,volume"]
    for (day,), (clock, *values) in zip(days, rest, strict=True):
        time = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"
        out.append(",".join(["SPY", time, "close", "60", *values]))
    return "\n".join(out).encode()


@pytest.fixture(scope="module")
def lake(bench_of: Callable[[Path], Workbench], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    if not DATA.is_dir():
        pytest.skip(f"no market data in {DATA}")
    folder = tmp_path_factory.mktemp("ticks")
    bench = bench_of(folder)
    with environment_of(bench.lake):
        drop(bench.lake, INTRADAY_BARS, "minutes.csv", _minutes())
        assert drop(bench.lake, TRADES, "spy.parquet", SPY.read_bytes()) == 250_601
        # The consolidated quote is where its time says; a spread day is one of five.
        bac = f"SELECT * FROM '{BAC}' WHERE ts < timestamptz '2013-10-08'"
        drop(bench.lake, TRADES, "bac.parquet", _parquet(bac, folder))
        true = f"""
            SELECT symbol || '@' || market || CASE hide WHEN 1 THEN '-hidden' ELSE '' END AS symbol,
                make_timestamp(trade_ms * 1000) AT TIME ZONE 'UTC' AS time, price, qty AS quantity,
                cast(trade_id AS VARCHAR) AS trade_id, market AS exchange, '24/7' AS calendar,
                CASE WHEN hide = 0 THEN CASE side WHEN 1 THEN 'buy' ELSE 'sell' END END AS aggressor_side
            FROM '{TRUE_SIDES}', (VALUES (0), (1)) AS copies (hide) WHERE market = 'spot' AND symbol = 'BTCUSDT'
            ORDER BY hide, trade_id"""
        drop(bench.lake, TRADES, "binance.parquet", _parquet(true, folder))
        bench.dbt(
            "build", "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test", "--select", *MODELS
        )
        yield bench.lake


def test_every_session_has_390_minutes_whatever_the_clocks_do(lake: Lake) -> None:
    days = lake.sql(
        "SELECT session_date, count(*) AS bars, min(bar_open) AS first "
        "FROM lake.silver.intraday_bars WHERE symbol = 'SPY' AND is_regular_session GROUP BY ALL ORDER BY ALL"
    ).to_pylist()
    print(f"SPY 2011-03: {len(days)} sessions, bars a session {sorted({day['bars'] for day in days})}")
    assert {day["bars"] for day in days} == {390}
    assert len(days) == 23
    opens = {f"{day['first']:%H:%M}" for day in days if day["session_date"] < date(2011, 3, 13)}
    assert (opens, {f"{day['first']:%H:%M}" for day in days if day["session_date"] > date(2011, 3, 13)}) == (
        {"14:30"},
        {"13:30"},
    )


def test_equal_fills_stay(lake: Lake) -> None:
    ((kept, equal),) = (
        tuple(row.values())
        for row in lake.sql(
            "SELECT count(*) AS n, "
            "count(*) - count(DISTINCT (event_time, price, quantity, exchange, conditions)) AS equal "
            "FROM lake.silver.trades WHERE symbol = 'SPY'"
        ).to_pylist()
    )
    print(f"SPY 2013-10-07: {kept} fills kept, {equal} of them equal to another ({equal / kept:.1%})")
    assert kept == 250_601
    assert equal == 47_880


@pytest.mark.parametrize(
    ("symbol", "file", "column", "method"),
    [("SPY", SPY, "side_tick", "tick_rule"), ("BAC", BAC, "side_lr", "lee_ready")],
)
def test_the_side_is_that_of_the_reference(lake: Lake, symbol: str, file: Path, column: str, method: str) -> None:
    ours = lake.sql(f"SELECT * FROM lake.silver.trades WHERE symbol = '{symbol}'")
    with duckdb.connect() as connection:
        connection.register("ours", ours)
        compared = connection.sql(
            f"""
            SELECT ours.side_method, count(*) AS trades,
                count(*) FILTER (CASE ours.aggressor_side WHEN 'buy' THEN 1 WHEN 'sell' THEN -1 ELSE 0 END
                    != reference.{column}) AS different
            FROM ours JOIN '{file}' AS reference
                ON ours.sequence = reference.seq + 1 AND ours.event_time = reference.ts
            GROUP BY 1 ORDER BY 1"""
        ).fetchall()
    print(f"{symbol}: {column}: (method, trades, different) {compared}")
    assert sum(trades for _, trades, _ in compared) == len(ours)
    assert {name for name, _, _ in compared} <= {method, "tick_rule", "unknown"}
    assert sum(different for _, _, different in compared) == 0


def test_true_sides_are_taken_and_the_tick_rule_is_better_than_chance(lake: Lake) -> None:
    rows = lake.sql(
        """
        SELECT told.symbol, count(*) AS trades,
            avg(CASE WHEN told.aggressor_side = guessed.aggressor_side THEN 1.0 ELSE 0.0 END) AS agreement
        FROM lake.silver.trades AS told JOIN lake.silver.trades AS guessed
            ON guessed.symbol = told.symbol || '-hidden' AND guessed.trade_id = told.trade_id
        WHERE told.side_method = 'exchange' AND guessed.side_method = 'tick_rule'
        GROUP BY 1 ORDER BY 1"""
    ).to_pylist()
    for row in rows:
        print(f"{row['symbol']}: tick rule right for {row['agreement']:.1%} of {row['trades']} trades")
        assert row["agreement"] > 0.5
    assert rows
