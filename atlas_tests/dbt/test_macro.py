"""Macro silver follows three sources: vintages, withdrawals, what is known about series, and when releases come out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from atlas_assets.lake import Lake, LakeConfig
from atlas_tests.dbt.conftest import Workbench, dbt_environment
from atlas_tests.dbt.vendor_rows import observation, told_of_gdp

pytestmark = pytest.mark.xdist_group("dbt_macro")

MODELS = ("silver.macro_observations", "silver.macro_series", "silver.release_calendar")
SELECTED = ("--select", "path:models/silver/macro", "of_point_in_time", "of_generic_tests")
BUILD = ("build", *SELECTED)
CPI = "IMF.STA:CPI/USA.CPI._T.IX.M"


def price_index(snapshot: str, period: str, value: str | None) -> dict[str, Any]:
    """An observation of the IMF."""
    return {
        "snapshot_date": date.fromisoformat(snapshot),
        "selection": "IMF.STA:CPI/USA.CPI._T.IX.M",
        "flow": "IMF.STA:CPI",
        "version": "5.0.0",
        "series_key": "USA.CPI._T.IX.M",
        "time_period": period,
        "value": value,
        "attributes": json.dumps({"SCALE": "0", "DERIVATION_TYPE": "O"}),
    }


def dropped(
    name: str, period: str, value: float | None, known_from: str, row_number: int, **more: Any
) -> dict[str, Any]:
    """A row of a dropped file."""
    return {
        "file_name": "macro.csv",
        "row_number": row_number,
        "series_id": name,
        "period": date.fromisoformat(period),
        "value": value,
        "known_from": date.fromisoformat(known_from),
        **more,
    }


def _first_load(bench: Any) -> None:
    bench.load(
        "raw.fred_observations",
        "2018-12-03",
        [
            observation("GDPC1", "2018-01-01", "18500.0", "2018-04-27"),
            observation("GDPC1", "2018-04-01", ".", "2018-07-27"),
        ],
        received="2018-12-04",
    )
    bench.load("raw.fred_series", "2018-12-03", [told_of_gdp("2018-12-03")], received="2018-12-04")
    bench.load(
        "raw.fred_series_releases",
        "2018-12-03",
        [
            {
                "series_id": "GDPC1",
                "release_id": 53,
                "realtime_start": date(2018, 12, 3),
                "realtime_end": date(2018, 12, 3),
                "release_name": "Gross Domestic Product",
            }
        ],
        received="2018-12-04",
    )
    bench.load(
        "raw.fred_release_schedule",
        "2018-12-03",
        [
            {"snapshot_date": date(2018, 12, 3), "release_id": 53, "release_name": "GDP", "date": date(2018, 12, day)}
            for day in (20, 21)
        ],
        received="2018-12-03",
    )
    bench.load(
        "raw.imf_observations",
        "2018-12-03",
        [
            price_index("2018-12-03", "2018-M09", "100.5"),
            price_index("2018-12-03", "2018-M10", "101"),
            price_index("2018-12-03", "2018-M11", None),
            price_index("2018-12-03", "soon", "1"),
        ],
        received="2018-12-03",
    )
    # The same id as FRED's: another series all the same.
    bench.load(
        "raw.landing_macro_observations",
        "2018-12-03",
        [
            dropped("GDPC1", "2018-01-01", 1.0, "2018-05-01", 1, frequency="Q", units="index"),
            dropped("GDPC1", "2018-04-01", 2.0, "2018-05-01", 2, frequency="Q", units="index"),
            dropped("GDPC1", "2018-07-01", 3.0, "2018-05-01", 3, frequency="Q", units="index"),
        ],
        received="2018-12-03",
    )


def _second_load(bench: Any) -> None:
    bench.load(
        "raw.fred_observations",
        "2018-12-04",
        [
            observation("GDPC1", "2018-01-01", "18600.5", "2018-05-30"),
            observation("GDPC1", "2018-01-01", ".", "2018-06-29"),
        ],
        received="2018-12-05",
    )
    bench.load("raw.fred_series", "2018-12-04", [told_of_gdp("2018-12-04")], received="2018-12-05")
    bench.load("raw.fred_series", "2018-12-05", [told_of_gdp("2018-12-05", units="$")], received="2018-12-06")
    bench.load(
        "raw.fred_release_schedule",
        "2018-12-04",
        [{"snapshot_date": date(2018, 12, 4), "release_id": 53, "release_name": "GDP", "date": date(2018, 12, 21)}],
        received="2018-12-04",
    )
    bench.load(
        "raw.imf_observations",
        "2018-12-04",
        [price_index("2018-12-04", "2018-M09", "100.5"), price_index("2018-12-04", "2018-M11", "102")],
        received="2018-12-04",
    )
    # The bytes of the first day again: they keep the time of their first receipt.
    bench.load(
        "raw.imf_observations",
        "2018-12-05",
        [
            price_index("2018-12-05", "2018-M09", "100.5"),
            price_index("2018-12-05", "2018-M10", "101"),
            price_index("2018-12-05", "2018-M11", None),
        ],
        received="2018-12-03",
    )
    bench.load(
        "raw.landing_macro_observations",
        "2018-12-04",
        [
            dropped("GDPC1", "2018-01-01", 1.0, "2018-06-01", 1, frequency="Q", units="index"),
            dropped("GDPC1", "2018-07-01", 3.25, "2018-06-01", 2, frequency="Q", units="index"),
        ],
        received="2018-12-04",
        object_id="b",
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The lake after each load, and the outcome of every test."""
    folder = tmp_path_factory.mktemp("macro")
    bench = Workbench(Lake(LakeConfig(root=folder / "lake")), folder / "target")
    told: dict[str, Any] = {"bench": bench}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dbt_environment(bench.lake, run_id="test-run").items():
            patch.setenv(name, value)
        for chapter, load in (("first", _first_load), ("second", _second_load)):
            load(bench)
            told[f"statuses {chapter}"] = bench.dbt(*BUILD)
            told[chapter] = bench.lake.current_snapshot()
        told["increments"] = {name: bench.lake.version(name, recompute=True) for name in MODELS}
        bench.dbt("run", "--full-refresh", *SELECTED[:2])
        told["rebuilt"] = {name: bench.lake.version(name, recompute=True) for name in MODELS}
        yield told


def rows(story: dict[str, Any], chapter: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query after a chapter, days as text."""
    found = story["bench"].lake.sql(query.replace(" silver.", " lake.silver."), as_of=story[chapter]).to_pylist()
    return [tuple(str(value) if type(value) is date else value for value in row.values()) for row in found]


def test_every_test_passes(story: dict[str, Any]) -> None:
    for chapter in ("first", "second"):
        statuses = story[f"statuses {chapter}"]
        bad = {name: status for name, status in statuses.items() if status not in ("success", "pass")}
        assert bad == {"macro_observations_left_out": "warn"}
        assert {"macro_withdrawn_is_not_missing", "of_point_in_time", "release_calendar_unique"} <= statuses.keys()


OBSERVATIONS = (
    "SELECT source, period, value, status, known_from, known_to FROM silver.macro_observations "
    "ORDER BY source, period, known_from"
)


def test_what_was_known_at_first(story: dict[str, Any]) -> None:
    assert rows(story, "first", OBSERVATIONS) == [
        ("fred", "2018-01-01", 18500.0, "published", "2018-04-27", "9999-12-31"),
        ("fred", "2018-04-01", None, "missing", "2018-07-27", "9999-12-31"),
        ("imf", "2018-09-01", 100.5, "published", "2018-12-03", "9999-12-31"),
        ("imf", "2018-10-01", 101.0, "published", "2018-12-03", "9999-12-31"),
        ("imf", "2018-11-01", None, "missing", "2018-12-03", "9999-12-31"),
        ("landing", "2018-01-01", 1.0, "published", "2018-05-01", "9999-12-31"),
        ("landing", "2018-04-01", 2.0, "published", "2018-05-01", "9999-12-31"),
        ("landing", "2018-07-01", 3.0, "published", "2018-05-01", "9999-12-31"),
    ]


def test_later_vintages_close_earlier_ones_and_withdraw(story: dict[str, Any]) -> None:
    assert rows(story, "second", OBSERVATIONS) == [
        ("fred", "2018-01-01", 18500.0, "published", "2018-04-27", "2018-05-29"),
        ("fred", "2018-01-01", 18600.5, "published", "2018-05-30", "2018-06-28"),
        ("fred", "2018-01-01", None, "withdrawn", "2018-06-29", "9999-12-31"),
        ("fred", "2018-04-01", None, "missing", "2018-07-27", "9999-12-31"),
        ("imf", "2018-09-01", 100.5, "published", "2018-12-03", "9999-12-31"),
        ("imf", "2018-10-01", 101.0, "published", "2018-12-03", "2018-12-03"),
        ("imf", "2018-10-01", None, "withdrawn", "2018-12-04", "2018-12-05"),
        ("imf", "2018-10-01", 101.0, "published", "2018-12-06", "9999-12-31"),
        ("imf", "2018-11-01", None, "missing", "2018-12-03", "2018-12-03"),
        ("imf", "2018-11-01", 102.0, "published", "2018-12-04", "2018-12-05"),
        ("imf", "2018-11-01", None, "withdrawn", "2018-12-06", "9999-12-31"),
        ("landing", "2018-01-01", 1.0, "published", "2018-05-01", "9999-12-31"),
        ("landing", "2018-04-01", 2.0, "published", "2018-05-01", "2018-05-31"),
        ("landing", "2018-04-01", None, "withdrawn", "2018-06-01", "9999-12-31"),
        ("landing", "2018-07-01", 3.0, "published", "2018-05-01", "2018-05-31"),
        ("landing", "2018-07-01", 3.25, "published", "2018-06-01", "9999-12-31"),
    ]


def test_a_day_counts_from_the_next_session_and_an_instant_from_itself(story: dict[str, Any]) -> None:
    found = rows(story, "second", "SELECT known_from, published_at, object_id FROM silver.macro_observations ")
    at = {day: moment for day, moment, _ in found}
    # A Friday; the other one is what the IMF was seen to say.
    assert at["2018-04-27"] == datetime(2018, 4, 30, 13, 30, tzinfo=UTC)
    assert at["2018-12-04"] == datetime(2018, 12, 4, 12, tzinfo=UTC)
    assert at["2018-12-06"] == datetime(2018, 12, 6, tzinfo=UTC)
    # What a file no longer has is withdrawn by that file.
    assert {origin[0] for day, _, origin in found if day == "2018-06-01"} == {"b"}


def test_series_with_the_vintages_of_what_is_said_about_them(story: dict[str, Any]) -> None:
    query = (
        "SELECT series_id, frequency, title, units, unit_exponent, seasonal_adjustment, release_id, first_period, "
        "last_period, last_updated, known_from, known_to FROM silver.macro_series WHERE source = "
    )
    said = ("GDPC1", "q", "Real Gross Domestic Product")
    more = ("SAAR", 53, "1947-01-01", "2018-07-01", datetime(2018, 11, 28, 13, 51, 4, tzinfo=UTC))
    dollars = "Billions of Chained 2012 Dollars"
    assert rows(story, "first", f"{query}'fred'") == [(*said, dollars, None, *more, "2018-12-03", "9999-12-31")]
    assert rows(story, "second", f"{query}'fred' ORDER BY known_from") == [
        (*said, dollars, None, *more, "2018-12-03", "2018-12-04"),
        (*said, "$", None, *more, "2018-12-05", "9999-12-31"),
    ]
    about_cpi = (CPI, "m", None, None, 0, None, None, "2018-09-01", "2018-11-01", None, "2018-12-03", "9999-12-31")
    assert rows(story, "second", f"{query}'imf'") == [about_cpi]
    dropped_one = ("GDPC1", "q", None, "index", None, None, None, "2018-01-01", "2018-07-01", None)
    assert rows(story, "second", f"{query}'landing'") == [(*dropped_one, "2018-05-01", "9999-12-31")]


def test_the_calendar_follows_the_last_schedule(story: dict[str, Any]) -> None:
    query = "SELECT release_date, published_at FROM silver.release_calendar ORDER BY release_date"
    first_seen = datetime(2018, 12, 3, 12, tzinfo=UTC)
    assert rows(story, "first", query) == [("2018-12-20", first_seen), ("2018-12-21", first_seen)]
    assert rows(story, "second", query) == [("2018-12-21", first_seen)]


def test_increments_end_where_a_rebuild_ends(story: dict[str, Any]) -> None:
    assert story["increments"] == story["rebuilt"]


def test_read_as_known_on_a_day(story: dict[str, Any]) -> None:
    lake = story["bench"].lake

    def known_on(day: str, **more: Any) -> dict[str, Any]:
        frame = lake.read("silver.macro_observations", symbols=["GDPC1"], known_on=day, **more)
        frame = frame[frame["source"] == "fred"]
        return dict(zip(frame["period"].dt.strftime("%Y-%m-%d"), frame["status"], strict=True))

    assert known_on("2018-04-26") == {}
    assert known_on("2018-05-29") == {"2018-01-01": "published"}
    assert known_on("2018-08-01") == {"2018-01-01": "withdrawn", "2018-04-01": "missing"}
    # Both clocks: what the lake held after the first load, of what was known in August.
    assert known_on("2018-08-01", as_of=story["first"]) == {"2018-01-01": "published", "2018-04-01": "missing"}
