"""A made-up market that a stream and a REST interface agree on: trade ``i`` is always the same trade."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from atlas_assets.streaming.batch import Batch
from atlas_assets.streaming.channels import Channel, Series
from atlas_assets.streaming.errors import BackfillFailed, SinkUnavailable

SYMBOL = "BTCUSDT"
TRADES_OF: Series = (SYMBOL,)
CANDLES_OF: Series = (SYMBOL, "1m")
MINUTE = 60_000
FIRST_MS = 1_700_000_040_000  # a full minute
TRADES_A_CANDLE = 10
NOW = datetime(2023, 11, 15, tzinfo=UTC)
PAGE = 1000


def trade(number: int) -> dict[str, Any]:
    """Aggregate trade of a number, as REST sends it."""
    return {
        "a": number, "p": f"{30_000 + number % 97}.10000000", "q": "0.00100000", "f": 2 * number, "l": 2 * number + 1,
        "T": FIRST_MS + number * MINUTE // TRADES_A_CANDLE, "m": number % 2 == 0, "M": True,
    }  # fmt: skip


def trade_frame(number: int, **changed: Any) -> str:
    """The same trade as streamed."""
    data = {"e": "aggTrade", "E": trade(number)["T"] + 5, "s": SYMBOL, **trade(number), **changed}
    return json.dumps({"stream": "btcusdt@aggTrade", "data": data})


def candle(number: int) -> list[Any]:
    """The candle that ends before trade ``number * TRADES_A_CANDLE``, as REST sends it."""
    opens = FIRST_MS + number * MINUTE
    return [
        opens, "1.0", "2.0", "0.5", f"{number}.5", "10.0", opens + MINUTE - 1, "15.0", 7, "4.0", "6.0", "0",
    ]  # fmt: skip


def candle_frame(number: int, *, closed: bool = True, **changed: Any) -> str:
    """The same candle as streamed."""
    opens, o, h, low, c, v, closes, q, n, taken, taken_quote, unused = candle(number)
    body = {
        "t": opens, "T": closes, "s": SYMBOL, "i": "1m", "f": 20, "L": 39, "o": o, "c": c, "h": h, "l": low, "v": v,
        "n": n, "x": closed, "q": q, "V": taken, "Q": taken_quote, "B": unused, **changed,
    }  # fmt: skip
    return json.dumps({"stream": "btcusdt@kline_1m", "data": {"e": "kline", "E": closes + 3, "s": SYMBOL, "k": body}})


@dataclass(frozen=True)
class Answer:
    """A reply over REST."""

    content: bytes
    request: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fetched_at: datetime = NOW


@dataclass
class Rest:
    """Answers for every trade up to ``newest``; those in ``lacking`` do not exist."""

    newest: int = 10**9
    lacking: frozenset[int] = frozenset()
    fails: bool = False
    asked: list[tuple[Series, int, int]] = field(default_factory=list)

    def __call__(self, series: Series, first: int, last: int) -> Answer:
        self.asked.append((series, first, last))
        if self.fails:
            raise BackfillFailed("the vendor is away")
        if series == CANDLES_OF:
            start = (first - FIRST_MS) // MINUTE
            rows: list[Any] = [candle(one) for one in range(start, min((last - FIRST_MS) // MINUTE + 1, start + PAGE))]
        else:
            upper = min(first + PAGE, self.newest + 1)
            rows = [trade(one) for one in range(first, upper) if one not in self.lacking]
        return Answer(json.dumps(rows).encode(), {"series": list(series), "first": first})


class Memory:
    """A sink that keeps batches in memory, and can be unavailable."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.unavailable = 0

    def positions(self, channel: Channel) -> dict[Series, int]:
        return {}

    def holes(self, channel: Channel) -> list[tuple[Series, int, int]]:
        return []

    def append(self, batch: Batch) -> int:
        if self.unavailable:
            self.unavailable -= 1
            raise SinkUnavailable("the lake is locked.")
        self.batches.append(batch)
        return len(batch.rows)

    def numbers(self, series: Series) -> list[int]:
        return [row.number for batch in self.batches for row in batch.rows if row.series == series]


class TapeServer:
    """Streams the tape on 127.0.0.1, losing and repeating frames; a client that comes again gets what comes next."""

    def __init__(self, *, seed: int, pause: float = 0.005) -> None:
        self.number = 0
        self._random = random.Random(seed)
        self._pause = pause
        self._closing = threading.Event()

    def __enter__(self) -> TapeServer:
        from websockets.sync.server import serve

        self._server = serve(self._serve, "127.0.0.1", 0, compression=None)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()

    def _serve(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while not self._closing.is_set():
                for text in self._next():
                    connection.send(text)
                time.sleep(self._pause)
        except ConnectionClosed:
            return

    def _next(self) -> Iterator[str]:
        for _ in range(5):
            self.number += 1
            chance = self._random.random()
            if self.number == 1 or chance > 0.1:
                yield trade_frame(self.number)
            if chance > 0.95:
                yield trade_frame(max(1, self.number - self._random.randrange(8)))
            if self.number % TRADES_A_CANDLE == 0 and chance > 0.2:
                yield candle_frame(self.number // TRADES_A_CANDLE)
        if self._random.random() < 0.01:
            yield "not a frame"
