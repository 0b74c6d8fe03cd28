"""Binance's frames: the recorded ones, the documented ones, and anything else."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assets.streaming.batch import as_line
from atlas_assets.streaming.binance import stream_url
from atlas_assets.streaming.channels import KLINES, TRADES
from atlas_assets.streaming.errors import BackfillFailed, FrameRefused
from atlas_assets.streaming.frames import Shutdown, channel_of, read_frame, read_page, step_of
from atlas_tests.streaming.tape import (
    CANDLES_OF,
    FIRST_MS,
    MINUTE,
    TRADES_OF,
    Answer,
    candle,
    candle_frame,
    trade,
    trade_frame,
)

SUBSCRIBED = {TRADES_OF, CANDLES_OF}


def wire(recorded: Path, name: str) -> Path:
    return recorded / "wire" / "binance" / name


def recorded_frames(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.split(": ", 1)[1] for line in lines if ": {" in line]


class Everything:
    """A subscription to whatever comes."""

    def __contains__(self, series: object) -> bool:
        return True


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "trades", "candles"),
    [("ws_binance.txt", 2, 0), ("ws_binance_futures.txt", 60, None)],
)
def test_recorded_frames(recorded, name, trades, candles):
    rows, closed, refused = [], 0, []
    for text in recorded_frames(wire(recorded, name)):
        data = json.loads(text)["data"]
        closed += data.get("e") == "kline" and data["k"]["x"]
        try:
            rows.append(read_frame(text, Everything()))
        except FrameRefused as error:
            refused.append((data.get("e"), str(error)))
    kinds = [channel_of(row.series) for row in rows if row is not None]
    assert kinds.count(TRADES) == trades
    assert kinds.count(KLINES) == (closed if candles is None else candles)
    assert {event for event, _ in refused} <= {"depthUpdate", "bookTicker", None}
    assert all("event" in reason for _, reason in refused)


@pytest.mark.recorded
def test_a_recorded_trade_is_kept_as_sent(recorded):
    text = wire(recorded, "ws_aggTrade_single.json").read_text(encoding="utf-8")
    row = read_frame(text, {("ETHUSDT",)})
    assert row.number == 226532
    assert row.values == {
        "symbol": "ETHUSDT", "agg_trade_id": 226532, "price": "1632.46000000", "quantity": "0.34305000",
        "first_trade_id": 228423, "last_trade_id": 228423, "transact_time": 1675759520847, "is_buyer_maker": False,
        "is_best_match": True, "event_time": 1675759520848,
    }  # fmt: skip
    # It has several lines: in a file of one frame a line it stands as a JSON string.
    assert json.loads(as_line(text)) == text


@pytest.mark.recorded
def test_recorded_replies_fill_gaps(recorded):
    trades = read_page(("BTCUSDT",), Answer(wire(recorded, "aggTrades_BTCUSDT.json").read_bytes()))
    assert [row.number for row in trades] == list(range(trades[0].number, trades[0].number + len(trades)))
    assert trades[0].values["event_time"] is None
    candles = read_page(CANDLES_OF, Answer(wire(recorded, "klines_BTCUSDT_1m.json").read_bytes()))
    assert {later.number - row.number for row, later in pairwise(candles)} == {MINUTE}


def test_the_address_of_a_combined_stream():
    address = stream_url("wss://data-stream.binance.vision/", [TRADES_OF, CANDLES_OF])
    assert address == "wss://data-stream.binance.vision/stream?streams=btcusdt@aggTrade/btcusdt@kline_1m"


def test_streamed_and_fetched_rows_agree():
    streamed = read_frame(trade_frame(5), SUBSCRIBED).values
    (fetched,) = read_page(TRADES_OF, Answer(json.dumps([trade(5)]).encode()))
    assert {**streamed, "event_time": None} == fetched.values
    streamed = read_frame(candle_frame(3), SUBSCRIBED)
    (fetched,) = read_page(CANDLES_OF, Answer(json.dumps([candle(3)]).encode()))
    unknown = {"event_time": None, "first_trade_id": None, "last_trade_id": None}
    assert {**streamed.values, **unknown} == fetched.values
    assert streamed.number == fetched.number == FIRST_MS + 3 * MINUTE
    assert step_of(streamed.series) == MINUTE


def test_running_candles_and_answers_to_commands_are_passed_over():
    assert read_frame(candle_frame(1, closed=False), SUBSCRIBED) is None
    assert read_frame('{"result":null,"id":1}', SUBSCRIBED) is None


def test_the_end_of_a_connection_is_understood_wrapped_or_not():
    assert read_frame('{"stream":"x","data":{"e":"serverShutdown","E":1}}', SUBSCRIBED) == Shutdown()
    assert read_frame('{"e":"serverShutdown","E":1}', SUBSCRIBED) == Shutdown()


def test_microseconds_are_understood():
    row = read_frame(candle_frame(1, t=(FIRST_MS + MINUTE) * 1000, T=(FIRST_MS + 2 * MINUTE) * 1000 - 1), SUBSCRIBED)
    assert row.number == FIRST_MS + MINUTE
    assert row.values["open_time"] == (FIRST_MS + MINUTE) * 1000


def test_a_trade_that_was_taken_back_keeps_its_id():
    row = read_frame(trade_frame(7, p="0", q="0", f=-1, l=-1), SUBSCRIBED)
    assert row.number == 7


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested|not JSON"),
        ("null", "not an object"),
        ("7", "not an object"),
        (b"\x00\x01", "binary"),
        ('{"data":7}', "data is not an object"),
        ('{"stream":"x","data":{"e":"unheardOf"}}', "event 'unheardOf' is not known"),
        (trade_frame(1, a=float("nan")), "NaN is no number"),
        (trade_frame(1, a=True), "a is not a whole number"),
        (trade_frame(1, a="1"), "a is not a whole number"),
        (trade_frame(1, a=-1), "a is not a whole number"),
        (trade_frame(1, a=2**63), "a is not a whole number"),
        (trade_frame(1, a=1.0), "a is not a whole number"),
        (trade_frame(1, p=30000.1), "p is not a decimal string"),
        (trade_frame(1, p="1e308"), "p is not a decimal string"),
        (trade_frame(1, p="-1"), "p is not a decimal string"),
        (trade_frame(1, p="٣"), "p is not a decimal string"),
        (trade_frame(1, q="1" * 1000), "q is not a decimal string"),
        (trade_frame(1, T=10**18), "T is not a time"),
        (trade_frame(1, m=1), "m is not true or false"),
        (trade_frame(1, M="yes"), "M is not true or false"),
        (trade_frame(1, f=9, l=8), "first trade comes after its last"),
        (trade_frame(1, s="../../etc"), "was not subscribed to"),
        (trade_frame(1, s=["BTCUSDT"]), "s is not text"),
        (candle_frame(1, t=FIRST_MS + 1), "start and end"),
        (candle_frame(1, i="1M"), "interval '1M' is not known"),
        (candle_frame(1, i="5m"), "start and end|was not subscribed"),
        (candle_frame(1, x="true"), "x is not true or false"),
        ('{"data":{"e":"kline","E":1,"s":"BTCUSDT","k":[]}}', "k is not an object"),
    ],
)
def test_every_refusal_says_why(message, said):
    with pytest.raises(FrameRefused, match=said):
        read_frame(message, SUBSCRIBED)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("aeEskpqtTxdata"), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=40)
    | st.binary(max_size=40)
    | st.builds(lambda data: json.dumps({"stream": "x", "data": data}), json_values)
    | st.builds(lambda key, value: trade_frame(1, **{key: value}), st.sampled_from("eEsapqflTmM"), json_values)
    | st.builds(lambda key, value: candle_frame(1, **{key: value}), st.sampled_from("tTsifLocxhlvnqVQ"), json_values)
)
def test_no_frame_does_anything_else_than_be_refused(message):
    try:
        row = read_frame(message, SUBSCRIBED)
    except FrameRefused:
        row = None
    assert row is None or isinstance(row, Shutdown) or row.series in SUBSCRIBED
    assert b"\n" not in as_line(message)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'[{"a":1}]', b"\xff", b"[[1]]", b"[[]", b"[" * 10_000])
@pytest.mark.parametrize("series", [TRADES_OF, CANDLES_OF])
def test_a_reply_that_is_none_is_no_backfill(content, series):
    with pytest.raises(BackfillFailed, match="cannot be read"):
        read_page(series, Answer(content))
