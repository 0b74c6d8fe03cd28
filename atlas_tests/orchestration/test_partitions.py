"""Partitions: the exchange's own sessions, and the days each of them stands for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import exchange_calendars
import pytest

from atlas_assets.orchestration.partitions import Partition, daily_partitions, exchange_holidays, is_open, partitions_of


def test_sessions_are_the_exchanges_own():
    keys = daily_partitions(date(1999, 1, 4), last=date(2026, 12, 31), calendar="XNYS").get_partition_keys(
        current_time=datetime(2027, 1, 4)  # noqa: DTZ001 - Dagster reads it in the partitions' own zone
    )
    calendar = exchange_calendars.get_calendar("XNYS", start="1999-01-04", end="2027-01-04")
    sessions = calendar.sessions_in_range("1999-01-04", "2026-12-31")
    assert keys == [session.date().isoformat() for session in sessions]
    assert len(keys) < 10_000
    days = [date(1999, 1, 4) + timedelta(days=number) for number in range((date(2027, 1, 1) - date(1999, 1, 4)).days)]
    assert keys == [day.isoformat() for day in days if is_open(day, calendar="XNYS")]
    assert all(is_open(day, calendar=None) for day in days[:7])


def test_the_reviewed_table_reaches_far_enough():
    assert max(exchange_holidays("XNYS")).year >= 2030


def test_every_day_belongs_to_exactly_one_partition():
    keys = daily_partitions(date(2018, 12, 3), last=date(2018, 12, 31), calendar="XNYS").get_partition_keys()
    whole = partitions_of(keys, all_keys=keys, history_from=date(1999, 1, 4))
    assert [partition.key for partition in whole] == keys
    assert whole[0] == Partition("2018-12-03", date(1999, 1, 4), date(2018, 12, 3))
    assert whole[-1].last == date(2018, 12, 31)
    for before, after in pairwise(whole):
        assert (after.first - before.last).days == 1
    assert whole == [
        partition for key in keys for partition in partitions_of([key], all_keys=keys, history_from=date(1999, 1, 4))
    ]


def test_monday_holds_the_weekend():
    keys = daily_partitions(date(2018, 12, 3), last=date(2018, 12, 31), calendar="XNYS").get_partition_keys()
    assert partitions_of(["2018-12-10"], all_keys=keys, history_from=date(1999, 1, 4)) == [
        Partition("2018-12-10", date(2018, 12, 8), date(2018, 12, 10))
    ]


@pytest.mark.parametrize("calendar", [None, "XNYS"])
def test_the_sandboxs_last_day_is_there(calendar):
    keys = daily_partitions(date(2018, 12, 1), last=date(2018, 12, 31), calendar=calendar).get_partition_keys()
    assert keys[-1] == "2018-12-31"
