"""The tables of value at risk and its backtests, by loops over plain numbers."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist, fmean, stdev

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import ValueAtRisk, VarBacktests
from atlas_assets.risk_management import tables

WINDOW = 50
LEVELS = [0.05, 0.1]


def bars(symbol="A", sessions=121, seed=6):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "instrument_id": f"ins_{symbol}",
            "symbol": symbol,
            "session_date": pd.bdate_range("2020-01-01", periods=sessions),
            "close_total_return_adj": 100 * np.exp(np.cumsum(rng.standard_t(4, sessions) * 0.01)),
        }
    )


def value_at_risk(frame):
    return tables.value_at_risk(frame, window_size=WINDOW, tail_probabilities=LEVELS)


def quantile(sample, level):
    """Linear interpolation between order statistics."""
    ordered, place = sorted(sample), level * (len(sample) - 1)
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])


@pytest.fixture(scope="module")
def table():
    return value_at_risk(bars())


def test_columns_and_keys(table):
    assert set(table.columns) == set(ValueAtRisk.to_schema().columns)
    assert not table.duplicated(["instrument_id", "session_date", "method", "tail_probability"]).any()
    assert len(table) == (120 - WINDOW) * 2 * len(LEVELS)


def test_every_row_is_that_of_the_window_before_its_session(table):
    closes, days = bars()["close_total_return_adj"].tolist(), bars()["session_date"].tolist()
    returns = [math.log(after / before) for before, after in pairwise(closes)]
    for row in table.itertuples():
        today = days.index(row.session_date) - 1
        past = returns[today - WINDOW : today]
        if row.method == "historical":
            at_risk = quantile(past, row.tail_probability)
            shortfall = fmean(value for value in past if value <= at_risk)
        else:
            z = NormalDist().inv_cdf(row.tail_probability)
            at_risk = fmean(past) + z * stdev(past)
            shortfall = fmean(past) - stdev(past) * NormalDist().pdf(z) / row.tail_probability
        assert row.value_at_risk == pytest.approx(at_risk, rel=1e-9)
        assert row.expected_shortfall == pytest.approx(shortfall, rel=1e-9)
        assert row.log_return == pytest.approx(returns[today], rel=1e-12)
        assert row.is_breach == (returns[today] < at_risk)


@pytest.mark.parametrize("cut", [60, 90, 120])
def test_the_future_is_not_seen(table, cut):
    past = value_at_risk(bars().iloc[:cut])
    known = table[table["session_date"] <= bars()["session_date"].iloc[cut - 1]]
    pd.testing.assert_frame_equal(past, known.reset_index(drop=True), check_exact=True)


def test_a_sessions_own_return_does_not_change_its_value_at_risk(table):
    crash = bars()
    crash.loc[120, "close_total_return_adj"] /= 2
    changed = value_at_risk(crash)
    columns = ["value_at_risk", "expected_shortfall"]
    pd.testing.assert_frame_equal(changed[columns], table[columns], check_exact=True)
    assert changed.loc[changed["session_date"] == crash["session_date"].iloc[-1], "is_breach"].all()


def test_rows_of_two_instruments_do_not_mix():
    both = value_at_risk(pd.concat([bars("B", seed=7), bars("A")]).sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(both[both["symbol"] == "A"].reset_index(drop=True), value_at_risk(bars("A")))


def test_short_histories_are_left_out():
    both = value_at_risk(pd.concat([bars("A"), bars("B", sessions=WINDOW + 1)]))
    assert both["symbol"].unique().tolist() == ["A"]


def likelihood_ratio(breaches, observations, level):
    def log_likelihood(p):
        kept, lost = observations - breaches, breaches
        return (kept * math.log(1 - p) if kept else 0.0) + (lost * math.log(p) if lost else 0.0)

    return 2 * (log_likelihood(breaches / observations) - log_likelihood(level))


def test_backtests_count_breaches_and_judge_them_by_kupiec(table):
    tested = tables.var_backtests(table)
    assert set(tested.columns) == set(VarBacktests.to_schema().columns)
    assert len(tested) == 2 * len(LEVELS)
    for row in tested.itertuples():
        series = table[(table["method"] == row.method) & (table["tail_probability"] == row.tail_probability)]
        assert row.observations == len(series) == 70
        assert row.breaches == sum(series["is_breach"])
        assert row.expected_breaches == pytest.approx(70 * row.tail_probability)
        statistic = likelihood_ratio(row.breaches, row.observations, row.tail_probability)
        assert row.kupiec_statistic == pytest.approx(statistic, rel=1e-9)
        # The chi-squared distribution with one degree of freedom is that of a squared normal.
        assert row.kupiec_p_value == pytest.approx(math.erfc(math.sqrt(statistic / 2)), rel=1e-9)


def test_golden_kupiec():
    """Ten breaches in 250 days at 1 %: LR = 12.9555, as computed from the likelihood above with p = 0.04."""
    rows = pd.DataFrame(
        {
            "instrument_id": "ins_A",
            "symbol": "A",
            "method": "historical",
            "tail_probability": 0.01,
            "log_return": [-0.03] * 10 + [0.0] * 240,
            "value_at_risk": -0.02,
        }
    )
    (row,) = tables.var_backtests(rows).itertuples()
    assert (row.observations, row.breaches, row.expected_breaches) == (250, 10, 2.5)
    assert row.kupiec_statistic == pytest.approx(12.9555, abs=5e-5)
