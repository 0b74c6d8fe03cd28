"""Silver follows raw: late, corrected, vanished and nasty rows, and what is left when a model fails."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from atlas_assets.contracts.tables import TABLES
from atlas_tests.dbt.vendor_rows import NASTY_SYMBOLS, article, bar, candle, landed, mood, observation, trade

pytestmark = pytest.mark.xdist_group("dbt")

BUILD = ("build", "--exclude-resource-type", "unit_test", "--exclude", "path:tests/of_tests")


@dataclass
class Story:
    """What happened, chapter by chapter; tests read the lake as it was after each."""

    bench: Any
    after: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    def chapter(self, name: str, *arguments: str, succeeds: bool = True) -> None:
        """Run dbt and remember the outcome."""
        self.statuses[name] = self.bench.dbt(*(arguments or BUILD), succeeds=succeeds)
        self.after[name] = self.bench.lake.current_snapshot()
        self.versions[name] = self.bench.versions()

    def rows(self, name: str, query: str) -> list[dict[str, Any]]:
        """The rows of a query as they were after a chapter."""
        return self.bench.lake.sql(query.replace(" silver.", " lake.silver."), as_of=self.after[name]).to_pylist()


def _first_load(bench: Any) -> None:
    bars = [
        bar("GSPC.INDX", "2018-12-03", 2790.0),
        bar("GSPC.INDX", "2018-12-04", 2700.0, high=2600.0),
        bar("GSPC.INDX", "2018-12-05", None),
        bar("BRK-B.US", "2018-12-03", 210.0, adjusted_close=105.0, open=0.0, volume=float("inf")),
    ]
    bench.load("raw.eodhd_eod", "2018-12-05", bars, received="2018-12-06")
    bench.load(
        "raw.landing_daily_bars",
        "2018-12-06",
        [
            *(landed(symbol, "2018-12-03", 1.0 + number, number + 1) for number, symbol in enumerate(NASTY_SYMBOLS)),
            landed("GSPC", "2018-12-03", 1.0, 10),
            landed("GSPC", "2018-12-06", 2650.0, 11),
            landed("NEWCO", "2018-12-03", 50.0, 12),
        ],
        received="2018-12-06",
    )
    bench.load(
        "raw.binance_klines",
        "2018-12-03",
        [
            candle("BTCUSDT", "2018-12-03T23:58", "4000.0", high="4100.0"),
            candle("BTCUSDT", "2018-12-03T23:59", "4010.0", low="3900.0"),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.binance_agg_trades",
        "2018-12-03",
        [
            trade("BTCUSDT", 1, "2018-12-03T10:00:00.123", "4000.00"),
            trade("BTCUSDT", 2, "2018-12-03T11:00:00", "4004.00", microseconds=True, is_buyer_maker=False),
            trade("BTCUSDT", 3, "2018-12-03T12:00:00", "4008.00"),
            trade("ETHBTC", 1, "2018-12-03T12:00:00", "0.03"),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.fred_observations",
        "2018-12-03",
        [
            observation("GDPC1", "2018-01-01", "18500.0", "2018-04-27"),
            observation("GDPC1", "2018-04-01", ".", "2018-07-27"),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.rss_articles",
        "2018-12-03",
        [
            article(
                "1",
                "Stocks &amp; bonds",
                "<p>Up&nbsp;<b>1 &lt; 2</b> %</p>",
                published_at=datetime(2018, 12, 3, tzinfo=UTC),
            ),
            article("2", "Undated", "<p>Text</p>", language=None),
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.alternative_me_fear_greed",
        "2018-12-03",
        [mood("2018-12-03T00:00", "20"), mood("2018-12-03T06:00", "21"), mood("2018-12-04T00:00", "many")],
        received="2018-12-04",
    )


def _second_load(bench: Any) -> None:
    """An old partition again, an earlier one for the first time, and new ones, all with the clock standing still."""
    bench.load(
        "raw.eodhd_eod",
        "2018-12-05",
        [bar("GSPC.INDX", "2018-12-03", 2791.5), bar("BRK-B.US", "2018-12-03", 210.0, adjusted_close=105.0)],
        received="2018-12-06",
        object_id="b",
    )
    bench.load("raw.eodhd_eod", "2018-11-30", [bar("GSPC.INDX", "2018-11-30", 2760.0)], received="2018-12-06")
    bench.load("raw.eodhd_eod", "2018-12-07", [bar("NEWCO.US", "2018-12-07", 55.0)], received="2018-12-06")
    bench.load(
        "raw.landing_daily_bars",
        "2018-12-07",
        [landed("BRK/B", "2018-12-03", 7.0)],
        received="2018-12-07",
        object_id="c",
    )
    bench.load(
        "raw.binance_klines",
        "2018-12-03",
        [candle("BTCUSDT", "2018-12-03T23:58", "4000.0")],
        received="2018-12-04",
        object_id="b",
    )
    bench.load(
        "raw.binance_agg_trades",
        "2018-12-04",
        [trade("BTCUSDT", 3, "2018-12-03T12:00:00", "4009.00"), trade("BTCUSDT", 4, "2018-12-04T00:00:00", "4020.00")],
        received="2018-12-05",
    )
    bench.load(
        "raw.binance_agg_trades",
        "2018-12-03",
        [
            trade("BTCUSDT", 1, "2018-12-03T10:00:00.123", "4000.00"),
            trade("BTCUSDT", 3, "2018-12-03T12:00:00", "4008.00"),
        ],
        received="2018-12-04",
        object_id="b",
    )
    bench.load(
        "raw.fred_observations",
        "2018-12-04",
        [observation("GDPC1", "2018-01-01", "18600.5", "2018-05-30")],
        received="2018-12-04",
    )
    bench.load(
        "raw.rss_articles", "2018-12-04", [article("1", "Stocks &amp; bonds, corrected", "Down")], received="2018-12-05"
    )
    bench.load("raw.alternative_me_fear_greed", "2018-12-03", [mood("2018-12-03T00:00", "22")], received="2018-12-04")


def _spoil(bench: Any) -> None:
    """Make the insert into documents fail after the delete: a text is missing where the table now wants one."""
    with bench.lake.commit_lock(), bench.lake.connect() as connection:
        connection.execute("ALTER TABLE lake.silver.documents ALTER COLUMN body SET NOT NULL")
    bench.load(
        "raw.rss_articles", "2018-12-05", [article("1", "No text"), article("3", "New", "Text")], received="2018-12-06"
    )


@pytest.fixture(scope="module")
def story(bench: Any) -> Story:
    """Six chapters of one lake."""
    told = Story(bench)
    _first_load(bench)
    told.chapter("first load", "build")
    told.chapter("nothing new")
    _second_load(bench)
    told.chapter("second load")
    told.chapter("rebuilt", "run", "--full-refresh")
    _spoil(bench)
    told.chapter("spoilt", "run", "--select", "documents", "fear_greed", succeeds=False)
    return told


def test_every_test_of_the_first_load_has_the_expected_outcome(story: Story) -> None:
    statuses = story.statuses["first load"]
    surprises = {name for name, status in statuses.items() if status not in ("success", "pass")}
    assert surprises == {
        "daily_bars_close_within_range",
        "daily_bars_low_to_high",
        "daily_bars_left_out",
        "trades_left_out",
        "fear_greed_left_out",
    }
    assert {statuses[name] for name in surprises} == {"warn"}
    assert {"of_generic_tests", "of_macros", "daily_bars_from_each_source"} <= statuses.keys()


def test_bars_of_each_source(story: Story) -> None:
    bars = {
        (row["symbol"], str(row["session_date"])): row
        for row in story.rows("first load", "SELECT * FROM silver.daily_bars ")
    }
    index = bars["GSPC", "2018-12-03"]
    assert (index["close_raw"], index["source"], index["currency"]) == (2790.0, "eodhd", "USD")
    assert index["event_time"] == index["published_at"] == datetime(2018, 12, 3, 21, tzinfo=UTC)
    assert bars["GSPC", "2018-12-06"]["source"] == "landing"
    assert bars["GSPC", "2018-12-06"]["instrument_id"] == index["instrument_id"]
    assert ("GSPC", "2018-12-05") not in bars
    share = bars["BRK-B", "2018-12-03"]
    assert (share["open_raw"], share["volume_raw"], share["close_total_return_adj"]) == (None, None, 105.0)
    coin = bars["BTCUSDT", "2018-12-03"]
    ohlc = (coin["open_raw"], coin["high_raw"], coin["low_raw"], coin["close_raw"])
    assert ohlc == (4000.0, 4100.0, 3900.0, 4010.0)
    assert (coin["volume_raw"], coin["currency"]) == (0.2, "USDT")
    assert coin["event_time"] == datetime(2018, 12, 4, tzinfo=UTC)


def test_nasty_symbols_are_instruments_of_their_own(story: Story) -> None:
    rows = story.rows("first load", "SELECT * FROM silver.instruments WHERE source = 'landing'")
    assert {row["symbol"] for row in rows} == {*NASTY_SYMBOLS, "NEWCO"}
    assert len({row["instrument_id"] for row in rows}) == len(NASTY_SYMBOLS) + 1
    assert {(row["instrument_type"], row["venue"], row["currency"]) for row in rows} == {("equity", "unknown", "USD")}
    closes = story.rows("first load", "SELECT symbol, close_raw FROM silver.daily_bars WHERE source = 'landing'")
    assert {(row["symbol"], row["close_raw"]) for row in closes} >= {(s, 1.0 + n) for n, s in enumerate(NASTY_SYMBOLS)}


def test_instruments_know_their_first_and_last_session(story: Story) -> None:
    def sessions(chapter: str, symbol: str) -> tuple[date, date]:
        query = f"SELECT * FROM silver.instruments WHERE symbol = '{symbol}'"
        ((first, last),) = [(row["first_session"], row["last_session"]) for row in story.rows(chapter, query)]
        return first, last

    assert sessions("first load", "GSPC") == (date(2018, 12, 3), date(2018, 12, 6))
    assert sessions("second load", "GSPC") == (date(2018, 11, 30), date(2018, 12, 6))
    assert sessions("second load", "BTCUSDT") == (date(2018, 12, 3), date(2018, 12, 4))


def test_trades(story: Story) -> None:
    trades = {row["trade_id"]: row for row in story.rows("first load", "SELECT * FROM silver.trades ")}
    assert set(trades) == {"1", "2", "3"}
    assert trades["1"]["event_time"] == datetime(2018, 12, 3, 10, 0, 0, 123_000, tzinfo=UTC)
    assert trades["2"]["event_time"] == datetime(2018, 12, 3, 11, tzinfo=UTC)
    assert [trades[key]["aggressor_side"] for key in "123"] == ["sell", "buy", "sell"]
    assert trades["1"]["notional_usd"] == 1000.0


def test_documents(story: Story) -> None:
    documents = {row["title"]: row for row in story.rows("first load", "SELECT * FROM silver.documents ")}
    dated, undated = documents["Stocks & bonds"], documents["Undated"]
    assert (dated["body"], dated["language"]) == ("Up 1 < 2 %", "en")
    assert (undated["language"], undated["published_at"]) == ("und", undated["ingested_at"])


def test_a_run_without_news_changes_nothing(story: Story) -> None:
    assert story.versions["nothing new"] == story.versions["first load"]
    assert story.after["nothing new"] == story.after["first load"]


def test_corrections_late_rows_and_vanished_rows_arrive(story: Story) -> None:
    bars = {
        (row["symbol"], str(row["session_date"])): row
        for row in story.rows("second load", "SELECT * FROM silver.daily_bars ")
    }
    assert bars["GSPC", "2018-12-03"]["close_raw"] == 2791.5
    assert bars["GSPC", "2018-11-30"]["close_raw"] == 2760.0
    assert ("GSPC", "2018-12-04") not in bars
    assert bars["BRK/B", "2018-12-03"]["close_raw"] == 7.0
    assert bars["BRK", "2018-12-03"]["close_raw"] == 1.0
    assert bars["BTCUSDT", "2018-12-03"]["close_raw"] == 4000.0
    trades = {row["trade_id"]: row["price"] for row in story.rows("second load", "SELECT * FROM silver.trades ")}
    assert trades == {"1": 4000.0, "3": 4009.0, "4": 4020.0}
    moods = story.rows("second load", "SELECT value FROM silver.fear_greed ")
    assert moods == [{"value": 22.0}]
    titles = story.rows("second load", "SELECT title FROM silver.documents ORDER BY title")
    assert [row["title"] for row in titles] == ["Stocks & bonds, corrected", "Undated"]


def test_a_landed_ticker_joins_the_instrument_that_a_vendor_names_later(story: Story) -> None:
    query = "SELECT DISTINCT instrument_id, vendor_symbol FROM silver.instruments WHERE symbol = 'NEWCO'"
    (before,), (after,) = story.rows("first load", query), story.rows("second load", query)
    assert (before["vendor_symbol"], after["vendor_symbol"]) == ("NEWCO", "NEWCO.US")
    bars = story.rows("second load", "SELECT instrument_id, source FROM silver.daily_bars WHERE symbol = 'NEWCO'")
    assert {(row["instrument_id"], row["source"]) for row in bars} == {
        (after["instrument_id"], "eodhd"),
        (after["instrument_id"], "landing"),
    }


def test_a_new_vintage_closes_the_one_before(story: Story) -> None:
    query = "SELECT * FROM silver.macro_observations ORDER BY period, known_from"
    before, after = story.rows("first load", query), story.rows("second load", query)
    assert [str(row["known_to"]) for row in before] == ["9999-12-31", "9999-12-31"]
    assert [(row["value"], str(row["known_from"]), str(row["known_to"])) for row in after] == [
        (18500.0, "2018-04-27", "2018-05-29"),
        (18600.5, "2018-05-30", "9999-12-31"),
        (None, "2018-07-27", "9999-12-31"),
    ]
    assert after[0]["published_at"] == datetime(2018, 4, 28, 13, 30, tzinfo=UTC)


def test_increments_end_where_a_rebuild_ends(story: Story) -> None:
    assert story.versions["second load"] == story.versions["rebuilt"]


def test_a_failed_model_keeps_yesterdays_rows(story: Story) -> None:
    assert "NOT NULL constraint failed" in story.statuses["spoilt"]["documents"]
    assert story.statuses["spoilt"]["fear_greed"] == "success"
    assert story.versions["spoilt"] == story.versions["rebuilt"]


def test_each_model_writes_in_one_commit_that_says_who_and_what(story: Story) -> None:
    first, second = story.after["nothing new"], story.after["second load"]
    commits = story.rows(
        "second load",
        "SELECT commit_message, commit_extra_info FROM lake.snapshots() "
        f"WHERE author = 'dbt' AND snapshot_id > {first} AND snapshot_id <= {second}",
    )
    records = [json.loads(commit["commit_extra_info"]) for commit in commits]
    assert sorted(record["asset"] for record in records) == sorted(
        "/".join(table.asset_key) for table in TABLES if table.layer == "silver"
    )
    assert [record["asset"] for record in records] == [commit["commit_message"] for commit in commits]
    for record in records:
        assert record["run_id"] == "test-run"
        assert record["code_version"] != "by hand"
        assert record["snapshot_read"] >= first
