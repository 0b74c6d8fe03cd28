"""The sandbox's archives: their trades, their checksums, what is not there."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import date

import pytest

from atlas_assets.sandbox.simulator import TradeSimulator

TRADES = "aggTrades/BTCUSDT/BTCUSDT-aggTrades-2018-12-10.zip"
SINGLES = "trades/BTCUSDT/BTCUSDT-trades-2018-12-10.zip"
CANDLES = "klines/ETHUSDT/1m/ETHUSDT-1m-2018-12-10.zip"


def rows_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return name, [line.split(",") for line in archive.read(name).decode().splitlines()]


def test_an_archive_holds_the_days_trades(ask, clock):
    name, rows = rows_of(ask("binance_dumps", TRADES).content)
    truth = TradeSimulator(clock=clock).trades("BTCUSDT", date(2018, 12, 10))
    assert name == "BTCUSDT-aggTrades-2018-12-10.csv"
    assert [int(row[0]) for row in rows] == list(range(truth.first_id, truth.first_id + len(truth)))
    assert [int(row[5]) for row in rows] == truth.time_ms.tolist()
    assert [row[6] == "True" for row in rows] == truth.buyer_is_maker.tolist()
    assert {len(row) for row in rows} == {8}


def test_an_archive_holds_the_days_candles(ask):
    _, rows = rows_of(ask("binance_dumps", CANDLES).content)
    assert len(rows) == 1440
    start = int(rows[0][0])
    pages = [
        ask("binance", "klines", symbol="ETHUSDT", interval="1m", startTime=start + page * 43_200_000, limit=720).json()
        for page in range(2)
    ]
    assert rows == [[str(value) for value in candle] for page in pages for candle in page]


def test_an_archive_of_single_trades_holds_the_members_of_the_aggregates(ask, clock):
    name, rows = rows_of(ask("binance_dumps", SINGLES).content)
    truth = TradeSimulator(clock=clock).trades("BTCUSDT", date(2018, 12, 10))
    assert name == "BTCUSDT-trades-2018-12-10.csv"
    assert [int(row[0]) for row in rows] == list(range(truth.first_trade_id[0], truth.last_trade_id[-1] + 1))
    assert sum(round(float(row[2]) * 1e5) for row in rows) == truth.quantity_lots.sum()
    assert {len(row) for row in rows} == {7}


@pytest.mark.parametrize("path", [TRADES, SINGLES, CANDLES])
def test_checksums_are_those_of_the_same_bytes_each_time(ask, path):
    content = ask("binance_dumps", path).content
    assert ask("binance_dumps", path).content == content
    name = path.rpartition("/")[2]
    assert ask("binance_dumps", f"{path}.CHECKSUM").text == f"{hashlib.sha256(content).hexdigest()}  {name}\n"


@pytest.mark.parametrize(
    "path",
    [
        TRADES.replace("-10.zip", "-31.zip"),  # today
        TRADES.replace("2018-12-10", "2019-01-01"),
        TRADES.replace("2018-12-10", "2018-11-30"),  # before the listing
        TRADES.replace("2018-12-10", "2018-13-10"),
        TRADES.replace("BTCUSDT", "XYZUSDT"),
        TRADES.replace("BTCUSDT/BTC", "BTCUSDT/ETH"),
        TRADES.replace("aggTrades/", "trades/"),
        SINGLES.replace("trades/", "aggTrades/"),
        CANDLES.replace("1m", "7m"),
        CANDLES.replace("/1m/", "/5m/"),
        "",
    ],
)
def test_what_is_not_there_answers_as_the_store_does(ask, path):
    for ending in ("", ".CHECKSUM"):
        reply = ask("binance_dumps", path + ending)
        assert reply.status_code == 404
        assert "NoSuchKey" in reply.text
