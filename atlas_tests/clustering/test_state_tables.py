"""The table of states: a planted market is found again by fits that end before their rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.clustering import state_tables as tables
from atlas_assets.clustering.regimes import change_points, hidden_markov_filter, hidden_markov_regimes
from atlas_assets.contracts.gold import MarketStates

OPTIONS = {
    "symbols": ["A"],
    "states": 2,
    "window_size": 400,
    "refit_sessions": 150,
    "expected_run_length": 200.0,
    "recent_sessions": 10,
    "change_threshold": 0.5,
}
SESSIONS = 901
TURBULENT = (np.arange(SESSIONS - 1) // 100) % 2 == 1


def bars(symbol="A", sessions=SESSIONS, seed=4):
    rng = np.random.default_rng(seed)
    returns = np.append(0.0, rng.normal(0.0005, np.where(TURBULENT, 0.03, 0.005)))[:sessions]
    return pd.DataFrame(
        {
            "instrument_id": f"ins_{symbol}",
            "symbol": symbol,
            "session_date": pd.bdate_range("2015-01-01", periods=sessions),
            "close_total_return_adj": 100 * np.exp(np.cumsum(returns)),
        }
    )


RETURNS = np.diff(np.log(bars()["close_total_return_adj"].to_numpy()))


@pytest.fixture(scope="module")
def table():
    return tables.market_states(bars(), **OPTIONS)


def test_columns_and_rows_keep_the_contract(table):
    assert set(table.columns) == set(MarketStates.to_schema().columns)
    MarketStates.validate(table)
    assert table["session_date"].tolist() == bars()["session_date"].tolist()[401:]


def test_planted_states_and_changes_are_found(table):
    truth = TURBULENT[400:]
    assert ((table["regime"] == "turbulent").to_numpy() == truth).mean() > 0.95
    told = np.flatnonzero(table["is_change_point"])
    began = np.flatnonzero(np.diff(truth.astype(int), prepend=0))
    # Each change is told within some sessions, rises of the variance at once, and hardly anything else is.
    late = [min((day - change for day in told if day >= change), default=999) for change in began]
    assert max(late) <= 20
    assert len(told) <= len(began) + 1


def test_probabilities_are_the_filter_with_parameters_of_the_window_before(table):
    fitted = hidden_markov_regimes(RETURNS[150:550], training=400)
    filtered, density = hidden_markov_filter(RETURNS[150:700], fitted.parameters)
    rows = table.iloc[150:300]
    assert rows["fitted_until"].unique().tolist() == [bars()["session_date"][550]]
    assert_array_equal(rows["turbulent_probability"], filtered[400:, 1])
    assert_array_equal(rows["log_predictive_density"], density[400:])
    next_state = filtered[400:] @ fitted.parameters.transition
    mean, variance = fitted.parameters.mean[:, 0], fitted.parameters.covariance[:, 0, 0]
    expected = np.sqrt(next_state @ (variance + mean**2) - (next_state @ mean) ** 2) * np.sqrt(252)
    assert_allclose(rows["expected_volatility_ann"], expected, rtol=1e-12)


def test_change_points_are_those_of_the_package(table):
    found = change_points(RETURNS, expected_run_length=200)
    assert_array_equal(table["change_probability"], found.probabilities[400:])
    assert_array_equal(table["run_length"], found.run_length[400:])
    sessions = bars()["session_date"].to_numpy()[1:]
    assert (table["segment_start"] == sessions[np.arange(400, 900) - found.run_length[400:] + 1]).all()


def test_short_histories_and_other_symbols_are_left_out():
    others = [bars("A"), bars("B", sessions=300), bars("C", seed=5)]
    table = tables.market_states(pd.concat(others), **OPTIONS | {"symbols": ["A", "B"]})
    assert table["symbol"].unique().tolist() == ["A"]


def test_no_history_long_enough_is_said_in_words():
    with pytest.raises(ValueError, match="Market states need more than 401 sessions of A: load more history"):
        tables.market_states(bars(sessions=50), **OPTIONS)
