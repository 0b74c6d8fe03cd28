"""What the killed consumers do; each runs in a process forked from a clean server."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from atlas_assets.lake import Lake, LakeConfig, failpoints
from atlas_assets.orchestration.streaming import LakeSink
from atlas_assets.streaming.batch import Batch
from atlas_assets.streaming.binance import BinanceCollector, stream_url
from atlas_assets.streaming.channels import KLINES, MESSAGES, TRADES
from atlas_assets.streaming.consume import consume
from atlas_assets.streaming.kafka import KafkaCollector, KafkaFeed
from atlas_assets.streaming.websocket import Patience, WebSocketFeed
from atlas_tests.faults.writer import _trust_extensions as trust_extensions
from atlas_tests.streaming.tape import CANDLES_OF, TRADES_OF, Rest

SUBSCRIBED = (TRADES_OF, CANDLES_OF)
BATCH_SECONDS = 0.05
MERGE = 7


class ArmedSink(LakeSink):
    """Arms a failpoint before a commit of its own."""

    armed: tuple[str | None, int] = (None, 0)

    def append(self, batch: Batch) -> int:
        point, after = self.armed
        if after == 0:
            failpoints.arm(point)
        self.armed = (point, after - 1)
        return super().append(batch)


def now() -> datetime:
    """The wall clock: these processes are real."""
    return datetime.now(UTC)


def stream(config: LakeConfig, url: str, armed: tuple[str | None, int], until: int | None = None) -> None:
    """Stream trades and candles until killed, or until a trade of that number is stored."""
    trust_extensions(config)
    sink = ArmedSink(Lake(config), (TRADES, KLINES), now=now, origin={}, commits_per_merge=MERGE)
    sink.armed = armed
    feed = WebSocketFeed(stream_url(url, SUBSCRIBED), patience=Patience(first_wait=0.01, longest_wait=0.1, silence=5.0))
    collector = BinanceCollector(SUBSCRIBED, sink, fetch=Rest(), now=now, renew=feed.renew)
    reached = partial(_has_reached, collector, until)
    consume(feed, collector, batch_seconds=BATCH_SECONDS, is_over=reached)


def read_topic(config: LakeConfig, brokers: str, topic: str, armed: tuple[str | None, int], until: int | None) -> None:
    """Read a topic until killed, or until it holds so many messages."""
    trust_extensions(config)
    lake = Lake(config)
    sink = ArmedSink(lake, (MESSAGES,), now=now, origin={}, commits_per_merge=MERGE)
    sink.armed = armed
    collector = KafkaCollector(sink, now=now)
    feed = KafkaFeed(kafka_client(brokers), [topic], collector.positions, on_gap=collector.miss)

    def is_over() -> bool:
        return until is not None and sum(last + 1 for last in collector.positions.values()) >= until

    consume(feed, collector, batch_seconds=BATCH_SECONDS, is_over=is_over)


def kafka_client(brokers: str) -> dict[str, Any]:
    """How to reach a mock cluster."""
    return {"bootstrap.servers": brokers, "security.protocol": "PLAINTEXT"}


def _has_reached(collector: BinanceCollector, until: int | None) -> bool:
    return until is not None and collector.positions.get(TRADES_OF, 0) >= until
