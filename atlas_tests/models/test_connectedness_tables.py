"""The table of connectedness: what the VAR of each session says, and nothing of later ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from atlas_assets.contracts.gold import Connectedness
from atlas_assets.models import connectedness_tables, tables
from atlas_assets.models.connectedness import connectedness

NAMES = ["b", "a", "c"]  # in no order of the alphabet
OPTIONS = {"variables": NAMES, "horizon": 5, "method": "generalized"}


def changes(sessions=120, seed=4):
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 0.01, (sessions, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.3], [0, 0, 1]])
    index = pd.bdate_range("2020-01-06", periods=sessions, name="session_date")
    return pd.DataFrame(rows, index=index, columns=NAMES)


def fit_of(frame):
    return tables.fit_table(frame, lags=2, forgetting_factor=0.99, covariance_decay=0.96, window_size=60)


def table_of(fit, **options):
    return connectedness_tables.connectedness_table(fit, **OPTIONS | options)


def at(table, session, variable, counterpart):
    chosen = (table["session_date"] == session) & (table["variable"] == variable)
    (row,) = table[chosen & (table["counterpart"] == counterpart)].itertuples()
    return row


@pytest.fixture(scope="module")
def fit():
    return fit_of(changes())


@pytest.fixture(scope="module")
def table(fit):
    return table_of(fit)


def test_it_keeps_the_contract(table):
    Connectedness.validate(table)
    assert len(table) == 60 * 3 * 3  # two other variables, and both together


@pytest.mark.parametrize("method", ["generalized", "cholesky"])
def test_every_session_is_the_decomposition_of_its_own_var(fit, method):
    table = table_of(fit, method=method)
    by_key = fit.set_index(["session_date", "equation", "parameter"])["value"]
    for session in fit["session_date"].unique()[[0, 17, 59]]:
        lagged = [f"lag{lag}.{name}" for lag in (1, 2) for name in NAMES]
        a = [[by_key[session, equation, name] for name in lagged] for equation in NAMES]
        sigma = [[by_key[session, equation, f"covariance.{name}"] for name in NAMES] for equation in NAMES]
        said = connectedness(a, sigma, horizon=5, method=method)
        for i, variable in enumerate(NAMES):
            for j, counterpart in enumerate(NAMES):
                if i != j:
                    row = at(table, session, variable, counterpart)
                    assert row.received == pytest.approx(said.table[i, j], rel=1e-12)
                    assert row.transmitted == pytest.approx(said.table[j, i], rel=1e-12)
            row = at(table, session, variable, "others")
            assert row.received == pytest.approx(said.from_others[i], rel=1e-12)
            assert row.transmitted == pytest.approx(said.to[i], rel=1e-12)
            assert row.total == pytest.approx(float(said.total), rel=1e-12)


def test_golden_numbers_of_two_correlated_shocks():
    """Without lags the share is the squared correlation, scaled to a row sum of one: 0.25 / 1.25 for 0.5."""
    values = {"lag1.x": 0.0, "lag1.y": 0.0, "intercept": 0.0}
    rows = [
        {"session_date": pd.Timestamp("2020-01-06"), "equation": equation, "parameter": parameter, "value": value}
        for equation, variances in {"x": (4.0, 3.0), "y": (3.0, 9.0)}.items()
        for parameter, value in {
            **values,
            **dict(zip(("covariance.x", "covariance.y"), variances, strict=True)),
        }.items()
    ]
    table = table_of(pd.DataFrame(rows), variables=["x", "y"])
    assert table["received"].tolist() == pytest.approx([20.0] * 4)
    assert table["total"].tolist() == pytest.approx([20.0] * 4)
    assert table["net"].tolist() == pytest.approx([0.0] * 4, abs=1e-12)


def test_pairs_add_up_to_the_others_and_nets_to_nothing(table):
    together = table[table["counterpart"] == "others"].set_index(["session_date", "variable"])
    pairs = table[table["counterpart"] != "others"].groupby(["session_date", "variable"])
    for name in ("transmitted", "received", "net"):
        pd.testing.assert_series_equal(pairs[name].sum(), together[name].sort_index(), rtol=1e-12, atol=1e-12)
    assert together.groupby("session_date")["net"].sum().abs().max() < 1e-10
    means = together.groupby("session_date")["received"].mean()
    pd.testing.assert_series_equal(means, together.groupby("session_date")["total"].first(), check_names=False)


def test_neither_the_order_of_rows_nor_that_of_the_variables_matters(fit, table):
    shuffled = table_of(fit.sample(frac=1, random_state=1), variables=sorted(NAMES))
    keys = ["session_date", "variable", "counterpart"]
    pd.testing.assert_frame_equal(
        shuffled.sort_values(keys, ignore_index=True), table.sort_values(keys, ignore_index=True), rtol=1e-12
    )


@pytest.mark.parametrize("cut", [61, 90, 119])
def test_the_future_is_not_seen(table, cut):
    past = table_of(fit_of(changes().iloc[:cut]))
    known = table[table["session_date"] <= changes().index[cut - 1]]
    pd.testing.assert_frame_equal(past, known.reset_index(drop=True), check_exact=True)


@pytest.mark.parametrize("variables", [["a", "b"], ["a", "b", "d"], ["a"]])
def test_other_variables_than_those_of_the_fit_are_refused(fit, variables):
    with pytest.raises(ValueError, match="needs two variables or more, those of the fit"):
        table_of(fit, variables=variables)
