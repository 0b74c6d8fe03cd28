"""The sandbox's CoinGecko: spacing by range, the point of the moment, keys, refusals."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from atlas_assets.sandbox import DEFAULT_KEYS
from atlas_assets.sandbox.simulator import TradeSimulator

HOUR, DAY = 3_600_000, 86_400_000
NOW_MS = 1_546_300_799_000
RANGE = "bitcoin/market_chart/range"
DEMO = {"x-cg-demo-api-key": DEFAULT_KEYS["coingecko"]}
PRO = {"x-cg-pro-api-key": DEFAULT_KEYS["coingecko_pro"]}


def seconds(day, month=12):
    return int(datetime(2018, month, day, tzinfo=UTC).timestamp())


def gaps(points):
    return {round((new[0] - old[0]) / HOUR, 1) for old, new in pairwise(points)}


@pytest.mark.parametrize(
    ("start", "end", "spacing"),
    [
        (seconds(30), seconds(31), {1.0}),  # a day in the past
        (seconds(10), seconds(20), {1.0}),
        (seconds(1, 9), seconds(20), {24.0}),
        (NOW_MS // 1000 - 3600 * 20, NOW_MS // 1000, {0.1}),  # up to a day until now
    ],
)
def test_the_length_of_a_range_decides_on_the_spacing(ask, start, end, spacing):
    chart = ask("coingecko", RANGE, **{"from": start, "to": end}).json()
    assert set(chart) == {"prices", "market_caps", "total_volumes"}
    assert len({len(points) for points in chart.values()}) == 1
    assert gaps(chart["prices"]) == spacing
    assert all(start * 1000 <= moment <= end * 1000 for moment, _ in chart["prices"])


def test_the_last_point_is_of_the_moment(ask):
    daily = ask("coingecko", "bitcoin/market_chart", days="max", interval="daily").json()["prices"]
    assert daily[-1][0] == NOW_MS
    assert all(moment % DAY == 0 for moment, _ in daily[:-1])
    assert len(daily) == 32


def test_prices_are_those_of_the_trades(ask, clock):
    daily = ask("coingecko", "bitcoin/market_chart", days="max", interval="daily").json()
    simulator = TradeSimulator(clock=clock)
    days = [simulator.trades("BTCUSDT", day) for day in simulator.days]
    for (moment, price), before, after in zip(daily["prices"][1:31], days, days[1:], strict=False):
        at_midnight = after.until(moment)
        last = at_midnight if len(at_midnight) else before
        assert price == last.price_ticks[-1] / 100
    pairs = zip(daily["prices"], daily["market_caps"], strict=True)
    assert all(cap == price * 17_400_000 for (_, price), (_, cap) in pairs)
    traded = (days[0].price_ticks * days[0].quantity_lots).sum() / 1e7
    assert daily["total_volumes"][1][1] == pytest.approx(traded, rel=0.01)


@pytest.mark.parametrize(("days", "length"), [(1, HOUR / 2), (7, 4 * HOUR), (30, 4 * HOUR), (90, 4 * DAY)])
def test_the_number_of_days_decides_on_the_length_of_candles(ask, days, length):
    candles = ask("coingecko", "ethereum/ohlc", days=days).json()
    assert {new[0] - old[0] for old, new in pairwise(candles[:-1])} <= {length}
    assert candles[-1][0] <= NOW_MS
    assert all(low <= min(first, last) <= max(first, last) <= high for _, first, high, low, last in candles)


@pytest.mark.parametrize(
    ("host", "headers", "status", "code"),
    [
        ("coingecko", {}, 200, None),
        ("coingecko", DEMO, 200, None),
        ("coingecko_pro", PRO, 200, None),
        ("coingecko", {"x-cg-pro-api-key": PRO["x-cg-pro-api-key"]}, 400, 10010),
        ("coingecko", {"x-cg-demo-api-key": PRO["x-cg-pro-api-key"]}, 400, 10010),
        ("coingecko_pro", DEMO, 400, 10011),
        ("coingecko_pro", {}, 401, 10002),
        ("coingecko_pro", {"x-cg-pro-api-key": "other"}, 401, 10002),
    ],
)
def test_keys_belong_to_their_hosts(ask, host, headers, status, code):
    reply = ask(host, "bitcoin/ohlc", days=1, headers=headers)
    assert reply.status_code == status
    if code:
        assert reply.json()["status"]["error_code"] == code


@pytest.mark.parametrize(
    ("path", "params", "status", "error"),
    [
        ("dogwifhat/ohlc", {"days": 1}, 404, "coin not found"),
        ("bitcoin/ohlc", {"days": 2}, 400, "invalid days"),
        ("bitcoin/ohlc", {"days": "max"}, 400, "invalid days"),
        ("bitcoin/market_chart", {"days": "x"}, 400, "invalid days"),
        (RANGE, {"from": "x", "to": 1}, 400, "invalid from"),
        ("bitcoin/ohlc", {"days": 1, "vs_currency": "xyz"}, 400, "invalid vs_currency"),
    ],
)
def test_refusals(ask, path, params, status, error):
    reply = ask("coingecko", path, **params)
    assert (reply.status_code, reply.json()) == (status, {"error": error})


def test_the_demo_plan_reaches_a_year_back(ask):
    window = {"from": seconds(1) - 366 * 86_400, "to": seconds(2)}
    reply = ask("coingecko", RANGE, **window)
    assert (reply.status_code, reply.json()["error"]["status"]["error_code"]) == (401, 10012)
    assert ask("coingecko_pro", RANGE, headers=PRO, **window).status_code == 200


def test_too_many_requests_are_told_in_the_body_too(ask_at):
    ask = ask_at(limits={"coingecko_requests_per_minute": 2})
    replies = [ask("coingecko", "bitcoin/ohlc", days=1) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[2].json()["status"]["error_code"] == 429
    assert int(replies[2].headers["retry-after"]) > 0
