"""Binance's archives: checksums, CSV in all its forms, hostile zips, days that are not there."""

import hashlib
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from atlas_assets.data_sources.archives import only_member
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.crypto.binance import BinanceAggTrades, BinanceKlines
from atlas_assets.data_sources.crypto.binance_dumps import (
    BinanceDumpAggTrades,
    BinanceDumpKlines,
    BinanceDumpTrades,
    DumpQuery,
    Part,
)
from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.ingestion import Ingestion
from atlas_assets.orchestration.partitions import Partition
from atlas_assets.sandbox import FaultPlan

MIDNIGHT = 1_543_622_400_000  # 2018-12-01
DAY = date(2018, 12, 1)
QUERY = DumpQuery(start=DAY, end=DAY, as_of=datetime(2018, 12, 31, 12, tzinfo=UTC), symbol="BTCUSDT", interval="1m")
NAME = f"BTCUSDT-aggTrades-{DAY}"
TRADES_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
KLINES_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def trade_line(number, *, scale=1, maker="True", best=",True"):
    return f"{number},4041.27000000,0.00100000,{number},{number},{(MIDNIGHT + number) * scale},{maker}{best}"


def single_line(number, *, scale=1, maker="True", best=",True"):
    return f"{number},4041.27000000,0.00100000,4.04127000,{(MIDNIGHT + number) * scale},{maker}{best}"


def candle_line(number, *, scale=1):
    opening = (MIDNIGHT + number * 60_000) * scale
    return f"{opening},1.5,2.0,1.0,1.75,12.5,{opening + 60_000 * scale - 1},21.0,9,6.0,10.5,0"


def zipped(text, name=f"{NAME}.csv", **options):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def read(*lines, kind=BinanceDumpAggTrades, query=QUERY, end="\n"):
    return kind.transform(zipped(end.join(lines) + end), query)


class Archives:
    """Answers with archives and their checksums by name, and 404 for all others."""

    def __init__(self, archives, sums=None):
        self.archives, self.sums, self.asked = dict(archives), sums or {}, []

    def __call__(self, request):
        self.asked.append(request.url.path)
        name = request.url.path.rpartition("/")[2]
        wanted = name.removesuffix(".CHECKSUM")
        content = self.archives.get(wanted.removesuffix(".zip"))
        if content is None:
            return httpx.Response(404, content=b"<Error><Code>NoSuchKey</Code></Error>")
        if name == wanted:
            return httpx.Response(200, content=content)
        digest = self.sums.get(wanted, hashlib.sha256(content).hexdigest())
        return httpx.Response(200, content=f"{digest}  {wanted}\n".encode())


@pytest.mark.parametrize("scale", [1, 1000])
@pytest.mark.parametrize("maker", ["True", "true", "False", "false"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spot_trades_have_no_header(scale, maker, end):
    parsed = read(*(trade_line(n, scale=scale, maker=maker) for n in range(3)), end=end)
    assert parsed.rows.schema.names == [
        name for name in BinanceAggTrades.table.columns if name in parsed.rows.schema.names
    ]
    assert parsed.rows.to_pylist()[2] == {
        "symbol": "BTCUSDT",
        "agg_trade_id": 2,
        "price": "4041.27000000",
        "quantity": "0.00100000",
        "first_trade_id": 2,
        "last_trade_id": 2,
        "transact_time": (MIDNIGHT + 2) * scale,
        "is_buyer_maker": maker.lower() == "true",
        "is_best_match": True,
    }
    assert parsed.days.to_pylist() == [DAY] * 3


@pytest.mark.parametrize("scale", [1, 1000])
@pytest.mark.parametrize("maker", ["True", "False"])
def test_single_trades_have_no_header(scale, maker):
    parsed = read(*(single_line(n, scale=scale, maker=maker) for n in range(3)), kind=BinanceDumpTrades)
    assert parsed.rows.to_pylist()[2] == {
        "symbol": "BTCUSDT",
        "trade_id": 2,
        "price": "4041.27000000",
        "quantity": "0.00100000",
        "quote_quantity": "4.04127000",
        "time": (MIDNIGHT + 2) * scale,
        "is_buyer_maker": maker == "True",
        "is_best_match": True,
    }
    assert parsed.days.to_pylist() == [DAY] * 3


def test_single_trades_under_the_header_of_futures_archives_are_read():
    parsed = read(
        "id,price,qty,quote_qty,time,is_buyer_maker", single_line(7, maker="false", best=""), kind=BinanceDumpTrades
    )
    (row,) = parsed.rows.to_pylist()
    assert (row["trade_id"], row["quantity"], row["quote_quantity"]) == (7, "0.00100000", "4.04127000")
    assert (row["is_buyer_maker"], row["is_best_match"]) == (False, None)


def test_bad_lines_of_single_trades_are_set_aside_by_themselves():
    lines = [single_line(n) for n in range(100)]
    bad = {
        3: "3,1.0",
        20: single_line(20).replace("4.04127000", ""),
        40: single_line(40).replace("4041.27", "-4041.27"),
        60: single_line(60, maker="1"),
        80: single_line(80).replace("80,", "eighty,", 1),
    }
    for place, line in bad.items():
        lines[place] = line
    parsed = read(*lines, kind=BinanceDumpTrades)
    assert [row.position for row in parsed.rejected] == [place + 1 for place in bad]
    assert parsed.rows["trade_id"].to_pylist() == [n for n in range(100) if n not in bad]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_headers_as_in_futures_archives_are_read(start):
    parsed = read(start + TRADES_HEADER, trade_line(5, maker="false", best=""))
    assert parsed.rows["agg_trade_id"].to_pylist() == [5]
    assert parsed.rows["is_best_match"].to_pylist() == [None]
    candles = read(start + KLINES_HEADER, candle_line(0), kind=BinanceDumpKlines)
    assert candles.rows["trades"].to_pylist() == [9]
    assert candles.rows["taker_buy_base_volume"].to_pylist() == ["6.0"]


def test_columns_may_be_swapped_under_a_header_but_not_missing():
    swapped = TRADES_HEADER.replace("price,quantity", "quantity,price")
    parsed = read(swapped, trade_line(1, best=""))
    assert parsed.rows["quantity"].to_pylist() == ["4041.27000000"]
    with pytest.raises(MalformedReply, match="the header lacks price"):
        read(TRADES_HEADER.replace("price", "rate"), trade_line(1, best=""))


def test_candles_have_the_columns_of_the_api():
    parsed = read(*(candle_line(n, scale=1000) for n in range(1440)), kind=BinanceDumpKlines)
    assert parsed.rows.num_rows == 1440
    assert parsed.rows.schema.names == [
        name for name in BinanceKlines.table.columns if name in parsed.rows.schema.names
    ]
    assert parsed.rows["interval"].unique().to_pylist() == ["1m"]
    assert parsed.days.unique().to_pylist() == [DAY]


def test_other_days_are_left_out_and_empty_archives_are_days_without_trades():
    assert read(trade_line(-1), trade_line(0)).rows["agg_trade_id"].to_pylist() == [0]
    for text in ("", "\n", TRADES_HEADER + "\n"):
        assert BinanceDumpAggTrades.transform(zipped(text), QUERY).rows.num_rows == 0


def test_bad_lines_are_set_aside_by_themselves():
    lines = [trade_line(n) for n in range(1000)]
    bad = {
        3: "x,y",
        50: trade_line(50).replace("4041.27000000", "4041,27"),
        51: trade_line(51).replace("4041.27000000", "many"),
        52: trade_line(52).replace("0.00100000", ""),
        53: trade_line(53).replace("4041.27000000", "NaN"),
        200: trade_line(200, maker="maybe"),
        500: trade_line(500).replace("500,", f"{2**63},", 1),
        700: trade_line(700).replace("4041", "\x00"),
        900: '900,"4041.2",1,1,1,1543622400900,True,True',
        999: "999,1",
    }
    for place, line in bad.items():
        lines[place] = line
    parsed = read(*lines)
    assert [row.position for row in parsed.rejected] == [place + 1 for place in bad]
    assert parsed.rows["agg_trade_id"].to_pylist() == [n for n in range(1000) if n not in bad]
    assert all(row.reason and row.content for row in parsed.rejected)


def test_bytes_that_are_no_text_are_set_aside():
    content = zipped(
        b"\n".join([trade_line(1).encode(), b"2,1\xff.0,1,1,1,1543622400002,True,True", trade_line(3).encode()])
    )
    parsed = BinanceDumpAggTrades.transform(content, QUERY)
    assert parsed.rows["agg_trade_id"].to_pylist() == [1, 3]
    assert [row.position for row in parsed.rejected] == [2]


def with_two_members():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", trade_line(1))
        archive.writestr("b.csv", trade_line(2))
    return packed.getvalue()


def encrypted():
    content = bytearray(zipped(trade_line(1)))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


def lying_about_its_size():
    content = zipped("0" * 3_000_000)
    return content.replace((3_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))


HOSTILE = {
    "no zip": b"PK\x03\x04 and more",
    "empty": b"",
    "cut": zipped(trade_line(1) * 100)[:200],
    "bomb": zipped(b"\0" * 50_000_000),
    "slip": zipped(trade_line(1), "../../etc/cron.d/x.csv"),
    "absolute": zipped(trade_line(1), "/tmp/x.csv"),
    "backslash": zipped(trade_line(1), "..\\x.csv"),
    "device": zipped(trade_line(1), "C:x.csv"),
    "hidden": zipped(trade_line(1), ".csv"),
    "folder": zipped("", "x.csv/"),
    "other ending": zipped(trade_line(1), "x.exe"),
    "null name": zipped(trade_line(1), "x.csv0.exe").replace(b"x.csv0.exe", b"x.csv\0.exe"),
    "two files": with_two_members(),
    "no files": zipped("").replace(b"PK\x01\x02", b"PK\x09\x09"),
    "encrypted": encrypted(),
    "lying": lying_about_its_size(),
    "bad checksum": zipped(trade_line(1), compresslevel=0).replace(b"4041", b"4042"),
    "lzma": (lambda b: (zipfile.ZipFile(b, "w", zipfile.ZIP_LZMA).writestr("x.csv", "1"), b.getvalue())[1])(
        io.BytesIO()
    ),
}


@pytest.mark.parametrize("kind", [BinanceDumpAggTrades, BinanceDumpTrades])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(name, kind):
    with pytest.raises(MalformedReply, match=f"binance_dumps {kind.table.asset_key[2]}") as caught:
        kind.transform(HOSTILE[name], QUERY)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_bomb_is_refused_before_it_is_unpacked():
    import tracemalloc

    bomb = zipped(b"\0" * 50_000_000)
    tracemalloc.start()
    with pytest.raises(ValueError, match="unpacks to"):
        only_member(bomb, suffix=".csv", max_bytes=2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_archives_are_verified_and_their_checksum_recorded(source_of):
    server = Archives({NAME: zipped(trade_line(1))})
    source = source_of(BinanceDumpAggTrades, server)
    (reply,) = source.extract(QUERY)
    folder = f"/data/spot/daily/aggTrades/BTCUSDT/{NAME}.zip"
    assert server.asked == [f"{folder}.CHECKSUM", folder]
    assert reply.request["published_sha256"] == hashlib.sha256(reply.content).hexdigest()
    assert json.dumps(reply.request)
    candles = source_of(BinanceDumpKlines, server)
    with pytest.raises(PermanentError):
        list(candles.extract(QUERY))
    assert server.asked[2] == f"/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-{DAY}.zip.CHECKSUM"


@pytest.mark.parametrize("checksum", ["0" * 64, "0" * 63, "<html>"])
def test_an_archive_without_its_checksum_is_never_used(source_of, checksum):
    server = Archives({NAME: zipped(trade_line(1))}, {f"{NAME}.zip": checksum})
    with pytest.raises(TransientError, match="checksum"):
        list(source_of(BinanceDumpAggTrades, server).extract(QUERY))


def test_a_day_that_is_over_may_not_be_published_yet_and_one_long_past_does_not_exist(source_of):
    server = Archives({})
    source = source_of(BinanceDumpAggTrades, server)

    def ask(after):
        as_of = datetime(2018, 12, 2, tzinfo=UTC) + after
        return list(source.extract(QUERY.model_copy(update={"as_of": as_of})))

    assert ask(-timedelta(seconds=1)) == []
    assert server.asked == []
    with pytest.raises(TransientError, match="not published yet"):
        ask(timedelta(hours=6))
    with pytest.raises(PermanentError, match=rf"there is no {NAME}.zip; check the symbol, and let history_from"):
        ask(timedelta(days=4))


@pytest.fixture
def singles():
    return {"trades": Part(symbols=["ETHUSDT"], history_from=date(2018, 12, 29))}


def test_single_trades_are_loaded_only_where_they_are_asked_for(settings, source_of, singles):
    section = settings.data_sources.binance_dumps
    assert not BinanceDumpTrades.is_wanted(section)
    assert BinanceDumpTrades.is_wanted(section.model_copy(update=singles))
    assert list(source_of(BinanceDumpTrades, Archives({})).queries(DAY, DAY)) == []

    days = [date(2018, 12, 28) + timedelta(days=number) for number in range(3)]
    server = Archives({f"ETHUSDT-trades-{day}": zipped("") for day in days})
    source = source_of(BinanceDumpTrades, server, changed=singles)
    (query,) = source.queries(days[0], days[-1])
    assert query.instrument == "ETHUSDT"
    assert len(list(source.extract(query))) == 2, "the part's history begins later than the first day"
    assert server.asked[0] == f"/data/spot/daily/trades/ETHUSDT/ETHUSDT-trades-{days[1]}.zip.CHECKSUM"
    assert list(source.extract(query.model_copy(update={"end": days[0]}))) == []


def test_single_trades_add_up_to_the_aggregates_in_the_sandbox(sandbox_rows, singles):
    day = date(2018, 12, 29)
    aggregates = [row for row in sandbox_rows(BinanceDumpAggTrades, day, day) if row["symbol"] == "ETHUSDT"]
    rows = sandbox_rows(BinanceDumpTrades, day, day, changed=singles)
    assert sandbox_rows(BinanceDumpTrades, day, day, changed=singles, faults=FaultPlan(seed=1, rate=0.5)) == rows
    by_id = {row["trade_id"]: row for row in rows}
    assert sorted(by_id) == list(range(aggregates[0]["first_trade_id"], aggregates[-1]["last_trade_id"] + 1))
    for aggregate in aggregates:
        members = [by_id[n] for n in range(aggregate["first_trade_id"], aggregate["last_trade_id"] + 1)]
        assert sum(Decimal(row["quantity"]) for row in members) == Decimal(aggregate["quantity"])
        for row in members:
            assert (row["price"], row["time"]) == (aggregate["price"], aggregate["transact_time"])
            assert row["is_buyer_maker"] == aggregate["is_buyer_maker"]
            assert Decimal(row["quote_quantity"]) == Decimal(row["price"]) * Decimal(row["quantity"]) > 0


@pytest.mark.parametrize("kind", [BinanceDumpAggTrades, BinanceDumpKlines])
def test_archives_and_api_agree_in_the_sandbox_through_every_fault(sandbox_rows, kind):
    api = {BinanceDumpAggTrades: BinanceAggTrades, BinanceDumpKlines: BinanceKlines}[kind]
    day = date(2018, 12, 29)
    true = sandbox_rows(api, day, day)
    assert sandbox_rows(kind, day, day) == true
    for seed in (1, 2):
        assert sandbox_rows(kind, day, day, faults=FaultPlan(seed=seed, rate=0.5)) == true


def test_a_reissued_archive_is_noticed_on_refetch(source_of, tmp_path, settings):
    server = Archives({NAME: zipped(trade_line(1) + "\n" + trade_line(2))})
    source = source_of(BinanceDumpAggTrades, server, changed={"symbols": ["BTCUSDT"]})
    lake = Lake(LakeConfig(root=tmp_path / "lake", extensions=tmp_path / "extensions"))

    def load(**options):
        partitions = [Partition(DAY.isoformat(), DAY, DAY)]
        loaded = Ingestion(source, partitions=partitions, lake=lake, now=settings.clock, run_id="r", **options)
        (batch,) = loaded.batches()
        return batch.rows

    first = load()
    server.archives[NAME] = zipped(trade_line(1).replace("4041", "4042") + "\n" + trade_line(2))
    second = load(refetch=True)
    assert first["price"].to_pylist() == ["4041.27000000", "4041.27000000"]
    assert second["price"].to_pylist() == ["4042.27000000", "4041.27000000"]
    assert second["object_id"].unique().to_pylist() == [hashlib.sha256(server.archives[NAME]).hexdigest()]
    assert first["object_id"].unique() != second["object_id"].unique()


@pytest.mark.recorded
def test_recorded_candles(recorded):
    text = recorded("binance/dump_ADABTC-1m-2021-11-27.csv")
    day = date(2021, 11, 27)
    query = DumpQuery(start=day, end=day, symbol="ADABTC", interval="1m")
    parsed = BinanceDumpKlines.transform(zipped(text, "ADABTC-1m-2021-11-27.csv"), query)
    lines = text.decode().splitlines()
    assert parsed.rows.num_rows == len(lines) == 10
    assert parsed.rows["high"].to_pylist() == [line.split(",")[2] for line in lines]


def test_archives_dropped_under_their_own_names_are_read():
    now = datetime(2018, 12, 31, tzinfo=UTC)
    query = BinanceDumpAggTrades.query_for_file(f"anywhere/{NAME}.zip", now)
    assert query == DumpQuery(start=DAY, end=DAY, as_of=now, symbol="BTCUSDT")
    candles = BinanceDumpKlines.query_for_file(f"BTCUSDT-1m-{DAY}.zip", now)
    assert candles == DumpQuery(start=DAY, end=DAY, as_of=now, symbol="BTCUSDT", interval="1m")
    assert BinanceDumpAggTrades.transform(zipped(trade_line(1)), query).rows.num_rows == 1
    for name in (f"{NAME}.csv", f"BTCUSDT-1m-{DAY}.zip", "BTCUSDT-aggTrades-2018-13-01.zip", f"../{NAME}", "x.zip"):
        assert BinanceDumpAggTrades.query_for_file(name, now) is None
    assert BinanceDumpKlines.query_for_file(f"{NAME}.zip", now) is None
    singles = BinanceDumpTrades.query_for_file(f"BTCUSDT-trades-{DAY}.zip", now)
    assert singles == query
    assert BinanceDumpTrades.query_for_file(f"{NAME}.zip", now) is None
    for kind in (BinanceDumpAggTrades, BinanceDumpKlines):
        assert kind.query_for_file(f"BTCUSDT-trades-{DAY}.zip", now) is None
