"""Days and instants of New York, and windows of time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_assets.data_sources.new_york import CLOSE, instant_of, last_second, new_york_days, new_york_instant
from atlas_assets.data_sources.windows import divided, is_running

NOW = datetime(2018, 12, 31, 12, tzinfo=UTC)


@given(st.integers(-(2**31), 2**32))
def test_days_are_those_of_the_time_zone(seconds):
    instant = datetime.fromtimestamp(seconds, UTC)
    expected = instant.astimezone(ZoneInfo("America/New_York")).date()
    assert new_york_days(pa.array([instant.isoformat()])).to_pylist() == [expected]


def test_days_end_at_midnight_in_new_york_in_winter_and_summer():
    times = ["2022-02-01T05:00:00Z", "2022-02-01T04:59:59.999999999Z", "2022-07-01T04:00:00Z", "2022-07-01T03:59:59Z"]
    days = [date(2022, 2, 1), date(2022, 1, 31), date(2022, 7, 1), date(2022, 6, 30)]
    assert new_york_days(pa.chunked_array([times[:1], times[1:]])).to_pylist() == days
    assert new_york_days(pa.array([], pa.string())).to_pylist() == []


@pytest.mark.parametrize("text", ["2022-02-01", "2022-02-01T05:00:00", "9999-12-31T00:00:00Z", "", "1"])
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(pa.ArrowInvalid):
        new_york_days(pa.array([text]))
    assert instant_of(text) is None


def test_instants():
    assert instant_of("2022-03-09T05:00:02.183Z") == datetime(2022, 3, 9, 5, 0, 2, 183_000, tzinfo=UTC)
    assert instant_of(5) is instant_of(None) is None
    assert new_york_instant(date(2018, 12, 31)) == datetime(2018, 12, 31, 5, tzinfo=UTC)
    assert new_york_instant(date(2018, 7, 2), CLOSE) == datetime(2018, 7, 2, 20, tzinfo=UTC)
    assert last_second(date(2018, 11, 4)) == datetime(2018, 11, 5, 4, 59, 59, tzinfo=UTC)


@given(st.integers(0, 500), st.integers(1, 40))
def test_the_parts_of_a_window_are_the_window(length, days):
    start = date(2018, 1, 1)
    end = start + timedelta(days=length)
    parts = list(divided(start, end, days))
    covered = [first + timedelta(days=n) for first, last in parts for n in range((last - first).days + 1)]
    assert covered == [start + timedelta(days=n) for n in range(length + 1)]
    assert all((last - first).days < days for first, last in parts)
    assert list(divided(end, start - timedelta(days=1), days)) == []


@pytest.mark.parametrize(
    ("ahead", "running"),
    [(timedelta(0), False), (timedelta(microseconds=1), True), (timedelta(days=2), True), (timedelta(days=3), False)],
)
def test_a_bar_runs_until_it_ends_but_one_far_ahead_is_wrong(ahead, running):
    assert is_running(NOW + ahead, NOW) is running
    assert is_running(None, NOW) is False
