"""alternative.me: the Fear & Greed index as sent."""

import json
from datetime import date

import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError
from atlas_assets.data_sources.sentiment.alternative_me import AlternativeMeFearGreed, FearGreedQuery

DECEMBER = {"start": date(2018, 12, 1), "end": date(2018, 12, 31)}
INDEX = FearGreedQuery(**DECEMBER, limit=0)


def value(stamp, number="40", label="Fear"):
    return {"value": number, "value_classification": label, "timestamp": stamp}


def index(*values, **other):
    return {"name": "Fear and Greed Index", "data": list(values), "metadata": {"error": None}, **other}


def read(payload):
    return AlternativeMeFearGreed.transform(json.dumps(payload).encode(), INDEX)


@pytest.mark.parametrize(
    ("start", "limit"),
    [(date(2018, 2, 1), "0"), (date(2017, 1, 1), "0"), (date(2018, 12, 31), "2"), (date(2018, 12, 1), "32")],
)
def test_the_index_is_asked_for_enough_days(source_of, vendor, json_reply, start, limit):
    server = vendor(json_reply(index()))
    source = source_of(AlternativeMeFearGreed, server)
    (query,) = source.queries(start, date(2018, 12, 31))
    list(source.extract(query))
    assert server.asked == [{"limit": limit, "format": "json"}]
    assert server.requests[0].url.path == "/fng/"


def test_index_values_stay_text_whatever_their_hour():
    at_five, at_midnight, after = "1543640400", "1546214400", "1546300800"
    parsed = read(
        index({**value(at_midnight), "time_until_update": "68499"}, value(at_five), value(after), value("1543622399"))
    )
    assert parsed.rows.to_pylist() == [value(at_midnight), value(at_five)]
    assert parsed.days.to_pylist() == [date(2018, 12, 31), date(2018, 12, 1)]


@pytest.mark.parametrize(
    "payload",
    [
        index(value(1546214400)),
        index(value("12-31-2018")),
        index(value("")),
        index(value("9" * 18)),
        index(value("1546214400", number=40)),
        index({"value": "40"}),
        index(metadata={"error": "Invalid parameter"}),
        {"name": "Fear and Greed Index"},
        [],
    ],
)
def test_other_indices_are_errors(payload):
    with pytest.raises(MalformedReply, match="alternative_me fear_greed"):
        read(payload)


def test_an_error_sent_as_success_is_seen(source_of, vendor, json_reply):
    with pytest.raises(PermanentError, match="Invalid parameter"):
        list(
            source_of(
                AlternativeMeFearGreed, vendor(json_reply(index(metadata={"error": "Invalid parameter"})))
            ).extract(INDEX)
        )


@pytest.mark.recorded
def test_recorded_index(recorded):
    query = FearGreedQuery(start=date(2019, 2, 1), end=date(2019, 2, 28), limit=2)
    parsed = AlternativeMeFearGreed.transform(recorded("alternative_me/fng_docs.json"), query)
    assert parsed.rows.to_pylist() == [value("1551157200"), value("1551070800", "47", "Neutral")]
    assert parsed.days.to_pylist() == [date(2019, 2, 26), date(2019, 2, 25)]
