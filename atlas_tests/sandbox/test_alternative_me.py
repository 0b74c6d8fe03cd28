from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from atlas_assets.sandbox.alternative_me import FIRST_DAY, MISSING_DAYS, classification, index_value
from atlas_assets.sandbox.market_data import macro_values


def test_history_is_newest_first_and_daily(ask):
    rows = ask("alternative_me", "fng/", limit=0).json()["data"]
    days = [datetime.fromtimestamp(int(row["timestamp"]), UTC).date() for row in rows]
    expected = {FIRST_DAY + timedelta(days=number) for number in range((date(2018, 12, 31) - FIRST_DAY).days + 1)}
    assert days == sorted(expected - MISSING_DAYS, reverse=True)
    assert all(0 <= int(row["value"]) <= 100 for row in rows)
    assert [row["value_classification"] for row in rows] == [classification(int(row["value"])) for row in rows]
    assert ["time_until_update" in row for row in rows] == [True] + [False] * (len(rows) - 1)


def test_limit(ask):
    assert len(ask("alternative_me", "fng/").json()["data"]) == 1
    assert len(ask("alternative_me", "fng/", limit=7).json()["data"]) == 7
    assert ask("alternative_me", "other/").status_code == 404


def test_date_format_changes_the_stamp(ask):
    assert ask("alternative_me", "fng/", date_format="world").json()["data"][0]["timestamp"] == "31-12-2018"


def test_fear_follows_the_real_vix():
    vix = {day: float(value) for day, value in macro_values("VIXCLS").items() if value != "." and day.year == 2018}
    calm = [day for day, value in vix.items() if value < 12]
    wild = [day for day, value in vix.items() if value > 25]
    mean = [sum(index_value(day + timedelta(days=1)) for day in days) / len(days) for days in (calm, wild)]
    assert mean[0] > 60 > 15 > mean[1]


def test_a_value_uses_only_closes_before_its_day():
    """The close of 5 February 2018, a crash, shows the day after and not on the day."""
    assert index_value(date(2018, 2, 5)) - index_value(date(2018, 2, 6)) > -20
    assert index_value(date(2018, 2, 6)) < 20


@pytest.mark.recorded
def test_shape_is_the_recorded_one(ask, wire):
    real, ours = wire("alternative_me/fng_docs.json"), ask("alternative_me", "fng/", limit=2)
    assert list(ours.json()) == list(real)
    for row, other in zip(ours.json()["data"], real["data"], strict=True):
        assert [(name, type(value)) for name, value in row.items()] == [
            (name, type(value)) for name, value in other.items()
        ]
        hour = datetime.fromtimestamp(int(other["timestamp"]), UTC).hour
        assert datetime.fromtimestamp(int(row["timestamp"]), UTC).hour == hour
    assert ours.json()["metadata"] == real["metadata"]
    for row in real["data"]:
        assert classification(int(row["value"])) == row["value_classification"]
