import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from statsmodels.tsa.regime_switching.markov_autoregression import MarkovAutoregression
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from atlas_assets.clustering.regimes import (
    ConvergenceWarning,
    OnlineMarkovRegimes,
    RegimeParameters,
    hamilton_filter,
    markov_regimes,
)


def switching_returns(*, rows=700, seed=3):
    rng = np.random.default_rng(seed)
    state = np.zeros(rows, dtype=int)
    for t in range(1, rows):
        state[t] = state[t - 1] if rng.random() < (0.98, 0.95)[state[t - 1]] else 1 - state[t - 1]
    return np.where(state == 1, rng.normal(-0.001, 0.03, rows), rng.normal(0.0005, 0.007, rows)), state


RETURNS, STATE = switching_returns()
FITTED = markov_regimes(RETURNS, training=500)


def recursion(returns, parameters):
    """Hamilton's filter in plain probabilities."""
    transition = parameters.transition
    predicted = np.linalg.matrix_power(transition, 10_000)[0]
    rows, log_likelihood = [], []
    for r in returns:
        joint = predicted * norm.pdf(r, parameters.mean, np.sqrt(parameters.variance))
        log_likelihood.append(np.log(joint.sum()))
        rows.append(joint / joint.sum())
        predicted = rows[-1] @ transition
    return np.array(rows), np.array(log_likelihood)


def test_filter_and_likelihood_equal_the_plain_recursion():
    probabilities, log_likelihood = recursion(RETURNS, FITTED.parameters)
    assert_allclose(FITTED.probabilities, probabilities, atol=1e-11)
    assert_allclose(FITTED.log_likelihood, log_likelihood[:500].sum(), rtol=1e-12)


@pytest.mark.parametrize(("order", "switching_variance"), [(0, True), (1, True), (1, False), (3, False)])
def test_filter_equals_statsmodels(order, switching_variance):
    variance = [0.5, 9.0] if switching_variance else [2.0, 2.0]
    autoregression = np.array([0.3, -0.2, 0.1])[:order]
    transition = np.array([[0.95, 0.05], [0.1, 0.9]])
    parameters = RegimeParameters(np.array([0.1, -0.2]), np.array(variance), transition, autoregression)
    options = {"order": order, "switching_ar": False} if order else {}
    model = MarkovAutoregression if order else MarkovRegression
    theirs = model(RETURNS * 100, k_regimes=2, switching_variance=switching_variance, **options).filter(
        np.concatenate([[0.95, 0.1], parameters.mean, variance[: 1 + switching_variance], autoregression]),
        cov_type="none",
    )
    probabilities, log_likelihood = hamilton_filter(RETURNS * 100, parameters)
    assert_allclose(probabilities, theirs.filtered_marginal_probabilities, atol=1e-10)
    assert_allclose(log_likelihood.sum(), theirs.llf, rtol=1e-10)


def test_a_crash_of_a_hundred_deviations_is_turbulent():
    shocked = RETURNS.copy()
    shocked[600] = -0.7
    result = markov_regimes(shocked, training=500)
    assert np.isfinite(result.probabilities).all()
    assert result.labels[600] == 1
    assert_array_equal(result.probabilities[:600], FITTED.probabilities[:600])


def test_a_return_of_any_size_leaves_finite_probabilities():
    shocked = RETURNS.copy()
    shocked[600] = 1e200
    assert np.isfinite(markov_regimes(shocked, training=500).probabilities).all()


def test_states_are_found_and_ordered_by_variance():
    assert FITTED.converged
    assert FITTED.parameters.variance[0] < FITTED.parameters.variance[1]
    assert_allclose(np.sqrt(FITTED.parameters.variance), [0.007, 0.03], rtol=0.15)
    assert (FITTED.labels == STATE).mean() > 0.93
    assert_allclose(FITTED.probabilities.sum(axis=1), 1.0)
    assert_allclose(FITTED.parameters.transition.sum(axis=1), 1.0)
    assert_array_equal(FITTED.in_sample, np.arange(700) < 500)


def test_three_states_are_ordered_too():
    parameters = markov_regimes(RETURNS, training=700, states=3).parameters
    assert (np.diff(parameters.variance) > 0).all()
    assert parameters.transition.shape == (3, 3)


def test_the_unit_of_returns_does_not_matter():
    percent = markov_regimes(RETURNS * 100, training=500)
    assert_allclose(percent.probabilities, FITTED.probabilities, atol=1e-9)
    assert_allclose(percent.parameters.variance, FITTED.parameters.variance * 1e4, rtol=1e-6)
    assert_allclose(percent.log_likelihood, FITTED.log_likelihood - 500 * np.log(100))


def test_the_same_input_gives_the_same_bits():
    assert_array_equal(markov_regimes(RETURNS, training=500).probabilities, FITTED.probabilities)


def test_missing_returns_are_skipped():
    gaps = np.insert(RETURNS, [0, 600, 600], np.nan)
    result = markov_regimes(gaps, training=501)
    present = np.isfinite(gaps)
    assert_array_equal(result.probabilities[present], FITTED.probabilities)
    assert np.isnan(result.probabilities[~present]).all()
    assert (result.labels[~present] == -1).all()


def test_a_fit_that_does_not_converge_warns_and_says_so():
    with pytest.warns(ConvergenceWarning, match="did not converge in 1 iterations"):
        result = markov_regimes(RETURNS, training=500, max_iterations=1)
    assert not result.converged


@pytest.mark.parametrize("training", [0, 19, 701])
def test_an_unusable_training_sample_is_refused(training):
    with pytest.raises(ValueError, match="training sample of at least 20"):
        markov_regimes(RETURNS, training=training)


def test_a_constant_training_sample_is_refused():
    with pytest.raises(ValueError, match="constant"):
        markov_regimes(np.full(100, 0.01), training=100)


def test_a_switching_variance_with_several_lags_is_refused():
    with pytest.raises(ValueError, match="order is at most 1"):
        markov_regimes(RETURNS, training=500, order=2)


def test_what_is_no_series_or_of_other_states_is_refused():
    with pytest.raises(ValueError, match=r"1-d series, not an array of shape \(700, 1\)"):
        markov_regimes(RETURNS[:, None], training=500)
    for states, order in ((1, 0), (2, -1)):
        with pytest.raises(ValueError, match=f"not {states} and {order}"):
            markov_regimes(RETURNS, training=500, states=states, order=order)
    with pytest.raises(ValueError, match="3 states and order 0 need parameters of as many, not of 2 and 0"):
        markov_regimes(RETURNS, training=500, states=3, parameters=FITTED.parameters)
    with pytest.raises(ValueError, match=r"without gaps, .* 1 missing"):
        hamilton_filter(np.append(RETURNS, np.nan), FITTED.parameters)


def test_known_parameters_are_taken():
    model = OnlineMarkovRegimes()
    result = model.fit(RETURNS, training=500, parameters=FITTED.parameters)
    assert_array_equal(result.probabilities, FITTED.probabilities)
    assert result.log_likelihood == FITTED.log_likelihood


@pytest.mark.recorded
def test_reproduces_hamilton_1989(quant):
    # Hamilton (1989), table I: US GNP growth, 1951Q2-1984Q4, MS(2)-AR(4) with a common variance.
    growth = pd.read_csv(quant / "hamilton1989_rgnp.csv")["rgnp_growth"]
    result = markov_regimes(growth, training=len(growth), order=4, switching_variance=False)
    assert_allclose(result.log_likelihood, -181.26339, atol=1e-4)
    assert_allclose(result.parameters.mean, [-0.358811, 1.163516], atol=1e-4)
    assert_allclose(result.parameters.transition[:, 0], [0.754673, 0.095915], atol=1e-4)
    assert_allclose(result.parameters.autoregression, [0.013486, -0.057521, -0.246983, -0.212923], atol=1e-4)
    assert np.isnan(result.probabilities[:4]).all()
