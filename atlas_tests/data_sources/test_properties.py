"""Whatever a vendor sends is read into the contract's rows or refused by a SourceError."""

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from atlas_assets.data_sources.crypto.binance import AggTradesQuery, BinanceAggTrades, BinanceKlines, KlinesQuery
from atlas_assets.data_sources.macro.fred import FredObservations, ObservationsQuery
from atlas_assets.data_sources.parsing import parse_together, unique_rows
from atlas_assets.data_sources.registry import source_of, sources
from atlas_assets.data_sources.sentiment.alternative_me import AlternativeMeFearGreed, FearGreedQuery
from atlas_assets.data_sources.sentiment.rss import ArticlesQuery, RssArticles
from atlas_assets.data_sources.stock.eodhd import EodhdEod, EodQuery
from atlas_tests.data_sources import fuzzing
from atlas_tests.data_sources.fuzzing import FAST

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

SCALARS = fuzzing.scalars("9999-12-31", "0001-01-01", "1543640400", NOON, NOON * 1000)
JSON = fuzzing.documents(SCALARS)


def read_or_refuse(kind, content):
    return fuzzing.read_or_refuse(kind, content, QUERIES[kind])


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
    rows = fuzzing.changed_rows(data, example, SCALARS | JSON)
    read_or_refuse(kind, json.dumps(wrap(rows)).encode())


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_the_examples_are_read(kind):
    query, example, wrap = CASES[kind]
    parsed = kind.transform(json.dumps(wrap([example])).encode(), query)
    assert parsed.rows.num_rows == 1
    assert parsed.rejected == ()


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data())
def test_one_bad_row_is_set_aside_and_its_neighbours_stay(kind, data):
    """Whatever happens to one value of one row, the nine others are read as they were."""
    query, example, wrap = CASES[kind]
    spoilt = example.copy()
    key = data.draw(st.sampled_from(list(spoilt) if isinstance(spoilt, dict) else range(len(spoilt))))
    spoilt[key] = data.draw(SCALARS | JSON)
    place = data.draw(st.integers(0, 9))
    assume("NaN" not in json.dumps(spoilt) and "Infinity" not in json.dumps(spoilt))  # these are not JSON at all
    rows = [example] * 9
    rows.insert(place, spoilt)
    parsed = kind.transform(json.dumps(wrap(rows)).encode(), query)
    good = [position for position in parsed.positions.to_pylist() if position != place + 1]
    assert good == [number + 1 for number in range(10) if number != place]
    assert {row.position for row in parsed.rejected} <= {place + 1}


# How the day of an example row is moved.
SHIFTS = {
    EodhdEod: lambda row, days: row | {"date": str(date(2018, 12, 3) + timedelta(days=days))},
    FredObservations: lambda row, days: row | {"realtime_start": str(date(2018, 12, 3) + timedelta(days=days))},
    BinanceKlines: lambda row, days: [
        value + days * 86_400_000 if place in (0, 6) else value for place, value in enumerate(row)
    ],
    BinanceAggTrades: lambda row, days: row | {"T": row["T"] + days * 86_400_000},
    AlternativeMeFearGreed: lambda row, days: row | {"timestamp": str(int(row["timestamp"]) + days * 86_400)},
}


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
@FAST
@given(data=st.data())
def test_replies_read_together_say_what_they_say_one_by_one(kind, data):
    """Whatever is changed in them, whichever days their rows are of, and whichever queries they answer."""
    query, example, wrap = CASES[kind]
    queries = [query, query.model_copy(update={"start": date(2018, 12, 3)}), query]
    replies = []
    for asked in queries:
        for _ in range(data.draw(st.integers(0, 2))):
            shifts = data.draw(st.lists(st.sampled_from([-40, -1, 0, 1, 26, 40, -17_866]), max_size=4))
            page = [SHIFTS[kind](example, days) for days in shifts]
            if page and data.draw(st.integers(0, 4)) == 0:
                page[0] = page[0].copy()
                page[0][data.draw(st.sampled_from(list(example) if isinstance(example, dict) else range(12)))] = (
                    data.draw(SCALARS)
                )
            replies.append((json.dumps(wrap(page), separators=(",", ":")).encode(), asked))
    assume(replies)
    together = parse_together(kind, replies)
    if together is None:
        return
    parsed, counts = together
    alone = [kind.transform(*reply) for reply in replies]
    assert counts == [one.rows.num_rows for one in alone]
    assert parsed.rows == pa.concat_tables([one.rows for one in alone])
    assert parsed.days.to_pylist() == [day for one in alone for day in one.days.to_pylist()]
    assert parsed.positions.to_pylist() == [place for one in alone for place in one.positions.to_pylist()]
    assert not any(one.rejected for one in alone)


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_replies_as_documented_are_read_together_and_others_are_not(kind):
    query, example, wrap = CASES[kind]
    good = json.dumps(wrap([example] * 2), separators=(",", ":")).encode()
    narrower = query.model_copy(update={"start": date(2018, 12, 30)})
    together = parse_together(kind, [(good, query), (good, query), (good, narrower), (good, query)])
    assert together is not None
    assert together[1] == [2, 2, 0, 2]
    assert together[0].positions.to_pylist() == [1, 2] * 3
    for bad in (b"{", b"<html>", json.dumps([{"code": 1}]).encode()):
        assert parse_together(kind, [(good, query), (bad, query)]) is None
        assert parse_together(kind, [(good, query), (bad, narrower)]) is None


def test_whole_numbers_that_are_no_floats_are_not_rounded_among_floats():
    """Alone, a reply with such a number is refused; among others it must be, too."""
    query, example, _ = CASES[EodhdEod]
    replies = [(json.dumps([example | {"volume": volume}]).encode(), query) for volume in (1.5, 2**53 + 1)]
    assert parse_together(EodhdEod, replies) is None
    assert parse_together(EodhdEod, replies[:1]) is not None


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


def test_every_source_is_found_under_its_table():
    assert set(QUERIES) <= set(sources())
    for kind in sources():
        assert source_of(kind.table.name) is kind
    with pytest.raises(KeyError):
        source_of("raw.landing_daily_bars")
