"""Plots of indicators and models are drawn of any table that keeps its contract, and say what their axes are."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import DmaForecasts, TechnicalIndicators, TvpVarForecasts, Vpin
from atlas_assets.models.tvp_var_tables import TvpVarTable
from atlas_assets.orchestration.plots import indicators, models
from atlas_tests.contracts import examples

DAYS = pd.bdate_range("2018-01-01", periods=80, name="session_date")


def drawn(plot, table, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot(table, **options)
        figure.draw_without_rendering()
    return figure


def frame(contract, number):
    """Rows of one instrument: all their numbers are equal."""
    return examples.table(contract, examples.rows(contract, number)).to_pandas()


@pytest.mark.parametrize("number", [1, 30])
@pytest.mark.parametrize(
    ("plot", "contract"),
    [
        (indicators.technical_indicators, TechnicalIndicators),
        (models.tvp_var_forecasts, TvpVarForecasts),
        (models.dma_forecasts, DmaForecasts),
    ],
)
def test_a_table_of_equal_or_few_rows_has_a_picture(plot, contract, number):
    table = frame(contract, number)
    if "instrument_id" in table:
        table = table.assign(instrument_id="1", symbol="A")
    assert all(axes.get_ylabel() for axes in drawn(plot, table).axes)


@pytest.mark.parametrize("vpin", [np.nan, 0.0, 0.3])
def test_vpin_has_a_picture_before_there_is_one(vpin):
    table = frame(Vpin, 30).assign(instrument_id="1", symbol="A", vpin=vpin, vpin_percentile=np.nan, toxic_episode=0)
    level, rank = drawn(indicators.vpin, table, toxic_percentile=0.95).axes
    assert (level.get_ylabel(), rank.get_ylabel()) == ("VPIN", "percentile")


def test_dates_of_vpin_do_not_lie_over_each_other():
    ends = pd.date_range("2018-12-01 05:00", "2018-12-31 23:59", periods=400, tz="UTC")
    table = pd.DataFrame({"symbol": "A", "bucket_end": ends, "vpin": 0.2, "vpin_percentile": 0.5, "toxic_episode": 0})
    figure = drawn(indicators.vpin, table, toxic_percentile=0.95)
    boxes = [text.get_window_extent() for text in figure.axes[1].get_xticklabels() if text.get_text()]
    assert len(boxes) > 3
    assert all(left.x1 + 10 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize(("grid", "panels"), [([], 1), ([0.95], 2)])
def test_a_forgetting_factor_that_adapts_is_shown(grid, panels):
    changes = pd.DataFrame(np.random.default_rng(1).normal(size=(80, 2)), index=DAYS, columns=["A", "B"])
    fit = TvpVarTable(1, 0.99, 0.96, 60, forgetting_grid=grid).fit(changes).rows
    axes = drawn(models.tvp_var_fit, fit).axes
    assert len(axes) == panels
    assert all(one.get_ylabel() for one in axes)
