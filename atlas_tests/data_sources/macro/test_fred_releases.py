"""FRED's releases, their dates, and what it says about series."""

import json
from datetime import date

import pytest

from atlas_assets.data_sources.base import Query
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.macro import fred_releases
from atlas_assets.data_sources.macro.fred import FredObservations
from atlas_assets.data_sources.macro.fred_releases import (
    FredReleaseDates,
    FredReleases,
    FredReleaseSchedule,
    FredSeriesInfo,
    FredSeriesReleases,
    SeriesQuery,
)
from atlas_assets.sandbox import FaultPlan

DAY = date(2018, 12, 28)
QUERY = Query(start=DAY, end=DAY)
SERIES = SeriesQuery(start=DAY, end=DAY, series_id="GDP")
KEY = "abcdef0123456789abcdef0123456789"


def dated(number, day="2018-12-28", name="Gross Domestic Product"):
    return {"release_id": number, "release_name": name, "date": day}


def release(number, **other):
    known = {"realtime_start": "2018-12-28", "realtime_end": "2018-12-28"}
    return {"id": number, **known, "name": "Gross Domestic Product", "press_release": True, **other}


def series(**other):
    known = dict.fromkeys(fred_releases.SERIES_FIELDS, "x")
    days = {"observation_start": "1947-01-01", "observation_end": "2018-07-01"}
    realtime = {"realtime_start": "2018-12-28", "realtime_end": "2018-12-28"}
    return {
        **known,
        **days,
        **realtime,
        "id": "GDP",
        "popularity": 93,
        "last_updated": "2018-12-28 07:54:01-05",
        **other,
    }


def body(key, *rows, **header):
    return {"count": len(rows), "offset": 0, "limit": 1000, key: list(rows), **header}


def read(kind, query, key, *rows):
    return kind.transform(json.dumps(body(key, *rows)).encode(), query)


@pytest.mark.parametrize("scheduled", [False, True])
def test_release_dates_of_a_window_are_asked_for(source_of, vendor, json_reply, scheduled):
    server = vendor(json_reply(body("release_dates")))
    source = source_of(FredReleaseDates, server, changed={"scheduled_releases": scheduled})
    (query,) = source.queries(DAY, date(2018, 12, 30))
    list(source.extract(query))
    assert server.requests[0].url.path == "/fred/releases/dates"
    assert server.asked == [
        {
            "realtime_start": "2018-12-28",
            "realtime_end": "2018-12-30",
            "order_by": "release_date",
            "sort_order": "asc",
            "include_release_dates_with_no_data": str(scheduled).lower(),
            "limit": "1000",
            "offset": "0",
            "file_type": "json",
            "api_key": KEY,
        }
    ]


def paged(json_reply, key, rows, limit):
    def answer(request):
        offset = int(request.url.params["offset"])
        return json_reply(body(key, *rows[offset : offset + limit], count=len(rows), limit=limit, offset=offset))

    return answer


@pytest.mark.parametrize("repeated", [False, True])
def test_pages_follow_until_the_count_even_where_the_limit_is_lower_or_rows_come_twice(
    source_of, vendor, json_reply, repeated
):
    rows = [dated(number) for number in range(7)]
    answer = paged(json_reply, "release_dates", rows, 3)

    def twice(request):
        payload = json.loads(answer(request).content)
        payload["release_dates"] *= 2
        return json_reply(payload)

    server = vendor(twice if repeated else answer)
    replies = list(source_of(FredReleaseDates, server).extract(QUERY))
    assert [asked["offset"] for asked in server.asked] == ["0", "3", "6"]
    found = {
        number
        for reply in replies
        for number in FredReleaseDates.transform(reply.content, QUERY).rows["release_id"].to_pylist()
    }
    assert found == set(range(7))


def test_a_full_page_that_comes_twice_hides_no_row_even_without_its_limit(source_of, vendor, json_reply):
    rows = [dated(number) for number in range(1001)]

    def twice(request):
        offset = int(request.url.params["offset"])
        shown = rows[offset : offset + 1000]
        return json_reply({"count": len(rows), "release_dates": shown * 2})

    server = vendor(twice)
    list(source_of(FredReleaseDates, server).extract(QUERY))
    assert [asked["offset"] for asked in server.asked] == ["0", "1000"]


def test_pages_that_end_early_are_an_error(source_of, vendor, json_reply):
    server = vendor(json_reply(body("release_dates", dated(1), count=3)), json_reply(body("release_dates", count=3)))
    with pytest.raises(TransientError, match="release_dates ends after 1 of 3"):
        list(source_of(FredReleaseDates, server).extract(QUERY))


def test_names_are_missing_where_one_release_is_asked_for():
    parsed = read(FredReleaseDates, QUERY, "release_dates", {"release_id": 10, "date": "2018-12-28"}, dated(53))
    assert parsed.rows["release_name"].to_pylist() == [None, "Gross Domestic Product"]
    assert parsed.days.to_pylist() == [DAY, DAY]


@pytest.mark.parametrize(
    "row", [{}, None, dated("53"), dated(1.5), dated(None), dated(1, "2018-13-01"), dated(1, 5), dated(1, name=5)]
)
def test_a_bad_release_date_is_set_aside_by_itself(row):
    parsed = read(FredReleaseDates, QUERY, "release_dates", dated(1), row)
    assert parsed.rows["release_id"].to_pylist() == [1]
    assert [one.position for one in parsed.rejected] == [2]


def test_releases_and_series_are_those_known_on_the_last_day(source_of, vendor, json_reply):
    server = vendor(json_reply(body("releases", release(53))), json_reply(body("seriess", series())))
    for kind in (FredReleases, FredSeriesInfo):
        source = source_of(kind, server)
        list(source.extract(next(source.queries(date(2018, 12, 1), DAY))))
    assert [(asked["realtime_start"], asked["realtime_end"]) for asked in server.asked] == [("2018-12-28",) * 2] * 2
    assert server.asked[1]["series_id"] == "VIXCLS"
    assert all(asked["api_key"] == KEY for asked in server.asked)


def test_each_series_is_asked_for_once(source_of, vendor, json_reply, settings):
    source = source_of(FredSeriesInfo, vendor(json_reply({})))
    names = [query.instrument for query in source.queries(DAY, DAY)]
    assert names == list(dict.fromkeys(one.id for one in settings.data_sources.fred.series))


def test_what_is_said_of_a_series_is_kept_as_sent():
    parsed = read(FredSeriesInfo, SERIES, "seriess", series(notes="a\r\nb"))
    (row,) = parsed.rows.to_pylist()
    assert row["last_updated"] == "2018-12-28 07:54:01-05"
    assert row["observation_start"] == date(1947, 1, 1)
    assert (row["popularity"], row["notes"]) == (93, "a\r\nb")
    assert read(FredSeriesInfo, SERIES, "seriess", series()).rows["notes"].to_pylist() == [None]


def test_the_release_of_a_series(source_of, vendor, json_reply):
    server = vendor(json_reply(body("releases", release(53))))
    (reply,) = source_of(FredSeriesReleases, server).extract(SERIES)
    (row,) = FredSeriesReleases.transform(reply.content, SERIES).rows.to_pylist()
    assert (row["series_id"], row["release_id"], row["realtime_start"]) == ("GDP", 53, DAY)
    assert (server.asked[0]["series_id"], server.asked[0]["realtime_end"]) == ("GDP", "2018-12-28")


def test_the_schedule_is_asked_for_from_its_day_on_with_days_that_have_no_data_yet(source_of, vendor, json_reply):
    server = vendor(json_reply(body("release_dates", dated(53), dated(53, "2019-01-30"))))
    source = source_of(FredReleaseSchedule, server)
    today = source.client.now().date()
    (query,) = source.queries(today, today)
    (reply,) = source.extract(query)
    assert server.asked[0]["realtime_start"] == today.isoformat()
    assert server.asked[0]["realtime_end"] == "9999-12-31"
    assert server.asked[0]["include_release_dates_with_no_data"] == "true"
    rows = FredReleaseSchedule.transform(reply.content, query).rows
    assert rows["date"].to_pylist() == [DAY, date(2019, 1, 30)]
    assert set(rows["snapshot_date"].to_pylist()) == {today}


def test_the_schedule_of_a_day_gone_by_is_not_made_up(source_of, vendor, json_reply):
    server = vendor(json_reply(body("release_dates", dated(53))))
    source = source_of(FredReleaseSchedule, server)
    (query,) = source.queries(date(2000, 1, 3), date(2000, 1, 3))
    assert list(source.extract(query)) == []
    assert server.requests == []


def test_links_and_notes_of_releases_may_be_missing():
    parsed = read(FredReleases, QUERY, "releases", release(53, link="https://bea.gov"), release(10, notes="n"))
    assert parsed.rows["link"].to_pylist() == ["https://bea.gov", None]
    assert parsed.rows["notes"].to_pylist() == [None, "n"]


@pytest.mark.parametrize(
    ("kind", "query", "key"),
    [
        (FredReleaseDates, QUERY, "release_dates"),
        (FredReleases, QUERY, "releases"),
        (FredSeriesInfo, SERIES, "seriess"),
        (FredSeriesReleases, SERIES, "releases"),
        (FredReleaseSchedule, QUERY, "release_dates"),
    ],
)
@pytest.mark.parametrize("payload", [[], {}, {"error_code": 400, "error_message": "Bad Request."}, None])
def test_other_json_is_an_error(kind, query, key, payload):
    with pytest.raises(MalformedReply, match="fred "):
        kind.transform(json.dumps(payload).encode(), query)
    with pytest.raises(MalformedReply, match="fred "):
        kind.transform(json.dumps({key: [{}]}).encode(), query)


def test_a_bad_key_is_not_tried_again_and_never_told(source_of, vendor, json_reply):
    text = "Bad Request.  The value for variable api_key is not registered."
    server = vendor(json_reply({"error_code": 400, "error_message": text}, status=400))
    with pytest.raises(PermanentError, match="api_key is not registered") as caught:
        list(source_of(FredSeriesInfo, server).extract(SERIES))
    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", [FredReleaseDates, FredReleases, FredSeriesInfo, FredSeriesReleases, FredObservations])
def test_faults_change_nothing(sandbox_rows, kind):
    window = (date(2018, 12, 1), date(2018, 12, 31))
    true = sandbox_rows(kind, *window)
    assert true
    for seed in range(3):
        assert sandbox_rows(kind, *window, faults=FaultPlan(seed=seed, rate=0.4)) == true


def test_the_sandboxs_releases_come_on_the_days_on_which_values_become_known(sandbox_rows):
    from atlas_assets.sandbox.fred_releases import RELEASES

    window = (date(2018, 11, 1), date(2018, 12, 31))
    released = {(row["release_id"], row["date"]) for row in sandbox_rows(FredReleaseDates, *window)}
    known = {(row["series_id"], row["realtime_start"]) for row in sandbox_rows(FredObservations, *window)}
    of = {name: number for number, one in RELEASES.items() for name in one.series}
    assert known
    assert {(of[name], day) for name, day in known} <= released


@pytest.mark.recorded
def test_recorded_release_dates(recorded):
    content = recorded("fred/release_dates.json")
    sent = json.loads(content)["release_dates"]
    query = Query(start=date(1940, 1, 1), end=date(1960, 1, 1))
    rows = FredReleaseDates.transform(content, query).rows.to_pylist()
    assert [(row["release_id"], str(row["date"])) for row in rows] == [(row["release_id"], row["date"]) for row in sent]


@pytest.mark.recorded
def test_recorded_series_and_release(recorded):
    day = date(2024, 10, 30)
    rows = FredSeriesInfo.transform(
        recorded("fred/series_info_GDP.json"), SeriesQuery(start=day, end=day, series_id="GDP")
    ).rows
    (row,) = rows.to_pylist()
    assert (row["units_short"], row["seasonal_adjustment_short"]) == ("Bil. of $", "SAAR")
    assert row["last_updated"] == "2024-10-30 07:54:01-05"
    day = date(2024, 11, 3)
    rows = FredReleases.transform(recorded("fred/series_release_GDP.json"), Query(start=day, end=day)).rows
    assert rows["name"].to_pylist() == ["Gross Domestic Product"]
    rows = FredSeriesReleases.transform(
        recorded("fred/series_release_GDP.json"), SeriesQuery(start=day, end=day, series_id="GDP")
    ).rows
    assert rows.select(["series_id", "release_id"]).to_pylist() == [{"series_id": "GDP", "release_id": 53}]
