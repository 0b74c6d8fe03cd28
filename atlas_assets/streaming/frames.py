"""Binance's frames and REST rows, read strictly: a value of another type or range is refused, never guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from atlas_assets.streaming.batch import RestReply, Row
from atlas_assets.streaming.channels import KLINES, TRADES, Channel, Series
from atlas_assets.streaming.errors import BackfillFailed, FrameRefused

INTERVALS_MS: Mapping[str, int] = {
    "1s": 1_000,
    **{f"{minutes}m": minutes * 60_000 for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": hours * 3_600_000 for hours in (1, 2, 4, 6, 8, 12)},
    "1d": 86_400_000,
}
"""Candle lengths that can be streamed: those of which each day has a whole number."""

# Milliseconds have 13 digits and microseconds 16, until the year 5138.
FIRST_MICROSECONDS = 10**14
LARGEST = 2**63 - 1
_DECIMAL = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")

KLINE_TEXTS = {
    "open": "o",
    "high": "h",
    "low": "l",
    "close": "c",
    "volume": "v",
    "quote_volume": "q",
    "taker_buy_base_volume": "V",
    "taker_buy_quote_volume": "Q",
}
REST_KLINE = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades"),
    *("taker_buy_base_volume", "taker_buy_quote_volume"),
)


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The server will soon close the connection."""


def stream_name(series: Series) -> str:
    """The vendor's name of the stream of a series: ``btcusdt@aggTrade``, ``btcusdt@kline_1m``."""
    symbol, *interval = map(str, series)
    return f"{symbol.lower()}@kline_{interval[0]}" if interval else f"{symbol.lower()}@aggTrade"


def channel_of(series: Series) -> Channel:
    """The channel of a series: candles have an interval, trades have none."""
    return KLINES if len(series) == len(KLINES.series) else TRADES


def step_of(series: Series) -> int:
    """Distance of neighbouring numbers of a series: 1 for trade ids, the length of a candle in milliseconds."""
    return INTERVALS_MS[str(series[1])] if channel_of(series) is KLINES else 1


def read_frame(message: str | bytes, subscribed: Collection[Series]) -> Row | Shutdown | None:
    """What a frame of a combined stream says: a row, the end of the connection, or nothing to keep.

    Nothing to keep are running candles and answers to commands.

    Raises
    ------
    FrameRefused
        When the frame is not one that was subscribed to, or not as documented.
    """
    if isinstance(message, bytes):
        raise FrameRefused("it is binary")
    frame = _json(message)
    if not isinstance(frame, dict):
        raise FrameRefused("it is not an object")
    data = frame.get("data", frame)
    if not isinstance(data, dict):
        raise FrameRefused("data is not an object")
    match data.get("e"):
        case "aggTrade":
            return _subscribed(read_trade(data, _text(data, "s"), sent_ms=_instant(data, "E")), subscribed)
        case "kline":
            row = _streamed_kline(data)
            return None if row is None else _subscribed(row, subscribed)
        case "serverShutdown":
            return Shutdown()
        case None if "result" in frame and "id" in frame:
            return None
        case event:
            raise FrameRefused(f"its event {str(event)[:40]!r} is not known")


def read_trade(data: Mapping[str, Any], symbol: str, *, sent_ms: int | None, reply: RestReply | None = None) -> Row:
    """An aggregate trade, of a frame or of a REST reply."""
    values: dict[str, Any] = {
        "agg_trade_id": _whole(data, "a"),
        # The vendor keeps the id of a trade that was taken back, without trades in it.
        "first_trade_id": _whole(data, "f", least=-1),
        "last_trade_id": _whole(data, "l", least=-1),
        "transact_time": _instant(data, "T"),
    }
    if values["first_trade_id"] > values["last_trade_id"]:
        raise FrameRefused("its first trade comes after its last")
    best = data.get("M")
    if best is not None and type(best) is not bool:
        raise FrameRefused("M is not true or false")
    values |= {
        "symbol": symbol,
        "price": _decimal(data, "p"),
        "quantity": _decimal(data, "q"),
        "is_buyer_maker": _flag(data, "m"),
        "is_best_match": best,
        "event_time": sent_ms,
    }
    happened = _milliseconds(values["transact_time"])
    sent = None if sent_ms is None else _milliseconds(sent_ms)
    return Row((symbol,), values["agg_trade_id"], values, happened, sent, reply)


def read_page(series: Series, reply: RestReply) -> list[Row]:
    """The rows of a REST reply, ascending and each once.

    Raises
    ------
    BackfillFailed
        When the reply is not as documented.
    """
    try:
        payload = _json(reply.content.decode())
        if not isinstance(payload, list):
            raise FrameRefused("it is not a list")
        read = _fetched_kline if channel_of(series) is KLINES else _fetched_trade
        rows = {row.number: row for row in (read(item, series, reply) for item in payload)}
    except ValueError as error:
        raise BackfillFailed(f"the vendor's reply cannot be read ({error})") from None
    return [rows[number] for number in sorted(rows)]


def _subscribed(row: Row, subscribed: Collection[Series]) -> Row:
    if row.series not in subscribed:
        raise FrameRefused(f"{'@'.join(map(str, row.series))[:60]} was not subscribed to")
    return row


def _streamed_kline(data: Mapping[str, Any]) -> Row | None:
    candle = data.get("k")
    if not isinstance(candle, dict):
        raise FrameRefused("k is not an object")
    if not _flag(candle, "x"):
        return None
    sent, symbol, interval = _instant(data, "E"), _text(data, "s"), _text(candle, "i")
    values = {
        **{name: _decimal(candle, key) for name, key in KLINE_TEXTS.items()},
        "open_time": _instant(candle, "t"),
        "close_time": _instant(candle, "T"),
        "trades": _whole(candle, "n"),
        "first_trade_id": _whole(candle, "f", least=-1),
        "last_trade_id": _whole(candle, "L", least=-1),
    }
    return _kline((symbol, interval), values, sent, None)


def _fetched_trade(item: Any, series: Series, reply: RestReply) -> Row:
    if not isinstance(item, dict):
        raise FrameRefused("a trade is not an object")
    return read_trade(item, str(series[0]), sent_ms=None, reply=reply)


def _fetched_kline(item: Any, series: Series, reply: RestReply) -> Row:
    if not isinstance(item, list) or len(item) < len(REST_KLINE):
        raise FrameRefused("a candle is not a list of twelve")
    named = dict(zip(REST_KLINE, item, strict=False))
    whole = ("open_time", "close_time", "trades")
    values = {name: _whole(named, name) if name in whole else _decimal(named, name) for name in REST_KLINE}
    _instant(named, "close_time")
    return _kline(series, {**values, "first_trade_id": None, "last_trade_id": None}, None, reply)


def _kline(series: Series, values: dict[str, Any], sent_ms: int | None, reply: RestReply | None) -> Row:
    symbol, interval = series
    length = INTERVALS_MS.get(str(interval))
    if length is None:
        raise FrameRefused(f"its interval {str(interval)[:20]!r} is not known")
    opens, closes = values["open_time"], values["close_time"]
    if _milliseconds(opens) % length or opens > closes:
        raise FrameRefused("its candle does not start and end where one of its interval does")
    values |= {"symbol": symbol, "interval": interval, "event_time": sent_ms}
    sent = None if sent_ms is None else _milliseconds(sent_ms)
    return Row(series, _milliseconds(opens), values, _milliseconds(closes), sent, reply)


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise FrameRefused("it is nested too deeply") from None
    except ValueError as error:
        raise FrameRefused(f"it is not JSON: {str(error)[:80]}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if type(value) is not str:
        raise FrameRefused(f"{key} is not text")
    return value


def _decimal(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if type(value) is not str or not _DECIMAL.fullmatch(value):
        raise FrameRefused(f"{key} is not a decimal string")
    return value


def _whole(data: Mapping[str, Any], key: str, *, least: int = 0) -> int:
    value = data.get(key)
    if type(value) is not int or not least <= value <= LARGEST:
        raise FrameRefused(f"{key} is not a whole number")
    return value


def _instant(data: Mapping[str, Any], key: str) -> int:
    """A time that a calendar has: in milliseconds, or in microseconds until the year 5138."""
    value = _whole(data, key)
    if value >= FIRST_MICROSECONDS * 1000:
        raise FrameRefused(f"{key} is not a time")
    return value


def _flag(data: Mapping[str, Any], key: str) -> bool:
    value = data.get(key)
    if type(value) is not bool:
        raise FrameRefused(f"{key} is not true or false")
    return value


def _milliseconds(instant: int) -> int:
    return instant if instant < FIRST_MICROSECONDS else instant // 1000
