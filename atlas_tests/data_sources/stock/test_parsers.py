"""Whatever is sent is read into rows of the table and the window, or refused by a SourceError."""

import json
from datetime import UTC, date, datetime
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_assets.data_sources.registry import sources
from atlas_assets.data_sources.stock.alpaca import AlpacaDailyBars, AlpacaMinuteBars, AlpacaQuery, AlpacaTrades
from atlas_assets.data_sources.stock.eodhd import EodhdEod, EodhdIntraday, EodQuery, IntradayQuery
from atlas_assets.data_sources.stock.eodhd_actions import EodhdDividends, EodhdSplits
from atlas_assets.data_sources.stock.eodhd_exchanges import EodhdBulkEod, EodhdSymbols, ExchangeQuery, SymbolsQuery
from atlas_assets.data_sources.stock.iex import ArchiveQuery, IexChart, IexIntraday
from atlas_assets.data_sources.stock.tiingo import DailyQuery, TiingoDaily, TiingoIntraday
from atlas_assets.data_sources.stock.tiingo import IntradayQuery as TiingoIntradayQuery
from atlas_tests.data_sources import fuzzing
from atlas_tests.data_sources.fuzzing import FAST

DAYS = {"start": date(2018, 12, 1), "end": date(2018, 12, 31), "as_of": datetime(2019, 1, 1, tzinfo=UTC)}
NOON = 1_543_838_400
PRICES = {"open": 1.5, "high": 2, "low": 1, "close": 2, "volume": 100}
DAY = {"date": "2018-12-03", **PRICES}
ALPACA_BAR = {"t": "2018-12-03T14:30:00Z", "o": 1.5, "h": 2, "l": 1, "c": 2, "v": 100, "n": 3, "vw": 1.6}
TRADE = {"t": "2018-12-03T14:30:00.000000001Z", "x": "V", "p": 1.5, "s": 100, "c": ["@"], "i": 151, "z": "B"}
ADJUSTED = {f"adj{name.title()}": value for name, value in PRICES.items()}


def plain(rows):
    return rows


def bars(rows):
    return {"bars": {"A": rows}, "next_page_token": None}


# For each source a query, an example row, and how rows are wrapped.
CASES = {
    EodhdEod: (EodQuery(**DAYS, symbol="A.US"), {**DAY, "adjusted_close": 1.9}, plain),
    EodhdIntraday: (
        IntradayQuery(**DAYS, symbol="A.US", interval="5m"),
        {"timestamp": NOON, "gmtoffset": 0, "datetime": "2018-12-03 12:00:00", **PRICES},
        plain,
    ),
    EodhdSplits: (EodQuery(**DAYS, symbol="A.US"), {"date": "2018-12-03", "split": "2.000000/1.000000"}, plain),
    EodhdDividends: (
        EodQuery(**DAYS, symbol="A.US"),
        {"date": "2018-12-03", "declarationDate": "2018-11-01", "value": 0.25, "unadjustedValue": "0.5"},
        plain,
    ),
    EodhdBulkEod: (
        ExchangeQuery(**DAYS, exchange="US"),
        {"code": "A", "exchange_short_name": "US", **DAY, "adjusted_close": 1.9},
        plain,
    ),
    EodhdSymbols: (
        SymbolsQuery(**DAYS, exchange="US"),
        {"Code": "A", "Name": "A ", "Country": "USA", "Exchange": "NYSE", "Currency": "USD", "Type": "ETF"},
        plain,
    ),
    AlpacaDailyBars: (AlpacaQuery(**DAYS, symbol="A"), ALPACA_BAR | {"t": "2018-12-03T05:00:00Z"}, bars),
    AlpacaMinuteBars: (AlpacaQuery(**DAYS, symbol="A"), ALPACA_BAR, bars),
    AlpacaTrades: (AlpacaQuery(**DAYS, symbol="A"), TRADE, lambda rows: {"trades": {"A": rows}}),
    TiingoDaily: (
        DailyQuery(**DAYS, symbol="A"),
        {**DAY, "date": "2018-12-03T00:00:00.000Z", **ADJUSTED, "divCash": 0.0, "splitFactor": 1.0},
        plain,
    ),
    TiingoIntraday: (
        TiingoIntradayQuery(**DAYS, symbol="A", interval="5min"),
        {**DAY, "date": "2018-12-03T14:30:00.000Z"},
        plain,
    ),
    IexChart: (ArchiveQuery(**DAYS, symbol="A"), {**DAY, "updated": 1.5}, plain),
    IexIntraday: (
        ArchiveQuery(**DAYS),
        {**DAY, "date": "20181203", "minute": "09:30", "average": 1, "notional": 2, "numberOfTrades": 3},
        lambda rows: {"A": {"intraday-prices": rows}},
    ),
}
KINDS = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)

INSTANTS = ["2018-12-03", "20181203", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2018-12-31T23:59:00-14:00"]
NUMBERS = ["1.0", "1e999", "-1", "\u0661", NOON, NOON * 1000, 10**10 - 1, -1]
SCALARS = fuzzing.scalars(*INSTANTS, *NUMBERS, "../../etc/passwd", "x" * 300, "")
JSON = fuzzing.documents(SCALARS)


def read_or_refuse(kind, content):
    return fuzzing.read_or_refuse(kind, content, CASES[kind][0])


def test_every_stock_source_is_here():
    assert set(CASES) == {source for source in sources() if source.vendor.domain == "stock"}


@KINDS
def test_the_examples_are_read(kind):
    query, example, wrap = CASES[kind]
    parsed = kind.transform(json.dumps(wrap([example])).encode(), query)
    assert parsed.rows.num_rows == 1
    column = kind.instrument_column
    if column is not None and query.instrument != "*":
        assert parsed.rows[column].to_pylist() == [query.instrument]


@KINDS
@FAST
@given(content=st.binary(max_size=200))
def test_any_bytes(kind, content):
    read_or_refuse(kind, content)


@KINDS
@FAST
@given(payload=JSON)
def test_any_json(kind, payload):
    read_or_refuse(kind, json.dumps(payload).encode())
    read_or_refuse(kind, json.dumps(CASES[kind][2]([payload])).encode())


@KINDS
@FAST
@given(data=st.data())
def test_rows_with_changed_values(kind, data):
    _, example, wrap = CASES[kind]
    rows = fuzzing.changed_rows(data, example, SCALARS | JSON)
    read_or_refuse(kind, json.dumps(wrap(rows)).encode())


@KINDS
@FAST
@given(value=SCALARS.filter(lambda value: not isinstance(value, float) or isfinite(value)), data=st.data())
def test_one_changed_row_never_costs_another_one(kind, value, data):
    query, example, wrap = CASES[kind]
    changed = {**example, data.draw(st.sampled_from(list(example))): value}
    parsed = kind.transform(json.dumps(wrap([example, changed, example])).encode(), query)
    assert parsed.rows.num_rows >= 2
    assert len(parsed.rejected) <= 1
