from __future__ import annotations

import csv
import gzip
import io
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

CLOCK = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_bars_are_those_of_the_package(ask):
    rows = ask("eodhd", "eod/IXIC.INDX").json()
    package = Path(next(iter(find_spec("arch").submodule_search_locations)))
    content = (package / "data" / "nasdaq" / "nasdaq.csv.gz").read_bytes()
    source = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))
    assert len(rows) == len(source)
    for name, column in {
        "open": "Open",
        "high": "High",
        "low": "Low",
        "close": "Close",
        "adjusted_close": "Adj Close",
    }.items():
        expected = [float(row[column]) for row in source]
        assert [row[name] for row in rows] == pytest.approx(expected, abs=5.1e-5)
    assert [row["volume"] for row in rows] == [int(row["Volume"]) for row in source]


def test_range_and_order(ask):
    rows = ask("eodhd", "eod/GSPC.INDX", **{"from": "2018-12-24", "to": "2018-12-27"}).json()
    assert [row["date"] for row in rows] == ["2018-12-24", "2018-12-26", "2018-12-27"]
    newest_first = ask("eodhd", "eod/GSPC.INDX", **{"from": "2018-12-24", "to": "2018-12-27", "order": "d"}).json()
    assert newest_first == rows[::-1]
    assert ask("eodhd", "eod/GSPC.INDX", **{"from": "2018-12-29", "to": "2018-12-30"}).json() == []


def test_without_fmt_the_reply_is_csv(ask):
    reply = ask("eodhd", "eod/GSPC.INDX", fmt=None, **{"from": "2018-12-31"})
    assert reply.headers["Content-Type"].startswith("text/csv")
    assert reply.text.splitlines() == [
        "Date,Open,High,Low,Close,Adjusted_close,Volume",
        "2018-12-31,2498.9399,2509.24,2482.8201,2506.8501,2506.8501,3442870000",
    ]


def test_errors(ask):
    wrong = ask("eodhd", "eod/GSPC.INDX", api_token="wrong")
    assert (wrong.status_code, wrong.text, wrong.headers["Content-Type"]) == (
        401,
        "Unauthenticated",
        "text/html; charset=UTF-8",
    )
    assert "X-RateLimit-Limit" not in wrong.headers
    assert ask("eodhd", "eod/NOPE.US").status_code == 404
    assert ask("eodhd", "eod/GSPC.INDX", **{"from": "tomorrow"}).status_code == 422


def test_limits(ask_at):
    ask = ask_at(limits={"eodhd_requests_per_minute": 2})
    replies = [ask("eodhd", "user") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 200]
    assert replies[0].headers["X-RateLimit-Remaining"] == "1"
    assert int(replies[2].headers["Retry-After"]) > 0
    ask = ask_at(limits={"eodhd_calls_per_day": 1})
    assert [ask("eodhd", "eod/GSPC.INDX").status_code for _ in range(2)] == [200, 402]
    assert ask("eodhd", "user").json()["apiRequests"] == 1


def test_another_key_can_be_the_accepted_one(ask_at):
    ask = ask_at(keys={"eod_historical": "mine"})
    assert ask("eodhd", "user", api_token="mine").status_code == 200
    assert ask("eodhd", "user").status_code == 401


@pytest.mark.recorded
def test_shape_is_the_recorded_one(ask, wire):
    real, ours = wire("eodhd/eod_BHP.AU_daily.json"), ask("eodhd", "eod/GSPC.INDX")
    assert [(name, type(value)) for name, value in ours.json()[0].items()] == [
        (name, type(value)) for name, value in real[0].items()
    ]
    recorded = wire("eodhd/HEADERS.json")["eod_BHP.AU_daily.json"]["headers"]
    assert {name.lower() for name in recorded} <= set(ours.headers)
    assert ours.headers["Content-Type"] == recorded["Content-Type"]
    assert list(ask("eodhd", "user").json()) == list(wire("eodhd/user.json"))
    assert list(ask("eodhd", "exchange-symbol-list/INDX").json()[0]) == list(
        wire("eodhd/exchange_symbol_list_AU.json")[0]
    )
    assert ask("eodhd", "user", api_token="x").text == wire("eodhd/error_401_eod.txt")


def test_intraday_bars_open_within_the_span_and_end_with_the_closing_print(ask):
    begin, end = int(datetime(2018, 12, 31, tzinfo=UTC).timestamp()), int(CLOCK.timestamp())
    rows = ask("eodhd", "intraday/SPY.US", interval="5m", **{"from": begin, "to": end}).json()
    assert list(rows[0]) == ["timestamp", "gmtoffset", "datetime", "open", "high", "low", "close", "volume"]
    assert (rows[0]["datetime"], len(rows)) == ("2018-12-31 14:30:00", 79)
    closing = rows[-1]
    assert (closing["datetime"], closing["volume"]) == ("2018-12-31 21:00:00", None)
    assert closing["open"] == closing["high"] == closing["low"] == closing["close"] == rows[-2]["close"]
    assert len(ask("eodhd", "intraday/SPY.US", interval="1m", **{"from": begin, "to": end}).json()) == 390
    assert ask("eodhd", "intraday/GSPC.INDX", interval="1m", **{"from": begin, "to": end}).json() == []


def test_the_running_bar_is_served_until_the_clock(ask_at):
    now = datetime(2018, 12, 31, 17, 32, 30, tzinfo=UTC)
    rows = ask_at(now)("eodhd", "intraday/SPY.US", interval="5m", **{"from": int(now.timestamp()) - 3600}).json()
    assert rows[-1]["datetime"] == "2018-12-31 17:30:00"
    assert all(row["volume"] is not None for row in rows)


@pytest.mark.parametrize(("interval", "days"), [("1m", 120), ("5m", 600), ("1h", 7200)])
def test_longer_spans_are_refused(ask, interval, days):
    end = int(CLOCK.timestamp())
    span = {"to": end, "from": end - days * 86_400 - 1, "interval": interval}
    reply = ask("eodhd", "intraday/SPY.US", **span)
    said = [f"Max period length is {days} days"]
    assert (reply.status_code, reply.json()) == (422, {"errors": {"to": said, "from": said}})
    assert ask("eodhd", "intraday/SPY.US", **span | {"interval": "2m"}).status_code == 422
    assert ask("eodhd", "intraday/SPY.US", **span | {"from": "x"}).status_code == 422


def test_corporate_actions_of_the_synthetic_stocks(ask):
    assert ask("eodhd", "splits/SPY.US").json() == [{"date": "2018-12-10", "split": "2.000000/1.000000"}]
    assert ask("eodhd", "splits/SPY.US", to="2018-12-09").json() == []
    rows = ask("eodhd", "div/SPY.US", **{"from": "2018-09-01"}).json()
    assert [(row["date"], row["value"] < row["unadjustedValue"]) for row in rows] == [
        ("2018-09-21", True),
        ("2018-12-21", False),
    ]
    assert ask("eodhd", "div/GSPC.INDX").json() == []
    assert ask("eodhd", "div/NOPE.US").status_code == 404


def test_whole_exchanges(ask):
    rows = ask("eodhd", "eod-bulk-last-day/US", date="2018-12-28").json()
    assert [(row["code"], row["date"]) for row in rows] == [
        ("SPY", "2018-12-28"),
        ("QQQ", "2018-12-28"),
        ("0P0000SNDX", "2018-12-28"),
    ]
    assert ask("eodhd", "eod-bulk-last-day/US", date="2018-12-29").json() == []
    assert [row["code"] for row in ask("eodhd", "eod-bulk-last-day/INDX").json()] == ["GSPC", "IXIC"]
    assert ask("eodhd", "eod-bulk-last-day/US", date="2019-01-02").json() == []


def test_lists_of_symbols_with_blanks_funds_and_the_delisted(ask):
    rows = ask("eodhd", "exchange-symbol-list/US").json()
    assert [row["Code"] for row in rows] == ["SPY", "QQQ", "0P0000SNDX"]
    assert rows[0]["Name"].endswith("  ")
    assert [row["Code"] for row in ask("eodhd", "exchange-symbol-list/US", delisted=1).json()] == ["QQQ_old"]
    assert ask("eodhd", "exchange-symbol-list/NOPE").status_code == 404


def test_requests_cost_calls(ask_at):
    ask = ask_at(limits={"eodhd_calls_per_day": 106})
    paths = ("eod-bulk-last-day/US", "intraday/GSPC.INDX", "splits/SPY.US", "splits/SPY.US")
    assert [ask("eodhd", path).status_code for path in paths] == [200, 200, 200, 402]
    assert ask("eodhd", "user").json()["apiRequests"] == 106


def test_another_seed_changes_the_intraday_bars_alone(ask_at):
    for path, same in (("intraday/SPY.US", False), ("eod/SPY.US", True), ("div/SPY.US", True)):
        since = int(CLOCK.timestamp()) - 86_400 if "intraday" in path else "2018-12-01"
        bodies = [ask_at(seed=seed)("eodhd", path, **{"from": since}).content for seed in (1, 2)]
        assert (bodies[0] == bodies[1]) is same
