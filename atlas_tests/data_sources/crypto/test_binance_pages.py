"""Pages read as tables: what is as documented reads the same as row by row, what is not is left to the row reader."""

import json
from datetime import UTC, date, datetime

import pytest

from atlas_assets.data_sources.crypto.binance import BinanceKlines, KlinesQuery
from atlas_assets.data_sources.crypto.binance_pages import candle_table

DAY = 1_545_004_800_000
QUERY = KlinesQuery(
    start=date(2018, 12, 17),
    end=date(2018, 12, 17),
    symbol="BTCUSDT",
    interval="1m",
    as_of=datetime(2018, 12, 17, 0, 2, 30, tzinfo=UTC),
)


def candle(minute: int, **changed):
    start = DAY + minute * 60_000
    values = [start, "1.10", "2.00", "0.90", "1.50", "7.0", start + 59_999, "9.1", 3 + minute, "1.0", "1.2", "0"]
    for place, value in changed.items():
        values[int(place.removeprefix("at"))] = value
    return values


def page(*candles) -> bytes:
    return json.dumps(candles, separators=(",", ":")).encode()


def test_documented_candles_are_a_table_without_the_running_one():
    rows = BinanceKlines.transform(page(candle(0), candle(1), candle(2)), QUERY).rows
    assert rows["open_time"].to_pylist() == [DAY, DAY + 60_000]
    assert rows["close"].to_pylist() == ["1.50", "1.50"]
    assert rows["trades"].to_pylist() == [3, 4]
    assert rows["symbol"].to_pylist() == ["BTCUSDT"] * 2


def test_microseconds_are_told_from_milliseconds():
    body = page(
        *(
            candle(minute, at0=(DAY + minute * 60_000) * 1000, at6=(DAY + minute * 60_000) * 1000 + 59_999_999)
            for minute in range(3)
        )
    )
    assert candle_table(body) is not None
    assert len(BinanceKlines.transform(body, QUERY).rows) == 2


@pytest.mark.parametrize(
    "body",
    [
        page(),
        page(candle(0)[:11]),
        page(candle(0), candle(1)[:11]),
        page(candle(0, at4=1.5)),
        page(candle(0, at4=1)),
        page(candle(0, at8="3")),
        page(candle(0, at8=3.0)),
        page(candle(0, at8=None)),
        page(candle(0, at8=2**64)),
        page(candle(0, at8=2**63)),
        page(candle(0, at4=["1"])),
        page(candle(0, at4="1\u00e9")),
        page(candle(0, at4='1"')),
        page(candle(0), candle(1)).replace(b"],[", b"], ["),
        page(candle(0))[:-1],
        b"\xef\xbb\xbf" + page(candle(0)),
        json.dumps({"a": 1}).encode(),
        b'"text"',
        b"7",
    ],
)
def test_what_is_not_wholly_as_documented_is_no_table(body):
    assert candle_table(body) is None


def test_blanks_make_no_difference_to_the_rows():
    candles = [candle(0), candle(1)]
    compact, spaced = (
        BinanceKlines.transform(body, QUERY).rows for body in (page(*candles), json.dumps(candles).encode())
    )
    assert spaced.equals(compact)


def test_a_number_beyond_64_bits_is_one_bad_row_shown_as_sent():
    parsed = BinanceKlines.transform(page(candle(0), candle(1, at8=2**70)), QUERY)
    assert parsed.rows["open_time"].to_pylist() == [DAY]
    assert [row.position for row in parsed.rejected] == [2]
    assert str(2**70) in parsed.rejected[0].content
