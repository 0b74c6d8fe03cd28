"""Binance's public archives of the simulated trades and their candles: zips with checksums beside them.

A day's archives are there from the next midnight on (in reality some hours later).
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache

import httpx
import numpy as np

from atlas_assets.sandbox.candles import INTERVALS_MS, candle_rows, decimal
from atlas_assets.sandbox.replies import body_reply, http_date
from atlas_assets.sandbox.simulator import DAY_MS, FIRST_DAY, MARKETS, TradeDay, TradeSimulator
from atlas_assets.sandbox.world import World

_PATH = re.compile(
    r"/data/spot/daily/"
    r"(?:(?P<kind>aggTrades|trades)/(?P<trades>[A-Z0-9]+)|klines/(?P<klines>[A-Z0-9]+)/(?P<interval>[0-9a-z]+))"
    r"/(?P<name>[A-Z0-9]+-(?:aggTrades|[0-9a-z]+)-(?P<day>\d{4}-\d\d-\d\d))\.zip(?P<checksum>\.CHECKSUM)?"
)
_MISSING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.'
    "</Message><Key>{0}</Key><RequestId>SANDBOX</RequestId><HostId>sandbox</HostId></Error>"
)
# Zip times begin in 1980; one for all, so that the same rows make the same bytes.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_CACHED_ARCHIVES = 64


class BinanceDumpsHandler:
    """Answers ``https://data.binance.vision/data/spot/daily``.

    Parameters
    ----------
    world
        The present and the seed.
    """

    def __init__(self, world: World) -> None:
        self.simulator = TradeSimulator(clock=world.clock, seed=world.seed)
        self._today = world.clock.date()
        self._headers = {"Date": http_date(world.clock), "Server": "AmazonS3"}
        self._archive: Callable[[str, str, str, date], bytes] = lru_cache(_CACHED_ARCHIVES)(self._made)

    def reply(self, request: httpx.Request) -> httpx.Response:
        """The vendor's answer to a GET request."""
        path = request.url.path
        found = _PATH.fullmatch(path)
        archive = None if found is None else self._found(found)
        if found is None or archive is None:
            return body_reply(_MISSING.format(path[1:]), "application/xml", status=404, headers=self._headers)
        digest = hashlib.sha256(archive).hexdigest()
        headers = self._headers | {"ETag": f'"{digest[:32]}"'}
        if found["checksum"]:
            return body_reply(f"{digest}  {found['name']}.zip\n", "binary/octet-stream", headers=headers)
        return body_reply(archive, "application/zip", headers=headers)

    def _found(self, found: re.Match[str]) -> bytes | None:
        symbol, kind = found["trades"] or found["klines"], found["interval"] or found["kind"]
        try:
            day = date.fromisoformat(found["day"])
        except ValueError:
            return None
        served = kind in _TRADE_LINES or kind in INTERVALS_MS
        if symbol not in MARKETS or not served or not FIRST_DAY <= day < self._today:
            return None
        if found["name"] != f"{symbol}-{kind}-{day}":
            return None
        return self._archive(found["name"], symbol, kind, day)

    def _made(self, name: str, symbol: str, kind: str, day: date) -> bytes:
        trades = self.simulator.trades(symbol, day)
        lines = _TRADE_LINES[kind](trades) if kind in _TRADE_LINES else _candle_lines(trades, INTERVALS_MS[kind])
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            member = zipfile.ZipInfo(f"{name}.csv", _ZIP_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, "".join(lines))
        return packed.getvalue()


def _aggregate_lines(trades: TradeDay) -> list[str]:
    columns = (
        trades.time_ms,
        trades.price_ticks,
        trades.quantity_lots,
        trades.first_trade_id,
        trades.last_trade_id,
        trades.buyer_is_maker,
    )
    return [
        f"{number},{decimal(price, 2)},{decimal(quantity, 5)},{first},{last},{moment},{maker},True\n"
        for number, (moment, price, quantity, first, last, maker) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True), trades.first_id
        )
    ]


def _single_lines(trades: TradeDay) -> list[str]:
    """The members of each aggregate: equal parts of its quantity, the first with what is left over."""
    members = trades.last_trade_id - trades.first_trade_id + 1
    part, rest = np.divmod(trades.quantity_lots, members)
    lots = np.repeat(part, members)
    lots[np.cumsum(members) - members] += rest
    columns = (
        np.arange(trades.first_trade_id[0], trades.last_trade_id[-1] + 1),
        np.repeat(trades.price_ticks, members),
        lots,
        np.repeat(trades.time_ms, members),
        np.repeat(trades.buyer_is_maker, members),
    )
    return [
        f"{number},{decimal(price, 2)},{decimal(quantity, 5)},{decimal(price * quantity, 7)},{moment},{maker},True\n"
        for number, price, quantity, moment, maker in zip(*(column.tolist() for column in columns), strict=True)
    ]


_TRADE_LINES: Mapping[str, Callable[[TradeDay], list[str]]] = {"aggTrades": _aggregate_lines, "trades": _single_lines}


def _candle_lines(trades: TradeDay, interval_ms: int) -> list[str]:
    end_of_day = int(trades.time_ms[0]) // DAY_MS * DAY_MS + DAY_MS - 1
    _, rows = candle_rows(trades, interval_ms=interval_ms, now_ms=end_of_day)
    return [row.strip("[]").replace('"', "") + "\n" for row in rows]
