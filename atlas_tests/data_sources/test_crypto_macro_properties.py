"""Whatever is sent in place of crypto and macro data is read into the table's rows, set aside or refused."""

import io
import json
import zipfile
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_assets.data_sources.base import Query
from atlas_assets.data_sources.crypto.binance import AggTradesQuery, BinanceAggTrades, BinanceKlines, KlinesQuery
from atlas_assets.data_sources.crypto.binance_dumps import (
    BinanceDumpAggTrades,
    BinanceDumpKlines,
    BinanceDumpTrades,
    DumpQuery,
)
from atlas_assets.data_sources.crypto.binance_exchange_info import BinanceExchangeInfo
from atlas_assets.data_sources.crypto.coingecko import CoinQuery
from atlas_assets.data_sources.crypto.coingecko_charts import CoinGeckoMarketChart, CoinGeckoOhlc
from atlas_assets.data_sources.macro.fred import FredObservations, ObservationsQuery
from atlas_assets.data_sources.macro.fred_releases import (
    FredReleaseDates,
    FredReleases,
    FredReleaseSchedule,
    FredSeriesInfo,
    FredSeriesReleases,
    SeriesQuery,
)
from atlas_assets.data_sources.macro.imf import ImfObservations, ImfQuery
from atlas_tests.data_sources import fuzzing
from atlas_tests.data_sources.fuzzing import FAST

NOON = 1_543_665_600_000
DAYS = {"start": date(2018, 12, 1), "end": date(2018, 12, 31), "as_of": datetime(2019, 1, 1, tzinfo=UTC)}
CANDLE = [NOON, "1", "2", "1", "2", "5", NOON + 59_999, "7", 3, "2", "3", "0"]
TRADE = {"a": 1, "p": "1", "q": "2", "f": 1, "l": 1, "T": NOON, "m": True, "M": True}
PAIR = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quoteAssetPrecision": 8,
    "isSpotTradingAllowed": True,
    "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}],
}
OBSERVATION = {"realtime_start": "2018-12-03", "realtime_end": "2018-12-31", "date": "2018-11-01", "value": "1"}
RELEASED = {"release_id": 10, "release_name": "CPI", "date": "2018-12-12"}
KNOWN = {"realtime_start": "2018-12-31", "realtime_end": "2018-12-31"}
RELEASE = {"id": 10, **KNOWN, "name": "CPI", "press_release": True, "link": "http://x"}
SERIES = {
    "id": "GDP",
    **KNOWN,
    "title": "t",
    "observation_start": "1947-01-01",
    "observation_end": "2018-07-01",
    "frequency": "Quarterly",
    "frequency_short": "Q",
    "units": "Billions",
    "units_short": "B",
    "seasonal_adjustment": "Adjusted",
    "seasonal_adjustment_short": "SA",
    "last_updated": "2018-12-21 07:54:01-06",
    "popularity": 93,
}
COMPACT = {"@FREQ": "M", "@REF_AREA": "US", "Obs": {"@TIME_PERIOD": "2018-11", "@OBS_VALUE": "1.5"}}


def listed(key):
    return lambda rows: {"count": len(rows), key: rows}


def plain(rows):
    return rows


# For each source a query, an example row, and how rows are wrapped.
CASES = {
    BinanceKlines: (KlinesQuery(**DAYS, symbol="BTCUSDT", interval="1m"), CANDLE, plain),
    BinanceAggTrades: (AggTradesQuery(**DAYS, symbol="BTCUSDT"), TRADE, plain),
    BinanceExchangeInfo: (Query(**DAYS), PAIR, lambda rows: {"serverTime": NOON, "symbols": rows}),
    CoinGeckoMarketChart: (
        CoinQuery(**DAYS, coin_id="bitcoin", step="hourly"),
        [NOON, 4000.5],
        lambda rows: {"prices": rows, "market_caps": rows, "total_volumes": rows[:1]},
    ),
    CoinGeckoOhlc: (CoinQuery(**DAYS, coin_id="bitcoin", step="4h"), [NOON, 1, 2.5, 1, 2], plain),
    FredObservations: (ObservationsQuery(**DAYS, series_id="GDP"), OBSERVATION, listed("observations")),
    FredReleaseDates: (Query(**DAYS), RELEASED, listed("release_dates")),
    FredReleases: (Query(**DAYS), RELEASE, listed("releases")),
    FredReleaseSchedule: (Query(**DAYS), RELEASED, listed("release_dates")),
    FredSeriesReleases: (SeriesQuery(**DAYS, series_id="GDP"), RELEASE, listed("releases")),
    FredSeriesInfo: (SeriesQuery(**DAYS, series_id="GDP"), SERIES, listed("seriess")),
    ImfObservations: (
        ImfQuery(**DAYS, selection="x"),
        COMPACT,
        lambda rows: {"CompactData": {"DataSet": {"@xmlns": "compact/IFS", "Series": rows}}},
    ),
}
DUMPS = {
    BinanceDumpAggTrades: b"1,4041.27,0.5,1,1,1543665600000,True,True",
    BinanceDumpTrades: b"1,4041.27,0.5,2020.635,1543665600000,True,True",
    BinanceDumpKlines: b"1543665600000,1,2,1,2,5,1543665659999,7,3,2,3,0",
}
DUMP = DumpQuery(**DAYS, symbol="BTCUSDT", interval="1m")
QUERIES = {**{kind: case[0] for kind, case in CASES.items()}, **dict.fromkeys(DUMPS, DUMP)}

SCALARS = fuzzing.scalars("9999-12-31", "0001-01-01", "1543640400", NOON, NOON * 1000, 2**63)
JSON = fuzzing.documents(SCALARS)


def read_or_refuse(kind, content):
    return fuzzing.read_or_refuse(kind, content, QUERIES[kind])


def zipped(text):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", text)
    return packed.getvalue()


@pytest.mark.parametrize("kind", QUERIES, ids=lambda kind: kind.__name__)
@FAST
@given(content=st.binary(max_size=200))
def test_any_bytes(kind, content):
    read_or_refuse(kind, content)
    if kind in DUMPS:
        read_or_refuse(kind, zipped(content))
        read_or_refuse(kind, zipped(DUMPS[kind] + b"\n" + content))


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@FAST
@given(payload=JSON, compact=st.booleans())
def test_any_json(kind, payload, compact):
    marks = (",", ":") if compact else None
    read_or_refuse(kind, json.dumps(payload, separators=marks).encode())
    wrap = CASES[kind][2]
    read_or_refuse(kind, json.dumps(wrap([payload]), separators=marks).encode())


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data(), compact=st.booleans())
def test_rows_with_changed_values(kind, data, compact):
    _, example, wrap = CASES[kind]
    rows = fuzzing.changed_rows(data, example, SCALARS | JSON)
    read_or_refuse(kind, json.dumps(wrap(rows), separators=(",", ":") if compact else None).encode())


@FAST
@given(data=st.data(), compact=st.booleans())
def test_trades_are_read_alike_by_arrow_and_by_json(data, compact):
    """What Arrow reads of a compact body is what the JSON reader makes of the same rows."""
    rows = [
        {**TRADE, **data.draw(st.dictionaries(st.sampled_from(list(TRADE)), SCALARS, max_size=1))} for _ in range(3)
    ]
    found = [
        read_or_refuse(BinanceAggTrades, json.dumps(rows, separators=marks).encode())
        for marks in ((",", ":"), (", ", ": "))
    ]
    fast, slow = (parsed and (parsed.rows.to_pylist(), [one.position for one in parsed.rejected]) for parsed in found)
    assert fast == slow


@pytest.mark.parametrize("kind", DUMPS, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data())
def test_lines_with_changed_values(kind, data):
    lines = []
    for _ in range(data.draw(st.integers(1, 3))):
        values = DUMPS[kind].split(b",")
        for place in data.draw(st.lists(st.integers(0, len(values) - 1), max_size=2, unique=True)):
            values[place] = data.draw(
                st.binary(max_size=8) | st.sampled_from([b"", b"1e5", b"-1", b"true", b'"1"', b"NaN"])
            )
        lines.append(b",".join(values))
    read_or_refuse(kind, zipped(b"\n".join(lines)))


@pytest.mark.parametrize("kind", DUMPS, ids=lambda kind: kind.__name__)
@FAST
@given(cut=st.integers(0, 300), junk=st.binary(max_size=20), rest=st.integers(0, 300))
def test_archives_with_changed_bytes(kind, cut, junk, rest):
    whole = zipped(DUMPS[kind])
    read_or_refuse(kind, whole[:cut] + junk + whole[rest:])


@pytest.mark.parametrize("kind", QUERIES, ids=lambda kind: kind.__name__)
def test_the_examples_are_read(kind):
    if kind in DUMPS:
        content = zipped(DUMPS[kind])
    else:
        _, example, wrap = CASES[kind]
        content = json.dumps(wrap([example])).encode()
    assert read_or_refuse(kind, content).rows.num_rows == 1


NESTED = [b"[" * 100_000, b'{"data":' * 100_000, b'[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"]


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("content", NESTED, ids=["lists", "objects", "in a row"])
def test_deeply_nested_bodies_are_refused(kind, content):
    assert read_or_refuse(kind, content) is None
