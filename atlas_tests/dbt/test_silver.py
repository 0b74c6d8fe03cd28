"""Silver follows raw: late, corrected, vanished and nasty rows, and what is left when a model fails."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import exchange_calendars
import pytest

from atlas_assets.orchestration.tables import all_tables
from atlas_tests.dbt.silver_story import Story, first_load, second_load, spoil
from atlas_tests.dbt.vendor_rows import (
    NASTY_SYMBOLS,
)

pytestmark = pytest.mark.xdist_group("dbt_silver")
# Sessions follow the calendar; nobody told of a corporate action; what is in quarantine stays there.
UNTOUCHED = {"silver.sessions", "silver.corporate_actions", "silver.quarantine"}


@pytest.fixture(scope="module")
def story(bench: Any) -> Story:
    """Six chapters of one lake."""
    told = Story(bench)
    first_load(bench)
    told.chapter("first load", "build")
    told.chapter("nothing new")
    second_load(bench)
    told.chapter("second load")
    told.chapter("rebuilt", "run", "--full-refresh")
    spoil(bench)
    told.chapter("spoilt", "run", "--select", "documents", "fear_greed", succeeds=False)
    return told


def test_every_test_of_the_first_load_has_the_expected_outcome(story: Story) -> None:
    statuses = story.statuses["first load"]
    surprises = {name for name, status in statuses.items() if status not in ("success", "pass")}
    assert surprises == {
        "daily_bars_close_within_range",
        "daily_bars_low_to_high",
        "daily_bars_left_out",
        "fear_greed_left_out",
        "quarantine_decided",
        "reconciliation_all_received",
        "reconciliation_none_quarantined",
        "reconciliation_sources_agree",
    }
    assert {statuses[name] for name in surprises} == {"warn"}
    assert {"of_generic_tests", "of_macros"} <= statuses.keys()


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
    assert (share["open_raw"], share["volume_raw"], share["outlier_score"]) == (None, None, None)
    coin = bars["BTCUSDT", "2018-12-03"]
    ohlc = (coin["open_raw"], coin["high_raw"], coin["low_raw"], coin["close_raw"])
    assert ohlc == (4000.0, 4100.0, 3900.0, 4010.0)
    assert (coin["volume_raw"], coin["currency"]) == (0.2, "USDT")
    assert coin["event_time"] == datetime(2018, 12, 4, tzinfo=UTC)


def test_nasty_symbols_are_instruments_of_their_own(story: Story) -> None:
    landed = {*NASTY_SYMBOLS, "NEWCO"}
    every = story.rows("first load", "SELECT * FROM silver.instruments ")
    rows = [row for row in every if row["symbol"] in landed]
    assert {row["symbol"] for row in rows} == landed
    assert len({row["instrument_id"] for row in rows}) == len(landed)
    assert {(row["instrument_type"], row["venue"], row["currency"]) for row in rows} == {("equity", "US", "XXX")}
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
    trades, other = (
        {
            row["trade_id"]: row
            for row in story.rows("first load", f"SELECT * FROM silver.trades WHERE symbol = '{name}'")
        }
        for name in ("BTCUSDT", "ETHBTC")
    )
    assert set(trades) == {"1", "2", "3", "5"}
    # Trade 3 was streamed and later loaded, trade 5 was streamed only.
    assert (trades["3"]["price"], trades["3"]["object_id"]) == (4008.0, "a" * 64)
    assert (trades["5"]["price"], trades["5"]["object_id"]) == (4012.0, "d" * 64)
    assert trades["1"]["event_time"] == datetime(2018, 12, 3, 10, 0, 0, 123_000, tzinfo=UTC)
    assert trades["2"]["event_time"] == datetime(2018, 12, 3, 11, tzinfo=UTC)
    assert [trades[key]["aggressor_side"] for key in "123"] == ["sell", "buy", "sell"]
    assert trades["1"]["notional_usd"] == trades["1"]["notional"] == 1000.0
    assert (other["1"]["notional"], other["1"]["currency"], other["1"]["notional_usd"]) == (0.0075, "BTC", None)


def test_documents(story: Story) -> None:
    documents = {row["title"]: row for row in story.rows("first load", "SELECT * FROM silver.documents ")}
    dated, undated = documents["Stocks & bonds"], documents["Undated"]
    assert (dated["body"], dated["language"]) == ("Up 1 < 2 %", "en")
    assert (undated["language"], undated["published_at"]) == ("en", undated["ingested_at"])


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
    query = "SELECT trade_id, price FROM silver.trades WHERE symbol = 'BTCUSDT'"
    trades = {row["trade_id"]: row["price"] for row in story.rows("second load", query)}
    assert trades == {"1": 4000.0, "3": 4009.0, "4": 4020.0, "5": 4012.0}
    moods = story.rows("second load", "SELECT value FROM silver.fear_greed ")
    assert moods == [{"value": 22.0}]
    documents = story.rows("second load", "SELECT title, published_at FROM silver.documents ORDER BY title")
    assert [row["title"] for row in documents] == ["Stocks & bonds, corrected", "Undated"]
    # The world knew it when it was first received, however long the feed repeats it.
    assert documents[1]["published_at"] == datetime(2018, 12, 4, 12, tzinfo=UTC)


def test_a_landed_ticker_joins_the_instrument_that_a_vendor_names_later(story: Story) -> None:
    query = "SELECT DISTINCT instrument_id, currency FROM silver.instruments WHERE symbol = 'NEWCO'"
    (before,), (after,) = story.rows("first load", query), story.rows("second load", query)
    assert (before["currency"], after["currency"]) == ("XXX", "USD")
    assert before["instrument_id"] == after["instrument_id"]
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
    # Known by its day only, a Friday: it counts from Monday's session on.
    assert after[0]["published_at"] == datetime(2018, 4, 30, 13, 30, tzinfo=UTC)


def test_increments_end_where_a_rebuild_ends(story: Story) -> None:
    assert story.versions["second load"] == story.versions["rebuilt"]


def test_sessions_are_the_exchanges_own(story: Story) -> None:
    calendar = exchange_calendars.get_calendar("XNYS", start="1990-01-01", end="2035-12-31")
    expected = [
        (day.date(), opens.to_pydatetime(), closes.to_pydatetime(), day in calendar.early_closes)
        for day, opens, closes in calendar.schedule[["open", "close"]].itertuples()
    ]
    found = story.rows("first load", "SELECT * FROM silver.sessions WHERE calendar = 'XNYS' ORDER BY session_date")
    names = ("session_date", "opens_at", "closes_at", "is_half_day")
    assert [tuple(row[name] for name in names) for row in found] == expected


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
        "/".join(table.asset_key) for table in all_tables() if table.layer == "silver" and table.name not in UNTOUCHED
    )
    assert [record["asset"] for record in records] == [commit["commit_message"] for commit in commits]
    for record in records:
        assert record["run_id"] == "test-run"
        assert record["code_version"] != "by hand"
        assert record["snapshot_read"] >= first
