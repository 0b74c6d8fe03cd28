import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from atlas_assets.models.connectedness import connectedness


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
