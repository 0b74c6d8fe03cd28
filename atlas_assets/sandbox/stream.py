"""Binance's combined WebSocket stream on this machine: simulated trades, replayed at any speed, misbehaving if asked.

Only the frames' shape, the path and the end of a connection are the vendor's; pings come from the library.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from atlas_assets.sandbox.seeds import stream
from atlas_assets.sandbox.simulator import TradeSimulator
from atlas_assets.sandbox.stream_frames import Timed, frames, known_streams

if TYPE_CHECKING:
    from websockets.sync.server import Server, ServerConnection

HOST = "127.0.0.1"
SHUTDOWN = '{{"stream":"!serverShutdown","data":{{"e":"serverShutdown","E":{0}}}}}'
GARBAGE = (
    "not json",
    "",
    "[]",
    "null",
    '{"stream":"btcusdt@aggTrade"}',
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":"7"}}',
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":NaN,"s":"BTCUSDT","a":1}}',
    '{"stream":"x@y","data":{"e":"unheardOf","E":1}}',
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":9223372036854775808}}',
)


class StreamFault(Enum):
    """A way to misbehave."""

    DROP = "the connection is cut, some frames are never sent"
    SKIP = "some frames are never sent"
    REPEAT = "the last frames are sent again"
    GARBAGE = "a frame that is none"
    SHUTDOWN = "serverShutdown, then the connection ends"
    STALL = "nothing more is sent until the client comes again"


@dataclass(frozen=True)
class StreamFaults:
    """Which frames meet which fault: the same seed, the same faults.

    Attributes
    ----------
    seed, rate, kinds
        Seed, probability that a frame meets a fault, and the kinds drawn from.
    most
        Most frames that a fault skips or repeats.
    """

    seed: int = 0
    rate: float = 0.01
    kinds: Collection[StreamFault] = tuple(StreamFault)
    most: int = 20

    def draw(self, number: int) -> tuple[StreamFault | None, int]:
        """The fault of a frame and how many frames it strikes."""
        draw = stream("stream", self.seed, number)
        if not self.kinds or draw.random() >= self.rate:
            return None, 0
        return draw.choice([kind for kind in StreamFault if kind in self.kinds]), draw.randint(1, self.most)


class StreamServer:
    """Serves ``/stream?streams=btcusdt@aggTrade/btcusdt@kline_1m`` on the loopback interface.

    Simulated time begins with the first client. One that comes again gets what comes next, not what it missed: as with
    the vendor.

    Parameters
    ----------
    simulator
        Whose trades are replayed.
    start
        The moment that the replay begins with (UTC).
    speed
        Simulated seconds a second; None sends as fast as the client reads.
    faults
        Misbehaviour; none by default.
    port
        Port on 127.0.0.1; any free one by default.
    clock, sleep
        Monotonic seconds, and how to wait.
    """

    def __init__(
        self,
        simulator: TradeSimulator,
        *,
        start: datetime,
        speed: float | None = 1.0,
        faults: StreamFaults | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.finished = threading.Event()
        self.sent = 0
        self._simulator = simulator
        self._start_ms = int(start.timestamp() * 1000)
        self._speed = speed
        self._faults = faults or StreamFaults(rate=0.0)
        self._port = port
        self._clock = clock
        self._sleep = sleep
        self._began: float | None = None
        self._closing = threading.Event()
        self._turn = threading.Lock()
        self._frames: Iterator[Timed] | None = None
        self._number = 0
        self._last_ms = self._start_ms
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        from websockets.sync.server import serve

        self._server = serve(self._serve, HOST, self._port, compression=None)
        self._port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="sandbox-stream", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()

    @property
    def url(self) -> str:
        """The address to put the streams behind."""
        return f"ws://{HOST}:{self._port}"

    def now(self) -> datetime:
        """The simulated present, never later than the simulator's."""
        now_ms = self._last_ms if self._speed is None else self._paced_ms()
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=min(now_ms, self._simulator.now_ms))

    def _paced_ms(self) -> int:
        passed = 0.0 if self._began is None else self._clock() - self._began
        return self._start_ms + int(passed * (self._speed or 0.0) * 1000)

    def _serve(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        request = urlsplit(connection.request.path if connection.request else "")
        if request.path != "/stream":
            connection.close(1008, "unknown path")
            return
        names = parse_qs(request.query).get("streams", [""])[0].split("/")
        try:
            # One client at a time: the next one goes on where this one ends.
            with self._turn:
                self._replay(connection, names)
        except ConnectionClosed:
            return

    def _replay(self, connection: ServerConnection, names: list[str]) -> None:
        if self._frames is None:
            self._frames = frames(self._simulator, known_streams(names), start_ms=self._start_ms)
        if self._began is None:
            self._began = self._clock()
        missed_ms = self._paced_ms() if self._speed is not None else 0
        recent: list[str] = []
        for moment, text in self._frames:
            if self._closing.is_set():
                return
            if moment < missed_ms - 1000:
                continue
            self._last_ms = max(self._last_ms, moment)
            self._wait_until(moment)
            fault, strikes = self._faults.draw(self._number)
            self._number += 1
            if fault is not None and self._misbehave(connection, fault, strikes, recent):
                return
            if fault is not StreamFault.SKIP:
                connection.send(text)
                self.sent += 1
                recent = [*recent[-self._faults.most :], text]
        self.finished.set()
        self._hold(connection)

    def _misbehave(self, connection: ServerConnection, fault: StreamFault, strikes: int, recent: list[str]) -> bool:
        """Misbehave; whether that ends the connection."""
        match fault:
            case StreamFault.GARBAGE:
                connection.send(GARBAGE[strikes % len(GARBAGE)])
            case StreamFault.REPEAT:
                for text in recent[-strikes:]:
                    connection.send(text)
            case StreamFault.SKIP:
                self._skip(strikes)
            case StreamFault.DROP:
                self._skip(strikes)
                connection.socket.close()
                return True
            case StreamFault.SHUTDOWN:
                connection.send(SHUTDOWN.format(self._last_ms))
                connection.close(1001)
                return True
            case StreamFault.STALL:
                self._hold(connection)
                return True
        return False

    def _skip(self, count: int) -> None:
        for _, _ in zip(range(count), self._frames or (), strict=False):
            pass

    def _hold(self, connection: ServerConnection) -> None:
        """Send nothing until the client leaves."""
        while not self._closing.is_set():
            try:
                connection.recv(timeout=0.05)
            except TimeoutError:
                continue

    def _wait_until(self, moment: int) -> None:
        while self._speed is not None and not self._closing.is_set():
            behind = (moment - self._paced_ms()) / 1000 / self._speed
            if behind <= 0:
                return
            self._sleep(min(behind, 0.2))
