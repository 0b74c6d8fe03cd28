"""Binance's pairs, a snapshot a day."""

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.data_sources.base import Query
from atlas_assets.data_sources.client.errors import MalformedReply
from atlas_assets.data_sources.crypto.binance_exchange_info import BinanceExchangeInfo
from atlas_assets.sandbox import FaultPlan

MIDNIGHT = 1_543_622_400_000  # 2018-12-01
DAY = date(2018, 12, 1)


def pair(symbol="BTCUSDT", **other):
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.0", "stepSize": "0.00000100"},
    ]
    known = {"status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "baseAssetPrecision": 8}
    rest = {"quoteAssetPrecision": 8, "isSpotTradingAllowed": True, "filters": filters}
    return {"symbol": symbol, **known, **rest, **other}


def pairs(*rows, **other):
    payload = {"timezone": "UTC", "serverTime": MIDNIGHT, "rateLimits": [], "symbols": list(rows), **other}
    return json.dumps(payload).encode()


SNAPSHOT = Query(start=date(2018, 11, 28), end=date(2018, 11, 30), as_of=datetime(2018, 12, 1, 5, tzinfo=UTC))


def test_pairs_keep_what_binance_sends():
    new = {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True}
    rows = BinanceExchangeInfo.transform(
        pairs(pair(), pair("BCCUSDT", status="BREAK", filters=[]), pair("NEW", status="CANCEL_ONLY", filters=[new])),
        SNAPSHOT,
    )
    assert rows.days.to_pylist() == [SNAPSHOT.end] * 3
    assert rows.rows["server_time"].to_pylist() == [MIDNIGHT] * 3
    assert rows.rows["status"].to_pylist() == ["TRADING", "BREAK", "CANCEL_ONLY"]
    names = ("tick_size", "lot_size", "min_quantity", "min_notional")
    assert [[row[name] for name in names] for row in rows.rows.to_pylist()] == [
        ["0.01000000", "0.00000100", "0.00001000", None],
        [None, None, None, None],
        [None, None, None, "5.00000000"],
    ]


def test_a_bad_pair_is_set_aside_by_itself():
    parsed = BinanceExchangeInfo.transform(pairs(pair(), pair("B", status=5), pair("C", filters=None)), SNAPSHOT)
    assert parsed.rows["symbol"].to_pylist() == ["BTCUSDT"]
    assert [row.position for row in parsed.rejected] == [2, 3]


@pytest.mark.parametrize("content", [pairs(), b"{}", b"[]", pairs(pair(), serverTime="now"), b'{"symbols":[{}]}'])
def test_other_lists_of_pairs_are_errors(content):
    with pytest.raises(MalformedReply, match="binance exchange_info"):
        BinanceExchangeInfo.transform(content, SNAPSHOT)


def test_a_snapshot_stands_for_the_last_day_and_never_for_the_past(source_of, vendor):
    server = vendor(httpx.Response(200, content=pairs(pair())))
    source = source_of(BinanceExchangeInfo, server)  # it is 2018-12-31
    assert [query.instrument for query in source.queries(DAY, date(2018, 12, 30))] == ["*"]
    for end, asked in ((date(2018, 12, 29), 0), (date(2018, 12, 30), 1), (date(2018, 12, 31), 2)):
        (query,) = source.queries(DAY, end)
        list(source.extract(query))
        assert len(server.requests) == asked


def test_pairs_survive_faults(sandbox_rows):
    true = sandbox_rows(BinanceExchangeInfo, DAY, date(2018, 12, 31))
    assert {row["symbol"]: row["status"] for row in true} == {
        "BTCUSDT": "TRADING",
        "ETHUSDT": "TRADING",
        "BCCUSDT": "BREAK",
    }
    for seed in range(8):
        faults = FaultPlan(seed=seed, rate=0.7)
        assert sandbox_rows(BinanceExchangeInfo, DAY, date(2018, 12, 31), faults=faults) == true


@pytest.mark.recorded
def test_recorded_pairs(recorded):
    content = recorded("binance/exchangeInfo.json")
    rows = BinanceExchangeInfo.transform(content, SNAPSHOT).rows
    sent = json.loads(content)["symbols"]
    assert rows["symbol"].to_pylist() == [row["symbol"] for row in sent]
    assert rows["tick_size"][0].as_py() == "0.01000000"
    assert rows["min_notional"][0].as_py() == "10.00000000"
