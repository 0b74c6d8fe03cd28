"""Hidden Markov regimes: each recursion equals sums over all paths, the maximum is statsmodels', states are found."""

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from atlas_assets.clustering.regime_kernels import backward, baum_welch, forward, log_densities
from atlas_assets.clustering.regimes import (
    ConvergenceWarning,
    hidden_markov_filter,
    hidden_markov_regimes,
    hidden_markov_smoother,
)


def switching_rows(*, rows=900, seed=3):
    rng = np.random.default_rng(seed)
    state = np.zeros(rows, dtype=int)
    for t in range(1, rows):
        state[t] = state[t - 1] if rng.random() < (0.98, 0.95)[state[t - 1]] else 1 - state[t - 1]
    shocks = rng.normal(size=(rows, 2)) @ np.array([[1.0, 0.5], [0.0, 0.9]])
    return np.array([[0.0005, 0.0], [-0.001, -0.002]])[state] + np.array([0.007, 0.03])[state, None] * shocks, state


ROWS, STATE = switching_rows()
FITTED = hidden_markov_regimes(ROWS, training=600)


def log_joint(rows, parameters):
    """Log joint density of the rows and each path of states."""
    k, paths = len(parameters.mean), {}
    density = [multivariate_normal(parameters.mean[i], parameters.covariance[i]) for i in range(k)]
    with np.errstate(divide="ignore"):
        log_transition, log_initial = np.log(parameters.transition), np.log(parameters.initial)
    for path in product(range(k), repeat=len(rows)):
        total = log_initial[path[0]] + sum(log_transition[i, j] for i, j in pairwise(path))
        paths[path] = total + sum(density[i].logpdf(row) for i, row in zip(path, rows, strict=True))
    return paths


def log_oracle(rows, parameters):
    """Filter and smoother by the forward and backward recursions in logs."""
    k, n = len(parameters.mean), len(rows)
    with np.errstate(divide="ignore"):
        log_transition, log_initial = np.log(parameters.transition), np.log(parameters.initial)
    density = np.column_stack(
        [multivariate_normal(parameters.mean[i], parameters.covariance[i]).logpdf(rows) for i in range(k)]
    )
    alpha, beta = np.empty((n, k)), np.zeros((n, k))
    alpha[0] = log_initial + density[0]
    for t in range(1, n):
        alpha[t] = logsumexp(alpha[t - 1][:, None] + log_transition, axis=0) + density[t]
    for t in range(n - 2, -1, -1):
        beta[t] = logsumexp(log_transition + density[t + 1] + beta[t + 1], axis=1)
    filtered = np.exp(alpha - logsumexp(alpha, axis=1, keepdims=True))
    smoothed = np.exp(alpha + beta - logsumexp(alpha[-1]))
    return filtered, smoothed, logsumexp(alpha[-1]), (alpha, beta, density, log_transition)


def test_filter_smoother_and_likelihood_are_sums_over_all_paths():
    rows = ROWS[200:208]
    paths = log_joint(rows, FITTED.parameters)
    total = logsumexp(list(paths.values()))
    smoothed = np.zeros((8, 2))
    for path, value in paths.items():
        smoothed[np.arange(8), path] += np.exp(value - total)
    filtered, log_likelihood = hidden_markov_filter(rows, FITTED.parameters)
    assert_allclose(log_likelihood.sum(), total, rtol=1e-12)
    assert_allclose(hidden_markov_smoother(rows, FITTED.parameters), smoothed, atol=1e-12)
    assert_allclose(filtered[-1], smoothed[-1], atol=1e-12)


def test_recursions_equal_the_log_space_oracle():
    filtered, smoothed, total, _ = log_oracle(ROWS, FITTED.parameters)
    ours, log_likelihood = hidden_markov_filter(ROWS, FITTED.parameters)
    assert_allclose(ours, filtered, atol=1e-10)
    assert_allclose(log_likelihood.sum(), total, rtol=1e-12)
    assert_allclose(hidden_markov_smoother(ROWS, FITTED.parameters), smoothed, atol=1e-10)


@pytest.mark.parametrize("is_diagonal", [False, True])
def test_a_step_of_expectation_maximisation_equals_the_oracle(is_diagonal):
    rows = ROWS[:300] / ROWS[:300].std(axis=0)
    mean, covariance = np.array([[0.1, 0.0], [0.0, -0.2]]), np.array([np.eye(2) * 0.3, np.eye(2) * 2.0])
    transition, initial = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.6, 0.4])
    parameters = type(FITTED.parameters)(mean, covariance, transition, initial)
    _, smoothed, total, (alpha, beta, density, log_transition) = log_oracle(rows, parameters)
    moves = np.exp(alpha[:-1, :, None] + log_transition + (density + beta)[1:, None, :] - total).sum(axis=0)
    weight = smoothed.sum(axis=0)
    new_mean = smoothed.T @ rows / weight[:, None]
    error = rows[:, None] - new_mean
    new_covariance = np.einsum("ti,tia,tib->iab", smoothed, error, error) / weight[:, None, None]
    if is_diagonal:
        new_covariance *= np.eye(2)
    ours = baum_welch(rows, mean, covariance, transition, initial, is_diagonal, 1e-4, 1, 0.0)
    assert_allclose(ours[0], new_mean)
    assert_allclose(ours[1], new_covariance, atol=1e-14)
    assert_allclose(ours[2], moves / moves.sum(axis=1, keepdims=True))
    assert_allclose(ours[3], smoothed[0], atol=1e-14)
    filtered, predicted, _ = forward(log_densities(rows, mean, covariance), transition, initial)
    assert_allclose(backward(filtered, predicted, transition)[1], moves)


def test_every_step_raises_the_likelihood():
    rows = ROWS[:300] / ROWS[:300].std(axis=0)
    state = [np.array([[0.1, 0.0], [0.0, -0.2]]), np.array([np.eye(2) * 0.3, np.eye(2) * 2.0])]
    state += [np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.6, 0.4])]
    path = [baum_welch(rows, *state, False, 1e-4, steps, 0.0)[4] for steps in range(30)]
    assert (np.diff(path) > -1e-9).all()


def stationary(transition):
    return np.linalg.matrix_power(transition, 10_000)[0]


def test_likelihood_equals_statsmodels_at_the_same_parameters():
    parameters = FITTED.parameters
    one = type(parameters)(
        parameters.mean[:, :1].copy(),
        parameters.covariance[:, :1, :1].copy(),
        parameters.transition,
        stationary(parameters.transition),
    )
    theirs = MarkovRegression(ROWS[:, 0] * 100, k_regimes=2, switching_variance=True).filter(
        np.concatenate([one.transition[:, 0], one.mean[:, 0] * 100, one.covariance.ravel() * 1e4]), cov_type="none"
    )
    filtered, log_likelihood = hidden_markov_filter(ROWS[:, 0], one)
    assert_allclose(filtered, theirs.filtered_marginal_probabilities, atol=1e-9)
    assert_allclose(log_likelihood.sum() - len(ROWS) * np.log(100), theirs.llf, rtol=1e-10)
    smoothed = MarkovRegression(ROWS[:, 0] * 100, k_regimes=2, switching_variance=True).smooth(
        np.concatenate([one.transition[:, 0], one.mean[:, 0] * 100, one.covariance.ravel() * 1e4]), cov_type="none"
    )
    assert_allclose(hidden_markov_smoother(ROWS[:, 0], one), smoothed.smoothed_marginal_probabilities, atol=1e-8)


def test_the_maximum_is_that_of_statsmodels():
    ours = hidden_markov_regimes(ROWS[:, 0], training=len(ROWS))
    theirs = MarkovRegression(ROWS[:, 0] * 100, k_regimes=2, switching_variance=True).fit(disp=False)
    # Theirs begins in the stationary distribution, ours in the likeliest first state.
    gain = ours.log_likelihood - len(ROWS) * np.log(100) - theirs.llf
    assert -1e-6 < gain < -np.log(stationary(ours.parameters.transition).min())
    by_variance = np.argsort(theirs.params[-2:])
    assert_allclose(ours.parameters.covariance.ravel() * 1e4, theirs.params[-2:][by_variance], rtol=0.01)
    assert ours.converged


def test_states_are_found_and_ordered():
    assert FITTED.converged
    assert (FITTED.labels == STATE).mean() > 0.95
    variance = np.trace(FITTED.parameters.covariance, axis1=1, axis2=2)
    assert variance[0] < variance[1]
    by_mean = hidden_markov_regimes(ROWS * [-1, 1], training=600, order_by="mean").parameters
    assert by_mean.mean[0, 0] < by_mean.mean[1, 0]
    assert_allclose(FITTED.probabilities.sum(axis=1), 1.0)
    assert_allclose(FITTED.parameters.transition.sum(axis=1), 1.0)
    assert_array_equal(FITTED.in_sample, np.arange(len(ROWS)) < 600)
    assert_allclose(FITTED.scores[:600].sum(), FITTED.log_likelihood)


def test_diagonal_covariances_and_three_states():
    result = hidden_markov_regimes(ROWS, training=900, states=3, covariance="diagonal")
    variance = np.trace(result.parameters.covariance / np.outer(*[ROWS.std(axis=0)] * 2), axis1=1, axis2=2)
    assert (np.diff(variance) > 0).all()
    assert (result.parameters.covariance[:, 0, 1] == 0).all()
    assert result.parameters.transition.shape == (3, 3)


def test_units_and_the_order_of_series_do_not_matter():
    scaled = hidden_markov_regimes(ROWS[:, ::-1] * [10.0, 1e3], training=600)
    assert_allclose(scaled.probabilities, FITTED.probabilities, atol=1e-6)
    assert_allclose(scaled.parameters.transition, FITTED.parameters.transition, atol=1e-6)
    assert_allclose(scaled.log_likelihood, FITTED.log_likelihood - 600 * np.log(1e4), rtol=1e-9)


def test_missing_rows_are_skipped_and_the_same_input_gives_the_same_bits():
    gaps = np.insert(ROWS, [0, 700], [np.nan, 0.0], axis=0)
    result, present = hidden_markov_regimes(gaps, training=601), np.isfinite(gaps).all(axis=1)
    assert_array_equal(result.probabilities[present], FITTED.probabilities)
    assert np.isnan(result.probabilities[~present]).all()
    assert_array_equal(result.labels[~present], [-1, -1])


def test_a_crash_of_a_hundred_deviations_is_turbulent():
    shocked = ROWS.copy()
    shocked[800] = -0.9
    result = hidden_markov_regimes(shocked, training=600)
    assert np.isfinite(result.probabilities).all()
    assert result.labels[800] == 1
    assert result.scores[800] == result.scores.min()
    shocked[800] = 1e200
    assert np.isfinite(hidden_markov_regimes(shocked, training=600).probabilities).all()


def test_stale_prices_do_not_make_an_endless_likelihood():
    stale = np.random.default_rng(2).normal(size=400)
    stale[100:160] = 0.0
    result = hidden_markov_regimes(stale, training=400)
    assert np.isfinite(result.log_likelihood)
    assert (result.labels[101:159] == 0).all()


def test_a_fit_that_does_not_converge_warns_and_says_so():
    with pytest.warns(ConvergenceWarning, match="did not converge in 2 iterations"):
        assert not hidden_markov_regimes(ROWS, training=600, max_iterations=2).converged


def test_unusable_input_is_refused():
    for training in (0, 23, 901):
        with pytest.raises(ValueError, match="training sample of at least 24"):
            hidden_markov_regimes(ROWS, training=training)
    with pytest.raises(ValueError, match="constant"):
        hidden_markov_regimes(np.full(100, 0.01), training=100)
    with pytest.raises(ValueError, match="sum of others"):
        hidden_markov_regimes(np.column_stack([ROWS, ROWS.sum(axis=1)]), training=600)
    with pytest.raises(ValueError, match='covariance="spherical"'):
        hidden_markov_regimes(ROWS, training=600, covariance="spherical")
    with pytest.raises(ValueError, match="complete rows of 2 series"):
        hidden_markov_filter(ROWS[:, 0], FITTED.parameters)
