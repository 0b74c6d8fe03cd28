from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from atlas_assets.sandbox import REAL, SYNTHETIC, SandboxTransport
from atlas_assets.sandbox.replies import Meter

MIDDAY = datetime(2018, 12, 20, 12, 30, tzinfo=UTC)
REQUESTS = (
    ("eodhd", "eod/GSPC.INDX", {"from": "2018-06-01"}),
    (
        "fred",
        "series/observations",
        {"series_id": "GDPC1", "realtime_start": "1776-07-04", "realtime_end": "9999-12-31"},
    ),
    ("fred", "series/observations", {"series_id": "DCOILWTICO", "observation_start": "2018-06-01"}),
    ("binance", "aggTrades", {"symbol": "BTCUSDT", "limit": 1000}),
    ("binance", "klines", {"symbol": "ETHUSDT", "interval": "1m", "limit": 1000}),
    ("alternative_me", "fng/", {"limit": 0}),
    ("news", "market-wire.rss", {}),
    ("news", "crypto-wire.atom", {}),
)
MADE_UP = [
    request
    for request in REQUESTS
    if request[0] in ("binance", "alternative_me", "news") or "GDPC1" in request[2].values()
]


def bodies(ask, requests=REQUESTS):
    return [ask(vendor, path, **params).content for vendor, path, params in requests]


def test_the_same_seed_and_clock_give_the_same_bytes(ask_at):
    assert bodies(ask_at(seed=3)) == bodies(ask_at(seed=3))


def test_bytes_do_not_depend_on_the_order_of_requests(ask_at):
    assert bodies(ask_at(), REQUESTS[::-1])[::-1] == bodies(ask_at())


def test_another_seed_changes_everything_made_up(ask_at):
    pairs = zip(bodies(ask_at(seed=1), MADE_UP), bodies(ask_at(seed=2), MADE_UP), strict=True)
    assert all(one != other for one, other in pairs)


def test_another_seed_changes_nothing_real(ask_at):
    real = [request for request in REQUESTS if request not in MADE_UP]
    assert bodies(ask_at(seed=1), real) == bodies(ask_at(seed=2), real)


def test_an_unknown_host_is_out_of_reach():
    with httpx.Client(transport=SandboxTransport(clock=MIDDAY)) as client, pytest.raises(httpx.ConnectError):
        client.get("https://example.org/")


def test_only_get_is_answered():
    with httpx.Client(transport=SandboxTransport(clock=MIDDAY)) as client:
        assert client.post("https://eodhd.com/api/eod/GSPC.INDX").status_code == 405


def test_a_clock_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        SandboxTransport(clock=datetime(2018, 12, 31))  # noqa: DTZ001 - what it refuses


@pytest.mark.parametrize(("vendor", "path", "params"), REQUESTS)
def test_every_reply_is_dated_by_the_clock(ask_at, vendor, path, params):
    assert ask_at(MIDDAY)(vendor, path, **params).headers["Date"] == "Thu, 20 Dec 2018 12:30:00 GMT"


def test_nothing_later_than_the_clock_is_served(ask_at):
    ask = ask_at(MIDDAY)
    now = MIDDAY.timestamp()
    assert ask("eodhd", "eod/GSPC.INDX").json()[-1]["date"] == "2018-12-19"
    wti = ask("fred", "series/observations", series_id="DCOILWTICO").json()["observations"]
    assert wti[-1]["date"] == "2018-12-18"
    assert ask("binance", "aggTrades", symbol="BTCUSDT").json()[-1]["T"] <= now * 1000
    assert ask("binance", "klines", symbol="BTCUSDT", interval="1m").json()[-1][0] == now * 1000
    assert int(ask("alternative_me", "fng/", limit=1).json()["data"][0]["timestamp"]) <= now
    transport = SandboxTransport(clock=MIDDAY)
    assert all(episode.end <= MIDDAY for episode in transport.simulator.truth("BTCUSDT"))
    for feed in ("market_wire", "crypto_wire"):
        assert transport.newswire.articles(feed)[0].published_at <= MIDDAY


def test_what_was_served_stays_as_time_goes_on(ask_at):
    """A later clock adds; it changes nothing of what an earlier one showed."""
    early, late = ask_at(MIDDAY), ask_at(MIDDAY + timedelta(days=400))
    for params in ({"fromId": 0}, {"startTime": 1_544_000_000_000}):
        pages = [ask("binance", "aggTrades", symbol="BTCUSDT", **params).json() for ask in (early, late)]
        assert pages[0] == pages[1]
    one, other = (SandboxTransport(clock=when).newswire for when in (MIDDAY, MIDDAY + timedelta(days=400)))
    assert set(one.articles("crypto_wire")) < set(other.articles("crypto_wire"))
    values = [ask("alternative_me", "fng/", limit=0).json()["data"] for ask in (early, late)]
    assert values[0][1:] == values[1][-len(values[0]) + 1 :]


def test_a_clock_before_the_first_day_serves_nothing(ask_at):
    ask = ask_at(datetime(2018, 1, 15, tzinfo=UTC))
    assert ask("binance", "aggTrades", symbol="BTCUSDT", fromId=0).json() == []
    assert ask("binance", "klines", symbol="BTCUSDT", interval="1h", startTime=0).json() == []
    assert ask("binance", "klines", symbol="BTCUSDT", interval="1h").json() == []
    assert ask("alternative_me", "fng/", limit=0).json()["data"] == []
    assert "<item>" not in ask("news", "market-wire.rss").text


def test_meter_opens_a_new_window_after_the_wait_it_asked_for():
    meter = Meter(10, window=60.0, seconds_per_request=1.0)
    assert [meter.take(4) for _ in range(3)] == [None, None, 57]
    assert meter.take(4) is None
    assert meter.remaining == 6


def test_importing_the_sandbox_is_light():
    heavy = ("numpy", "pandas", "dagster", "arch")
    code = f"import sys, atlas_assets.sandbox; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_labels_name_what_is_made_up():
    assert {"binance/agg_trades", "binance/klines", "fred/GDPC1", "rss/market_wire"} <= set(SYNTHETIC)
    assert {"eodhd/GSPC.INDX", "fred/VIXCLS"} <= set(REAL)
