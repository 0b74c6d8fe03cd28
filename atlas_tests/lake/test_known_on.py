"""Reads as of a day: what a plain filter finds in all vintages."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd
import pyarrow as pa
import pytest

from atlas_assets.lake import Lake, LakeConfig, LakeError
from atlas_tests.benchmarks import macro

SERIES = 4


@pytest.fixture(scope="module")
def vintages(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with 40,000 vintages, laid out as those of the benchmark."""
    lake = Lake(LakeConfig(root=tmp_path_factory.mktemp("vintages") / "lake"))
    assert macro.load(lake, SERIES) == SERIES * macro.PERIODS * macro.VINTAGES
    return lake


@pytest.mark.parametrize(
    "day", ["1970-01-01", "1980-02-15", "1980-03-14", "1980-03-15", "2001-06-15", "2015-06-14", "2400-01-01"]
)
def test_the_panel_of_a_day_is_that_of_a_plain_filter(vintages: Lake, day: str) -> None:
    whole = vintages.read(macro.TABLE)
    moment = pd.Timestamp(day)
    expected = whole[(whole["known_from"] <= moment) & (whole["known_to"] >= moment)].reset_index(drop=True)
    found = vintages.read(macro.TABLE, known_on=day)
    pd.testing.assert_frame_equal(found, expected)
    assert not found.duplicated(["source", "series_id", "frequency", "period"]).any()
    some = vintages.read(macro.TABLE, known_on=day, symbols=["SERIES00002"], columns=macro.PANEL)
    pd.testing.assert_frame_equal(
        some, expected.loc[expected["series_id"] == "SERIES00002", list(macro.PANEL)].reset_index(drop=True)
    )


@pytest.mark.parametrize("day", [date(2001, 6, 15), datetime(2001, 6, 15, 23, tzinfo=UTC), "2001-06-15"])
def test_a_day_may_be_written_as_any_time_is(vintages: Lake, day: object) -> None:
    rows = vintages.read_arrow(macro.TABLE, known_on=day, columns=["period"])
    assert rows.num_rows == SERIES * 257


def test_what_is_no_day_is_refused(vintages: Lake) -> None:
    with pytest.raises(LakeError, match="'soon' is not a time for known_from"):
        vintages.read(macro.TABLE, known_on="soon")


def test_a_table_without_vintages_says_what_to_do(vintages: Lake) -> None:
    vintages.create_table("silver.plain", pa.schema([pa.field("period", pa.date32())]))
    with pytest.raises(LakeError, match=r"silver.plain keeps no vintages .* as_of="):
        vintages.read("silver.plain", known_on="2024-01-02")
