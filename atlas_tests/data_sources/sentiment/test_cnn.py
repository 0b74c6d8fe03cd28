"""CNN Fear & Greed: all points of a saved reply as sent, and no client."""

import json
from datetime import UTC, date, datetime

import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError
from atlas_assets.data_sources.fields import NEW_FIELD
from atlas_assets.data_sources.sentiment.cnn import CnnFearGreed, CnnSettings

SAVED = datetime(2022, 4, 25, 17, tzinfo=UTC)
QUERY = CnnFearGreed.query_for_file("cnn/graphdata.json", SAVED)
MONDAY = 1_650_844_800_000.0
COMPONENTS = (
    "market_momentum_sp500",
    "market_momentum_sp125",
    "stock_price_strength",
    "stock_price_breadth",
    "put_call_options",
    "market_volatility_vix",
    "market_volatility_vix_50",
    "junk_bond_demand",
    "safe_haven_demand",
)


def point(x=MONDAY, y=30.8254, rating="fear"):
    return {"x": x, "y": y, "rating": rating}


def graphdata(*points, **series):
    index = {"timestamp": MONDAY, "score": 30.8, "rating": "fear", "data": list(points)}
    others = {name: {"data": values} for name, values in series.items()}
    return {"fear_and_greed": {"score": 30.8, "rating": "fear"}, "fear_and_greed_historical": index, **others}


def read(payload, query=QUERY):
    return CnnFearGreed.transform(json.dumps(payload).encode(), query)


def test_every_point_of_every_series_is_a_row():
    parsed = read(graphdata(point(), vix=[point(y=31, rating=None)], junk=[]))
    assert parsed.rows.to_pylist() == [
        {"component": "fear_and_greed_historical", "x": MONDAY, "y": 30.8254, "rating": "fear"},
        {"component": "vix", "x": MONDAY, "y": 31.0, "rating": None},
    ]


def test_a_field_that_points_gain_is_kept():
    parsed = read(graphdata(point(), vix=[point() | {"change": 1.5}]))
    assert parsed.added.to_pydict() == {f"{NEW_FIELD}change": [None, "1.5"]}
    assert read(graphdata(point())).added is None


def test_the_moment_of_saving_midnight_and_weekends_are_kept():
    saturday, sunday, present = MONDAY - 2 * 86_400_000, MONDAY - 86_400_000, MONDAY + 58_869_254.0
    parsed = read(graphdata(point(saturday), point(sunday), point(), point(present)))
    assert parsed.rows["x"].to_pylist() == [saturday, sunday, MONDAY, present]
    assert [day.day for day in parsed.days.to_pylist()] == [23, 24, 25, 25]


@pytest.mark.parametrize("bad", [point(x="noon"), point(x=None), point(x=1e300), point(y="31"), {"x": MONDAY}, 7])
def test_only_the_bad_point_is_set_aside(bad):
    parsed = read(graphdata(point(), bad))
    assert parsed.rows.num_rows == 1
    assert [row.position for row in parsed.rejected] == [2]


@pytest.mark.parametrize("payload", [{}, [], {"fear_and_greed": {}}, {"fear_and_greed_historical": {"data": 1}}])
def test_other_documents_are_refused(payload):
    with pytest.raises(MalformedReply, match="cnn fear_greed"):
        read(payload)


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("cnn/graphdata.json", True),
        ("cnn/2022/04.JSON", True),
        ("cnn/graphdata.csv", False),
        ("other/graphdata.json", False),
        ("cnn.json", False),
        ("", False),
    ],
)
def test_which_files_are_read(name, is_read):
    query = CnnFearGreed.query_for_file(name, SAVED)
    assert (query is not None) is is_read
    if query is not None:
        assert (query.end, query.as_of) == (date(2022, 4, 25), SAVED)


def test_the_vendor_is_never_asked(source_of, vendor):
    server = vendor()
    source = source_of(CnnFearGreed, server, section=CnnSettings())
    (query,) = source.queries(date(2022, 4, 1), date(2022, 4, 25))
    with pytest.raises(PermanentError, match="landing folder"):
        list(source.extract(query))
    assert server.requests == []
    assert CnnFearGreed.files_only


@pytest.mark.recorded
def test_recorded_document(recorded):
    parsed = CnnFearGreed.transform(recorded("cnn_fear_greed/graphdata.json"), QUERY)
    assert parsed.rejected == ()
    rows = parsed.rows.to_pylist()
    assert {row["component"] for row in rows} == {"fear_and_greed_historical", *COMPONENTS}
    index = [row for row in rows if row["component"] == "fear_and_greed_historical"]
    assert len(index) == 12
    assert index[-1] == {"component": "fear_and_greed_historical", "x": 1650903669254.0, "y": 30.8254, "rating": "fear"}
    weekend = [day for day in parsed.days.to_pylist() if day.weekday() >= 5]
    assert date(2022, 4, 23) in weekend
