import numpy as np
import pytest
from numpy.testing import assert_allclose

from atlas_assets.models.tvp_var import BayesPrior, MinnesotaPrior, regressors_of
from atlas_tests.threads import printed_on_one_and_two_threads

Y = np.random.default_rng(2).normal(size=(160, 3))


def test_bayes_prior_is_least_squares_on_its_rows():
    prior = BayesPrior(observations=80).initial_state(Y, lags=1, intercept=True)
    x = regressors_of(Y[:80], lags=1, intercept=True)
    slopes = np.linalg.lstsq(x, Y[1:80], rcond=None)[0]
    assert_allclose(prior.mean, slopes.T)
    assert_allclose(prior.observation, (Y[1:80] - x @ slopes).T @ (Y[1:80] - x @ slopes) / 79)


def test_bayes_prior_has_the_same_bits_on_one_and_two_threads():
    one, two = printed_on_one_and_two_threads(
        "import numpy as np\nfrom atlas_assets.models.tvp_var_priors import BayesPrior\n"
        "rows = np.random.default_rng(0).normal(size=(2500, 50))\n"
        "state = BayesPrior().initial_state(rows, lags=2, intercept=True)\n"
        "print(state.mean.tobytes().hex(), state.regressors.tobytes().hex(), state.observation.tobytes().hex())"
    )
    assert one == two


def test_priors_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="tightness"):
        MinnesotaPrior(tightness=-0.1).initial_state(Y, lags=1, intercept=True)
    for useless in (np.ones(160), Y[:, 0]):
        with pytest.raises(ValueError, match="none made up of others"):
            BayesPrior(observations=100).initial_state(np.column_stack([Y, useless]), lags=1, intercept=True)
