"""Batches in a real lake: each row once, whatever is repeated, and every ledger says what happened."""

from __future__ import annotations

import json
from datetime import date

import pytest

from atlas_assets.contracts.judgement import judge
from atlas_assets.lake import Lake
from atlas_assets.orchestration.streaming import LakeSink
from atlas_assets.streaming.binance import BinanceCollector
from atlas_assets.streaming.channels import CHANNELS, KLINES, TRADES
from atlas_assets.streaming.errors import SinkUnavailable
from atlas_tests.streaming.tape import CANDLES_OF, FIRST_MS, MINUTE, NOW, TRADES_OF, Rest, candle_frame, trade_frame

ORIGIN = {"url": "wss://example"}
BOTH = (TRADES, KLINES)


def sink_of(lake, **options) -> LakeSink:
    return LakeSink(lake, BOTH, now=lambda: NOW, origin=ORIGIN, **options)


def collector_of(sink, rest=None) -> BinanceCollector:
    return BinanceCollector([TRADES_OF, CANDLES_OF], sink, fetch=rest or Rest(), now=lambda: NOW)


def ids(lake) -> list[int]:
    return sorted(lake.read_arrow("raw.binance_trade_stream")["agg_trade_id"].to_pylist())


def stream(lake, *frames, rest=None):
    collector = collector_of(sink_of(lake), rest)
    for frame in frames:
        collector.take(frame)
    collector.flush()
    return collector


def test_rows_objects_and_ledgers_are_one_commit(lake):
    stream(
        lake,
        *(trade_frame(number) for number in (1, 2, 5)),
        "garbage\0",
        trade_frame(9),
        candle_frame(1),
        rest=Rest(lacking=frozenset({7})),
    )
    rows = lake.read("raw.binance_trade_stream").sort_values("agg_trade_id")
    assert rows["agg_trade_id"].tolist() == [1, 2, 3, 4, 5, 6, 8, 9]
    assert rows["event_time"].isna().tolist() == [False, False, True, True, False, True, True, False]
    objects = lake.read("raw.objects").set_index("object_id")
    streamed = objects.loc[rows["object_id"].iloc[0]]
    lines = lake.objects.get(streamed["path"]).decode().splitlines()
    assert [json.loads(line)["data"]["a"] for line in lines if "data" in line] == [1, 2, 5, 9]
    assert (streamed["source"], streamed["dataset"], streamed["rows"]) == ("binance", "trade_stream", 4)
    fetched = objects.loc[rows["object_id"].iloc[2]]
    assert [trade["a"] for trade in json.loads(lake.objects.get(fetched["path"]))][:2] == [3, 4]
    (refused,) = lake.read("raw.quarantine").to_dict("records")
    assert (refused["position"], refused["object_id"]) == (4, rows["object_id"].iloc[0])
    (missing,) = lake.read("raw.coverage").to_dict("records")
    assert (missing["instrument"], missing["state"]) == ("BTCUSDT", "missing")
    assert missing["reason"].startswith("7 to 7: the vendor does not have them")
    (commit,) = [one for one in lake.snapshots("raw.binance_trade_stream") if one.info.get("rows")]
    assert commit.info["asset"] == "raw/binance/trade_stream"
    assert lake.object_differences().missing == lake.object_differences().orphans == ()


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.table.name)
def test_every_table_is_made_as_its_contract_says(lake, channel):
    with lake.reader() as connection:
        verdict = judge(connection, channel.table.name, channel.table.contract)
    assert verdict.shape == verdict.truth == ()


def test_streamed_rows_keep_the_contract(lake):
    stream(lake, trade_frame(1), trade_frame(4), candle_frame(1), candle_frame(3))
    for channel in BOTH:
        with lake.reader() as connection:
            verdict = judge(connection, channel.table.name, channel.table.contract)
        assert (verdict.rows > 1, tuple(verdict.shape), tuple(verdict.truth)) == (True, (), ())


def test_a_new_consumer_goes_on_where_the_rows_end(lake):
    stream(lake, trade_frame(1), candle_frame(1))
    rest = Rest()
    collector = stream(lake, trade_frame(4), candle_frame(3), rest=rest)
    assert ids(lake) == [1, 2, 3, 4]
    assert rest.asked == [(TRADES_OF, 2, 3), (CANDLES_OF, FIRST_MS + 2 * MINUTE, FIRST_MS + 2 * MINUTE)]
    assert collector.positions == {TRADES_OF: 4, CANDLES_OF: FIRST_MS + 3 * MINUTE}


def test_a_hole_is_filled_by_the_next_consumer_and_only_once(lake):
    frames = [trade_frame(1), trade_frame(6), candle_frame(1), candle_frame(4)]
    stream(lake, *frames, rest=Rest(fails=True))
    assert sink_of(lake).holes(TRADES) == [(TRADES_OF, 2, 5)]
    assert sink_of(lake).holes(KLINES) == [(CANDLES_OF, FIRST_MS + 2 * MINUTE, FIRST_MS + 3 * MINUTE)]
    one, other = (collector_of(sink_of(lake)) for _ in range(2))
    for _ in range(2):
        one.flush()
        other.flush()
    assert ids(lake) == [1, 2, 3, 4, 5, 6]
    assert sorted(lake.read_arrow("raw.binance_kline_stream")["close"].to_pylist()) == ["1.5", "2.5", "3.5", "4.5"]
    assert sink_of(lake).holes(TRADES) == sink_of(lake).holes(KLINES) == []
    entries = lake.read("raw.coverage", where=("dataset = 'trade_stream'", []))
    assert set(entries["state"]) == {"missing", "present"}
    assert lake.version(TRADES.table.name) == lake.version(TRADES.table.name, recompute=True)


def test_a_batch_given_twice_is_stored_once(lake):
    sink = sink_of(lake)
    collector = collector_of(sink)
    for number in (1, 2):
        collector.take(trade_frame(number))
    batch = collector._batches[TRADES]
    assert sink.append(batch) == 2
    assert sink.append(batch) == 0
    assert sink_of(lake).append(batch) == 0
    assert ids(lake) == [1, 2]


def test_two_consumers_at_once_store_each_row_once(lake, config):
    one, other = collector_of(sink_of(lake)), collector_of(sink_of(Lake(config)))
    for number in range(1, 7):
        for collector in (one, other):
            collector.take(trade_frame(number))
            collector.take(candle_frame(number))
        (one if number % 2 else other).flush()
    one.flush()
    other.flush()
    assert ids(lake) == [1, 2, 3, 4, 5, 6]
    assert lake.read_arrow("raw.binance_kline_stream").num_rows == 6


def test_a_commit_that_failed_after_it_was_made_is_not_made_again(lake, monkeypatch):
    sink = sink_of(lake)
    collector = collector_of(sink)
    collector.take(trade_frame(1))
    replace = lake.replace

    def replace_and_fail(*arguments, **options):
        replace(*arguments, **options)
        raise OSError("the disk went away")

    monkeypatch.setattr(lake, "replace", replace_and_fail)
    with pytest.raises(SinkUnavailable, match="disk"):
        collector.flush()
    monkeypatch.setattr(lake, "replace", replace)
    assert collector.flush() == 0
    assert ids(lake) == [1]


def test_a_locked_lake_is_unavailable_and_later_takes_the_same_batch(lake, config):
    import threading

    sink = sink_of(lake, lock_seconds=0.05)
    collector = collector_of(sink)
    collector.take(trade_frame(1))
    held, done = threading.Event(), threading.Event()

    def hold():
        with Lake(config).commit_lock():
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    with pytest.raises(SinkUnavailable, match="commit lock"):
        collector.flush()
    done.set()
    thread.join()
    assert collector.flush() == 1
    assert ids(lake) == [1]


def test_small_files_are_merged_and_nothing_changes(lake, config):
    sink = sink_of(lake, commits_per_merge=10)
    collector = collector_of(sink)
    table = TRADES.table.name
    folder = config.tables_folder / "raw" / "binance_trade_stream"
    for number in range(1, 10):
        collector.take(trade_frame(number))
        collector.flush()
    middle = lake.snapshots(table)[4].id
    before = {as_of: lake.read(table, as_of=as_of).sort_values("agg_trade_id") for as_of in (middle, None)}
    version, changes = lake.version(table), f"SELECT * FROM lake.raw.table_changes('binance_trade_stream', 0, {middle})"
    fed = lake.sql(changes).num_rows
    collector.take(trade_frame(10))
    collector.flush()
    listed = lake.sql(
        "SELECT count(*) AS files FROM ducklake_list_files('lake', 'binance_trade_stream', schema => 'raw')"
    )
    assert listed["files"][0].as_py() == 1
    assert len(list(folder.iterdir())) == 11
    assert lake.read(table, as_of=middle).sort_values("agg_trade_id").equals(before[middle])
    assert lake.read(table, where=("agg_trade_id < 10", [])).sort_values("agg_trade_id").equals(before[None])
    assert lake.sql(changes).num_rows == fed
    assert lake.version(table) == lake.version(table, recompute=True) != version
    assert collector_of(sink_of(lake)).positions[TRADES_OF] == 10


def test_rows_lie_in_the_day_in_which_they_happened(lake):
    stream(lake, trade_frame(1), candle_frame(1))
    for table in (TRADES.table.name, KLINES.table.name):
        assert set(lake.read_arrow(table)["partition_date"].to_pylist()) == {date(2023, 11, 14)}
