"""Kafka topics: the position is stored with the messages, the broker's own bookkeeping is not used."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from atlas_assets.streaming.batch import Row
from atlas_assets.streaming.channels import MESSAGES, Series
from atlas_assets.streaming.collecting import Collector, Limits
from atlas_assets.streaming.errors import StreamError
from atlas_assets.streaming.gaps import Gap
from atlas_assets.streaming.sink import Sink

if TYPE_CHECKING:
    from confluent_kafka import KafkaException, Message, TopicPartition

logger = logging.getLogger(__name__)

TIMESTAMP_TYPES = ("none", "create", "log_append")
LOOK_SECONDS = 60.0
"""From one look for partitions that were added to the topics to the next."""

_ANSWER_SECONDS = 10.0
# While messages are read nothing waits for long: the next look will do.
_LOOK_ANSWER_SECONDS = 1.0


class BrokersSilent(StreamError):
    """The brokers do not answer now."""


@dataclass(frozen=True)
class Record:
    """A message as received; see the table of `MESSAGES`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int | None
    timestamp_type: str

    @classmethod
    def of(cls, message: Message) -> Record:
        """A record of the client's message."""
        kind, moment = message.timestamp()
        return cls(
            topic=str(message.topic()),
            partition=int(message.partition() or 0),
            offset=int(message.offset() or 0),
            key=_bytes(message.key()),
            value=_bytes(message.value()),
            headers=tuple((name, _bytes(value)) for name, value in message.headers() or ()),
            timestamp=moment if kind else None,
            timestamp_type=TIMESTAMP_TYPES[kind],
        )


class KafkaFeed:
    """The messages of all partitions of some topics, those added meanwhile too, from positions that the caller knows.

    Parameters
    ----------
    client
        librdkafka's configuration: addresses, security.
    topics
        Topics to read.
    positions
        The last offset taken of each (topic, partition), kept up to date; others are read from their beginning.
    on_gap
        Told what a partition has lost since: its retention ended before it was read.
    clock
        Monotonic seconds.

    Raises
    ------
    StreamError
        When the brokers do not answer, a topic is unknown, or one was made anew since.
    """

    def __init__(
        self,
        client: Mapping[str, Any],
        topics: Sequence[str],
        positions: Mapping[Series, int],
        *,
        on_gap: Callable[[Gap], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from confluent_kafka import Consumer

        self._topics = topics
        self._positions = positions
        self._on_gap = on_gap
        self._clock = clock
        self._assigned: set[tuple[str, int]] = set()
        self._look_due = clock() + LOOK_SECONDS
        self._consumer = Consumer(
            {
                "group.id": "atlas-quanta",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                # Bounds of what waits in memory: beyond them nothing is fetched.
                "queued.min.messages": 10_000,
                "queued.max.messages.kbytes": 16_384,
                "log_level": 3,
                **client,
            },
            logger=logger,
        )
        try:
            self._assign(self._unassigned(_ANSWER_SECONDS), _ANSWER_SECONDS)
        except BaseException:
            self._consumer.close()
            raise

    def receive(self, timeout: float) -> Record | None:
        """The next message, None when none came in time (seconds).

        Raises
        ------
        StreamError
            When Kafka refuses to go on, or a partition that was added was read before under that name.
        """
        if self._clock() >= self._look_due:
            self._look_due = self._clock() + LOOK_SECONDS
            self._look_for_added()
        message = self._consumer.poll(timeout)
        if message is None:
            return None
        error = message.error()
        if error is None:
            return Record.of(message)
        if error.fatal():
            raise StreamError(f"Kafka refuses to go on ({error.str()}): check the brokers and run it again.")
        logger.warning("Kafka: %s.", error.str())
        return None

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _look_for_added(self) -> None:
        try:
            added = self._unassigned(_LOOK_ANSWER_SECONDS)
        except StreamError as error:  # also a topic that is away for a moment
            logger.warning("Partitions that were added are looked for later: %s", error)
            return
        try:
            self._assign(added, _LOOK_ANSWER_SECONDS)
        except BrokersSilent as error:
            logger.warning("Partitions that were added are read later: %s", error)

    def _unassigned(self, timeout: float) -> list[tuple[str, int]]:
        """The partitions of the topics that are not read yet."""
        from confluent_kafka import KafkaException

        try:
            every = [(topic, partition) for topic in self._topics for partition in self._partitions(topic, timeout)]
        except KafkaException as error:
            raise _silent(error) from None
        return [series for series in every if series not in self._assigned]

    def _assign(self, added: Sequence[tuple[str, int]], timeout: float) -> None:
        """Read these partitions as well."""
        from confluent_kafka import KafkaException, TopicPartition

        if not added:
            return
        try:
            places = [TopicPartition(topic, partition) for topic, partition in added]
            # All of them first: a gap is told once.
            bounds = [self._bounds(place, timeout) for place in places]
            for place, known in zip(places, bounds, strict=True):
                taken = self._positions.get((place.topic, place.partition))
                place.offset = _start(place.topic, place.partition, taken, *known, self._on_gap)
            self._consumer.incremental_assign(places)
        except KafkaException as error:
            raise _silent(error) from None
        self._assigned.update(added)

    def _bounds(self, place: TopicPartition, timeout: float) -> tuple[int, int]:
        """The first offset that a partition holds, and the one after its last."""
        offsets = self._consumer.get_watermark_offsets(place, timeout=timeout)
        if offsets is None:
            raise BrokersSilent("The Kafka brokers do not answer in time: check their addresses.")
        return offsets

    def _partitions(self, topic: str, timeout: float) -> list[int]:
        found = self._consumer.list_topics(topic, timeout=timeout).topics[topic]
        if found.error is not None or not found.partitions:
            raise StreamError(f"Kafka has no topic {topic}: create it, or correct streaming.kafka.topics.")
        return sorted(found.partitions)


class KafkaCollector(Collector[Record]):
    """Keeps messages; one that was taken before is left out.

    Parameters
    ----------
    sink, now, limits, pause
        See `Collector`.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        now: Callable[[], datetime],
        limits: Limits | None = None,
        pause: Callable[[float], bool] = lambda _: False,
    ) -> None:
        super().__init__((MESSAGES,), sink, now=now, limits=limits or Limits(), pause=pause)

    def take(self, message: Record) -> None:
        """Take a message."""
        series: Series = (message.topic, message.partition)
        if message.offset <= self._positions.get(series, -1):
            self.tally.duplicates += 1
            return
        now = self._now()
        values = {**_columns(message), "received_at": now}
        received_ms = int(now.timestamp() * 1000)
        line = {name: value for name, value in values.items() if name != "received_at"}
        self._batches[MESSAGES].add_message(json.dumps(line))
        self._add(MESSAGES, Row(series, message.offset, values, received_ms, message.timestamp))

    def miss(self, gap: Gap) -> None:
        """Record what a partition has lost."""
        self.tally.gaps += 1
        self.tally.missing += gap.last - gap.first + 1
        self._batches[MESSAGES].gaps.append(gap)


def _silent(error: KafkaException) -> BrokersSilent:
    said = error.args[0].str()
    return BrokersSilent(f"The Kafka brokers do not answer ({said}): check their addresses and the credentials.")


def _start(topic: str, partition: int, taken: int | None, low: int, high: int, on_gap: Callable[[Gap], None]) -> int:
    """The offset to go on from."""
    if taken is None:
        return low
    if taken >= high:
        raise StreamError(
            f"Partition {partition} of the topic {topic} ends at offset {high} but {taken} was read before: "
            "the topic was made anew, give it another name."
        )
    if taken + 1 < low:
        on_gap(Gap((topic, partition), taken + 1, low - 1, "the topic's retention ended before they were read", None))
    return max(taken + 1, low)


def _columns(message: Record) -> dict[str, Any]:
    key, key_encoding = _text(message.key)
    value, value_encoding = _text(message.value)
    headers = [[name, None if content is None else content.decode("latin-1")] for name, content in message.headers]
    return {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "key": key,
        "key_encoding": key_encoding,
        "value": value,
        "value_encoding": value_encoding,
        "headers": json.dumps(headers),
        "timestamp": message.timestamp,
        "timestamp_type": message.timestamp_type,
    }


def _text(content: bytes | None) -> tuple[str | None, str | None]:
    """Bytes as text and how they are written there; the lake stores no NUL character."""
    if content is None:
        return None, None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    return (base64.b64encode(content).decode(), "base64") if "\0" in text else (text, "utf-8")


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
