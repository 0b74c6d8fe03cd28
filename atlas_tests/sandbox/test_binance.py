from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from atlas_assets.sandbox.simulator import FIRST_DAY, MARKETS, TradeSimulator, simulate_day

DAY_MS = 86_400_000
FIRST_MS = int(datetime(2018, 12, 1, tzinfo=UTC).timestamp() * 1000)
NOW_MS = 1_546_300_799_000


def walk(ask, symbol, first_id, until_ms):
    """All trades from an id to a moment, page by page as a client does it."""
    rows = []
    while True:
        page = ask("binance", "aggTrades", symbol=symbol, fromId=first_id, limit=1000).json()
        rows += [row for row in page if row["T"] <= until_ms]
        if len(page) < 1000 or page[-1]["T"] > until_ms:
            return rows
        first_id = page[-1]["a"] + 1


@pytest.mark.parametrize("symbol", MARKETS)
def test_walking_a_day_gives_exactly_the_simulated_trades(ask, clock, symbol):
    truth = TradeSimulator(clock=clock).trades(symbol, date(2018, 12, 10))
    start = FIRST_MS + 9 * DAY_MS
    first = ask("binance", "aggTrades", symbol=symbol, startTime=start, limit=1).json()[0]["a"]
    rows = walk(ask, symbol, first, start + DAY_MS - 1)
    assert [row["a"] for row in rows] == list(range(truth.first_id, truth.first_id + len(truth)))
    assert [row["T"] for row in rows] == truth.time_ms.tolist()
    assert [Decimal(row["p"]) * 100 for row in rows] == truth.price_ticks.tolist()
    assert [Decimal(row["q"]) * 100_000 for row in rows] == truth.quantity_lots.tolist()
    assert [row["m"] for row in rows] == truth.buyer_is_maker.tolist()
    assert [(row["f"], row["l"]) for row in rows] == list(
        zip(truth.first_trade_id.tolist(), truth.last_trade_id.tolist(), strict=True)
    )


def test_pages_by_time_and_by_id_agree(ask):
    by_time, start = [], FIRST_MS
    while start < FIRST_MS + 2 * DAY_MS:
        page = ask(
            "binance", "aggTrades", symbol="BTCUSDT", startTime=start, endTime=FIRST_MS + 2 * DAY_MS - 1, limit=1000
        ).json()
        by_time += page
        if len(page) < 1000:
            break
        start = page[-1]["T"] + 1
    by_id = walk(ask, "BTCUSDT", 0, FIRST_MS + 2 * DAY_MS - 1)
    # Paging by time can lose trades of one millisecond across pages; by id never does.
    assert {row["a"] for row in by_time} <= {row["a"] for row in by_id}
    assert len(by_id) - len(by_time) <= 3


def test_ids_are_contiguous_across_days(ask):
    simulate_day.cache_clear()
    late = ask("binance", "aggTrades", symbol="ETHUSDT", startTime=FIRST_MS + 20 * DAY_MS, limit=1).json()[0]
    before = ask("binance", "aggTrades", symbol="ETHUSDT", fromId=late["a"] - 1, limit=2).json()
    assert [row["a"] for row in before] == [late["a"] - 1, late["a"]]
    assert before[0]["T"] < FIRST_MS + 20 * DAY_MS <= before[1]["T"]
    assert before[0]["l"] + 1 == before[1]["f"]


def test_where_a_page_starts(ask):
    newest = ask("binance", "aggTrades", symbol="BTCUSDT").json()
    assert len(newest) == 500
    assert newest[-1]["T"] <= NOW_MS
    assert ask("binance", "aggTrades", symbol="BTCUSDT", fromId=newest[-1]["a"] + 1).json() == []
    assert ask("binance", "aggTrades", symbol="BTCUSDT", fromId=10**19).json() == []
    before = ask("binance", "aggTrades", symbol="BTCUSDT", endTime=FIRST_MS + DAY_MS, limit=7000).json()
    assert len(before) == 1000, "a limit over 1000 is cut"
    assert before[-1]["T"] <= FIRST_MS + DAY_MS
    assert ask("binance", "aggTrades", symbol="BTCUSDT", startTime=NOW_MS + 1).json() == []
    assert ask("binance", "aggTrades", symbol="BTCUSDT", startTime=0, limit=1).json()[0]["a"] == 0
    assert ask("binance", "aggTrades", symbol="BTCUSDT", startTime=FIRST_MS + 1, endTime=FIRST_MS + 1).json() == []


def klines(ask, symbol, interval, start, end):
    rows = []
    while page := ask(
        "binance", "klines", symbol=symbol, interval=interval, startTime=start, endTime=end, limit=1000
    ).json():
        rows += page
        start = page[-1][0] + 1
    return rows


@pytest.mark.parametrize(("interval", "minutes"), [("1m", 1), ("15m", 15), ("1d", 1440)])
def test_candles_are_the_aggregate_of_the_trades(ask, interval, minutes):
    """Against a slow loop over the trades as served."""
    start, end = FIRST_MS + 3 * DAY_MS, FIRST_MS + 4 * DAY_MS - 1
    first = ask("binance", "aggTrades", symbol="ETHUSDT", startTime=start, limit=1).json()[0]["a"]
    trades = walk(ask, "ETHUSDT", first, end)
    length = minutes * 60_000
    by_candle: dict[int, list] = {}
    for trade in trades:
        by_candle.setdefault(trade["T"] // length * length, []).append(trade)
    rows = klines(ask, "ETHUSDT", interval, start, end)
    assert [row[0] for row in rows] == list(range(start, end, length))
    last_close, empty = None, 0
    for row in rows:
        inside = by_candle.get(row[0], [])
        empty += not inside
        prices = [Decimal(trade["p"]) for trade in inside] or [last_close]
        sizes = [(Decimal(trade["q"]), Decimal(trade["p"]) * Decimal(trade["q"]), not trade["m"]) for trade in inside]
        assert [Decimal(value) for value in row[1:5]] == [prices[0], max(prices), min(prices), prices[-1]]
        assert Decimal(row[5]) == sum(size for size, _, _ in sizes)
        assert row[6] == row[0] + length - 1
        assert Decimal(row[7]) == sum(value for _, value, _ in sizes)
        assert row[8] == sum(trade["l"] - trade["f"] + 1 for trade in inside)
        assert Decimal(row[9]) == sum(size for size, _, taken in sizes if taken)
        assert Decimal(row[10]) == sum(value for _, value, taken in sizes if taken)
        last_close = prices[-1]
    assert (empty > 0) == (interval == "1m")


def test_candles_need_no_other_day(clock):
    """The first trade of every day comes in its first minute, so that no candle leans on the day before."""
    simulator = TradeSimulator(clock=clock)
    for symbol in MARKETS:
        for number, day in enumerate(simulator.days):
            assert simulator.trades(symbol, day).time_ms[0] < FIRST_MS + number * DAY_MS + 60_000


def test_the_running_candle_is_included(ask):
    newest = ask("binance", "klines", symbol="BTCUSDT", interval="1h", limit=2).json()
    assert newest[-1][6] > NOW_MS > newest[-2][6]
    oldest = ask("binance", "klines", symbol="BTCUSDT", interval="1m", startTime=0, limit=1).json()
    assert oldest[0][0] == FIRST_MS


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("klines", {"symbol": "NOPE", "interval": "1m"}, -1121),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("klines", {"symbol": "BTCUSDT"}, -1102),
        ("klines", {"interval": "1m"}, -1102),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": 2, "endTime": 1}, -1127),
        ("aggTrades", {"symbol": "btcusdt"}, -1100),
        ("aggTrades", {"symbol": "BTCUSDT", "limit": "ten"}, -1100),
        ("aggTrades", {"symbol": "BTCUSDT", "limit": 0}, -1130),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": -1}, -1100),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, -1128),
        ("exchangeInfo", {"symbol": "NOPE"}, -1121),
    ],
)
def test_errors_are_400(ask, path, params, code):
    reply = ask("binance", path, **params)
    assert (reply.status_code, reply.json()["code"]) == (400, code)


def test_weight_limit(ask_at):
    ask = ask_at(limits={"binance_weight_per_minute": 10})
    replies = [ask("binance", "aggTrades", symbol="BTCUSDT", limit=1) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 429, 200]
    assert [reply.headers["X-MBX-USED-WEIGHT-1M"] for reply in replies] == ["4", "8", "12", "4"]
    assert int(replies[2].headers["Retry-After"]) > 0
    assert replies[2].json()["code"] == -1003


def test_time_is_the_clock(ask):
    assert ask("binance", "time").json() == {"serverTime": NOW_MS}
    assert ask("binance", "nothing").status_code == 404


@pytest.mark.parametrize("symbol", MARKETS)
def test_simulated_market_is_sane(clock, symbol):
    simulator = TradeSimulator(clock=clock)
    for day in simulator.days:
        trades = simulator.trades(symbol, day)
        assert 3_900 <= len(trades) <= 6_001
        assert (np.diff(trades.time_ms) >= 0).all()
        assert (trades.quantity_lots > 0).all()
        assert (trades.last_trade_id >= trades.first_trade_id).all()
        assert (trades.first_trade_id[1:] == trades.last_trade_id[:-1] + 1).all()
    opens = np.array(simulator.daily_opens(symbol)) / MARKETS[symbol].mean
    assert opens.min() > 0.75
    assert opens.max() < 1.3
    last, first = (simulator.trades(symbol, date(2018, 12, number)).price_ticks for number in (5, 6))
    assert last[-1] == pytest.approx(first[0], rel=0.005)


def test_a_day_can_be_generated_alone_and_fast(clock):
    simulate_day.cache_clear()
    alone = simulate_day(0, "BTCUSDT", 17)
    simulate_day.cache_clear()
    started = time.perf_counter()
    days = [simulate_day(0, "BTCUSDT", number) for number in range(20)]
    assert (time.perf_counter() - started) / 20 < 0.02
    for name in ("time_ms", "price_ticks", "quantity_lots", "buyer_is_maker", "last_trade_id"):
        assert (getattr(days[17], name) == getattr(alone, name)).all()
    assert TradeSimulator(clock=clock).trades("BTCUSDT", FIRST_DAY + timedelta(days=17)).first_id == alone.first_id


def bucket_imbalances(trades, inside, buckets=50):
    """Mean |buys - sells| / volume over equal-volume buckets inside and outside: VPIN with true signs."""
    signed = np.where(trades.buyer_is_maker, -trades.quantity_lots, trades.quantity_lots)
    volume = np.cumsum(trades.quantity_lots)
    edges = np.searchsorted(volume, np.linspace(0, volume[-1], buckets + 1)[1:-1])
    result: tuple[list[float], list[float]] = ([], [])
    for flow, size, where in zip(
        *(np.split(values, edges) for values in (signed, trades.quantity_lots, inside)), strict=True
    ):
        if where.all() or not where.any():
            result[0 if where.all() else 1].append(abs(flow.sum()) / size.sum())
    return result


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("symbol", MARKETS)
def test_order_imbalance_is_higher_inside_episodes(clock, symbol, seed):
    simulator = TradeSimulator(clock=clock, seed=seed)
    episodes = simulator.truth(symbol)
    assert len(episodes) >= 2
    for episode in episodes:
        trades = simulator.trades(symbol, episode.start.date())
        start, end = (int(moment.timestamp() * 1000) for moment in (episode.start, episode.end))
        inside = (trades.time_ms >= start) & (trades.time_ms < end)
        higher, lower = (float(np.mean(values)) for values in bucket_imbalances(trades, inside))
        assert higher > lower + 0.15
        assert higher == pytest.approx(episode.intensity, abs=0.2)
        buys = 1 - trades.buyer_is_maker[inside].mean()
        assert (buys - 0.5) * episode.direction > 0.1
        move = np.log(trades.price_ticks[inside][-1] / trades.price_ticks[inside][0])
        assert move * episode.direction > 0


@pytest.mark.recorded
def test_shape_is_the_recorded_one(ask, wire):
    for name, ours in {
        "aggTrades_BTCUSDT.json": ask("binance", "aggTrades", symbol="BTCUSDT").json(),
        "klines_BTCUSDT_1m.json": ask("binance", "klines", symbol="BTCUSDT", interval="1m").json(),
    }.items():
        real = wire(f"binance/{name}")
        assert _types(ours[0]) == _types(real[0])
        texts = [
            value for value in (real[0] if isinstance(real[0], list) else real[0].values()) if isinstance(value, str)
        ]
        assert all(len(text.partition(".")[2]) in (0, 8) for text in texts)
        for row in ours:
            values = row[:11] if isinstance(row, list) else row.values()
            assert all(len(value.partition(".")[2]) == 8 for value in values if isinstance(value, str))
    assert ask("binance", "klines", symbol="X", interval="1m").json() == wire("binance/error_400_bad_symbol.json")
    real, ours = wire("binance/exchangeInfo.json"), ask("binance", "exchangeInfo").json()
    assert list(ours) == list(real)
    assert set(ours["symbols"][0]) == set(real["symbols"][0])


def _types(row):
    return [(name, type(value)) for name, value in (row.items() if isinstance(row, dict) else enumerate(row))]


def test_a_delisted_pair_stays_in_the_list(ask):
    pairs = {row["symbol"]: row["status"] for row in ask("binance", "exchangeInfo").json()["symbols"]}
    assert pairs == {"BTCUSDT": "TRADING", "ETHUSDT": "TRADING", "BCCUSDT": "BREAK"}
    assert ask("binance", "klines", symbol="BCCUSDT", interval="1m").status_code == 400
