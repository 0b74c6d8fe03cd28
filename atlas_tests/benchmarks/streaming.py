"""How long a trade takes from the exchange's clock to the lake, and what a stream costs."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.streaming import LakeSink
from atlas_assets.streaming.binance import BinanceCollector, stream_url
from atlas_assets.streaming.channels import KLINES, TRADES
from atlas_assets.streaming.collecting import Limits
from atlas_assets.streaming.consume import consume
from atlas_assets.streaming.websocket import WebSocketFeed
from atlas_tests.benchmarks.measure import Figure, Timing, timed
from atlas_tests.streaming.tape import CANDLES_OF, TRADES_OF, Rest, trade_frame

BATCH_SECONDS = 2.0
SECONDS = 20.0
TRADES_A_SECOND = 500
FRAMES = 20_000
COMMITS = 300
ALLOWED_BESIDES = 2.0


def now() -> datetime:
    """The wall clock: a lag is measured against it."""
    return datetime.now(UTC)


def figures() -> Iterator[Figure]:
    """Lag, throughput, start."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _lag(Lake(LakeConfig(root=Path(folder) / "lag")))
        yield from _throughput(Lake(LakeConfig(root=Path(folder) / "throughput")))
        yield from _small_files(Lake(LakeConfig(root=Path(folder) / "files")))


def _collector(lake: Lake, **options: Any) -> BinanceCollector:
    sink = LakeSink(lake, (TRADES, KLINES), now=now, origin={}, commits_per_merge=10**9)
    return BinanceCollector([TRADES_OF, CANDLES_OF], sink, fetch=Rest(), now=now, **options)


def _lag(lake: Lake) -> Iterator[Figure]:
    """From the frame's event time to the end of the commit, a loopback socket between."""
    from websockets.sync.server import serve

    closing = threading.Event()

    def handler(connection: Any) -> None:
        number, started = 0, time.perf_counter()
        while not closing.is_set():
            while number < (time.perf_counter() - started) * TRADES_A_SECOND:
                number += 1
                connection.send(trade_frame(number, E=int(time.time() * 1000)))
            time.sleep(0.001)

    with serve(handler, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        collector = _collector(lake)
        feed = WebSocketFeed(stream_url(f"ws://127.0.0.1:{server.socket.getsockname()[1]}", [TRADES_OF]))
        ends = time.monotonic() + SECONDS
        consume(feed, collector, batch_seconds=BATCH_SECONDS, is_over=lambda: time.monotonic() >= ends)
        closing.set()
        server.shutdown()
        thread.join()
    for percent in (50, 99):
        lag = collector.lag.percentile(percent)
        assert lag is not None
        yield Figure(
            f"lag p{percent} of {TRADES_A_SECOND} trades a second, event to commit, batches of {BATCH_SECONDS:g} s",
            Timing((lag / 1000,)),
            Timing((BATCH_SECONDS,)),
            "the batch interval alone",
            rate=f"{collector.tally.rows / SECONDS:,.0f} rows/s",
            promise=BATCH_SECONDS + ALLOWED_BESIDES,
        )


def _throughput(lake: Lake) -> Iterator[Figure]:
    """Frames to committed rows, beside reading and writing them without any check."""
    collector, last = _collector(lake, limits=Limits(rows=5_000)), 0
    target = lake.config.root / "peer.parquet"

    def stream() -> None:
        nonlocal last
        for text in [trade_frame(number) for number in range(last + 1, last + FRAMES + 1)]:
            collector.take(text)
        collector.flush()
        last += FRAMES

    def peer() -> None:
        texts = [trade_frame(number) for number in range(1, FRAMES + 1)]
        pd.DataFrame([json.loads(text)["data"] for text in texts]).to_parquet(target)

    ours = timed(stream, repetitions=3)
    yield Figure(
        f"{FRAMES:,} frames, read, checked, stored and committed in batches of 5,000",
        ours,
        timed(peer, repetitions=3),
        "json.loads and pandas to_parquet",
        rate=f"{FRAMES / ours.best:,.0f} rows/s",
    )


def _small_files(lake: Lake) -> Iterator[Figure]:
    """Where a stream goes on from, read from the rows: with many small files, and after they were merged."""
    collector = _collector(lake)
    for number in range(1, COMMITS + 1):
        collector.take(trade_frame(number))
        collector.flush()
    sink = LakeSink(lake, (TRADES,), now=now, origin={})
    scattered = timed(lambda: sink.positions(TRADES), repetitions=5)
    yield Figure(f"positions read from {COMMITS} small files", scattered)
    yield Figure(
        f"merge of {COMMITS} small files", timed(lambda: lake.compact(TRADES.table.name), repetitions=1, warm_up=False)
    )
    yield Figure(
        "positions read after the merge", timed(lambda: sink.positions(TRADES), repetitions=5), scattered, "before"
    )
