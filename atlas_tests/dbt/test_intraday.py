"""Trades and intraday bars: who said what, when a bar opens, which fills are one, rebuilds and increments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from atlas_tests.dbt.conftest import Workbench, environment_of
from atlas_tests.dbt.vendor_rows import bar, candle, trade

pytestmark = pytest.mark.xdist_group("dbt_intraday")

MODELS = ("sessions", "ticker_history", "instruments", "intraday_bars", "trades")
BUILD = ("build", "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test", "--select", *MODELS)
WINTER, SUMMER = "2018-12-03", "2018-07-03"  # the second is a half day


def instant(text: str) -> datetime:
    """An instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ohlc(close: float, **more: Any) -> dict[str, Any]:
    """Prices of a bar without range."""
    return {"open": close, "high": close, "low": close, "close": close, "volume": 100.0, **more}


def eodhd(symbol: str, time: str, close: float | None, interval: str = "1m") -> dict[str, Any]:
    """An EODHD bar, named by its opening in UTC."""
    seconds = int(instant(time).timestamp())
    return {"symbol": symbol, "interval": interval, "timestamp": seconds, "datetime": time, **ohlc(close)}  # pyright: ignore[reportArgumentType]


def landed_bar(time: str, close: float, row: int, **more: Any) -> dict[str, Any]:
    """A bar of a dropped file."""
    given = {"symbol": "NEWCO", "time": instant(time), "file_name": "bars.csv", "row_number": row}
    return {**given, **ohlc(close), **more}


def fill(time: str, price: float, row: int, **more: Any) -> dict[str, Any]:
    """A trade of a dropped file."""
    given = {"symbol": "NEWCO", "time": instant(time), "file_name": "ticks.csv", "row_number": row}
    return {**given, "price": price, "quantity": 100.0, **more}


def alpaca_trade(number: int, time: str, price: float, *, feed: str = "sip", **more: Any) -> dict[str, Any]:
    """An Alpaca trade."""
    given = {"symbol": "AAPL", "feed": feed, "timestamp": time, "exchange": "V", "trade_id": number}
    return {**given, "price": price, "size": 10.0, "conditions": '["@"]', **more}


def _first_load(bench: Workbench) -> None:
    bench.load("raw.eodhd_eod", WINTER, [bar("AAPL.US", WINTER, 180.0)], received=WINTER)
    bench.load(
        "raw.eodhd_intraday",
        WINTER,
        [
            eodhd("AAPL.US", "2018-12-03T14:29", 180.0),
            eodhd("AAPL.US", "2018-12-03T14:30", 181.0),
            eodhd("AAPL.US", "2018-12-03T20:59", 182.0),
            eodhd("AAPL.US", "2018-12-03T21:00", 183.0),
            eodhd("AAPL.US", "2018-12-04T00:30", 184.0),
            eodhd("AAPL.US", "2018-12-03T14:31", None),
            eodhd("AAPL.US", "2018-12-03T15:00", 181.5, "1h"),
            eodhd("AAPL.US", "2018-07-03T13:30", 185.0),
            eodhd("AAPL.US", "2018-07-03T16:59", 185.0),
            eodhd("AAPL.US", "2018-07-03T17:00", 185.0),
            eodhd("AAPL.US", "2018-07-04T15:00", 185.0),
            eodhd("VOD.LSE", "2018-12-03T23:59", 150.0),
        ],
        received=WINTER,
    )
    alpaca = {"symbol": "AAPL", "timestamp": "2018-12-03T14:30:00Z", "vwap": 181.2, "trade_count": 7}
    bench.load(
        "raw.alpaca_minute_bars",
        WINTER,
        [{**alpaca, **ohlc(181.0), "feed": "sip"}, {**alpaca, **ohlc(181.1), "feed": "iex"}],
        received=WINTER,
    )
    bench.load(
        "raw.tiingo_intraday",
        WINTER,
        [{"symbol": "MSFT", "interval": "1hour", "date": "2018-12-03T15:00:00.000Z", **ohlc(110.0)}],
        received=WINTER,
    )
    minute = {"symbol": "MSFT", "date": date(2018, 7, 3)}
    own = {**minute, **ohlc(99.0), "average": 99.0, "notional": 1.0, "number_of_trades": 1}
    market = {f"market_{name}": value for name, value in ohlc(100.0).items()}
    bench.load(
        "raw.iex_intraday",
        SUMMER,
        [
            {**own, "minute": "09:30", **market, "market_average": 100.2, "market_number_of_trades": 9},
            {**own, "minute": "09:31"},
            {**minute, "minute": "09:32"},
            {**own, "minute": "09:33", **ohlc(-1.0), "average": -1.0},
        ],
        received=WINTER,
    )
    bench.load(
        "raw.landing_intraday_bars",
        WINTER,
        [
            landed_bar("2018-12-03T14:31", 50.0, 1, named_by="close"),
            landed_bar("2018-12-03T14:35", 51.0, 2, interval_seconds=300),
            landed_bar("2018-12-03T14:30", 4000.0, 3, symbol="BTCUSD", calendar="24/7"),
        ],
        received=WINTER,
    )
    bench.load("raw.binance_klines", WINTER, [candle("BTCUSDT", "2018-12-03T00:00", "4000.0")], received=WINTER)
    bench.load(
        "raw.binance_kline_stream",
        WINTER,
        [
            candle("BTCUSDT", "2018-12-03T00:00", "3999.0", received_at=instant(WINTER)),
            candle("BTCUSDT", "2018-12-03T00:01", "4001.0", received_at=instant(WINTER)),
        ],
        received="2018-12-02",
    )
    daily = candle("BTCUSDT", "2018-12-03T00:00", "4000.0", interval="1d")
    bench.load("raw.binance_dumps_klines", WINTER, [daily], received=WINTER)
    bench.load(
        "raw.binance_dumps_agg_trades", WINTER, [trade("BTCEUR", 1, "2018-12-03T00:00", "3500.0")], received=WINTER
    )
    bench.load(
        "raw.alpaca_trades",
        WINTER,
        [
            alpaca_trade(1, "2018-12-03T14:30:00.000000001Z", 180.0),
            alpaca_trade(2, "2018-12-03T14:30:01.086175744Z", 180.1),
            alpaca_trade(2, "2018-12-03T14:30:01.086175744Z", 180.1, feed="iex"),
            alpaca_trade(3, "2018-12-03T14:30:02Z", 1.0, update="canceled"),
            alpaca_trade(4, "2018-12-03T14:30:03Z", 180.1, update="corrected"),
            alpaca_trade(5, "2018-12-04T00:59:59Z", 179.0),
            alpaca_trade(1, "2018-12-04T14:30:00Z", 178.0),
        ],
        received=WINTER,
    )
    bench.load(
        "raw.landing_trades",
        WINTER,
        [
            fill("2018-12-03T15:00", 10.0, 1),
            fill("2018-12-03T15:00", 10.0, 2),
            fill("2018-12-03T15:00", 10.0, 3),
            fill("2018-12-03T15:01", 10.0, 4, bid=9.8, ask=10.1),
            fill("2018-12-03T15:02", 3.0, 5, is_suspicious=True),
            fill("2018-12-03T15:03", 9.9, 6, trade_id="7", exchange="Q"),
            fill("2018-12-03T15:03", 9.9, 7, trade_id="7", exchange="Q"),
            fill("2018-12-03T15:04", 9.9, 8, trade_id="7", exchange="N", aggressor_side="buy"),
        ],
        received=WINTER,
    )


def _second_load(bench: Workbench) -> None:
    """EODHD lists NEWCO; a file is dropped again, another under the first one's name; a candle and a trade change."""
    bench.load("raw.eodhd_eod", "2018-12-04", [bar("NEWCO.US", "2018-12-04", 55.0)], received="2018-12-04")
    bench.load(
        "raw.binance_klines", "2018-12-04", [candle("BTCUSDT", "2018-12-03T00:01", "4002.0")], received="2018-12-05"
    )
    bench.load(
        "raw.landing_trades",
        "2018-12-04",
        [fill("2018-12-03T15:00", 10.0, row, file_name="again.csv", symbol="OTHER") for row in (1, 2)],
        received="2018-12-04",
        object_id="b",
    )
    bench.load(
        "raw.landing_trades",
        "2018-12-05",
        [
            fill("2018-12-03T15:00", 10.0, 1),
            fill("2018-12-03T15:01", 10.1, 2),
            fill("2018-12-03T15:02", 9.0, 3, trade_id="7", exchange="Q"),
        ],
        received="2018-12-05",
        object_id="c",
    )
    bench.load(
        "raw.alpaca_trades", "2018-12-04", [alpaca_trade(5, "2018-12-04T00:59:59Z", 179.5)], received="2018-12-04"
    )


class Story:
    """What each chapter left."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.statuses: dict[str, dict[str, str]] = {}
        self.after: dict[str, int] = {}
        self.versions: dict[str, list[str]] = {}

    def chapter(self, name: str, *arguments: str) -> None:
        """Run dbt and remember the outcome."""
        self.statuses[name] = self.bench.dbt(*(arguments or BUILD))
        self.after[name] = self.bench.lake.current_snapshot()
        self.versions[name] = [self.bench.lake.version(f"silver.{model}", recompute=True) for model in MODELS]

    def rows(self, chapter: str, query: str) -> list[dict[str, Any]]:
        """The rows of a query as they were after a chapter."""
        return self.bench.lake.sql(query.replace(" silver.", " lake.silver."), as_of=self.after[chapter]).to_pylist()


@pytest.fixture(scope="module")
def story(bench_of: Callable[[Path], Workbench], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    bench = bench_of(tmp_path_factory.mktemp("intraday"))
    with environment_of(bench.lake):
        told = Story(bench)
        _first_load(bench)
        told.chapter("first load")
        told.chapter("nothing new")
        _second_load(bench)
        told.chapter("second load")
        told.chapter("rebuilt", "run", "--full-refresh", "--select", *MODELS)
        yield told


def bars(story: Story, symbol: str, chapter: str = "first load") -> dict[tuple[str, str, int], dict[str, Any]]:
    """Bars by source, opening and length."""
    rows = story.rows(chapter, f"SELECT * FROM silver.intraday_bars WHERE symbol = '{symbol}'")
    return {(row["source"], f"{row['bar_open']:%m-%dT%H:%M}", row["interval_seconds"]): row for row in rows}


def test_every_check_passes_and_what_is_left_out_is_named(story: Story) -> None:
    outcome = story.statuses["first load"]
    surprises = {name: status for name, status in outcome.items() if status not in ("success", "pass")}
    assert surprises == {"trades_left_out": "warn"}  # the cancelled one


def test_the_session_of_new_york_moves_with_its_clocks_and_half_days(story: Story) -> None:
    found = {key[1]: row for key, row in bars(story, "AAPL").items() if key[0] == "eodhd" and key[2] == 60}
    assert {time: row["is_regular_session"] for time, row in found.items()} == {
        "12-03T14:29": False,
        "12-03T14:30": True,
        "12-03T20:59": True,
        "12-03T21:00": False,
        "12-04T00:30": False,
        "07-03T13:30": True,
        "07-03T16:59": True,
        "07-03T17:00": False,
        "07-04T15:00": False,
    }
    assert found["12-04T00:30"]["session_date"] == date(2018, 12, 3)
    ((_, abroad),) = bars(story, "VOD").items()
    assert (abroad["calendar"], abroad["is_regular_session"], abroad["currency"]) == (None, None, "XXX")


def test_a_bar_is_known_when_it_closes(story: Story) -> None:
    for row in story.rows("first load", "SELECT * FROM silver.intraday_bars "):
        assert (row["bar_close"] - row["bar_open"]).total_seconds() == row["interval_seconds"]
        assert row["event_time"] == row["published_at"] == row["bar_close"]


def test_each_source_keeps_its_own_bar_of_one_instrument(story: Story) -> None:
    found = bars(story, "AAPL")
    eodhd_bar, alpaca = found["eodhd", "12-03T14:30", 60], found["alpaca", "12-03T14:30", 60]
    assert eodhd_bar["instrument_id"] == alpaca["instrument_id"]
    # Of Alpaca's two feeds the whole market's.
    assert (alpaca["close_raw"], alpaca["vwap_raw"], alpaca["trade_count"]) == (181.0, 181.2, 7)
    assert ("eodhd", "12-03T15:00", 3600) in found
    assert ("tiingo", "12-03T15:00", 3600) in bars(story, "MSFT")


def test_minutes_of_iex_are_the_markets_where_they_are_told(story: Story) -> None:
    found = {key[1]: row for key, row in bars(story, "MSFT").items() if key[0] == "iex"}
    assert {time: (row["close_raw"], row["vwap_raw"], row["trade_count"]) for time, row in found.items()} == {
        "07-03T13:30": (100.0, 100.2, 9),
        "07-03T13:31": (99.0, 99.0, 1),
    }


def test_a_file_says_how_its_bars_are_named(story: Story) -> None:
    assert set(bars(story, "NEWCO")) == {("landing", "12-03T14:30", 60), ("landing", "12-03T14:35", 300)}
    ((_, coin),) = bars(story, "BTCUSD").items()
    assert (coin["calendar"], coin["is_regular_session"], coin["currency"]) == ("24/7", True, "USD")


def test_a_candle_that_was_streamed_and_loaded_counts_once(story: Story) -> None:
    closes = {key: row["close_raw"] for key, row in bars(story, "BTCUSDT").items()}
    assert closes == {("binance", "12-03T00:00", 60): 4000.0, ("binance", "12-03T00:01", 60): 4001.0}
    assert bars(story, "BTCUSDT", "second load")["binance", "12-03T00:01", 60]["close_raw"] == 4002.0
    assert bars(story, "BTCUSDT")["binance", "12-03T00:00", 60]["vwap_raw"] == 10.0


def test_alpacas_trades(story: Story) -> None:
    query = "SELECT * FROM silver.trades WHERE symbol = 'AAPL' ORDER BY event_time"
    found = story.rows("first load", query)
    assert [
        (row["trade_id"], str(row["session_date"]), row["aggressor_side"], row["side_method"]) for row in found
    ] == [
        ("V:1", "2018-12-03", None, "unknown"),
        ("V:2", "2018-12-03", "buy", "tick_rule"),
        ("V:4", "2018-12-03", "buy", "tick_rule"),
        ("V:5", "2018-12-03", "sell", "tick_rule"),
        ("V:1", "2018-12-04", None, "unknown"),
    ]
    assert found[1]["event_time"] == datetime(2018, 12, 3, 14, 30, 1, 86_175, tzinfo=UTC)
    assert story.rows("second load", query)[3]["price"] == 179.5


def test_equal_fills_without_ids_stay_and_equal_ids_are_one(story: Story) -> None:
    found = story.rows("first load", "SELECT * FROM silver.trades WHERE symbol = 'NEWCO' ORDER BY sequence")
    assert Counter(row["price"] for row in found) == {10.0: 4, 3.0: 1, 9.9: 2}
    assert [row["trade_id"] for row in found][:2] == [f"{'a' * 16}:1", f"{'a' * 16}:2"]
    assert [(row["aggressor_side"], row["side_method"]) for row in found] == [
        *[(None, "unknown")] * 3,
        ("buy", "lee_ready"),
        (None, "unknown"),  # doubted: it moves no price and takes no side from its own
        ("sell", "tick_rule"),
        ("buy", "exchange"),
    ]
    assert [row["is_suspicious"] for row in found] == [False] * 4 + [True] + [False] * 2


def test_a_file_dropped_again_under_its_name_stands_for_the_one_before(story: Story) -> None:
    found = story.rows("second load", "SELECT * FROM silver.trades WHERE symbol = 'NEWCO' ORDER BY event_time")
    # Ids are the venue's: they stay, in their newest version.
    assert [(row["trade_id"], row["price"]) for row in found] == [
        (f"{'c' * 16}:1", 10.0),
        (f"{'c' * 16}:2", 10.1),
        ("Q:7", 9.0),
        ("N:7", 9.9),
    ]
    assert found[-1]["aggressor_side"] == "buy"


def test_a_bare_ticker_is_the_instrument_that_a_vendor_names_later(story: Story) -> None:
    listed = "SELECT instrument_id FROM silver.instruments WHERE symbol = 'NEWCO'"
    for table in ("intraday_bars", "trades"):
        query = f"SELECT DISTINCT instrument_id FROM silver.{table} WHERE symbol = 'NEWCO'"
        assert story.rows("first load", query) == story.rows("second load", query) == story.rows("second load", listed)


def test_pairs_in_other_currencies_have_no_value_in_dollars(story: Story) -> None:
    (pair,) = story.rows("first load", "SELECT * FROM silver.trades WHERE symbol = 'BTCEUR'")
    assert (pair["notional"], pair["currency"], pair["notional_usd"]) == (875.0, "EUR", None)


def test_a_run_without_news_changes_nothing(story: Story) -> None:
    assert story.after["nothing new"] == story.after["first load"]


def test_increments_end_where_a_rebuild_ends(story: Story) -> None:
    assert story.versions["second load"] == story.versions["rebuilt"]
