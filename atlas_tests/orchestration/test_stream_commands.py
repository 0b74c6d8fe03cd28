"""``atlas stream`` on the sandbox: it starts its own server, fills its gaps, and goes on where it ended."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from atlas_assets.orchestration.resources import configured_lake, configured_settings
from atlas_assets.orchestration.stream_commands import Interval, progress, stream_binance, stream_kafka
from atlas_assets.settings import SettingsError
from atlas_assets.streaming.binance import BinanceCollector
from atlas_tests.conftest import REPOSITORY
from atlas_tests.streaming.tape import NOW, TRADES_OF, Memory, Rest, trade, trade_frame

ATLAS = [sys.executable, "-c", "from atlas_assets.cli import main; main()"]


def test_two_runs_in_the_sandbox_make_one_stream_without_a_hole(atlas_home, monkeypatch):
    monkeypatch.setenv("ATLAS_STREAMING__BINANCE__SPEED", "2000")
    said: list[str] = []
    for _ in range(2):
        stream_binance(configured_settings(), configured_lake(), Interval(2.5, 0.3), said.append)
    found = configured_lake().sql(
        "SELECT symbol, count(*) AS n, min(agg_trade_id) AS first, max(agg_trade_id) AS last,"
        " count(DISTINCT agg_trade_id) AS ids FROM lake.raw.binance_trade_stream GROUP BY symbol ORDER BY symbol"
    )
    assert found["symbol"].to_pylist() == ["BTCUSDT", "ETHUSDT"]
    for row in found.to_pylist():
        assert row["n"] == row["ids"] == row["last"] - row["first"] + 1 > 10
    klines = configured_lake().read_arrow("raw.binance_kline_stream")
    assert klines.num_rows > 10
    assert "0 missing" in said[-1]
    assert "lag p50" in said[-1]


def test_the_replay_ends_with_the_sandboxs_present(atlas_home, monkeypatch):
    monkeypatch.setenv("ATLAS_STREAMING__BINANCE__SPEED", "50000")
    said: list[str] = []
    stream_binance(configured_settings(), configured_lake(), Interval(60.0, 1.0), said.append)
    last = configured_lake().sql("SELECT max(close_time) AS last FROM lake.raw.binance_kline_stream")["last"][0].as_py()
    assert configured_settings().now().timestamp() * 1000 - last < 120_000


def test_topics_must_be_named(atlas_home):
    with pytest.raises(SettingsError, match=r"streaming\.kafka is not set"):
        stream_kafka(configured_settings(), configured_lake(), Interval(), print)


def test_topics_are_streamed_from_the_settings(atlas_home, monkeypatch):
    from confluent_kafka import Producer

    producer = Producer({"test.mock.num.brokers": 1, "log_level": 3})
    address = ",".join(f"{one.host}:{one.port}" for one in producer.list_topics(timeout=10).brokers.values())
    producer.produce("orders", value="hello")
    producer.flush(10)
    monkeypatch.setenv("ATLAS_STREAMING__KAFKA__BROKERS", address)
    monkeypatch.setenv("ATLAS_STREAMING__KAFKA__TOPICS", '["orders"]')
    monkeypatch.setenv("ATLAS_STREAMING__KAFKA__SECURITY", "PLAINTEXT")
    said: list[str] = []
    stream_kafka(configured_settings(), configured_lake(), Interval(2.0, 0.2), said.append)
    assert configured_lake().read("raw.kafka_messages")["value"].tolist() == ["hello"]
    assert said[-1].startswith("1 rows committed")


def test_the_line_of_progress():
    collector = BinanceCollector([TRADES_OF], Memory(), fetch=Rest(), now=lambda: NOW)
    for text in (trade_frame(1), trade_frame(4), trade_frame(4), "x"):
        collector.take(text)
    collector.flush()
    lag = (NOW.timestamp() * 1000 - trade(4)["T"] - 5) / 1000 / 60
    line = progress(collector, speed=60.0)
    assert line.startswith(f"4 rows committed in 1 batches, lag p50 {lag:.2f} s")
    assert line.endswith("1 gaps (2 rows fetched, 0 missing), 1 repeated, 1 frames refused")


def test_ctrl_c_ends_it_cleanly(atlas_home):
    process = subprocess.Popen(
        [*ATLAS, "stream", "binance", "--batch-seconds", "0.2"],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Streaming BTCUSDT, ETHUSDT")
    committed = 0
    while not committed:
        committed = int(process.stdout.readline().split()[0].replace(",", ""))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "rows committed" in out.splitlines()[-1]
    assert configured_lake().read("raw.objects").empty is False
