"""Kafka on librdkafka's own mock cluster: positions come from the rows, the broker keeps none."""

from __future__ import annotations

import base64
import json

import pytest

from atlas_assets.orchestration.stream_commands import kafka_client
from atlas_assets.orchestration.streaming import LakeSink
from atlas_assets.settings import SettingsError, load_settings
from atlas_assets.streaming.channels import MESSAGES
from atlas_assets.streaming.collecting import Limits
from atlas_assets.streaming.errors import StreamError
from atlas_assets.streaming.gaps import Gap
from atlas_assets.streaming.kafka import LOOK_SECONDS, BrokersSilent, KafkaCollector, KafkaFeed, Record, _start
from atlas_tests.streaming.tape import NOW, Memory

TOPIC = "trades"


@pytest.fixture(scope="module")
def cluster():
    from confluent_kafka import Producer

    producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    found = producer.list_topics(timeout=10).brokers.values()
    yield producer, {"bootstrap.servers": ",".join(f"{broker.host}:{broker.port}" for broker in found)}
    producer.flush(10)


def record(offset: int, value: bytes | None = b"x", **changed) -> Record:
    named = {
        "topic": TOPIC, "partition": 0, "offset": offset, "key": None, "value": value, "headers": (),
        "timestamp": 1_700_000_000_000, "timestamp_type": "create",
    }  # fmt: skip
    return Record(**named | changed)


def read(client, topic, collector, count) -> KafkaFeed:
    """Take so many messages; the feed is left open."""
    feed = KafkaFeed(client, [topic], collector.positions, on_gap=collector.miss)
    taken = 0
    for _ in range(500):
        message = feed.receive(0.1)
        if message is not None:
            collector.take(message)
            taken += 1
        if taken == count:
            return feed
    raise AssertionError(f"only {taken} of {count} messages came")


def test_messages_are_stored_once_over_restarts(cluster, lake):
    producer, client = cluster
    for number in range(40):
        producer.produce(TOPIC, key=f"k{number}", value=f"v{number}", headers=[("source", b"\xe9"), ("none", None)])
    producer.flush(10)

    def collector() -> KafkaCollector:
        return KafkaCollector(LakeSink(lake, (MESSAGES,), now=lambda: NOW, origin={}), now=lambda: NOW)

    first = collector()
    feed = read(client, TOPIC, first, 25)
    first.flush()
    # These were taken but not stored: as after a kill, they come again.
    for _ in range(5):
        if (message := feed.receive(1.0)) is not None:
            first.take(message)
    feed.close()
    second = collector()
    read(client, TOPIC, second, 15).close()
    second.flush()
    rows = lake.read("raw.kafka_messages")
    assert sorted(rows["value"]) == sorted(f"v{number}" for number in range(40))
    assert len(rows[["partition", "offset"]].drop_duplicates()) == 40
    assert set(rows["headers"]) == {json.dumps([["source", "é"], ["none", None]])}
    assert set(rows["timestamp_type"]) == {"create"}
    stored = lake.read("raw.objects").set_index("object_id")
    lines = lake.objects.get(stored.loc[rows["object_id"].iloc[0], "path"]).decode().splitlines()
    assert {json.loads(line)["value"] for line in lines} <= set(rows["value"])


class Growing(KafkaFeed):
    """Sees so many partitions of a topic, as before others were added; None when no broker answers."""

    seen: int | None = 1

    def _partitions(self, topic: str, timeout: float) -> list[int]:
        if self.seen is None:
            raise BrokersSilent("The Kafka brokers do not answer.")
        return super()._partitions(topic, timeout)[: self.seen]


def drained(feed: KafkaFeed, collector: KafkaCollector, count: int) -> None:
    """Take so many messages, then see that none is left."""
    for _ in range(count):
        message = feed.receive(10.0)
        assert message is not None
        collector.take(message)
    assert feed.receive(0.3) is None


def test_partitions_that_are_added_are_read_without_a_restart(cluster, monkeypatch, caplog):
    producer, client = cluster
    topic, sink, seconds, gaps = "growing", Memory(), [0.0], []
    producer.list_topics(topic, timeout=10)
    for partition in (0, 1, 1, 2):
        producer.produce(topic, value=f"before {partition}", partition=partition)
    producer.flush(10)
    # Of partition 1 the first message was taken by somebody else.
    monkeypatch.setattr(sink, "positions", lambda channel: {(topic, 1): 0})
    collector = KafkaCollector(sink, now=lambda: NOW)
    feed = Growing(client, [topic], collector.positions, on_gap=gaps.append, clock=lambda: seconds[0])
    try:
        drained(feed, collector, 1)
        feed.seen, seconds[0] = None, LOOK_SECONDS
        assert feed.receive(0.1) is None
        assert "looked for later: The Kafka brokers do not answer" in caplog.text
        feed.seen, seconds[0] = 2, 2 * LOOK_SECONDS - 1
        assert feed.receive(0.3) is None
        seconds[0] = 2 * LOOK_SECONDS
        drained(feed, collector, 1)
        # What was read before goes on where it was.
        for partition in (0, 1, 2):
            producer.produce(topic, value=f"after {partition}", partition=partition)
        producer.flush(10)
        drained(feed, collector, 2)
        feed.seen, seconds[0] = 3, 3 * LOOK_SECONDS
        drained(feed, collector, 2)
    finally:
        feed.close()
    collector.flush()
    assert {one: sink.numbers((topic, one)) for one in range(3)} == {0: [0, 1], 1: [1, 2], 2: [0, 1]}
    assert (gaps, collector.tally.duplicates) == ([], 0)


def test_a_message_that_comes_again_is_left_out():
    sink = Memory()
    collector = KafkaCollector(sink, now=lambda: NOW, limits=Limits(rows=10))
    for offset in (0, 1, 1, 0, 4):
        collector.take(record(offset))
    collector.flush()
    # Offsets of a compacted or transactional topic have holes of their own.
    assert sink.numbers((TOPIC, 0)) == [0, 1, 4]
    assert collector.tally.duplicates == 2


def test_any_bytes_are_kept():
    sink = Memory()
    collector = KafkaCollector(sink, now=lambda: NOW)
    contents = [b"text", b"\xff\x00", b"a\0b", b"", None, "é".encode()]
    for offset, content in enumerate(contents):
        collector.take(record(offset, content, key=content))
    collector.flush()
    rows = [row.values for row in sink.batches[0].rows]
    assert [row["value_encoding"] for row in rows] == ["utf-8", "base64", "base64", "utf-8", None, "utf-8"]
    for row, content in zip(rows, contents, strict=True):
        text = row["value"]
        said = base64.b64decode(text) if row["value_encoding"] == "base64" else None if text is None else text.encode()
        assert said == content
        assert row["key"] == row["value"]


def test_an_absurd_timestamp_moves_no_day():
    sink = Memory()
    collector = KafkaCollector(sink, now=lambda: NOW)
    collector.take(record(0, timestamp=2**62))
    collector.take(record(1, timestamp=None, timestamp_type="none"))
    collector.flush()
    assert {row.happened_ms for row in sink.batches[0].rows} == {int(NOW.timestamp() * 1000)}


def test_where_a_partition_is_taken_up():
    gaps: list[Gap] = []
    assert _start(TOPIC, 0, None, 5, 9, gaps.append) == 5
    assert _start(TOPIC, 0, 6, 5, 9, gaps.append) == 7
    assert _start(TOPIC, 0, 8, 5, 9, gaps.append) == 9
    assert gaps == []
    assert _start(TOPIC, 0, 2, 5, 9, gaps.append) == 5
    assert [(gap.first, gap.last) for gap in gaps] == [(3, 4)]
    with pytest.raises(StreamError, match="made anew"):
        _start(TOPIC, 0, 9, 0, 3, gaps.append)


def test_what_retention_took_is_a_gap_that_everybody_sees(lake):
    collector = KafkaCollector(LakeSink(lake, (MESSAGES,), now=lambda: NOW, origin={}), now=lambda: NOW)
    collector.miss(Gap((TOPIC, 3), 3, 4, "the topic's retention ended before they were read", None))
    collector.flush()
    (entry,) = lake.read("raw.coverage").to_dict("records")
    assert (entry["source"], entry["instrument"], entry["state"]) == ("kafka", "trades@3", "missing")


def test_brokers_that_are_away_are_a_sentence():
    client = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
    from atlas_assets.streaming import kafka

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka, "_ANSWER_SECONDS", 0.3)
        with pytest.raises(StreamError, match="do not answer"):
            KafkaFeed(client, [TOPIC], {}, on_gap=lambda _: None)


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("ATLAS_ENV", "sandbox")
    monkeypatch.setenv("ATLAS_STREAMING__KAFKA__BROKERS", "broker:9093")
    monkeypatch.setenv("ATLAS_STREAMING__KAFKA__TOPICS", '["trades"]')
    return monkeypatch


def test_the_password_comes_from_a_file_and_is_never_shown(environment, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("canary-7f3a\n")
    environment.setenv("ATLAS_STREAMING__KAFKA__SECURITY", "SASL_SSL")
    environment.setenv("ATLAS_STREAMING__KAFKA__USERNAME", "atlas")
    environment.setenv("ATLAS_STREAMING__KAFKA__PASSWORD_FILE", str(secret))
    settings = load_settings()
    assert "canary" not in f"{settings!r} {settings.model_dump_json()}"
    client = kafka_client(settings)
    assert client["sasl.password"] == "canary-7f3a"
    assert client["security.protocol"] == "SASL_SSL"
    assert "ssl.endpoint.identification.algorithm" not in client


@pytest.mark.parametrize(
    ("name", "value"),
    [("USERNAME", "atlas"), ("SECURITY", "SASL_SSL"), ("SECURITY", "SASL_PLAINTEXT"), ("TOPICS", "[]")],
)
def test_a_login_without_encryption_or_in_half_is_refused(environment, name, value):
    environment.setenv(f"ATLAS_STREAMING__KAFKA__{name}", value)
    with pytest.raises(SettingsError, match=r"streaming\.kafka"):
        load_settings()
