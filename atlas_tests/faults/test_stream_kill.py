"""SIGKILL of a consumer at every step of a commit and at random times: each trade and each message once, none lost."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas_assets.lake import Lake, LakeConfig, failpoints
from atlas_assets.orchestration.streaming import LakeSink
from atlas_assets.streaming.channels import CHANNELS
from atlas_tests.faults.streamer import now, read_topic, stream
from atlas_tests.faults.test_kill import kill_and_wait
from atlas_tests.faults.writer import start
from atlas_tests.streaming.tape import FIRST_MS, MINUTE, TRADES_A_CANDLE, TapeServer, candle, trade

POINTS = [point for point in failpoints.POINTS if not point.startswith("catalog.")]
LONGEST = 600  # seconds of a process on a busy machine
RANDOM_KILLS = 3
SOAK_KILLS = 60
KILLS_A_NIGHT = 10
TOPIC = "trades"


@pytest.fixture(scope="module")
def empty_lake(tmp_path_factory, extension_folder) -> Path:
    root = tmp_path_factory.mktemp("empty") / "lake"
    LakeSink(Lake(LakeConfig(root=root, extensions=extension_folder, threads=1)), CHANNELS, now=now, origin={})
    return root


@pytest.fixture
def config(tmp_path, empty_lake, extension_folder) -> LakeConfig:
    root = tmp_path / "lake"
    shutil.copytree(empty_lake, root)
    return LakeConfig(root=root, extensions=extension_folder, threads=1)


def commits(lake: Lake) -> int:
    return lake.current_snapshot()


def killed_at_random(lake: Lake, draw: random.Random, target: Any, *arguments: Any) -> None:
    """Start a consumer and kill it some time after it has begun to commit."""
    before, process = commits(lake), start(target, *arguments)
    while commits(lake) == before:
        assert process.is_alive()
        time.sleep(0.01)
    time.sleep(draw.uniform(0.0, 0.15))
    kill_and_wait(process)


def maintain(lake: Lake) -> None:
    """Merge the small files, as every night: each of the killed left some."""
    for table in ("raw.objects", *(channel.table.name for channel in CHANNELS)):
        lake.compact(table)


def killed_at_a_point(target: Any, *arguments: Any) -> None:
    process = start(target, *arguments)
    process.join(LONGEST)
    assert process.exitcode == -signal.SIGKILL, arguments


def ended_by_itself(target: Any, *arguments: Any) -> None:
    process = start(target, *arguments)
    process.join(LONGEST)
    assert process.exitcode == 0


def check_trades(lake: Lake, last: int) -> tuple[int, int]:
    """Each trade from 1 on and each candle between the first and the last is there once, as it was sent."""
    rows = lake.read_arrow("raw.binance_trade_stream").sort_by("agg_trade_id")
    numbers = rows["agg_trade_id"].to_pylist()
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= last
    assert rows["price"].to_pylist() == [trade(number)["p"] for number in numbers]
    candles = lake.read_arrow("raw.binance_kline_stream").sort_by("open_time")
    opens = candles["open_time"].to_pylist()
    assert opens == list(range(opens[0], opens[-1] + 1, MINUTE))
    assert len(opens) >= last // TRADES_A_CANDLE - 15
    assert candles["close"].to_pylist() == [candle((one - FIRST_MS) // MINUTE)[4] for one in opens]
    assert lake.read("raw.coverage").empty
    check_evidence(lake, "raw.binance_trade_stream")
    return len(numbers), len(opens)


def check_evidence(lake: Lake, table: str) -> None:
    assert lake.version(table) == lake.version(table, recompute=True)
    assert lake.object_differences().missing == ()
    unknown = lake.sql(
        f"SELECT count(*) AS n FROM lake.{table} WHERE object_id NOT IN (SELECT object_id FROM lake.raw.objects)"
    )
    assert unknown["n"][0].as_py() == 0


def stream_kills(config: LakeConfig, *, points: list[str], kills: int, seed: int) -> None:
    draw, lake = random.Random(seed), Lake(config)
    with TapeServer(seed=seed) as server:
        # What comes before the first commit was never promised.
        ended_by_itself(stream, config, server.url, (None, -1), 5 * TRADES_A_CANDLE)
        for point in points:
            killed_at_a_point(stream, config, server.url, (point, draw.randrange(3)))
        for number in range(kills):
            if number % KILLS_A_NIGHT == 0:
                maintain(lake)
            killed_at_random(lake, draw, stream, config, server.url, (None, -1))
        last = server.number + 50
        ended_by_itself(stream, config, server.url, (None, -1), last)
    trades, candles = check_trades(lake, last)
    print(f"\nkills={len(points) + kills} seed={seed} trades={trades} candles={candles} lost=0 doubled=0")


def test_a_stream_that_is_killed_stores_each_row_once(config):
    stream_kills(config, points=POINTS, kills=RANDOM_KILLS, seed=20240101)


@pytest.mark.slow
def test_a_stream_that_is_killed_for_long(config):
    stream_kills(config, points=POINTS * 3, kills=SOAK_KILLS, seed=7)


@pytest.fixture
def brokers() -> Iterator[tuple[Any, str]]:
    """A mock cluster of librdkafka and its address."""
    from confluent_kafka import Producer

    producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    found = producer.list_topics(timeout=10).brokers.values()
    yield producer, ",".join(f"{broker.host}:{broker.port}" for broker in found)
    producer.flush(10)


def topic_kills(config: LakeConfig, brokers: tuple[Any, str], *, points: list[str], kills: int, seed: int) -> None:
    draw, lake, (producer, address) = random.Random(seed), Lake(config), brokers
    sent = 0

    def produce(count: int) -> None:
        nonlocal sent
        for number in range(sent, sent + count):
            producer.produce(TOPIC, key=str(number), value=f"message {number}")
        producer.flush(10)
        sent += count

    for point in points:
        produce(40)
        killed_at_a_point(read_topic, config, address, TOPIC, (point, 0), None)
    for number in range(kills):
        if number % KILLS_A_NIGHT == 0:
            maintain(lake)
        produce(400)
        killed_at_random(lake, draw, read_topic, config, address, TOPIC, (None, -1), None)
    produce(40)
    ended_by_itself(read_topic, config, address, TOPIC, (None, -1), sent)
    rows = lake.read_arrow("raw.kafka_messages")
    assert sorted(rows["value"].to_pylist()) == sorted(f"message {number}" for number in range(sent))
    for partition in set(rows["partition"].to_pylist()):
        offsets = sorted(row["offset"] for row in rows.to_pylist() if row["partition"] == partition)
        assert offsets == list(range(len(offsets)))
    check_evidence(lake, "raw.kafka_messages")
    print(f"\nkills={len(points) + kills} seed={seed} messages={sent} lost=0 doubled=0")


def test_a_reader_of_a_topic_that_is_killed_stores_each_message_once(config, brokers):
    topic_kills(config, brokers, points=["object.stored", "write.inserted", "write.committed"], kills=4, seed=3)


@pytest.mark.slow
def test_a_reader_of_a_topic_that_is_killed_for_long(config, brokers):
    topic_kills(config, brokers, points=POINTS, kills=60, seed=5)
