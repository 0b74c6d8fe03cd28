"""The models' tables: what is known when, and forecasts by an explicit loop."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import DmaFit, DmaForecasts, TvpVarFit, TvpVarForecasts
from atlas_assets.models import dma_tables, market_changes, tvp_var_tables
from atlas_assets.models.connectedness_tables import connectedness_table
from atlas_assets.models.dma import DynamicModelAveraging
from atlas_assets.models.tvp_var import TVPVAR, MinnesotaPrior

FIT = {"lags": 2, "forgetting_factor": 0.99, "covariance_decay": 0.96, "window_size": 60}
HORIZON = 4


def bars(closes, symbol="X", first="2020-01-06"):
    sessions = pd.bdate_range(first, periods=len(closes))
    return pd.DataFrame(
        {
            "symbol": symbol,
            "session_date": sessions,
            "event_time": (sessions + pd.Timedelta("21h")).tz_localize("UTC"),
            "close_total_return_adj": np.asarray(closes, dtype=float),
        }
    )


def observations(*rows, series="M"):
    """Rows of (period, value, published_at)."""
    frame = pd.DataFrame(rows, columns=["period", "value", "published_at"])
    return frame.assign(
        series_id=series,
        period=pd.to_datetime(frame["period"]),
        published_at=pd.to_datetime(frame["published_at"], utc=True, format="mixed"),
    )


def known_at_by_hand(seen, time):
    """The published value of the latest period, the latest print of it."""
    published = [row for row in seen.itertuples() if row.published_at <= time and not math.isnan(row.value)]
    return max(published, key=lambda row: (row.period, row.published_at)).value if published else math.nan


def test_a_macro_value_enters_only_once_it_is_published():
    seen = observations(("2020-01-06", 1.0, "2020-01-07 13:00"), ("2020-01-07", 2.0, "2020-01-08 21:00:01"))
    closes = bars([10, 11, 12, 13])
    times = closes.set_index("session_date")["event_time"]
    known = market_changes._known_at(seen, times)
    # Closes are at 21:00: the second value comes a second after Wednesday's.
    np.testing.assert_array_equal(known, [np.nan, 1.0, 1.0, 2.0])


def test_a_value_published_at_the_close_itself_counts():
    seen = observations(("2020-01-06", 1.0, "2020-01-06 21:00"))
    assert market_changes._known_at(seen, bars([1.0]).set_index("session_date")["event_time"]).tolist() == [1.0]


def test_a_revision_of_an_older_period_does_not_hide_the_newer_one():
    seen = observations(
        ("2020-01-01", 1.0, "2020-01-06 12:00"),
        ("2020-01-02", 2.0, "2020-01-07 12:00"),
        ("2020-01-01", 9.0, "2020-01-08 12:00"),
        ("2020-01-02", 3.0, "2020-01-09 12:00"),
    )
    times = bars([1, 1, 1, 1, 1]).set_index("session_date")["event_time"]
    assert market_changes._known_at(seen, times).tolist() == [1.0, 2.0, 2.0, 3.0, 3.0]


def test_a_missing_value_leaves_the_last_one_standing():
    seen = observations(("2020-01-01", 1.0, "2020-01-06 12:00"), ("2020-01-02", math.nan, "2020-01-07 12:00"))
    times = bars([1, 1]).set_index("session_date")["event_time"]
    assert market_changes._known_at(seen, times).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_known_is_what_a_plain_search_finds(seed):
    rng = np.random.default_rng(seed)
    days = pd.date_range("2020-01-01", periods=30, tz="UTC")
    seen = observations(
        *(
            (days[period].tz_localize(None), float(rng.integers(1, 100)) if rng.random() > 0.1 else math.nan, moment)
            for period in rng.integers(0, 20, 25)
            for moment in [days[period] + pd.Timedelta(hours=int(rng.integers(1, 200)))]
        )
    ).drop_duplicates(["period", "published_at"])
    times = bars(np.ones(20), first="2020-01-02").set_index("session_date")["event_time"]
    by_hand = [known_at_by_hand(seen, time) for time in times]
    np.testing.assert_array_equal(market_changes._known_at(seen, times), by_hand)


def test_changes_are_log_changes_of_complete_rows():
    closes = pd.concat([bars([10.0, 11.0, 12.1, 11.0], "X"), bars([5.0, 4.0, 5.0, 4.0], "Y")])
    seen = observations(("2020-01-06", 2.0, "2020-01-07 13:00"), ("2020-01-07", 4.0, "2020-01-09 13:00"))
    changes = market_changes.market_changes(closes, seen, symbols=["Y", "X"], series=["M"])
    assert changes.columns.tolist() == ["Y", "X", "M"]
    # Monday knows no macro value, Tuesday has no row before it.
    assert [day.day for day in changes.index] == [8, 9]
    np.testing.assert_allclose(
        changes.to_numpy(),
        [[math.log(5 / 4), math.log(1.1), 0.0], [math.log(4 / 5), math.log(1 / 1.1), math.log(2)]],
    )


def test_changes_do_not_see_the_future():
    closes = bars(np.linspace(10, 20, 30))
    seen = observations(*((day, 1.0 + n, day + pd.Timedelta("30h")) for n, day in enumerate(closes["session_date"])))
    complete = market_changes.market_changes(closes, seen, symbols=["X"], series=["M"])
    for cut in (5, 17, 29):
        close = closes["event_time"].iloc[cut - 1]
        past = market_changes.market_changes(
            closes.iloc[:cut], seen[seen["published_at"] <= close], symbols=["X"], series=["M"]
        )
        pd.testing.assert_frame_equal(past, complete.loc[: past.index[-1]], check_exact=True)
        assert past.index[-1] == closes["session_date"].iloc[cut - 1]


def simulated(rows=140):
    rng = np.random.default_rng(3)
    values = np.zeros((rows, 2))
    for t in range(1, rows):
        values[t] = 0.1 + np.array([[0.5, 0.1], [0.0, 0.3]]) @ values[t - 1] + rng.normal(0, [0.5, 1.0])
    return pd.DataFrame(
        values, index=pd.bdate_range("2020-01-01", periods=rows, name="session_date"), columns=["b", "a"]
    )


@pytest.fixture(scope="module")
def changes():
    return simulated()


@pytest.fixture(scope="module")
def fit(changes):
    return tvp_var_tables.TvpVarTable(**FIT).fit(changes).rows


@pytest.fixture(scope="module")
def forecasts(fit, changes):
    return tvp_var_tables.forecast_table(fit, changes, horizon=HORIZON)


def test_the_fit_has_one_row_for_each_session_equation_and_parameter(fit, changes):
    assert set(fit.columns) == set(TvpVarFit.to_schema().columns)
    parameters = ["lag1.b", "lag1.a", "lag2.b", "lag2.a", "intercept", "covariance.b", "covariance.a"]
    assert fit["parameter"].unique().tolist() == parameters
    assert fit["session_date"].unique().tolist() == changes.index[60:].tolist()
    assert len(fit) == (140 - 60) * 2 * len(parameters)
    assert fit["value"].notna().all()


def test_the_fit_does_not_see_the_future(fit, changes):
    past = tvp_var_tables.TvpVarTable(**FIT).fit(changes.iloc[:100]).rows
    pd.testing.assert_frame_equal(past, fit[fit["session_date"] <= changes.index[99]], check_exact=True)


def test_a_grid_of_factors_is_averaged_as_by_hand(changes):
    options = FIT | {"forgetting_factor": 0.9, "forgetting_grid": [0.99, 0.9], "model_forgetting": 0.97}
    adaptive = tvp_var_tables.TvpVarTable(**options).fit(changes).rows
    model = TVPVAR(
        lags=2, forgetting=[0.9, 0.99], model_forgetting=0.97, prior=MinnesotaPrior(training=FIT["window_size"])
    )
    probability = model.fit(changes.to_numpy()).forgetting_probability[60:]
    assert np.ptp(probability[:, 0]) > 0.1
    for _, rows in adaptive[adaptive["parameter"] == "forgetting"].groupby("equation"):
        np.testing.assert_allclose(rows["value"], 0.9 * probability[:, 0] + 0.99 * probability[:, 1], rtol=1e-12)
    # What is made of the fit is made of its coefficients and covariances as ever.
    mean = tvp_var_tables.forecast_table(adaptive, changes, horizon=1)
    last = mean[mean["origin_date"] == changes.index[-1]]
    np.testing.assert_allclose(last["forecast"], model.forecast(1).mean[0], rtol=1e-10)
    connectedness = connectedness_table(adaptive, variables=["b", "a"], horizon=5, method="generalized")
    assert connectedness["session_date"].nunique() == 80


def test_the_order_of_the_fits_rows_does_not_matter(fit, changes, forecasts):
    shuffled = fit.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(tvp_var_tables.forecast_table(shuffled, changes, horizon=HORIZON), forecasts)


def test_one_step_forecasts_are_coefficients_times_regressors(fit, changes, forecasts):
    assert set(forecasts.columns) == set(TvpVarForecasts.to_schema().columns)
    parameter = {(row.session_date, row.equation, row.parameter): row.value for row in fit.itertuples()}
    rows = {day: changes.loc[day] for day in changes.index}
    days = changes.index.tolist()
    one_step = forecasts[forecasts["horizon"] == 1]
    assert len(one_step) == 80 * 2
    for row in one_step.itertuples():
        today = days.index(row.origin_date)
        expected = parameter[row.origin_date, row.variable, "intercept"]
        for lag in (1, 2):
            for name in changes.columns:
                coefficient = parameter[row.origin_date, row.variable, f"lag{lag}.{name}"]
                expected += coefficient * rows[days[today - lag + 1]][name]
        assert row.forecast == pytest.approx(expected, rel=1e-10, abs=1e-12)
        variance = parameter[row.origin_date, row.variable, f"covariance.{row.variable}"]
        assert row.standard_error == pytest.approx(math.sqrt(variance), rel=1e-12)
        if today + 1 < len(days):
            assert row.realised == rows[days[today + 1]][row.variable]
        else:
            assert math.isnan(row.realised)


def test_the_path_ahead_by_an_explicit_loop(fit, changes, forecasts):
    """Forecasts replace the unknown future; errors add up through the moving-average weights."""
    last = fit[fit["session_date"] == changes.index[-1]].pivot_table(
        index="equation", columns="parameter", values="value"
    )
    names = changes.columns.tolist()
    lag = [last.loc[names, [f"lag{n}.{name}" for name in names]].to_numpy() for n in (1, 2)]
    covariance = last.loc[names, [f"covariance.{name}" for name in names]].to_numpy()
    before, now = changes.to_numpy()[-2:]
    weights, spread = [np.eye(2)], np.zeros((2, 2))
    for step in range(1, HORIZON + 1):
        before, now = now, last.loc[names, "intercept"].to_numpy() + lag[0] @ now + lag[1] @ before
        spread = spread + weights[-1] @ covariance @ weights[-1].T
        weights.append(weights[-1] @ lag[0] + (weights[-2] @ lag[1] if len(weights) > 1 else 0))
        ahead = forecasts[(forecasts["origin_date"] == changes.index[-1]) & (forecasts["horizon"] == step)]
        assert ahead["variable"].tolist() == names
        np.testing.assert_allclose(ahead["forecast"], now, rtol=1e-10)
        np.testing.assert_allclose(ahead["standard_error"], np.sqrt(np.diag(spread)), rtol=1e-10)
        assert ahead["realised"].isna().all()


def test_keys_are_unique_and_only_the_last_origin_looks_ahead(forecasts, changes):
    assert not forecasts.duplicated(["origin_date", "variable", "horizon"]).any()
    assert forecasts.loc[forecasts["horizon"] > 1, "origin_date"].unique().tolist() == [changes.index[-1]]


def test_golden_forecast_of_a_tiny_model():
    """y = 1 + 0.5 y of the day before, innovation variance 4: 3, 2.5, 2.25 and errors 2, 2.236, 2.2913."""
    days = pd.bdate_range("2020-01-01", periods=2, name="session_date")
    changes = pd.DataFrame({"y": [2.0, 4.0]}, index=days)
    parts = [("lag1.y", 0.5), ("intercept", 1.0), ("covariance.y", 4.0)]
    fit = pd.DataFrame(
        [(day, "y", name, number) for day in days for name, number in parts],
        columns=["session_date", "equation", "parameter", "value"],
    )
    table = tvp_var_tables.forecast_table(fit, changes, horizon=3)
    assert table["forecast"].tolist() == [2.0, 3.0, 2.5, 2.25]
    assert table["horizon"].tolist() == [1, 1, 2, 3]
    assert table["realised"].tolist()[0] == 4.0
    np.testing.assert_allclose(table["standard_error"], [2.0, 2.0, math.sqrt(5), math.sqrt(5.25)])


DMA = {
    "target": "a",
    "lags": 2,
    "forgetting_factors": [0.97, 0.99],
    "model_forgetting": 0.99,
    "variance_decay": 0.94,
    "window_size": 40,
}


@pytest.fixture(scope="module")
def dma_fit(changes):
    return dma_tables.DmaTable(**DMA).fit(changes).rows


@pytest.fixture(scope="module")
def dma_forecasts(dma_fit, changes):
    return dma_tables.dma_forecast_table(dma_fit, changes, target="a")


def test_the_fit_of_averages_has_one_row_for_each_origin_and_parameter(dma_fit, changes):
    assert set(dma_fit.columns) == set(DmaFit.to_schema().columns)
    parameters = ["forecast", "variance", "expected_size"]
    parameters += [f"inclusion.lag{lag}.{name}" for lag in (1, 2) for name in ("b", "a")]
    assert dma_fit["parameter"].unique().tolist() == parameters
    # The first origin has two sessions behind it, and the prior's 40 forecasts are left out.
    assert dma_fit["origin_date"].unique().tolist() == changes.index[41:].tolist()
    assert len(dma_fit) == (140 - 41) * len(parameters)
    assert dma_fit["value"].notna().all()


def test_an_origin_forecasts_the_session_after_it(dma_fit, dma_forecasts, changes):
    assert set(dma_forecasts.columns) == set(DmaForecasts.to_schema().columns)
    rows = changes.to_numpy()
    model = DynamicModelAveraging(forgetting=[0.97, 0.99], observation_variance="ewma", ewma_decay=0.94, training=40)
    averaged = model.fit(rows[2:, 1], np.hstack([rows[1:-1], rows[:-2]]))
    ahead = model.forecast(np.concatenate([rows[-1], rows[-2]]))
    np.testing.assert_allclose(dma_forecasts["forecast"][:-1], averaged.forecast[40:], rtol=1e-12)
    np.testing.assert_allclose(dma_forecasts["forecast"].iloc[-1], ahead.mean, rtol=1e-9)
    np.testing.assert_allclose(dma_forecasts["standard_error"].iloc[-1] ** 2, ahead.variance, rtol=1e-9)
    np.testing.assert_array_equal(dma_forecasts["realised"], np.append(rows[42:, 1], np.nan))
    assert dma_forecasts["origin_date"].tolist() == changes.index[41:].tolist()


def test_averages_do_not_see_the_future(dma_fit, changes):
    past = dma_tables.DmaTable(**DMA).fit(changes.iloc[:100]).rows
    known = dma_fit[dma_fit["origin_date"] <= changes.index[99]].reset_index(drop=True)
    pd.testing.assert_frame_equal(past, known, check_exact=True)
