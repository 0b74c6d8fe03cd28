"""Binance candles and aggregate trades."""

import json
from datetime import UTC, date, datetime

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.crypto.binance import AggTradesQuery, BinanceAggTrades, BinanceKlines, KlinesQuery
from atlas_assets.data_sources.parsing import unique_rows
from atlas_assets.sandbox import FaultPlan

MIDNIGHT = 1_543_622_400_000  # 2018-12-01
MINUTE = 60_000
DAY = date(2018, 12, 1)
CANDLES = KlinesQuery(start=DAY, end=DAY, symbol="BTCUSDT", interval="1m", as_of=datetime(2018, 12, 2, tzinfo=UTC))
TRADES = AggTradesQuery(start=DAY, end=DAY, symbol="BTCUSDT")


def candle(minute, scale=1):
    opening = (MIDNIGHT + minute * MINUTE) * scale
    closing = opening + MINUTE * scale - 1
    return [opening, "4041.27", "4045.00", "4040.10", "4044.00", "12.5", closing, "50521.1", 97, "6.1", "24650.0", "0"]


def trade(number, instant, **other):
    first = {"a": number, "p": "4041.27000000", "q": "0.00100000", "f": number * 2, "l": number * 2 + 1}
    return {**first, "T": instant, "m": number % 2 == 0, "M": True, **other}


def candles(*rows, query=CANDLES):
    return BinanceKlines.transform(json.dumps(rows).encode(), query).rows


def trades(*rows, query=TRADES):
    """Read by Arrow and, since a space keeps it from that, by the JSON reader: both say the same."""
    compact, spaced = (json.dumps(rows, separators=marks).encode() for marks in ((",", ":"), (", ", ": ")))
    fast = outcome(compact, query)
    assert fast == outcome(spaced, query)
    if isinstance(fast, str):
        raise MalformedReply(fast)
    return BinanceAggTrades.transform(compact, query).rows


def outcome(content, query):
    try:
        parsed = BinanceAggTrades.transform(content, query)
    except MalformedReply as error:
        return str(error).partition("(")[0]
    return parsed.rows.to_pylist(), parsed.days.to_pylist(), [row.position for row in parsed.rejected]


class Exchange:
    """Answers as Binance does, from rows in order."""

    def __init__(self, json_reply, rows):
        self.json_reply, self.rows, self.asked = json_reply, rows, []

    def __call__(self, request):
        asked = {name: int(value) for name, value in request.url.params.items() if value.isdigit()}
        self.asked.append(asked)
        assert not ("fromId" in asked and "startTime" in asked)
        klines = request.url.path == "/api/v3/klines"
        found = [
            row
            for row in self.rows
            if asked.get("startTime", 0) <= (row[0] if klines else row["T"]) <= asked.get("endTime", 10**18)
            and (klines or asked.get("fromId", 0) <= row["a"])
        ]
        return self.json_reply(found[: asked["limit"]])


def test_candles_are_paged_forward(source_of, json_reply):
    exchange = Exchange(json_reply, [candle(minute) for minute in range(-5, 2 * 1440 + 5)])
    source = source_of(BinanceKlines, exchange)
    query = next(source.queries(DAY, date(2018, 12, 2)))
    assert (query.symbol, query.interval, query.as_of) == (
        "BTCUSDT",
        "1m",
        datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC),
    )
    pages = [source.transform(reply.content, query).rows for reply in source.extract(query)]
    assert [page.num_rows for page in pages] == [1000, 1000, 880]
    assert [asked["startTime"] for asked in exchange.asked] == [
        MIDNIGHT,
        MIDNIGHT + 999 * MINUTE + 1,
        MIDNIGHT + 1999 * MINUTE + 1,
    ]
    assert {asked["endTime"] for asked in exchange.asked} == {MIDNIGHT + 2 * 1440 * MINUTE - 1}
    assert source.row_dates(pages[2], query).unique().to_pylist() == [date(2018, 12, 2)]


def test_a_last_page_that_is_full_asks_once_more(source_of, json_reply):
    exchange = Exchange(json_reply, [candle(minute) for minute in range(1000)])
    source = source_of(BinanceKlines, exchange)
    assert len(list(source.extract(CANDLES))) == 2


def test_candles_keep_their_strings():
    assert candles(candle(0)).to_pylist() == [
        {
            "symbol": "BTCUSDT",
            "interval": "1m",
            "open_time": MIDNIGHT,
            "open": "4041.27",
            "high": "4045.00",
            "low": "4040.10",
            "close": "4044.00",
            "volume": "12.5",
            "close_time": MIDNIGHT + MINUTE - 1,
            "quote_volume": "50521.1",
            "trades": 97,
            "taker_buy_base_volume": "6.1",
            "taker_buy_quote_volume": "24650.0",
        }
    ]
    assert candles().num_rows == 0


@pytest.mark.parametrize("scale", [1, 1000])
def test_the_running_candle_is_dropped(scale):
    query = CANDLES.model_copy(update={"as_of": datetime(2018, 12, 1, 0, 2, tzinfo=UTC)})
    rows = candles(candle(0, scale), candle(1, scale), candle(2, scale), query=query)
    assert rows["open_time"].to_pylist() == [MIDNIGHT * scale, (MIDNIGHT + MINUTE) * scale]
    just_before = CANDLES.model_copy(update={"as_of": datetime(2018, 12, 1, 0, 1, 59, 999_000, tzinfo=UTC)})
    assert candles(candle(0, scale), candle(1, scale), query=just_before).num_rows == 1


@pytest.mark.parametrize("scale", [1, 1000])
def test_days_are_read_from_milliseconds_and_microseconds(scale):
    rows = candles(candle(-1, scale), candle(0, scale), candle(1439, scale), candle(1440, scale))
    assert BinanceKlines.row_dates(rows, CANDLES).to_pylist() == [DAY, DAY]
    end = MIDNIGHT + 86_400_000
    kept = trades(*(trade(n, t * scale) for n, t in enumerate([MIDNIGHT - 1, MIDNIGHT, end - 1, end])))
    assert kept["agg_trade_id"].to_pylist() == [1, 2]
    assert BinanceAggTrades.row_dates(kept, TRADES).to_pylist() == [DAY, DAY]


def test_trades_are_paged_by_id_until_the_window_ends(source_of, json_reply):
    end = MIDNIGHT + 86_400_000
    rows = [trade(n, MIDNIGHT - 10 + n * 20_000) for n in range(5000)]
    exchange = Exchange(json_reply, rows)
    source = source_of(BinanceAggTrades, exchange)
    pages = [source.transform(reply.content, TRADES).rows for reply in source.extract(TRADES)]
    assert exchange.asked[0] == {"limit": 1000, "startTime": MIDNIGHT, "endTime": end - 1}
    assert exchange.asked[1:] == [{"limit": 1000, "fromId": number} for number in (1001, 2001, 3001, 4001)]
    ids = [number for page in pages for number in page["agg_trade_id"].to_pylist()]
    assert ids == [row["a"] for row in rows if MIDNIGHT <= row["T"] < end]


def test_trades_stop_with_a_short_page(source_of, json_reply):
    exchange = Exchange(json_reply, [trade(n, MIDNIGHT + n) for n in range(1000)])
    assert len(list(source_of(BinanceAggTrades, exchange).extract(TRADES))) == 2
    assert len(list(source_of(BinanceAggTrades, Exchange(json_reply, [])).extract(TRADES))) == 1


def test_weights_are_those_of_the_vendor(source_of, json_reply):
    for kind, query, weight in ((BinanceKlines, CANDLES, 2), (BinanceAggTrades, TRADES, 4)):
        source = source_of(kind, Exchange(json_reply, []))
        get, spent = source.client.get, []
        source.client.get = lambda *args, spent=spent, get=get, **options: (
            spent.append(options["weight"]) or get(*args, **options)
        )
        list(source.extract(query))
        assert spent == [weight]


@pytest.mark.parametrize(
    ("kind", "query", "rows"),
    [
        (BinanceKlines, CANDLES, [candle(minute % 10) for minute in range(1000)]),
        (BinanceAggTrades, TRADES, [trade(n % 10, MIDNIGHT) for n in range(1000)]),
    ],
)
def test_pages_that_repeat_for_ever_are_an_error(source_of, vendor, json_reply, kind, query, rows):
    with pytest.raises(MalformedReply, match="do not advance"):
        list(source_of(kind, vendor(json_reply(rows))).extract(query))


def test_a_repeated_page_leaves_no_repeated_rows():
    page = trades(*(trade(n, MIDNIGHT + n) for n in range(50)))
    corrected = trades(trade(7, MIDNIGHT + 7, p="1.0"))
    import pyarrow as pa

    rows = unique_rows(pa.concat_tables([page, page, corrected]), ["symbol", "agg_trade_id"])
    assert sorted(rows["agg_trade_id"].to_pylist()) == list(range(50))
    assert [row["price"] for row in rows.to_pylist() if row["agg_trade_id"] == 7] == ["1.0"]


def test_the_best_match_flag_may_be_missing():
    row = trade(1, MIDNIGHT)
    del row["M"]
    assert trades(row, trade(2, MIDNIGHT))["is_best_match"].to_pylist() == [None, True]


@pytest.mark.parametrize(
    "row",
    [
        {},
        [],
        None,
        trade(1, MIDNIGHT, a="1"),
        trade(1, MIDNIGHT, a=1.5),
        trade(1, MIDNIGHT, a=True),
        trade(1, MIDNIGHT, a=2**63),
        trade(1, MIDNIGHT, a=None),
        trade(1, "now"),
        trade(1, MIDNIGHT, p=4041.27),
        trade(1, MIDNIGHT, m="false"),
        trade(1, MIDNIGHT, m=None),
    ],
)
def test_other_trades_are_errors(row):
    with pytest.raises(MalformedReply, match="binance agg_trades"):
        trades(row)


@pytest.mark.parametrize(
    "row", [[], candle(0)[:11], [*candle(0), "new"], [None] * 12, ["x"] * 12, "x" * 12, {}, None, 5]
)
def test_other_candles_are_errors(row):
    with pytest.raises(MalformedReply, match="binance klines"):
        candles(row)


@pytest.mark.parametrize("kind", [BinanceKlines, BinanceAggTrades])
@pytest.mark.parametrize("rows", [[{}], [[]], [None], ["x"], [[None]], [{"a": "1", "T": 1}]])
def test_pages_without_ids_are_errors(source_of, vendor, json_reply, kind, rows):
    query = CANDLES if kind is BinanceKlines else TRADES
    with pytest.raises(MalformedReply, match="binance: sent rows without"):
        list(source_of(kind, vendor(json_reply(rows))).extract(query))


def test_refusals(source_of, vendor, json_reply):
    bad_symbol = json_reply({"code": -1121, "msg": "Invalid symbol."}, status=400)
    with pytest.raises(PermanentError, match=r"Invalid symbol"):
        list(source_of(BinanceKlines, vendor(bad_symbol)).extract(CANDLES))
    with pytest.raises(PermanentError, match="base_url"):
        list(source_of(BinanceKlines, vendor(httpx.Response(451))).extract(CANDLES))
    with pytest.raises(TransientError, match="banned") as caught:
        list(source_of(BinanceKlines, vendor(httpx.Response(418, headers={"retry-after": "259200"}))).extract(CANDLES))
    assert caught.value.retry_after == 259200


@pytest.mark.recorded
def test_recorded_candles(recorded):
    content = recorded("binance/klines_BTCUSDT_1m.json")
    query = KlinesQuery(
        start=date(2021, 10, 22),
        end=date(2021, 10, 23),
        symbol="BTCUSDT",
        interval="1m",
        as_of=datetime(2021, 10, 24, tzinfo=UTC),
    )
    rows = BinanceKlines.transform(content, query).rows
    assert rows.num_rows == len(json.loads(content))
    assert rows["open"][0].as_py() == "60685.22000000"
    running = json.loads(content)[-1]
    now = datetime.fromtimestamp(running[6] / 1000, UTC)
    assert BinanceKlines.transform(content, query.model_copy(update={"as_of": now})).rows.num_rows == rows.num_rows - 1


@pytest.mark.recorded
def test_recorded_trades(recorded):
    content = recorded("binance/aggTrades_BTCUSDT.json")
    query = AggTradesQuery(start=date(2021, 10, 22), end=date(2021, 10, 22), symbol="BTCUSDT")
    rows = BinanceAggTrades.transform(content, query).rows
    assert rows.num_rows == len(json.loads(content))
    assert rows["transact_time"][0].as_py() == 1634944096633
    assert rows["is_best_match"].to_pylist() == [True] * rows.num_rows


@pytest.mark.recorded
def test_recorded_refusal(recorded, source_of, vendor):
    answer = httpx.Response(400, content=recorded("binance/error_400_bad_symbol.json"))
    with pytest.raises(PermanentError, match="Invalid symbol"):
        list(source_of(BinanceKlines, vendor(answer)).extract(CANDLES))


def test_a_bad_trade_is_set_aside_by_itself():
    rows = [trade(n, MIDNIGHT + n) for n in range(100)]
    rows[7]["p"], rows[40]["a"], rows[99]["T"] = 4041.27, None, "now"
    parsed = BinanceAggTrades.transform(json.dumps(rows, separators=(",", ":")).encode(), TRADES)
    assert [row.position for row in parsed.rejected] == [8, 41, 100]
    assert parsed.rows["agg_trade_id"].to_pylist() == [n for n in range(99) if n not in (7, 40)]
    assert parsed.positions.to_pylist() == [n + 1 for n in range(99) if n not in (7, 40)]


def test_a_renamed_key_is_a_change_of_format():
    rows = [{**trade(n, MIDNIGHT + n), "price": "1"} for n in range(10)]
    for row in rows:
        del row["p"]
    with pytest.raises(MalformedReply, match="cannot be read"):
        trades(*rows)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a":1,"p":"1","q":"2","f":1,"l":1,"T":1543622400000,"m":true}{"a":2}]',
        b'[{"a":1,"p":"1","q":"2","f":1,"l":1,"T":1543622400000,"m":true},]',
        b'[{"a":NaN,"p":"1","q":"2","f":1,"l":1,"T":1543622400000,"m":true}]',
        b'[{"a":1,"p":"\xff","q":"2","f":1,"l":1,"T":1543622400000,"m":true}]',
        b'[{"a":01,"p":"1","q":"2","f":1,"l":1,"T":1543622400000,"m":true}]',
        b'[{"a":1,"p":"1},{2","q":2,"f":1,"l":1,"T":1543622400000,"m":true}]',
        b'[{"a":1e2,"p":"1","q":"2","f":1,"l":1,"T":1543622400000,"m":true}]',
    ],
)
def test_arrow_reads_nothing_that_json_would_refuse(content):
    with pytest.raises(MalformedReply):
        BinanceAggTrades.transform(content, TRADES)


def test_objects_in_strings_and_in_other_keys_are_no_rows():
    odd = trade(1, MIDNIGHT, p="1},{2", new=[{"a": 5}, {"a": 6}])
    assert [row["price"] for row in trades(odd, trade(2, MIDNIGHT)).to_pylist()] == ["1},{2", "4041.27000000"]


@pytest.mark.parametrize("kind", [BinanceKlines, BinanceAggTrades])
def test_faults_change_nothing(sandbox_rows, kind):
    day, faults = date(2018, 12, 30), FaultPlan(seed=11, rate=0.3)
    true = sandbox_rows(kind, day, day)
    assert len(true) > 2000
    assert sandbox_rows(kind, day, day, faults=faults) == true
