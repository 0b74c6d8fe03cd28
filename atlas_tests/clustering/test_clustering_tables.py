"""The table of regimes: a filter run by hand, and nothing from the future after training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from atlas_assets.clustering import tables
from atlas_assets.clustering.regimes import markov_regimes
from atlas_assets.contracts.gold import Regimes

WINDOW = 400
SESSIONS = 601


def bars(symbol="A", sessions=SESSIONS, seed=4):
    rng = np.random.default_rng(seed)
    turbulent = (np.arange(sessions) // 100) % 2 == 1
    returns = rng.normal(0.0005, np.where(turbulent, 0.03, 0.005))
    return pd.DataFrame(
        {
            "instrument_id": f"ins_{symbol}",
            "symbol": symbol,
            "session_date": pd.bdate_range("2015-01-01", periods=sessions),
            "close_total_return_adj": 100 * np.exp(np.cumsum(returns)),
        }
    )


@pytest.fixture(scope="module")
def table():
    return tables.regimes(bars(), symbols=["A"], window_size=WINDOW)


def test_columns_and_rows(table):
    assert set(table.columns) == set(Regimes.to_schema().columns)
    assert table["session_date"].tolist() == bars()["session_date"].tolist()[1:]
    assert table["in_sample"].tolist() == [row < WINDOW for row in range(SESSIONS - 1)]
    assert set(table["regime"]) == {"calm", "turbulent"}
    assert ((table["turbulent_probability"] > 0.5) == (table["regime"] == "turbulent")).all()


def test_the_turbulent_stretches_are_found(table):
    truth = (np.arange(SESSIONS) // 100) % 2 == 1
    assert ((table["regime"] == "turbulent").to_numpy() == truth[1:]).mean() > 0.95


def test_probabilities_are_hamiltons_filter_by_hand(table):
    returns = table["log_return"].tolist()
    fitted = markov_regimes(np.array(returns), training=WINDOW).parameters
    (stay, leave), (back, remain) = fitted.transition
    turbulent = leave / (leave + back)
    for row, value in enumerate(returns):
        if row:
            turbulent = (1 - turbulent) * leave + turbulent * remain
        calm_density, turbulent_density = (
            norm.pdf(value, mean, variance**0.5) for mean, variance in zip(fitted.mean, fitted.variance, strict=True)
        )
        joint = turbulent * turbulent_density
        turbulent = joint / (joint + (1 - turbulent) * calm_density)
        assert table["turbulent_probability"].iloc[row] == pytest.approx(turbulent, abs=1e-7), row
    assert stay + leave == pytest.approx(1)


@pytest.mark.parametrize("cut", [WINDOW + 2, 500, 600])
def test_after_training_the_future_is_not_seen(table, cut):
    past = tables.regimes(bars().iloc[:cut], symbols=["A"], window_size=WINDOW)
    pd.testing.assert_frame_equal(past, table.iloc[: cut - 1], check_exact=True)


def test_short_histories_and_other_symbols_are_left_out():
    others = [bars("A"), bars("B", sessions=WINDOW), bars("C", seed=5)]
    table = tables.regimes(pd.concat(others), symbols=["A", "B"], window_size=WINDOW)
    assert table["symbol"].unique().tolist() == ["A"]


def test_no_history_long_enough_is_said_in_words():
    with pytest.raises(ValueError, match="Regimes need more than 401 sessions of A: load more history"):
        tables.regimes(bars(sessions=50), symbols=["A"], window_size=WINDOW)
