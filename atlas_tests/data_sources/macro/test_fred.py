"""FRED observations with vintages."""

import json
from datetime import date

import httpx
import pytest

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.macro import fred as macro
from atlas_assets.data_sources.macro.fred import FredObservations, ObservationsQuery

DAY = date(2018, 12, 20)
QUERY = ObservationsQuery(start=DAY, end=DAY, series_id="GDPC1")


def observation(start="2018-12-20", value="1.0", day="2018-07-01", end="2018-12-20"):
    return {"realtime_start": start, "realtime_end": end, "date": day, "value": value}


def page(*observations, count=None):
    return {"count": len(observations) if count is None else count, "observations": list(observations)}


def read(query=QUERY, *observations):
    return FredObservations.transform(json.dumps(page(*observations)).encode(), query).rows


def test_a_day_asks_for_what_became_known_since_the_day_before(source_of, vendor, json_reply):
    server = vendor(json_reply(page()))
    source = source_of(FredObservations, server)
    queries = list(source.queries(DAY, DAY))
    assert len(queries) == 9
    list(source.extract(queries[0]))
    assert server.asked[0] == {
        "series_id": "VIXCLS",
        "realtime_start": "2018-12-19",
        "realtime_end": "2018-12-20",
        "file_type": "json",
        "limit": "100000",
        "offset": "0",
        "api_key": "abcdef0123456789abcdef0123456789",
    }


def test_the_first_window_asks_for_every_vintage(source_of, vendor, json_reply, settings):
    server = vendor(json_reply(page()))
    source = source_of(FredObservations, server)
    query = next(source.queries(settings.data_sources.fred.history_from, date(2018, 10, 1)))
    list(source.extract(query))
    assert server.asked[0]["realtime_start"] == "1776-07-04"
    assert server.asked[0]["realtime_end"] == "2018-10-01"


def test_frequencies_are_averages(source_of, vendor, json_reply):
    server = vendor(json_reply(page()))
    source = source_of(FredObservations, server)
    query = next(query for query in source.queries(DAY, DAY) if query.series_id == "UNRATE")
    list(source.extract(query))
    assert server.asked[0]["frequency"] == "q"
    assert server.asked[0]["aggregation_method"] == "avg"


def test_pages_follow_until_the_count(source_of, vendor, json_reply, monkeypatch):
    monkeypatch.setattr(macro, "PAGE", 2)
    rows = [observation(day=f"2018-{month:02}-01") for month in range(1, 6)]

    def answer(request):
        offset = int(request.url.params["offset"])
        return json_reply(page(*rows[offset : offset + 2], count=5))

    server = vendor(answer)
    replies = list(source_of(FredObservations, server).extract(QUERY))
    assert [asked["offset"] for asked in server.asked] == ["0", "2", "4"]
    assert sum(FredObservations.transform(reply.content, QUERY).rows.num_rows for reply in replies) == 5


def test_pages_that_end_early_are_an_error(source_of, vendor, json_reply):
    server = vendor(json_reply(page(observation(), count=3)), json_reply(page(count=3)))
    with pytest.raises(TransientError, match="GDPC1 ends after 1 of 3"):
        list(source_of(FredObservations, server).extract(QUERY))


def test_values_carried_over_are_dropped_and_dots_are_kept():
    rows = read(QUERY, observation("2018-12-19"), observation(value="."), observation("2018-12-21"))
    assert rows.to_pylist() == [
        {
            "series_id": "GDPC1",
            "frequency": "",
            "date": date(2018, 7, 1),
            "value": ".",
            "realtime_start": DAY,
            "realtime_end": DAY,
        }
    ]
    assert FredObservations.row_dates(rows, QUERY).to_pylist() == [DAY]


def test_the_first_window_keeps_what_was_known_before():
    query = QUERY.model_copy(update={"from_first_vintage": True, "frequency": "q"})
    rows = read(query, observation("1991-12-04", end="9999-12-31"), observation("2018-12-21"))
    assert rows["realtime_start"].to_pylist() == [date(1991, 12, 4)]
    assert rows["realtime_end"].to_pylist() == [date(9999, 12, 31)]
    assert rows["frequency"].to_pylist() == ["q"]


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {},
        {"observations": {}},
        {"observations": [{}]},
        page({**observation(), "value": 1.0}),
        page({**observation(), "value": None}),
        page({**observation(), "date": "2018-13-01"}),
        {"error_code": 400, "error_message": "Bad Request."},
    ],
)
def test_other_json_is_an_error(payload):
    with pytest.raises(MalformedReply, match="fred observations"):
        FredObservations.transform(json.dumps(payload).encode(), QUERY)


def test_a_page_without_a_count_is_an_error(source_of, vendor, json_reply):
    with pytest.raises(MalformedReply, match="no count"):
        list(source_of(FredObservations, vendor(json_reply({"observations": []}))).extract(QUERY))


def test_a_bad_key_is_not_tried_again(source_of, vendor, json_reply):
    text = "Bad Request.  The value for variable api_key is not registered."
    server = vendor(json_reply({"error_code": 400, "error_message": text}, status=400))
    with pytest.raises(PermanentError, match=r"api_key is not registered.*check the parameters and the key"):
        list(source_of(FredObservations, server).extract(QUERY))
    assert len(server.requests) == 1


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("name", "count"),
    [("observations_GDP.json", 24), ("observations_GDP_asof.json", 40)],
)
def test_recorded_observations(recorded, name, count):
    content = recorded(f"fred/{name}")
    sent = json.loads(content)["observations"]
    query = ObservationsQuery(start=date(2030, 1, 1), end=date(2030, 1, 1), series_id="GDP", from_first_vintage=True)
    rows = FredObservations.transform(content, query).rows
    assert rows.num_rows == len(sent) == count
    assert rows["value"].to_pylist() == [row["value"] for row in sent]
    assert [str(day) for day in rows["realtime_start"].to_pylist()] == [row["realtime_start"] for row in sent]
    year = ObservationsQuery(start=date(1996, 1, 1), end=date(1996, 12, 31), series_id="GDP")
    assert set(FredObservations.transform(content, year).days.to_pylist()) <= {date(1996, 1, 19)}


@pytest.mark.recorded
def test_recorded_refusal(recorded, source_of, vendor):
    answer = httpx.Response(400, content=recorded("fred/error_400_api_key.json"))
    with pytest.raises(PermanentError, match="HTTP 400"):
        list(source_of(FredObservations, vendor(answer)).extract(QUERY))
