"""Binance's stream of the simulated trades: every frame of some streams in the order of time."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from typing import Any

import numpy as np

from atlas_assets.sandbox.candles import INTERVALS_MS, candle_rows, decimal
from atlas_assets.sandbox.simulator import MARKETS, TradeDay, TradeSimulator

Timed = tuple[int, str]
"""Milliseconds since 1970 and what is sent then."""


def known_streams(names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Symbol and interval (None for trades) of each stream that is served; other names are passed over."""
    found: list[tuple[str, str | None]] = []
    for name in names:
        symbol, _, kind = name.partition("@")
        interval = kind.removeprefix("kline_")
        if symbol.upper() in MARKETS and symbol == symbol.lower():
            if kind == "aggTrade":
                found.append((symbol.upper(), None))
            elif kind != interval and interval in INTERVALS_MS:
                found.append((symbol.upper(), interval))
    return found


def frames(simulator: TradeSimulator, streams: Iterable[tuple[str, str | None]], *, start_ms: int) -> Iterator[Timed]:
    """The frames from a moment on until the simulator's present, each as the text of a combined stream."""
    chosen = list(streams)
    for day in simulator.days:
        if start_ms >= _end_ms(day):
            continue
        of_day = [
            _trade_frames(symbol, simulator.trades(symbol, day))
            if interval is None
            else _candle_frames(symbol, interval, simulator.trades(symbol, day), simulator.now_ms)
            for symbol, interval in chosen
        ]
        yield from (timed for timed in heapq.merge(*of_day, key=itemgetter(0)) if timed[0] >= start_ms)


def _end_ms(day: date) -> int:
    return int((datetime.combine(day, time(), UTC) + timedelta(days=1)).timestamp() * 1000)


def _trade_frames(symbol: str, trades: TradeDay) -> Iterator[Timed]:
    columns = (
        trades.time_ms, trades.price_ticks, trades.quantity_lots,
        trades.first_trade_id, trades.last_trade_id, trades.buyer_is_maker,
    )  # fmt: skip
    name = f"{symbol.lower()}@aggTrade"
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for number, (moment, price, quantity, first, last, maker) in enumerate(rows, trades.first_id):
        data = {
            "e": "aggTrade", "E": moment, "s": symbol, "a": number,
            "p": decimal(price, 2), "q": decimal(quantity, 5),
            "f": first, "l": last, "T": moment, "m": maker, "M": True,
        }  # fmt: skip
        yield moment, json.dumps({"stream": name, "data": data}, separators=(",", ":"))


def _candle_frames(symbol: str, interval: str, trades: TradeDay, now_ms: int) -> Iterator[Timed]:
    """Of each candle one frame while it runs, as it opens, and one when it is finished."""
    if not len(trades):
        return
    length, name = INTERVALS_MS[interval], f"{symbol.lower()}@kline_{interval}"
    opens, rows = candle_rows(trades, interval_ms=length, now_ms=now_ms)
    bounds = np.searchsorted(trades.time_ms, [*opens, opens[-1] + length]).tolist()
    before: str | None = None
    for number, (at, row) in enumerate(zip(opens, rows, strict=True)):
        candle: dict[str, Any] = dict(
            zip(("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B"), json.loads(row), strict=True)
        )
        first, end = bounds[number], bounds[number + 1]
        traded = end > first
        candle |= {
            "s": symbol,
            "i": interval,
            "f": int(trades.first_trade_id[first]) if traded else -1,
            "L": int(trades.last_trade_id[end - 1]) if traded else -1,
        }
        price, nothing = before or candle["o"], "0.00000000"
        opening = dict.fromkeys("ohlc", price) | dict.fromkeys("vqVQ", nothing) | {"n": 0, "f": -1, "L": -1}
        yield at, _candle_frame(name, at, symbol, {**candle, **opening, "x": False})
        if at + length <= now_ms:
            yield at + length, _candle_frame(name, at + length, symbol, {**candle, "x": True})
        before = candle["c"]


def _candle_frame(name: str, moment: int, symbol: str, candle: dict[str, object]) -> str:
    data = {"e": "kline", "E": moment, "s": symbol, "k": candle}
    return json.dumps({"stream": name, "data": data}, separators=(",", ":"))
