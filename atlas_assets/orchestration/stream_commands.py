"""``atlas stream``: a stream from its settings to the lake, until Ctrl-C or for some seconds."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from atlas_assets.data_sources.client.state import open_state
from atlas_assets.data_sources.crypto.binance import BinanceAggTrades, BinanceKlines, BinanceSettings
from atlas_assets.data_sources.registry import create
from atlas_assets.lake.lake import utc_now
from atlas_assets.orchestration.streaming import BinanceRest, LakeSink
from atlas_assets.settings import Settings, SettingsError
from atlas_assets.streaming.binance import BinanceCollector, stream_url
from atlas_assets.streaming.channels import KLINES, MESSAGES, TRADES, Series
from atlas_assets.streaming.collecting import Collector, Limits
from atlas_assets.streaming.consume import consume
from atlas_assets.streaming.websocket import Patience, WebSocketFeed

if TYPE_CHECKING:
    import httpx

    from atlas_assets.lake import Lake
    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.sandbox.stream import StreamServer
    from atlas_assets.streaming.channels import Channel
    from atlas_assets.streaming.consume import Feed

Say = Callable[[str], None]
# How far before its end the sandbox's replay begins when nothing was streamed before.
REPLAYED = timedelta(days=1)


@dataclass(frozen=True)
class Interval:
    """How long a stream runs, and how often it commits; the settings say it where None.

    Attributes
    ----------
    seconds
        Until it ends by itself; never when None.
    batch_seconds
        From one commit to the next.
    """

    seconds: float | None = None
    batch_seconds: float | None = None


def stream_binance(settings: Settings, lake: Lake, interval: Interval, say: Say) -> None:
    """Stream trades and candles of Binance, from the simulation in the sandbox.

    Raises
    ------
    SettingsError
        When Binance is not enabled.
    StreamError
        When the stream cannot go on.
    """
    section = getattr(settings.data_sources, "binance", None)
    if not isinstance(section, BinanceSettings) or not section.enabled:
        raise SettingsError("data_sources.binance is not enabled: enable it to stream from Binance.")
    wanted: list[Series] = [(symbol,) for symbol in section.symbols]
    wanted += [(symbol, section.interval) for symbol in section.symbols]
    options = settings.streaming.binance
    with ExitStack() as stack, _until_stopped() as stop:
        url, now, speed, transport, finished = options.url, settings.now, 1.0, None, threading.Event()
        if settings.environment == "sandbox":
            server, transport = _simulation(settings, lake)
            stack.enter_context(server)
            url, now, speed, finished = server.url, server.now, options.speed, server.finished
        address = stream_url(url, wanted)
        feed = WebSocketFeed(
            address, patience=Patience(silence=options.silence_seconds, largest_frame=options.largest_frame)
        )
        collector = BinanceCollector(
            wanted,
            _sink(settings, lake, (TRADES, KLINES), now, {"url": address}),
            fetch=_rest(settings, section, now, transport),
            now=now,
            limits=Limits(rows=settings.streaming.batch_rows),
            pause=lambda seconds: not stop.wait(seconds),
            renew=feed.renew,
        )
        say(f"Streaming {', '.join(section.symbols)} (Ctrl-C ends it).")

        def is_finished() -> bool:
            return finished.is_set() and feed.is_idle

        _run(feed, collector, settings, interval, stop, say, is_finished=is_finished, speed=speed)


def stream_kafka(settings: Settings, lake: Lake, interval: Interval, say: Say) -> None:
    """Stream the messages of Kafka topics.

    Raises
    ------
    SettingsError
        When no topic is configured.
    StreamError
        When the stream cannot go on.
    """
    from atlas_assets.streaming.kafka import KafkaCollector, KafkaFeed

    kafka = settings.streaming.kafka
    if kafka is None:
        raise SettingsError("streaming.kafka is not set: name brokers and topics there.")
    with _until_stopped() as stop:
        collector = KafkaCollector(
            _sink(settings, lake, (MESSAGES,), utc_now, {"brokers": kafka.brokers, "topics": kafka.topics}),
            now=utc_now,
            limits=Limits(rows=settings.streaming.batch_rows),
            pause=lambda seconds: not stop.wait(seconds),
        )
        feed = KafkaFeed(kafka_client(settings), kafka.topics, collector.positions, on_gap=collector.miss)
        say(f"Streaming the topics {', '.join(kafka.topics)} (Ctrl-C ends it).")
        _run(feed, collector, settings, interval, stop, say)


def kafka_client(settings: Settings) -> dict[str, Any]:
    """Librdkafka's configuration; holds the password."""
    kafka = settings.streaming.kafka
    assert kafka is not None
    client: dict[str, Any] = {"bootstrap.servers": kafka.brokers, "security.protocol": kafka.security}
    if kafka.ca_file is not None:
        client["ssl.ca.location"] = str(settings.path(kafka.ca_file))
    if kafka.username is not None and kafka.password is not None:
        client |= {
            "sasl.mechanism": kafka.sasl_mechanism,
            "sasl.username": kafka.username,
            "sasl.password": kafka.password.get_secret_value(),
        }
    return client


def _run(
    feed: Feed[Any],
    collector: Collector[Any],
    settings: Settings,
    interval: Interval,
    stop: threading.Event,
    say: Say,
    *,
    is_finished: Callable[[], bool] = lambda: False,
    speed: float = 1.0,
) -> None:
    timer = threading.Timer(interval.seconds or 0.0, stop.set)
    timer.daemon = True
    if interval.seconds is not None:
        timer.start()
    try:
        consume(
            feed,
            collector,
            batch_seconds=interval.batch_seconds or settings.streaming.batch_seconds,
            is_over=lambda: stop.is_set() or is_finished(),
            report=lambda: say(progress(collector, speed)),
        )
    finally:
        timer.cancel()


def progress(collector: Collector[Any], speed: float = 1.0) -> str:
    """One line: rows committed, what was fetched or is missing, and the lag from the vendor's clock to the lake.

    Parameters
    ----------
    speed
        Seconds of the vendor's clock a second, by which the lag is divided.
    """
    tally = collector.tally
    median, worst = (collector.lag.percentile(percent) for percent in (50, 99))
    lag = "" if median is None or worst is None else f", lag p50 {_seconds(median, speed)} p99 {_seconds(worst, speed)}"
    return (
        f"{tally.rows:,} rows committed in {tally.commits:,} batches{lag}, {tally.gaps:,} gaps "
        f"({tally.fetched:,} rows fetched, {tally.missing:,} missing), {tally.duplicates:,} repeated, "
        f"{tally.refused:,} frames refused"
    )


def _seconds(milliseconds: float, speed: float) -> str:
    return f"{milliseconds / 1000 / speed:.2f} s"


def _sink(
    settings: Settings,
    lake: Lake,
    channels: tuple[Channel, ...],
    now: Callable[[], datetime],
    origin: Mapping[str, Any],
) -> LakeSink:
    return LakeSink(lake, channels, now=now, origin=origin, commits_per_merge=settings.streaming.commits_per_merge)


def _rest(
    settings: Settings, section: BinanceSettings, now: Callable[[], datetime], transport: httpx.BaseTransport | None
) -> BinanceRest:
    """The vendor's REST interface, under the limits that all workers share."""
    state = settings.state
    shared = open_state(None if transport else state.redis_url or settings.path(state.folder))
    # A stream that waits for minutes falls behind: what REST does not give soon is a gap.
    options = {"max_attempts": 3, "max_wait_seconds": 10.0, "transport": transport, "state": shared, "now": now}
    return BinanceRest(create(BinanceAggTrades, section, **options), create(BinanceKlines, section, **options))


def _simulation(settings: Settings, lake: Lake) -> tuple[StreamServer, SandboxTransport]:
    """The sandbox's stream, going on where the lake ends, and the REST interface beside it."""
    from atlas_assets.sandbox import SandboxTransport
    from atlas_assets.sandbox.stream import StreamServer

    transport = SandboxTransport(clock=settings.now())
    server = StreamServer(
        transport.simulator,
        start=_last_streamed(lake) or settings.now() - REPLAYED,
        speed=settings.streaming.binance.speed,
    )
    return server, transport


def _last_streamed(lake: Lake) -> datetime | None:
    from atlas_assets.lake import LakeError

    try:
        found = lake.sql(f"SELECT max(transact_time) AS last FROM lake.{TRADES.table.name}")["last"][0].as_py()
    except LakeError:  # nothing was streamed yet: there is no table
        return None
    return None if found is None else datetime.fromtimestamp(found / 1000, UTC)


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; a second Ctrl-C ends the process at once."""
    stop = threading.Event()
    previous = {}

    def handle(number: int, _: object) -> None:
        signal.signal(number, previous[number])
        stop.set()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
