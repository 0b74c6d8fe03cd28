"""The collector: whatever happens to the frames, the rows that are stored follow each other without a hole."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assets.streaming import binance
from atlas_assets.streaming.binance import BinanceCollector
from atlas_assets.streaming.channels import KLINES, TRADES
from atlas_assets.streaming.collecting import Limits
from atlas_assets.streaming.consume import consume
from atlas_assets.streaming.errors import SinkUnavailable
from atlas_assets.streaming.gaps import Gap
from atlas_assets.streaming.lag import LagMeter
from atlas_tests.streaming.tape import (
    CANDLES_OF,
    FIRST_MS,
    MINUTE,
    NOW,
    TRADES_OF,
    Memory,
    Rest,
    candle_frame,
    trade,
    trade_frame,
)


def collector_of(sink, rest=None, **options) -> BinanceCollector:
    return BinanceCollector([TRADES_OF, CANDLES_OF], sink, fetch=rest or Rest(), now=lambda: NOW, **options)


@settings(max_examples=60, deadline=None)
@given(
    kept=st.lists(st.booleans(), min_size=5, max_size=80),
    full=st.integers(1, 30),
    seed=st.integers(0, 10**6),
    flushed=st.floats(0, 0.5),
)
def test_lost_and_repeated_frames_leave_no_hole_and_no_double(kept, full, seed, flushed):
    draw, sink = random.Random(seed), Memory()
    collector = collector_of(sink, limits=Limits(rows=full))
    sent = [number for number, keep in enumerate(kept, 10) if keep]
    for number in sent:
        collector.take(trade_frame(number))
        if draw.random() < 0.3:
            collector.take(trade_frame(draw.randint(max(sent[0], number - 5), number)))
        if number % 3 == 0:
            collector.take(candle_frame(number // 3))
        if draw.random() < flushed:
            collector.flush()
    collector.flush()
    stored = sink.numbers(TRADES_OF)
    assert stored == (list(range(sent[0], sent[-1] + 1)) if sent else [])
    prices = {
        row.values["agg_trade_id"]: row.values["price"] for b in sink.batches for row in b.rows if b.channel is TRADES
    }
    assert prices == {number: trade(number)["p"] for number in stored}
    candles = sink.numbers(CANDLES_OF)
    assert candles == (list(range(candles[0], candles[-1] + 1, MINUTE)) if candles else [])
    assert max(len(batch.rows) for batch in sink.batches) <= full if sink.batches else True
    assert collector.tally.missing == 0


def test_a_row_is_stored_after_all_that_comes_before_it():
    sink = Memory()
    collector = collector_of(sink, limits=Limits(rows=1))
    for number in (1, 2, 9):
        collector.take(trade_frame(number))
    assert [row.number for batch in sink.batches for row in batch.rows] == list(range(1, 10))
    fetched = {row.number: row.reply for batch in sink.batches for row in batch.rows}
    assert fetched[2] is fetched[9] is None
    assert fetched[3] is fetched[8] is not None
    # Each batch names the reply that its rows were read from.
    assert all(row.reply is None or row.reply in batch.replies for batch in sink.batches for row in batch.rows)


def test_a_long_outage_is_fetched_page_by_page_in_bounded_memory():
    sink, rest = Memory(), Rest()
    collector = collector_of(sink, rest, limits=Limits(rows=500))
    collector.take(trade_frame(1))
    collector.take(trade_frame(4_000))
    assert [first for _, first, _ in rest.asked] == [2, 1002, 2002, 3002]
    assert max(len(batch.rows) for batch in sink.batches) <= 500
    collector.flush()
    assert sink.numbers(TRADES_OF) == list(range(1, 4_001))


@pytest.mark.parametrize(
    ("rest", "runs", "said"),
    [
        (Rest(lacking=frozenset({4, 5, 8})), [(4, 5), (8, 8)], "does not have them"),
        (Rest(lacking=frozenset(range(3, 9))), [(3, 8)], "does not have them"),
        (Rest(newest=5), [(6, 8)], "does not have them"),
        (Rest(fails=True), [(3, 8)], "the vendor is away"),
    ],
)
def test_what_cannot_be_fetched_is_a_gap_that_everybody_sees_and_no_stop(rest, runs, said):
    sink = Memory()
    collector = collector_of(sink, rest)
    for number in (1, 2, 9, 10):
        collector.take(trade_frame(number))
    collector.flush()
    gaps = [gap for batch in sink.batches for gap in batch.gaps]
    assert [(gap.first, gap.last) for gap in gaps] == runs
    assert all(said in gap.reason and gap.at_ms == trade(9)["T"] for gap in gaps)
    missing = {number for first, last in runs for number in range(first, last + 1)}
    assert sink.numbers(TRADES_OF) == [number for number in range(1, 11) if number not in missing]
    assert collector.tally.missing == len(missing)


def test_a_gap_is_filled_when_the_vendor_is_back():
    sink, rest, moment = Memory(), Rest(fails=True), [NOW]
    collector = BinanceCollector([TRADES_OF], sink, fetch=rest, now=lambda: moment[0])
    collector.take(trade_frame(1))
    collector.take(trade_frame(5))
    collector.flush()
    assert collector.tally.missing == 3
    rest.fails = False
    asked = len(rest.asked)
    collector.flush()
    assert len(rest.asked) == asked  # the vendor was away a moment ago
    moment[0] += timedelta(seconds=61)
    collector.flush()
    assert sink.numbers(TRADES_OF) == [1, 5, 2, 3, 4]
    assert collector.tally.missing == 0
    gaps = [(gap.first, gap.last, gap.is_filled) for batch in sink.batches for gap in batch.gaps]
    assert gaps == [(2, 4, False), (2, 4, True)]
    moment[0] += timedelta(seconds=61)
    collector.flush()
    assert len(rest.asked) == asked + 1  # nothing is left to ask for


def test_a_missing_candle_is_fetched_by_its_opening_time():
    sink, rest = Memory(), Rest()
    collector = collector_of(sink, rest)
    collector.take(candle_frame(1))
    collector.take(candle_frame(4))
    collector.flush()
    assert rest.asked == [(CANDLES_OF, FIRST_MS + 2 * MINUTE, FIRST_MS + 3 * MINUTE)]
    (batch,) = sink.batches
    assert batch.channel is KLINES
    assert [row.values["close"] for row in batch.rows] == ["1.5", "2.5", "3.5", "4.5"]


def test_an_absurd_id_neither_moves_the_stream_nor_asks_for_millions():
    sink, rest = Memory(), Rest(newest=50)
    collector = collector_of(sink, rest)
    for text in (trade_frame(1), trade_frame(2, a=2**62), trade_frame(2)):
        collector.take(text)
    collector.flush()
    assert sink.numbers(TRADES_OF) == [1, 2]
    assert len(rest.asked) == 1
    (refusal,) = sink.batches[0].refusals
    assert "does not know it" in refusal.reason


def test_a_real_long_absence_is_believed(monkeypatch):
    sink = Memory()
    collector = collector_of(sink, limits=Limits(rows=50))
    monkeypatch.setattr(binance, "DOUBTFUL_JUMP", 100)
    collector.take(trade_frame(1))
    collector.take(trade_frame(500))
    collector.flush()
    assert sink.numbers(TRADES_OF) == list(range(1, 501))


def test_hostile_frames_are_counted_and_kept_with_their_line():
    sink = Memory()
    collector = collector_of(sink)
    for message in (trade_frame(1), "{", b"\xff\n\x00", trade_frame(2), "two\nlines"):
        collector.take(message)
    collector.flush()
    (batch,) = sink.batches
    assert collector.tally.refused == 3
    lines = batch.content.decode().splitlines()
    assert len(lines) == 5
    assert [refusal.line for refusal in batch.refusals] == [2, 3, 5]
    assert lines[1] == "{"
    assert json.loads(lines[4]) == "two\nlines"
    assert all(refusal.excerpt.isascii() for refusal in batch.refusals)


def test_a_flood_of_garbage_is_stored_in_bounded_batches():
    sink = Memory()
    collector = collector_of(sink, limits=Limits(rows=10, bytes=1_000))
    for _ in range(30):
        collector.take("x" * 300)
    assert len(sink.batches) == 7
    assert max(len(batch.content) for batch in sink.batches) < 1_500


def test_a_shutdown_asks_for_a_new_connection():
    asked = []
    collector = collector_of(Memory(), renew=lambda: asked.append(True))
    collector.take('{"e":"serverShutdown","E":1}')
    assert asked == [True]


def test_while_the_lake_is_locked_nothing_is_read_and_nothing_is_lost():
    sink, pauses = Memory(), []
    collector = collector_of(sink, limits=Limits(rows=3), pause=lambda seconds: not pauses.append(seconds))
    sink.unavailable = 4
    frames = [trade_frame(number) for number in range(1, 8)]
    read = []

    class Tape:
        def receive(self, timeout):
            read.append(collector.waiting)
            return frames.pop(0) if frames else None

        def close(self):
            read.append("closed")

    consume(Tape(), collector, batch_seconds=1e9, is_over=lambda: not frames)
    assert sink.numbers(TRADES_OF) == list(range(1, 8))
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    assert read[-1] == "closed"
    assert max(read[:-1]) < 3


def test_giving_up_on_a_locked_lake_is_said():
    sink = Memory()
    sink.unavailable = 10
    collector = collector_of(sink, limits=Limits(rows=1))
    with pytest.raises(SinkUnavailable, match="locked"):
        collector.take(trade_frame(1))
    assert collector.waiting == 1


def test_batches_are_stored_every_few_seconds_and_reported():
    sink, seconds, reports = Memory(), [0.0], []
    frames = iter(trade_frame(number) for number in range(1, 41))

    class Tape:
        def receive(self, timeout):
            seconds[0] += 0.25
            return next(frames, None)

        def close(self):
            pass

    consume(
        Tape(),
        collector := collector_of(sink),
        batch_seconds=2.0,
        is_over=lambda: seconds[0] >= 10,
        report=lambda: reports.append(collector.tally.rows),
        clock=lambda: seconds[0],
    )
    assert [len(batch.rows) for batch in sink.batches] == [8, 8, 8, 8, 8]
    assert reports == [16, 40, 40]


def test_the_lag_is_that_from_the_vendors_clock():
    sink = Memory()
    collector = collector_of(sink)
    collector.take(trade_frame(1))
    collector.flush()
    assert collector.lag.percentile(50) == NOW.timestamp() * 1000 - (trade(1)["T"] + 5)


def test_percentiles_are_those_of_the_nearest_rank():
    meter = LagMeter(sample=100)
    assert meter.percentile(50) is None
    meter.add(range(1_000))
    meter.add(range(1, 101))
    assert (meter.percentile(50), meter.percentile(99), meter.percentile(100), len(meter)) == (50, 99, 100, 100)


def test_gaps_without_a_row_can_be_stored():
    from atlas_assets.streaming.batch import Batch

    assert not Batch(TRADES)
    assert Batch(TRADES, gaps=[Gap(TRADES_OF, 1, 2, "lost", None)])
