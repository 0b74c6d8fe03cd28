"""Each expectation holds of a silver in which nothing is wrong, and finds what it is named after."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pytest

from atlas_assets.contracts.quality import EXPECTATIONS
from atlas_assets.contracts.quality.expectations import Expectation, Family, Finding, examine, missing_values
from atlas_assets.contracts.tables import DERIVED_TABLES
from atlas_tests.contracts.quality.world import NOW, SCHEDULED, defects, silver

DEFECTS = defects()
EVERY = [(table, one.name) for table, expectations in EXPECTATIONS.items() for one in expectations]

# A source of fewer than twenty instruments may be silent for long, and without a fault none is in quarantine.
NOTHING_TO_JUDGE = {"sources_silent_for_a_quarter", "faults_not_in_quarantine"}


@pytest.fixture(scope="module")
def sound() -> duckdb.DuckDBPyConnection:
    return silver()


@pytest.fixture
def world(sound: duckdb.DuckDBPyConnection):
    """The sound silver; what a test changes is rolled back."""
    sound.execute("BEGIN")
    yield sound
    sound.execute("ROLLBACK")


def found(connection: duckdb.DuckDBPyConnection, table: str, name: str, *, now: datetime = NOW) -> Finding:
    (one,) = [one for one in EXPECTATIONS[table] if one.name == name]
    (finding,) = examine(connection, [one], now=now, scheduled=SCHEDULED)
    return finding


def test_every_silver_table_has_something_of_every_family():
    silver_tables = [table.name for table in DERIVED_TABLES if table.layer == "silver"]
    assert sorted(EXPECTATIONS) == sorted(silver_tables)
    for expectations in EXPECTATIONS.values():
        assert {one.family for one in expectations} == set(Family)


def test_numbers_have_names_of_their_own():
    for expectations in EXPECTATIONS.values():
        assert len({(one.family, one.name) for one in expectations}) == len(expectations)
        assert all(one.says.endswith(".") for one in expectations)


def test_every_expectation_has_a_defect():
    assert {(table, name) for table, name, *_ in DEFECTS} == set(EVERY)


@pytest.mark.parametrize(("table", "name"), EVERY)
def test_holds_where_nothing_is_wrong(world, table, name):
    finding = found(world, table, name)
    assert finding.lacks is None
    assert finding.failing == 0
    assert finding.judged > 0 or name in NOTHING_TO_JUDGE


@pytest.mark.parametrize(("table", "name", "defect", "failing"), DEFECTS, ids=[f"{one[0]}-{one[1]}" for one in DEFECTS])
def test_finds_its_defect(world, table, name, defect, failing):
    world.execute(defect)
    finding = found(world, table, name)
    assert finding.failing == failing
    assert 1 <= len(finding.sample) <= 5
    assert "fails" not in finding.sample[0]


def test_half_days_and_holidays_are_no_gaps_and_a_drop_is(world):
    """Of the autumn of 2018: Thanksgiving and the day of mourning are no sessions, Christmas Eve is half of one."""
    world.execute("DELETE FROM silver.daily_bars WHERE symbol = 'AAA' AND session_date = DATE '2018-12-24'")
    finding = found(world, "silver.daily_bars", "missing_sessions")
    assert [(row["symbol"], row["session_date"]) for row in finding.sample] == [("AAA", date(2018, 12, 24))]


def test_earlier_years_do_not_make_today_fresh(world):
    world.execute("DELETE FROM silver.daily_bars WHERE symbol IN ('AAA', 'DDD') AND session_date > DATE '2018-12-20'")
    stale = found(world, "silver.daily_bars", "groups_behind_calendar")
    world.execute("""
        INSERT INTO silver.daily_bars BY NAME
        SELECT * REPLACE (session_date - 365 AS session_date, TIMESTAMPTZ '2019-01-02 11:00:00+00' AS ingested_at)
        FROM silver.daily_bars WHERE symbol = 'AAA'
    """)
    still = found(world, "silver.daily_bars", "groups_behind_calendar")
    assert stale.failing == still.failing == 1
    assert still.sample == stale.sample
    assert stale.sample[0]["sessions_behind"] == 6


def test_a_day_is_not_late_before_the_source_had_half_a_day_for_it(world):
    world.execute("DELETE FROM silver.daily_bars WHERE symbol IN ('AAA', 'DDD') AND session_date > DATE '2018-12-27'")
    last_close = datetime.fromisoformat("2018-12-31T21:00:00+00:00")
    assert found(world, "silver.daily_bars", "groups_behind_calendar", now=last_close).holds
    assert not found(world, "silver.daily_bars", "groups_behind_calendar").holds


def test_sources_without_schedule_are_never_late(world):
    world.execute("UPDATE silver.documents SET source = 'landing', published_at = published_at - INTERVAL 1 YEAR")
    finding = found(world, "silver.documents", "silent_sources")
    assert (finding.judged, finding.failing, finding.holds) == (0, 0, True)


def test_a_share_may_be_tolerated():
    expectation = Expectation(
        Family.ACCURACY, "big", "None is big.", "SELECT i, i > 6 AS fails FROM range(10) r(i)", most=0.3
    )
    (finding,) = examine(duckdb.connect(), [expectation], now=NOW)
    assert (finding.judged, finding.failing, finding.share, finding.holds) == (10, 3, 0.3, True)
    assert finding.sample == ({"i": 7}, {"i": 8}, {"i": 9})


def test_what_cannot_be_judged_does_not_fail():
    expectation = Expectation(
        Family.ACCURACY, "odd", "None is odd.", "SELECT i, CASE WHEN i > 2 THEN false END AS fails FROM range(4) r(i)"
    )
    missing = Expectation(Family.ACCURACY, "gone", "It is there.", "SELECT true AS fails FROM silver.nowhere")
    judged, lacking = examine(duckdb.connect(), [expectation, missing], now=NOW)
    assert (judged.judged, judged.failing) == (1, 0)
    assert lacking.holds
    assert "nowhere" in str(lacking.lacks)


def test_missing_values_by_column(world):
    rows, missing = missing_values(world, "silver.instruments", ["isin", "symbol"])
    assert rows == 3
    assert missing == {"isin": 1, "symbol": 0}
