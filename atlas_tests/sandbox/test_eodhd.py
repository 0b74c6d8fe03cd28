from __future__ import annotations

import csv
import gzip
import io
from importlib.util import find_spec
from pathlib import Path

import pytest

from atlas_assets.sandbox import Limits


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
    ask = ask_at(limits=Limits(eodhd_requests_per_minute=2))
    replies = [ask("eodhd", "user") for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 200]
    assert replies[0].headers["X-RateLimit-Remaining"] == "1"
    assert int(replies[2].headers["Retry-After"]) > 0
    ask = ask_at(limits=Limits(eodhd_calls_per_day=1))
    assert [ask("eodhd", "eod/GSPC.INDX").status_code for _ in range(2)] == [200, 402]
    assert ask("eodhd", "user").json()["apiRequests"] == 1


def test_another_key_can_be_the_accepted_one(ask_at):
    ask = ask_at(api_keys={"eod_historical": "mine"})
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
