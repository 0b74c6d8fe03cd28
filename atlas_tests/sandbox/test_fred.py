from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import chain, pairwise
from xml.etree.ElementTree import fromstring

import pytest

from atlas_assets.sandbox.market_data import SERIES_SOURCES, macro_values
from atlas_assets.sandbox.vintages import REVISION_SCALE, release_dates, vintages

ALL = {"realtime_start": "1776-07-04", "realtime_end": "9999-12-31"}


@pytest.fixture
def observations(ask):
    def read(series_id: str, **params):
        reply = ask("fred", "series/observations", series_id=series_id, **params)
        assert reply.status_code == 200, reply.text
        return reply.json()["observations"]

    return read


@pytest.mark.parametrize("series_id", SERIES_SOURCES)
def test_today_stamps_every_row_by_default(observations, series_id):
    rows = observations(series_id)
    assert rows
    assert {(row["realtime_start"], row["realtime_end"]) for row in rows} == {("2018-12-31", "2018-12-31")}
    final = macro_values(series_id)
    assert all(row["value"] == final[date.fromisoformat(row["date"])] for row in rows)


@pytest.mark.parametrize("series_id", ["GDPC1", "CPILFESL"])
def test_all_vintages_are_one_row_per_validity_interval(observations, series_id):
    rows = observations(series_id, **ALL)
    keys = [(row["date"], row["realtime_start"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert keys == sorted(keys)
    assert rows[-1]["realtime_end"] == "9999-12-31"
    for one, other in pairwise(rows):
        if one["date"] == other["date"]:
            gap = date.fromisoformat(other["realtime_start"]) - date.fromisoformat(one["realtime_end"])
            assert gap.days == 1
            assert one["value"] != other["value"]
        else:
            assert one["realtime_end"] == "9999-12-31"


def test_intervals_are_clipped_to_the_window_asked_for(observations):
    window = {"realtime_start": "2009-11-10", "realtime_end": "2009-12-01", "observation_start": "2009-04-01"}
    rows = [(row["date"], row["realtime_start"], row["realtime_end"]) for row in observations("GDPC1", **window)]
    assert rows == [
        ("2009-04-01", "2009-11-10", "2009-12-01"),
        ("2009-07-01", "2009-11-10", "2009-11-29"),
        ("2009-07-01", "2009-11-30", "2009-12-01"),
    ]


def test_a_past_day_shows_what_was_known_then(observations):
    """Walking the vintages day by day never shows a value before its release."""
    everything = observations("GPDIC1", **ALL)
    for day in ("1975-01-01", "1999-04-28", "1999-04-29", "2009-12-31"):
        then = {row["date"]: row["value"] for row in observations("GPDIC1", realtime_start=day, realtime_end=day)}
        known = {row["date"]: row["value"] for row in everything if row["realtime_start"] <= day <= row["realtime_end"]}
        assert then == known


def test_three_prints_converge_to_the_real_final_value():
    for series_id, scale in REVISION_SCALE.items():
        final = macro_values(series_id)
        errors: list[list[float]] = [[], []]
        by_period: dict[date, list[str]] = {}
        for item in vintages(series_id, seed=5):
            by_period.setdefault(item.period, []).append(item.value)
        for period, prints in by_period.items():
            assert prints[-1] == final[period]
            if len(prints) == 3:
                for which in (0, 1):
                    errors[which].append(float(prints[which]) / float(final[period]) - 1)
        spread = [(sum(error**2 for error in which) / len(which)) ** 0.5 for which in errors]
        assert spread == pytest.approx([scale, scale / 2], rel=0.2)


@pytest.mark.parametrize(
    ("series_id", "period", "expected"),
    [
        ("VIXCLS", date(2018, 12, 28), [date(2018, 12, 31)]),
        ("CPILFESL", date(2018, 11, 1), [date(2018, 12, 13)]),
        ("AAA", date(2018, 8, 1), [date(2018, 9, 3)]),
        ("UNRATE", date(2009, 7, 1), [date(2009, 10, 2)]),
        ("GDPC1", date(2009, 1, 1), [date(2009, 4, 28), date(2009, 5, 28), date(2009, 6, 29)]),
    ],
)
def test_release_rules(series_id, period, expected):
    assert release_dates(series_id, period) == expected


def test_releases_come_out_in_the_chicago_morning(ask_at):
    def last(hour):
        ask = ask_at(datetime(2018, 12, 31, hour, tzinfo=UTC))
        return ask("fred", "series/observations", series_id="VIXCLS").json()["observations"][-1]["date"]

    assert (last(14), last(15)) == ("2018-12-27", "2018-12-28")


def test_today_is_the_day_in_chicago(ask_at):
    ask = ask_at(datetime(2018, 12, 31, 3, tzinfo=UTC))
    assert ask("fred", "series/observations", series_id="AAA").json()["realtime_start"] == "2018-12-30"


def test_holidays_are_a_point(observations):
    days = {row["date"]: row["value"] for row in observations("DCOILWTICO", observation_start="2018-12-21")}
    assert days["2018-12-25"] == "."
    assert "2018-12-22" not in days


@pytest.mark.parametrize(
    ("method", "combine"),
    [("avg", lambda values: sum(values) / 3), ("sum", sum), ("eop", lambda values: values[-1])],
)
def test_aggregation(observations, method, combine):
    window = {"observation_start": "2018-04-01", "observation_end": "2018-06-01"}
    monthly = [float(row["value"]) for row in observations("CPILFESL", **window)]
    rows = observations("CPILFESL", frequency="q", aggregation_method=method)
    quarter = next(row for row in rows if row["date"] == "2018-04-01")
    assert float(quarter["value"]) == pytest.approx(combine(monthly), abs=6e-4)
    assert rows[-1]["date"] == "2018-07-01", "the fourth quarter is not complete"


def test_a_revised_quarter_revises_its_year(observations):
    rows = [row for row in observations("GDPC1", frequency="a", **ALL) if row["date"] == "2008-01-01"]
    assert [row["realtime_start"] for row in rows] == ["2009-01-28", "2009-03-02", "2009-03-30"]


@pytest.mark.parametrize("frequency", ["w", "m", "a"])
def test_an_aggregated_period_is_known_once_its_last_day_is(observations, frequency):
    for row in observations("DCOILWTICO", frequency=frequency, observation_start="2018-06-01", **ALL):
        assert row["realtime_start"] > row["date"]


def test_quarterly_series_answer_with_and_without_frequency(observations):
    assert observations("UNRATE") == observations("UNRATE", frequency="q")


def test_paging_and_order(ask):
    def page(**params):
        return ask("fred", "series/observations", series_id="BAA", **params).json()

    whole = page()
    pages = [page(limit=500, offset=offset) for offset in (0, 500, 1000)]
    assert list(chain.from_iterable(part["observations"] for part in pages)) == whole["observations"]
    assert {part["count"] for part in pages} == {len(whole["observations"])}
    assert page(sort_order="desc", limit=1)["observations"] == whole["observations"][-1:]
    assert page(offset=5000)["observations"] == []


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"series_id": "NOPE"}, "Bad Request.  The series does not exist."),
        ({"api_key": "0" * 32}, "Bad Request.  The value for variable api_key is not registered."),
        ({"api_key": "short"}, "32 character"),
        ({"api_key": None}, "api_key is not set"),
        ({"series_id": None}, "series_id is not set"),
        ({"frequency": "d"}, "higher than the native"),
        ({"limit": "0"}, "limit"),
        ({"limit": "100001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sort_order": "up"}, "sort_order"),
        ({"observation_start": "2018-13-01"}, "observation_start"),
        ({"realtime_start": "2018-12-01", "realtime_end": "2018-11-01"}, "realtime_start"),
        ({"realtime_end": "2019-01-02"}, "today"),
    ],
)
def test_errors_are_400(ask, params, text):
    reply = ask("fred", "series/observations", **({"series_id": "AAA"} | params))
    assert reply.status_code == 400
    assert reply.json()["error_code"] == 400
    assert text in reply.json()["error_message"]


def test_rate_limit(ask_at):
    ask = ask_at(limits={"fred_requests_per_minute": 1})
    replies = [ask("fred", "series", series_id="AAA") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 429, 200]
    assert replies[1].json()["error_code"] == 429


def test_xml_is_the_default(ask):
    reply = ask("fred", "series/observations", series_id="AAA", file_type=None)
    assert reply.headers["Content-Type"].startswith("text/xml")
    root = fromstring(reply.content)
    assert (root.tag, root[0].tag, root[0].get("value")) == ("observations", "observation", "5.35")
    assert fromstring(ask("fred", "series", file_type=None).content).get("code") == "400"


def test_first_releases_and_vintage_dates(ask):
    first = ask("fred", "series/observations", series_id="GDPC1", output_type=4, **ALL).json()["observations"]
    assert len({row["date"] for row in first}) == len(first) == 203
    dates = ask("fred", "series/vintagedates", series_id="GDPC1").json()["vintage_dates"]
    assert set(dates) == {item.known_from.isoformat() for item in vintages("GDPC1")}


@pytest.mark.recorded
def test_shape_is_the_recorded_one(ask, wire):
    real = wire("fred/observations_GDP.json")
    ours = ask("fred", "series/observations", series_id="GDPC1")
    assert [(name, type(value)) for name, value in ours.json().items()] == [
        (name, type(value)) for name, value in real.items()
    ]
    assert list(ours.json()["observations"][0]) == list(real["observations"][0])
    recorded = wire("fred/HEADERS.json")["observations_GDP.json"]["headers"]
    assert ours.headers["Content-Type"] == recorded["Content-Type"]
    clipped = wire("fred/observations_GDP_asof.json")
    asked = {"realtime_start": clipped["realtime_start"], "realtime_end": "2018-06-30"}
    rows = ask("fred", "series/observations", series_id="GDPC1", **asked).json()["observations"]
    assert max(row["realtime_end"] for row in clipped["observations"]) == clipped["realtime_end"]
    assert max(row["realtime_end"] for row in rows) == "2018-06-30"
    info = wire("fred/series_info_GDP.json")
    assert list(ask("fred", "series", series_id="GDPC1").json()["seriess"][0]) == list(info["seriess"][0])
    assert list(ask("fred", "series/vintagedates", series_id="GDPC1").json()) == list(
        wire("fred/vintagedates_GDP.json")
    )
    wrong = ask("fred", "series", series_id="GDPC1", api_key="1" * 32).json()["error_message"]
    assert wrong.startswith(wire("fred/error_400_api_key.json")["error_message"])


def test_releases_are_listed_and_paged(ask):
    found = ask("fred", "releases").json()
    assert found["count"] == len(found["releases"]) == 7
    assert {(row["id"], row["name"]) for row in found["releases"]} >= {(10, "Consumer Price Index")}
    page = ask("fred", "releases", limit=2, offset=6).json()
    assert (page["count"], len(page["releases"])) == (7, 1)


def test_the_release_of_a_series_is_that_which_brings_it(ask):
    (found,) = ask("fred", "series/release", series_id="GDPC1").json()["releases"]
    assert (found["id"], found["name"]) == (53, "Gross Domestic Product")


@pytest.mark.recorded
def test_the_release_of_a_series_looks_as_recorded(ask, wire):
    real, ours = wire("fred/series_release_GDP.json"), ask("fred", "series/release", series_id="GDPC1").json()
    assert list(ours) == list(real)
    assert list(ours["releases"][0]) == list(real["releases"][0])


def test_release_dates_follow_the_vintages_and_end_at_the_present(ask):
    found = ask("fred", "release/dates", release_id=10, realtime_start="2018-11-01").json()
    assert [row["date"] for row in found["release_dates"]] == ["2018-11-13", "2018-12-13"]
    assert {tuple(row) for row in found["release_dates"]} == {("release_id", "date")}
    of_all = ask("fred", "releases/dates", realtime_start="2018-12-01", realtime_end="9999-12-31").json()
    days = [row["date"] for row in of_all["release_dates"]]
    assert days == sorted(days, reverse=True)
    assert max(days) == "2018-12-31"
    assert all(row["release_name"] for row in of_all["release_dates"])
    oldest_first = ask("fred", "releases/dates", realtime_start="2018-12-01", sort_order="asc", limit=3).json()
    assert [row["date"] for row in oldest_first["release_dates"]] == sorted(days)[:3]


def test_an_unknown_release_is_refused(ask):
    reply = ask("fred", "release/dates", release_id=999)
    assert (reply.status_code, reply.json()["error_message"]) == (400, "Bad Request.  The release does not exist.")
    reply = ask("fred", "releases/dates", include_release_dates_with_no_data="maybe")
    assert reply.status_code == 400
