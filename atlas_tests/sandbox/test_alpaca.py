from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from atlas_assets.sandbox import DEFAULT_KEYS, SandboxTransport

NIGHT = datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC)
MIDDAY = datetime(2018, 12, 31, 17, 30, 30, tzinfo=UTC)
KEYS = {"APCA-API-KEY-ID": DEFAULT_KEYS["alpaca"], "APCA-API-SECRET-KEY": DEFAULT_KEYS["alpaca_secret"]}
DAY = {"start": "2018-12-31T05:00:00Z", "end": "2019-01-01T04:59:59Z", "feed": "iex", "symbols": "SPY"}


def asker(clock=NIGHT, **world):
    client = httpx.Client(transport=SandboxTransport(clock=clock, **world), headers=KEYS)
    return lambda path, headers=None, **params: client.get(
        f"https://data.alpaca.markets/v2/stocks/{path}", params=DAY | params, headers=headers
    )


def test_both_keys_are_needed():
    ask = asker()
    for name in KEYS:
        reply = ask("bars", headers={name: "wrong"}, timeframe="1Day")
        assert (reply.status_code, reply.json()) == (403, {"message": "forbidden."})


def test_daily_bars_are_named_by_midnight_in_new_york():
    bars = asker()("bars", timeframe="1Day", start="2018-06-28T00:00:00Z", end="2018-07-03T00:00:00Z").json()["bars"]
    assert [bar["t"] for bar in bars["SPY"]] == [
        "2018-06-28T04:00:00Z",
        "2018-06-29T04:00:00Z",
        "2018-07-02T04:00:00Z",
    ]
    assert [bar["t"] for bar in asker()("bars", timeframe="1Day").json()["bars"]["SPY"]] == ["2018-12-31T05:00:00Z"]


def test_pages_hold_parts_of_symbols_and_join_to_the_whole():
    ask = asker()
    whole = ask("bars", timeframe="1Min", symbols="SPY,QQQ", limit=10_000).json()
    assert whole["next_page_token"] is None
    joined: dict[str, list] = {}
    token, pages = None, 0
    while token or not pages:
        extra = {"page_token": token} if token else {}
        page = ask("bars", timeframe="1Min", symbols="SPY,QQQ", limit=250, **extra).json()
        for symbol, bars in page["bars"].items():
            joined.setdefault(symbol, []).extend(bars)
        token, pages = page["next_page_token"], pages + 1
    assert joined == whole["bars"]
    assert pages == 4


def test_nothing_later_than_the_clock():
    ask = asker(MIDDAY)
    for timeframe in ("1Min", "1Day"):
        last = ask("bars", timeframe=timeframe).json()["bars"]["SPY"][-1]
        assert last["t"] <= "2018-12-31T17:29:00Z"
    assert ask("trades", limit=10_000).json()["trades"]["SPY"][-1]["t"] <= "2018-12-31T17:30:30Z"
    assert asker(MIDDAY.replace(hour=10))("bars", timeframe="1Day").json() == {"bars": {}, "next_page_token": None}


def test_trades_have_nanoseconds_and_their_own_ids():
    trades = asker()("trades", limit=10_000).json()["trades"]["SPY"]
    assert len({trade["i"] for trade in trades}) == len(trades) > 1000
    assert any(len(trade["t"]) == len("2018-12-31T14:30:00.123456789Z") for trade in trades)
    assert [trade["t"] for trade in trades] == sorted((trade["t"] for trade in trades), key=lambda t: t.rstrip("Z"))
    assert list(trades[0]) == ["t", "x", "p", "s", "c", "i", "z"]


def test_unknown_symbols_are_absent_and_impossible_ones_refused():
    ask = asker()
    assert ask("bars", timeframe="1Day", symbols="NOPE").json() == {"bars": {}, "next_page_token": None}
    assert list(ask("bars", timeframe="1Day", symbols="NOPE,SPY").json()["bars"]) == ["SPY"]
    reply = ask("bars", timeframe="1Day", symbols="SPY,X1")
    assert (reply.status_code, reply.json()) == (400, {"message": "invalid symbol: X1"})


@pytest.mark.parametrize(
    ("params", "status", "said"),
    [
        ({"timeframe": "2Fortnight"}, 400, "invalid timeframe"),
        ({"timeframe": "1Day", "limit": 10_001}, 400, "limit"),
        ({"timeframe": "1Day", "page_token": "x"}, 400, "page_token"),
        ({"timeframe": "1Day", "start": "soon"}, 400, "RFC3339"),
        ({"timeframe": "1Day", "end": "2018-12-01"}, 400, "end should not be before start"),
        ({"timeframe": "1Day", "feed": "otc"}, 400, "invalid feed"),
        ({"timeframe": "1Day", "feed": "sip"}, 403, "recent SIP data"),
        ({"timeframe": "1Day", "symbols": ""}, 400, "symbols"),
    ],
)
def test_errors(params, status, said):
    reply = asker()("bars", **params)
    assert reply.status_code == status
    assert said in reply.json()["message"]
    assert asker()("quotes").status_code == 404


def test_limits():
    ask = asker(limits={"alpaca_requests_per_minute": 2})
    replies = [ask("bars", timeframe="1Day") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert [reply.headers["X-RateLimit-Remaining"] for reply in replies] == ["1", "0", "0"]
    assert int(replies[2].headers["X-RateLimit-Reset"]) > NIGHT.timestamp()


def test_another_seed_changes_the_minutes_and_the_same_one_nothing():
    bodies = [asker(seed=seed)("bars", timeframe="1Min").content for seed in (1, 1, 2)]
    assert bodies[0] == bodies[1] != bodies[2]


@pytest.mark.recorded
def test_shape_is_the_recorded_one(wire):
    ask = asker()
    real, ours = wire("alpaca/get_bars_1.json"), ask("bars", timeframe="1Day", limit=10_000).json()
    assert list(ours) == list(real)
    assert list(ours["bars"]["SPY"][0]) == list(real["bars"]["AAPL"][0])
    trade = wire("alpaca/get_trades_1.json")["trades"]["AAPL"][0]
    mine = ask("trades").json()["trades"]["SPY"][0]
    assert [(name, type(value)) for name, value in mine.items()] == [
        (name, type(value)) for name, value in trade.items()
    ]
    assert ask("bars", timeframe="1Day", symbols="NOPE").json() == wire("alpaca/get_bars_single_empty_response_1.json")
