"""Every materialisation says the same things in the same words."""

from __future__ import annotations

import base64
import math
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.metadata import (
    column_schema,
    figure_metadata,
    forecast_errors,
    known_numbers,
    preview,
    table_metadata,
)
from atlas_assets.orchestration.tables import all_tables, table
from atlas_tests.contracts import examples

BARS = table("silver.daily_bars")
MOST_BYTES_OF_A_PLOT = 60_000


def bars(number: int = 4) -> pa.Table:
    return pa.Table.from_pylist(examples.rows(BARS.contract, number), schema=arrow_schema(BARS.contract))


@pytest.mark.parametrize("name", [table.name for table in all_tables()])
def test_every_column_is_shown_with_its_type_and_meaning(name):
    contract = table(name).contract.to_schema().columns
    shown = {column.name: column for column in column_schema(table(name)).columns}
    assert shown.keys() == contract.keys()
    for column, meaning in contract.items():
        assert shown[column].description == meaning.description
        assert shown[column].constraints.nullable == meaning.nullable
        if unit := (meaning.metadata or {}).get("unit"):
            assert re.sub(r"\W|_", "", shown[column].tags["unit"]) == re.sub(r"\W|_", "", unit[:63])


@pytest.mark.parametrize("form", ["arrow", "pandas"])
def test_rows_place_and_time(tmp_path, form):
    lake = Lake(LakeConfig(root=tmp_path))
    rows = bars() if form == "arrow" else bars().to_pandas()
    told = table_metadata(BARS, rows, lake=lake, plot=None, plot_folder=tmp_path)
    assert told["dagster/row_count"] == 4
    assert told["dagster/table_name"] == "silver.daily_bars"
    assert told["dagster/uri"] == str(lake.config.tables_folder / "silver" / "daily_bars")
    days = sorted(str(day) for day in bars()["session_date"].to_pylist())
    assert told["time_range"] == f"session_date: {days[0]} to {days[-1]}"
    assert "plot" not in told


def test_an_empty_table_has_no_time_range(tmp_path):
    told = table_metadata(
        BARS, bars().slice(0, 0), lake=Lake(LakeConfig(root=tmp_path)), plot=None, plot_folder=tmp_path
    )
    assert told["dagster/row_count"] == 0
    assert "time_range" not in told


def test_the_preview_is_the_last_rows():
    text = preview(pd.DataFrame({"day": pd.date_range("2018-12-24", periods=8), "x": range(8)})).value
    lines = text.splitlines()
    assert lines[0] == "| day | x |"
    assert lines[2:] == [f"| 2018-12-{24 + n} | {n} |" for n in range(3, 8)]


def test_texts_of_others_cannot_break_the_preview():
    text = preview(pd.DataFrame({"title": ["a|b\nc\r\n| d |", "x" * 100, None]})).value
    assert [line.replace("\\|", "").count("|") for line in text.splitlines()] == [2] * 5
    assert "x" * 37 + "…" in text


def test_many_columns_are_counted_not_shown():
    text = preview(pd.DataFrame([range(30)], columns=[f"c{n}" for n in range(30)])).value
    assert text.splitlines()[0].count("|") == 8 + 1
    assert text.endswith("22 more columns")


def test_a_plot_is_embedded_and_kept(tmp_path):
    figure = Figure(figsize=(9, 4.2))
    figure.subplots().plot(range(500))
    told = figure_metadata(figure, tmp_path / "plots" / "gold_x.png").value
    embedded = base64.b64decode(re.fullmatch(r"!\[gold_x\]\(data:image/png;base64,(.*)\)", told).group(1))
    assert embedded.startswith(b"\x89PNG")
    assert len(told) < MOST_BYTES_OF_A_PLOT
    assert (tmp_path / "plots" / "gold_x.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_that_are_not_known_are_left_out():
    given = {"mean": float("nan"), "widest": float("inf"), "rows": 3, "share": 0.5, "how": "anew"}
    assert known_numbers(given) == {"rows": 3, "share": 0.5, "how": "anew"}


def test_forecast_errors_leave_out_what_is_ahead():
    table = pd.DataFrame(
        {
            "forecast": [1.0, 2.0, 3.0],
            "standard_error": [1.0, 1.0, 1.0],
            "realised": [2.0, -1.0, np.nan],
        }
    )
    errors = forecast_errors(table)
    assert errors["root_mean_squared_error"] == pytest.approx(math.sqrt((1 + 9) / 2))
    assert errors["root_mean_squared_of_zero"] == pytest.approx(math.sqrt((4 + 1) / 2))
    assert errors["coverage_90"] == 0.5
