"""The table of combined forecasts: who forecast what, with which weight, and nothing from the future."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import EnsembleForecasts
from atlas_assets.models import ensemble_tables as tables
from atlas_assets.models.ensemble import combine
from atlas_assets.models.updating import Saved, advance
from atlas_assets.orchestration.metadata import forecaster_errors

ORIGINS, TRAILING = 200, 20
FORECASTERS = ["tvp_var", "dma", "zero", "trailing_mean"]
OPTIONS = {
    "method": "dynamic",
    "training": 30,
    "forgetting": 0.99,
    "coverage": 0.9,
    "interval": "adaptive",
    "calibration": 99,
}


def inputs(seed=3):
    """Forecasts of two models; the last origin's return has not come."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2020-01-06", periods=ORIGINS)
    realised = np.append(rng.normal(0, 0.01, ORIGINS - 1), np.nan)
    noise = np.where(np.isnan(realised), 0.0, realised)
    dma = pd.DataFrame(
        {
            "origin_date": dates,
            "variable": "X",
            "forecast": 0.5 * noise + rng.normal(0, 0.004, ORIGINS),
            "realised": realised,
        }
    )
    other = dma.assign(variable="Y", forecast=9.0)
    ahead = pd.concat([dma.tail(1).assign(horizon=step, forecast=9.0) for step in (2, 3)])
    one_step = pd.concat([dma, other]).assign(horizon=1, forecast=lambda rows: rows["forecast"] / 2)
    return pd.concat([one_step, ahead], ignore_index=True), dma


def table_of(tvp_var, dma, **options):
    forecasts = tables.forecasters(tvp_var, dma, trailing_sessions=TRAILING)
    return tables.EnsembleTable(**OPTIONS | options).fit(forecasts).rows


def known_on(day, *frames):
    """What the tables said after the close of a day."""
    known = [frame[frame["origin_date"] <= day].copy() for frame in frames]
    for frame in known:
        frame.loc[frame["origin_date"] == day, "realised"] = np.nan
    return known


@pytest.fixture(scope="module")
def table():
    return table_of(*inputs())


def test_it_keeps_the_contract(table):
    EnsembleForecasts.validate(table)
    assert table["forecaster"].unique().tolist() == ["ensemble", *FORECASTERS]
    assert table.groupby("origin_date").size().eq(5).all()
    assert table.groupby("origin_date")["weight"].sum().to_numpy() == pytest.approx(1.0)
    assert table["realised"].isna().sum() == 5  # the last origin's


def test_the_benchmarks_are_zero_and_the_mean_of_what_came(table):
    _, dma = inputs()
    came = dma.set_index("origin_date")["realised"]
    wide = table.pivot_table(index="origin_date", columns="forecaster", values="forecast")
    assert (wide["zero"] == 0).all()
    assert wide.index[0] == came.index[TRAILING]
    for origin in (TRAILING, 100, ORIGINS - 1):
        assert wide["trailing_mean"].loc[came.index[origin]] == pytest.approx(
            fmean(came.iloc[origin - TRAILING : origin])
        )


@pytest.mark.parametrize("method", ["equal", "inverse_error", "stacking", "bayesian", "dynamic"])
def test_the_ensemble_is_the_weighted_sum_of_what_the_forecasters_say(method):
    table = table_of(*inputs(), method=method)
    of_one = table[table["forecaster"] != "ensemble"]
    total = (of_one["weight"] * of_one["forecast"]).groupby(of_one["origin_date"]).sum()
    ensemble = table[table["forecaster"] == "ensemble"].set_index("origin_date")
    np.testing.assert_allclose(ensemble["forecast"], total, rtol=1e-12, atol=1e-18)
    rows = of_one.pivot_table(index="origin_date", columns="forecaster", values="forecast")[FORECASTERS].to_numpy()
    said = combine(
        rows[:-1],
        ensemble["realised"].to_numpy()[:-1],
        method=method,
        **{name: OPTIONS[name] for name in ("training", "coverage", "calibration")},
    )
    np.testing.assert_array_equal(ensemble["forecast"][:-1], said.forecast)
    np.testing.assert_array_equal(ensemble["lower"][:-1], np.where(np.isfinite(said.lower), said.lower, np.nan))
    assert ensemble["forecast"].iloc[-1] == said.predict(rows[-1]).forecast


def test_the_interval_of_a_forecaster_is_that_of_its_own_errors(table):
    rows = table[table["forecaster"] == "zero"]
    past = rows[rows["realised"].notna()]
    alone = combine(np.zeros((len(past), 1)), past["realised"], coverage=0.9, calibration=99)
    np.testing.assert_array_equal(past["upper"], np.where(np.isfinite(alone.upper), alone.upper, np.nan))


@pytest.mark.parametrize("cut", [60, 111, 199])
def test_the_future_is_not_seen(table, cut):
    tvp_var, dma = inputs()
    day = dma["origin_date"].iloc[cut]
    known = table[table["origin_date"] <= day].drop(columns="realised").reset_index(drop=True)
    other = [frame.copy() for frame in (tvp_var, dma)]
    for frame in other:
        frame.loc[frame["origin_date"] >= day, "realised"] *= -3
        frame.loc[frame["origin_date"] > day, "forecast"] *= 7
    for past in (known_on(day, tvp_var, dma), other):
        ours = table_of(*past).drop(columns="realised")
        pd.testing.assert_frame_equal(ours.iloc[: len(known)], known, check_exact=True)


@pytest.mark.parametrize(
    ("method", "interval"),
    [("dynamic", "adaptive"), ("stacking", "rolling"), ("inverse_error", "split"), ("bayesian", "adaptive")],
)
def test_days_one_after_another_make_the_table_of_one_fit_bit_for_bit(method, interval):
    tvp_var, dma = inputs()
    estimator = tables.EnsembleTable(**OPTIONS | {"method": method, "interval": interval})
    saved, table = None, None
    for last in (60, 61, 140, 141, 142, ORIGINS - 1):
        day = dma["origin_date"].iloc[last]
        forecasts = tables.forecasters(*known_on(day, tvp_var, dma), trailing_sessions=TRAILING)
        done = advance(forecasts, estimator, saved=saved, table=table)
        assert done.is_refit == (saved is None)
        if saved is not None:
            # The last origin that was there gets what came, and is not there twice.
            assert done.written["origin_date"].tolist() == sorted([*forecasts.index[len(saved.history) - 1 :]] * 5)
        pd.testing.assert_frame_equal(done.table, estimator.fit(forecasts).rows, check_exact=True)
        saved, table = Saved.of(done.saved.arrays()), done.table


def test_a_value_that_is_revised_is_fitted_anew():
    tvp_var, dma = inputs()
    estimator = tables.EnsembleTable(**OPTIONS)
    day = dma["origin_date"].iloc[-2]
    forecasts = tables.forecasters(*known_on(day, tvp_var, dma), trailing_sessions=TRAILING)
    before = advance(forecasts, estimator, saved=None, table=None)
    dma.loc[dma.index[100], "realised"] += 1e-5
    forecasts = tables.forecasters(tvp_var, dma, trailing_sessions=TRAILING)
    done = advance(forecasts, estimator, saved=before.saved, table=before.table)
    # It came at the next session.
    assert done.how == f"refitted: history changed at {dma['origin_date'].iloc[101].date()}"
    pd.testing.assert_frame_equal(done.written, estimator.fit(forecasts).rows, check_exact=True)


def test_a_missing_value_among_those_that_came_is_refused():
    tvp_var, dma = inputs()
    dma.loc[dma.index[100], "realised"] = np.nan
    with pytest.raises(ValueError, match="missing or infinite value"):
        table_of(tvp_var, dma)


def test_only_the_first_origin_ahead_is_forecast():
    tvp_var, dma = inputs()
    late = dma["origin_date"].iloc[-3]
    for frame in (tvp_var, dma):
        frame.loc[frame["origin_date"] >= late, "realised"] = np.nan
    assert table_of(tvp_var, dma)["origin_date"].max() == late


def test_metadata_speaks_of_what_has_come(table):
    said = forecaster_errors(table)
    rows = table[(table["forecaster"] == "tvp_var") & table["realised"].notna()]
    errors = [row.realised - row.forecast for row in rows.itertuples()]
    assert said["root_mean_squared_error_tvp_var"] == pytest.approx(fmean(error**2 for error in errors) ** 0.5)
    known = [row for row in rows.itertuples() if not np.isnan(row.lower)]
    assert said["coverage_tvp_var"] == pytest.approx(fmean(row.lower <= row.realised <= row.upper for row in known))
    # By construction of the data the average of models beats zero, and no interval is far from its promise.
    assert said["root_mean_squared_error_ensemble"] < said["root_mean_squared_error_zero"]
    assert 0.8 < said["coverage_ensemble"] < 0.97
    saved = 1 - fmean(error**2 for error in errors) / fmean(row.realised**2 for row in rows.itertuples())
    assert said["error_reduction_against_zero_tvp_var"] == pytest.approx(saved)
    assert said["error_reduction_against_zero_zero"] == 0
    assert said["error_reduction_against_zero_ensemble"] > 0


def test_forecasts_of_noise_are_told_to_be_worse_than_zero():
    tvp_var, dma = inputs()
    for frame, seed in ((tvp_var, 8), (dma, 9)):
        frame["forecast"] = np.random.default_rng(seed).normal(0, 0.01, len(frame))
    said = forecaster_errors(table_of(tvp_var, dma))
    assert said["error_reduction_against_zero_dma"] < -0.5
    assert said["error_reduction_against_zero_ensemble"] < 0


def test_metadata_leave_out_what_is_not_known():
    said = forecaster_errors(table_of(*inputs())[:10].assign(realised=0.0))
    assert not [name for name in said if name.startswith(("coverage", "error_reduction"))]


def test_a_variable_that_the_var_does_not_know_is_refused():
    tvp_var, dma = inputs()
    with pytest.raises(ValueError, match=r"add it to the symbols of models\.tvp_var"):
        tables.forecasters(tvp_var[tvp_var["variable"] == "Y"], dma, trailing_sessions=TRAILING)


def test_a_history_shorter_than_the_trailing_mean_has_no_rows():
    tvp_var, dma = inputs()
    assert tables.forecasters(tvp_var, dma, trailing_sessions=ORIGINS).empty
    assert tables.forecasters(tvp_var, dma.iloc[:0], trailing_sessions=TRAILING).empty
