import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.models.connectedness import connectedness, rolling_connectedness


def random_var(seed, *, n=3, lags=2):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n)) + 2 * np.eye(n)
    return rng.uniform(-0.3, 0.3, (n, n * lags)), root @ root.T


def oracle(coefficients, covariance, horizon):
    n = len(covariance)
    phi = [np.eye(n)]
    for h in range(1, horizon):
        phi.append(
            sum(coefficients[:, k * n : k * n + n] @ phi[h - 1 - k] for k in range(len(coefficients[0]) // n) if k < h)
        )
    share = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            numerator = sum((p @ covariance)[i, j] ** 2 for p in phi) / covariance[j, j]
            share[i, j] = numerator / sum((p @ covariance @ p.T)[i, i] for p in phi)
    return 100 * share / share.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("horizon", [1, 2, 10])
def test_equals_the_cell_by_cell_oracle(horizon):
    a, sigma = random_var(1)
    assert_allclose(connectedness(a, sigma, horizon=horizon).table, oracle(a, sigma, horizon), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), method=st.sampled_from(["generalized", "cholesky"]))
def test_identities(seed, method):
    a, sigma = random_var(seed)
    result = connectedness(a, sigma, method=method)
    assert (result.table >= 0).all()
    assert_allclose(result.table.sum(axis=1), 100.0)
    assert_allclose(result.net.sum(), 0.0, atol=1e-10)
    assert_allclose(result.total, result.to.mean())
    assert 0 <= result.total <= 100
    # The unit of a variable does not matter.
    unit = np.diag([1.0, 10.0, 0.01])
    scaled = unit @ a @ np.kron(np.eye(2), np.linalg.inv(unit))
    assert_allclose(
        connectedness(scaled, unit @ sigma @ unit, method=method).table, result.table, rtol=1e-8, atol=1e-12
    )


def test_the_order_of_variables_matters_to_cholesky_only():
    a, sigma = random_var(4, lags=1)
    order = [2, 0, 1]
    shuffled = a[np.ix_(order, order)], sigma[np.ix_(order, order)]
    expected = connectedness(a, sigma).table[np.ix_(order, order)]
    assert_allclose(connectedness(*shuffled).table, expected)
    cholesky = connectedness(a, sigma, method="cholesky").table[np.ix_(order, order)]
    assert not np.allclose(connectedness(*shuffled, method="cholesky").table, cholesky)


def test_unconnected_variables_have_no_connectedness():
    result = connectedness(0.5 * np.eye(3), np.diag([1.0, 2.0, 3.0]))
    assert_allclose(result.table, 100 * np.eye(3))
    assert result.total == 0


def test_a_batch_is_its_members():
    members = [random_var(seed) for seed in range(4)]
    batch = connectedness(*(np.array(part) for part in zip(*members, strict=True)))
    for k, (a, sigma) in enumerate(members):
        alone = connectedness(a, sigma)
        assert_allclose(batch.table[k], alone.table, rtol=1e-13)
        assert_allclose(batch.net[k], alone.net, atol=1e-12)
    assert batch.total.shape == (4,)


def test_usage_errors_are_sentences():
    a, sigma = random_var(0)
    with pytest.raises(ValueError, match="leave the intercept out"):
        connectedness(np.hstack([a, np.ones((3, 1))]), sigma)
    with pytest.raises(ValueError, match="horizon >= 1"):
        connectedness(a, sigma, horizon=0)
    for nothing in (1.0, [1.0], np.zeros((0, 0))):
        with pytest.raises(ValueError, match="needs coefficients"):
            connectedness(nothing, nothing)
    with pytest.raises(ValueError, match="positive definite"):
        connectedness(a, -sigma, method="cholesky")


@pytest.mark.parametrize("method", ["generalized", "cholesky"])
def test_missing_values_stay_in_their_date(method):
    members = [random_var(seed) for seed in range(3)]
    a, sigma = (np.array(part) for part in zip(*members, strict=True))
    sigma[1] = np.nan
    batch = connectedness(a, sigma, method=method)
    assert np.isnan(batch.table[1]).all()
    assert_array_equal(batch.table[2], connectedness(*members[2], method=method).table)
    assert np.isnan(connectedness(a[1], sigma[1], method=method).total)


def simulate(*, rows=120, variables=3, seed=5):
    rng = np.random.default_rng(seed)
    y = np.zeros((rows, variables))
    for t in range(1, rows):
        y[t] = 0.5 + 0.6 * y[t - 1] + 0.2 * y[t - 1, ::-1] + rng.normal(size=variables)
    return y


def least_squares(y, *, lags, intercept=True):
    """Coefficients (n, n * lags) and covariance of one VAR; standardised first, so that scale costs no digits."""
    level, unit = (y.mean(axis=0) if intercept else np.zeros(y.shape[1])), y.std(axis=0)
    z = (y - level) / unit
    ones = np.ones((len(z) - lags, int(intercept)))
    x = np.hstack([*(z[lags - lag : len(z) - lag] for lag in range(1, lags + 1)), ones])
    slopes = np.linalg.lstsq(x, z[lags:], rcond=None)[0]
    residuals = (z[lags:] - x @ slopes) * unit
    coefficients = slopes[: lags * len(unit)].T * unit[:, None] / np.tile(unit, lags)
    return coefficients, residuals.T @ residuals / len(x)


def rolling_oracle(y, *, window, lags, horizon, intercept=True, method="generalized"):
    """The table of each date, window by window."""
    tables = np.full((len(y), y.shape[1], y.shape[1]), np.nan)
    for last in range(window - 1, len(y)):
        a, sigma = least_squares(y[last + 1 - window : last + 1], lags=lags, intercept=intercept)
        tables[last] = connectedness(a, sigma, horizon=horizon, method=method).table
    return tables


@pytest.mark.parametrize("lags", [1, 2, 4])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("method", ["generalized", "cholesky"])
def test_rolling_equals_least_squares_window_by_window(lags, intercept, method):
    options = {"window": 50, "lags": lags, "horizon": 7, "intercept": intercept, "method": method}
    result = rolling_connectedness(simulate(), **options)
    expected = rolling_oracle(simulate(), **options)
    assert_allclose(result.table, expected, rtol=1e-9)
    assert np.isnan(result.total[:49]).all()
    assert np.isfinite(result.total[49:]).all()
    own = np.diagonal(expected, axis1=1, axis2=2)
    assert_allclose(result.total, (100 - own).mean(axis=1), rtol=1e-9)
    assert_allclose(result.net, expected.sum(axis=1) - 100, atol=1e-9)
    assert_allclose(result.to - result.from_others, result.net, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    powers=st.lists(st.integers(-9, 9), min_size=3, max_size=3),
    level=st.sampled_from([0.0, 10.0, 1e4]),
)
def test_rolling_stands_badly_scaled_variables(seed, powers, level):
    y = (simulate(seed=seed, rows=70) + level) * 10.0 ** np.array(powers)
    result = rolling_connectedness(y, window=60, lags=2, horizon=10)
    assert_allclose(result.table, rolling_oracle(y, window=60, lags=2, horizon=10), rtol=1e-9, atol=1e-10)


def test_rolling_stands_variables_that_nearly_move_together():
    y = simulate(rows=150)
    y[:, 1] = y[:, 0] + 1e-2 * y[:, 1]
    y = np.cumsum(y, axis=0)
    result = rolling_connectedness(y, window=100, lags=3, horizon=5)
    assert_allclose(result.table, rolling_oracle(y, window=100, lags=3, horizon=5), rtol=1e-8, atol=1e-8)


def test_rolling_of_fifty_variables():
    y = np.random.default_rng(6).normal(size=(162, 50))
    result = rolling_connectedness(y, window=160, lags=2, horizon=10)
    assert_allclose(result.table[159:], rolling_oracle(y, window=160, lags=2, horizon=10)[159:], rtol=1e-9)


def test_rolling_does_not_depend_on_other_dates_or_the_order_of_variables():
    y = simulate()
    complete = rolling_connectedness(y, window=40, lags=2)
    for name, values in vars(rolling_connectedness(y[30:90], window=40, lags=2)).items():
        assert_array_equal(values[39:], getattr(complete, name)[69:90])
    order = [2, 0, 1]
    shuffled = rolling_connectedness(y[:, order], window=40, lags=2)
    assert_allclose(shuffled.table, complete.table[:, order][:, :, order], rtol=1e-9)


def test_a_window_in_which_a_variable_stands_still_is_unknown():
    y = simulate()
    y[20:70, 1] = 3.7
    total = rolling_connectedness(y, window=40, lags=1).total
    assert_array_equal(np.flatnonzero(np.isnan(total)), [*range(39), *range(58, 71)])
    twice = simulate()
    twice[:, 2] = 2 * twice[:, 0] - 1
    assert np.isnan(rolling_connectedness(twice, window=40, lags=1).total).all()


def test_rolling_usage_errors_are_sentences():
    y = simulate()
    with pytest.raises(ValueError, match="window from 10 to the number of rows, 120, not 9"):
        rolling_connectedness(y, window=9, lags=2)
    with pytest.raises(ValueError, match="not 121"):
        rolling_connectedness(y, window=121, lags=2)
    with pytest.raises(ValueError, match="at least one lag"):
        rolling_connectedness(y, window=40, lags=0)
    with pytest.raises(ValueError, match="horizon >= 1"):
        rolling_connectedness(y, window=40, lags=1, horizon=0)
    with pytest.raises(ValueError, match="2-d array"):
        rolling_connectedness(y[:, 0], window=40, lags=1)
    y[7, 1] = np.nan
    with pytest.raises(ValueError, match="row 7 has a missing"):
        rolling_connectedness(y, window=40, lags=1)


@pytest.mark.recorded
def test_reproduces_diebold_and_yilmaz_2012(quant):
    # Diebold & Yilmaz (2012), table 2: total spillover 12.6 %, VAR(4), H = 10; digits by the R package.
    y = pd.read_csv(quant / "conn_dy2012.csv").iloc[:, 1:].to_numpy()
    x = np.hstack([*(y[4 - lag : len(y) - lag] for lag in range(1, 5)), np.ones((len(y) - 4, 1))])
    slopes = np.linalg.lstsq(x, y[4:], rcond=None)[0]
    residuals = y[4:] - x @ slopes
    result = connectedness(slopes[:-1].T, residuals.T @ residuals / len(x), horizon=10)
    assert_allclose(result.total, 12.592113069702, atol=1e-10)
    assert_allclose(result.table[0], [88.76, 7.29, 0.35, 3.61], atol=5e-3)
    assert_allclose(result.net, [5.13, -0.54, -1.69, -2.90], atol=5e-3)
    # One window of all rows is the static table.
    rolling = rolling_connectedness(y, window=len(y), lags=4, horizon=10)
    assert_allclose(rolling.total[-1], 12.592113069702, atol=1e-9)
    assert_allclose(rolling.table[-1], result.table, atol=1e-9)


@pytest.mark.recorded
def test_rolling_windows_of_diebold_and_yilmaz_2012(quant):
    # Figure 2 of the paper: 200-day windows, VAR(4), H = 10.
    y = pd.read_csv(quant / "conn_dy2012.csv").iloc[:600, 1:].to_numpy()
    result = rolling_connectedness(y, window=200, lags=4, horizon=10)
    assert_allclose(result.table, rolling_oracle(y, window=200, lags=4, horizon=10), rtol=1e-9, atol=1e-10)
