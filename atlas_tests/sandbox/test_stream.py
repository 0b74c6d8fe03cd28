"""The sandbox's stream: Binance's frames of the simulated trades, the same for the same seed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from atlas_assets.sandbox.simulator import TradeSimulator
from atlas_assets.sandbox.stream import StreamFault, StreamFaults, StreamServer
from atlas_assets.sandbox.stream_frames import frames, known_streams

CLOCK = datetime(2018, 12, 2, 0, 30, 30, tzinfo=UTC)
START = CLOCK - timedelta(hours=1)
STREAMS = "btcusdt@aggTrade/btcusdt@kline_1m"


@pytest.fixture(scope="module")
def simulator() -> TradeSimulator:
    return TradeSimulator(clock=CLOCK)


def texts(simulator, streams=STREAMS, start=START) -> list[str]:
    return [text for _, text in frames(simulator, known_streams(streams.split("/")), start_ms=ms(start))]


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def read_all(server, streams=STREAMS, most=100_000) -> list[str]:
    """Every frame until the simulated present, over as many connections as it takes."""
    found: list[str] = []
    while not server.finished.is_set() and len(found) < most:
        with connect(f"{server.url}/stream?streams={streams}", proxy=None, close_timeout=0.2) as socket:
            try:
                while len(found) < most:
                    found.append(socket.recv(timeout=0.3))
            except (ConnectionClosed, TimeoutError):
                continue
    return found


def test_frames_are_the_simulated_trades_in_the_order_of_time(simulator):
    found = [json.loads(text) for text in texts(simulator)]
    trades = [frame["data"] for frame in found if frame["stream"] == "btcusdt@aggTrade"]
    ids = [trade["a"] for trade in trades]
    assert ids == list(range(ids[0], ids[-1] + 1))
    assert all(ms(START) <= trade["T"] == trade["E"] <= ms(CLOCK) for trade in trades)
    times = [frame["data"]["E"] for frame in found]
    assert times == sorted(times)
    last = simulator.trades("BTCUSDT", CLOCK.date())
    assert ids[-1] == last.first_id + len(last) - 1


def test_candles_close_after_their_last_trade_and_agree_with_it(simulator):
    found = [json.loads(text)["data"] for text in texts(simulator)]
    closed = [frame["k"] for frame in found if frame["e"] == "kline" and frame["k"]["x"]]
    running = [frame["k"] for frame in found if frame["e"] == "kline" and not frame["k"]["x"]]
    assert len(closed) == 60
    assert len(running) == 60
    assert all(one["n"] == 0 and one["o"] == one["c"] for one in running)
    trades = [frame for frame in found if frame["e"] == "aggTrade"]
    for candle in closed[1:]:
        within = [trade for trade in trades if candle["t"] <= trade["T"] <= candle["T"]]
        if within:
            assert (candle["o"], candle["c"]) == (within[0]["p"], within[-1]["p"])
            assert (candle["f"], candle["L"]) == (within[0]["f"], within[-1]["l"])
        else:
            assert (candle["f"], candle["L"], candle["n"]) == (-1, -1, 0)


def test_unknown_streams_are_passed_over():
    names = ["btcusdt@kline_1m", "BTCUSDT@aggTrade", "xrpusdt@aggTrade", "btcusdt@depth", "btcusdt@kline_1M", "", "@"]
    assert known_streams(names) == [("BTCUSDT", "1m")]


def test_it_serves_this_machine_only_and_all_there_is(simulator):
    with StreamServer(simulator, start=START, speed=None) as server:
        assert server.url.startswith("ws://127.0.0.1:")
        assert server._server.socket.getsockname()[0] == "127.0.0.1"
        assert read_all(server) == texts(simulator)
        assert server.now() == CLOCK.replace(microsecond=0) or server.now() <= CLOCK


def test_another_path_is_refused(simulator):
    with (
        StreamServer(simulator, start=START, speed=None) as server,
        connect(f"{server.url}/ws", proxy=None) as socket,
        pytest.raises(ConnectionClosed),
    ):
        socket.recv(timeout=5)


@pytest.mark.parametrize("kind", list(StreamFault))
def test_each_misbehaviour_on_its_own(simulator, kind):
    true = texts(simulator)
    with StreamServer(
        simulator, start=START, speed=None, faults=StreamFaults(seed=2, rate=0.01, kinds=[kind])
    ) as server:
        found = read_all(server)
    strange = [text for text in found if text not in set(true)]
    lost = set(true) - set(found)
    assert bool(lost) == (kind in {StreamFault.SKIP, StreamFault.DROP, StreamFault.SHUTDOWN, StreamFault.STALL})
    assert (len(found) > len(set(found))) == (kind is StreamFault.REPEAT)
    assert bool(strange) == (kind in {StreamFault.GARBAGE, StreamFault.SHUTDOWN})
    if kind is StreamFault.SHUTDOWN:
        assert all(json.loads(text)["data"]["e"] == "serverShutdown" for text in strange)


def test_the_same_seed_misbehaves_in_the_same_way(simulator):
    quiet = [kind for kind in StreamFault if kind is not StreamFault.STALL]

    def misbehaved(seed: int) -> list[str]:
        faults = StreamFaults(seed=seed, rate=0.02, kinds=quiet)
        with StreamServer(simulator, start=START, speed=None, faults=faults) as server:
            return read_all(server)

    assert misbehaved(1) == misbehaved(1) != misbehaved(2)


def test_the_replay_keeps_the_simulated_time(simulator):
    seconds = [0.0]
    with StreamServer(
        simulator,
        start=START,
        speed=60.0,
        clock=lambda: seconds[0],
        sleep=lambda duration: seconds.__setitem__(0, seconds[0] + duration),
    ) as server:
        found = read_all(server, most=50)
        last = max(json.loads(text)["data"]["E"] for text in found)
        assert seconds[0] * 60_000 >= last - ms(START)
        assert server.now() >= START
