"""Whatever a vendor sends is read into the contract's rows or refused by a SourceError."""

import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_assets.data_sources.base import unique_rows, vendor_schema
from atlas_assets.data_sources.crypto import AggTradesQuery, BinanceAggTrades, BinanceKlines, KlinesQuery
from atlas_assets.data_sources.errors import SourceError
from atlas_assets.data_sources.macro import FredObservations, ObservationsQuery
from atlas_assets.data_sources.registry import SOURCES, source_of
from atlas_assets.data_sources.sentiment import AlternativeMeFearGreed, ArticlesQuery, FearGreedQuery, RssArticles
from atlas_assets.data_sources.stock import EodhdEod, EodQuery

DAYS = {"start": date(2018, 12, 1), "end": date(2018, 12, 31)}
NOON = 1_543_665_600_000
BAR = {"date": "2018-12-03", "open": 1.5, "high": 2, "low": 1, "close": 2, "adjusted_close": 1.9, "volume": 100}
OBSERVATION = {"realtime_start": "2018-12-03", "realtime_end": "2018-12-31", "date": "2018-11-01", "value": "1"}
CANDLE = [NOON, "1", "2", "1", "2", "5", NOON + 59_999, "7", 3, "2", "3", "0"]
TRADE = {"a": 1, "p": "1", "q": "2", "f": 1, "l": 1, "T": NOON, "m": True, "M": True}
VALUE = {"value": "40", "value_classification": "Fear", "timestamp": "1543640400"}

# For each source a query, an example row, and how rows are wrapped.
CASES = {
    EodhdEod: (EodQuery(**DAYS, symbol="A.US"), BAR, lambda rows: rows),
    FredObservations: (
        ObservationsQuery(**DAYS, series_id="GDP"),
        OBSERVATION,
        lambda rows: {"count": len(rows), "observations": rows},
    ),
    BinanceKlines: (
        KlinesQuery(**DAYS, symbol="BTCUSDT", interval="1m", as_of=datetime(2019, 1, 1, tzinfo=UTC)),
        CANDLE,
        lambda rows: rows,
    ),
    BinanceAggTrades: (AggTradesQuery(**DAYS, symbol="BTCUSDT"), TRADE, lambda rows: rows),
    AlternativeMeFearGreed: (FearGreedQuery(**DAYS, limit=0), VALUE, lambda rows: {"data": rows}),
}
FEED = ArticlesQuery(**DAYS, feed="wire", url="https://news.example/x")
QUERIES = {**{kind: case[0] for kind, case in CASES.items()}, RssArticles: FEED}
RSS = (
    b"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title><item><title>a</title><guid>1</guid>"
    b"<pubDate>Mon, 03 Dec 2018 14:30:00 GMT</pubDate><description><![CDATA[<p>x</p>]]></description>"
    b"</item></channel></rss>"
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2018-12-03", "9999-12-31", "0001-01-01", "1.0", "1543640400", "\ud800", NOON, NOON * 1000])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
FAST = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def read_or_refuse(kind, content):
    query = QUERIES[kind]
    refused = None
    try:
        rows = kind.transform(content, query)
    except SourceError as error:
        refused = error
    if refused is not None:
        assert refused.__cause__ is refused.__context__ is None
        assert str(refused).startswith(f"{kind.source} {kind.dataset}: ")
        return
    assert rows.schema.equals(vendor_schema(kind.table))
    rows.validate(full=True)
    days = kind.row_dates(rows)
    assert days.type == pa.date32()
    assert all(query.start <= day <= query.end for day in days.to_pylist())
    assert kind.transform(content, query).equals(rows)
    assert unique_rows(rows, kind.table).num_rows <= rows.num_rows


@pytest.mark.parametrize("kind", QUERIES, ids=lambda kind: kind.__name__)
@FAST
@given(content=st.binary(max_size=200))
def test_any_bytes(kind, content):
    read_or_refuse(kind, content)


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@FAST
@given(payload=JSON)
def test_any_json(kind, payload):
    read_or_refuse(kind, json.dumps(payload).encode())
    wrap = CASES[kind][2]
    read_or_refuse(kind, json.dumps(wrap([payload])).encode())


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data())
def test_rows_with_changed_values(kind, data):
    _, example, wrap = CASES[kind]
    rows = []
    for _ in range(data.draw(st.integers(1, 3))):
        row = example.copy()
        keys = list(row) if isinstance(row, dict) else range(len(row))
        for key in data.draw(st.lists(st.sampled_from(list(keys)), max_size=2, unique=True)):
            row[key] = data.draw(SCALARS | JSON)
        rows.append(row)
    read_or_refuse(kind, json.dumps(wrap(rows)).encode())


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_the_examples_are_read(kind):
    query, example, wrap = CASES[kind]
    assert kind.transform(json.dumps(wrap([example])).encode(), query).num_rows == 1


@FAST
@given(cut=st.integers(0, len(RSS)), junk=st.binary(max_size=30), rest=st.integers(0, len(RSS)))
def test_feeds_with_changed_bytes(cut, junk, rest):
    read_or_refuse(RssArticles, RSS[:cut] + junk + RSS[rest:])


@given(keys=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", None])), max_size=30))
@FAST
def test_unique_rows_keeps_the_last_of_each_key_in_order(keys):
    rows = pa.table(
        {
            "number": pa.array([number for number, _ in keys], pa.int64()),
            "name": pa.array([name for _, name in keys], pa.string()),
            "position": pa.array(range(len(keys)), pa.int64()),
        }
    )
    last = {key: position for position, key in enumerate(keys)}
    assert unique_rows(rows, ["number", "name"])["position"].to_pylist() == sorted(last.values())


def test_every_source_is_registered_under_its_table():
    assert set(SOURCES) == set(QUERIES)
    for kind in SOURCES:
        assert source_of(kind.table) is kind
    with pytest.raises(KeyError):
        source_of("raw.landing_daily_bars")
