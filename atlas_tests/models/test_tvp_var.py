import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.models.connectedness import connectedness
from atlas_assets.models.tvp_var import (
    TVPVAR,
    BayesPrior,
    MinnesotaPrior,
    regime_forgetting,
    regressors_of,
)


def simulate(*, rows=160, variables=3, seed=2):
    rng = np.random.default_rng(seed)
    a = 0.4 * np.eye(variables) + 0.1 * rng.normal(size=(variables, variables))
    y = np.zeros((rows, variables))
    for t in range(1, rows):
        y[t] = 0.2 + a @ y[t - 1] + rng.normal(size=variables) @ np.diag(1.0 + np.arange(variables))
    return y


Y = simulate()


def kalman_oracle(y, x, mean, p, sigma, *, forgetting, decay, current=False, scale_innovation=False, stable=None):
    """The full-form filter with plain matrices: state vec by equation, covariance p (nm, nm)."""
    n, m = y.shape[1], x.shape[1]
    beta, kept, rows = mean.ravel(), mean, []
    for t in range(len(y)):
        r = p if t == 0 else p / forgetting
        f = np.kron(np.eye(n), x[t])
        e = y[t] - f @ beta
        s = sigma + f @ r @ f.T
        density = -0.5 * (n * np.log(2 * np.pi) + np.linalg.slogdet(s)[1] + e @ np.linalg.solve(s, e))
        innovation = 0.1 * np.outer(y[t], y[t]) if current and t == 0 else np.outer(e, e)
        updated = decay * sigma + (1 - decay) * innovation
        if current:
            s = updated + f @ r @ f.T
        gain = r @ f.T @ np.linalg.inv(s)
        previous, beta, p, sigma = beta, beta + gain @ e, r - gain @ f @ r, updated
        if stable is not None and not stable(beta.reshape(n, m)):
            beta = 0.99 * previous
        else:
            kept = beta.reshape(n, m)
        rows.append((kept, sigma, y[t] - e, density))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def matrix_normal_oracle(y, x, theta, c, sigma, *, forgetting, decay):
    rows = []
    for t in range(len(y)):
        r = c if t == 0 else c / forgetting
        e, q = y[t] - theta @ x[t], 1 + x[t] @ r @ x[t]
        s = q * sigma
        density = -0.5 * (len(e) * np.log(2 * np.pi) + np.linalg.slogdet(s)[1] + e @ np.linalg.solve(s, e))
        gain = r @ x[t] / q
        theta, c = theta + np.outer(e, gain), r - q * np.outer(gain, gain)
        sigma = decay * sigma + (1 - decay) * np.outer(e, e) / q
        rows.append((theta, sigma, y[t] - e, density))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def outputs(fitted, lags):
    return tuple(
        column[lags:]
        for column in (
            fitted.coefficients,
            fitted.covariance,
            fitted.one_step_forecast,
            fitted.log_predictive_density,
        )
    )


@pytest.mark.parametrize("lags", [1, 2])
@pytest.mark.parametrize("intercept", [True, False])
def test_kronecker_filter_equals_the_matrix_oracle(lags, intercept):
    model = TVPVAR(lags=lags, intercept=intercept, forgetting=0.98, covariance_decay=0.95)
    prior = model.prior.initial_state(Y, lags=lags, intercept=intercept)
    x = regressors_of(Y, lags=lags, intercept=intercept)
    expected = matrix_normal_oracle(
        Y[lags:], x, prior.mean, prior.regressors, prior.observation, forgetting=0.98, decay=0.95
    )
    for ours, theirs in zip(outputs(model.fit(Y), lags), expected, strict=True):
        assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("update", ["previous", "current"])
@pytest.mark.parametrize("lags", [1, 2])
def test_full_filter_equals_the_matrix_oracle(update, lags):
    model = TVPVAR(lags=lags, form="full", covariance_update=update, forgetting=0.98, covariance_decay=0.95)
    prior = model.prior.initial_state(Y, lags=lags, intercept=True)
    sigma = prior.observation
    if update == "current":
        for t in range(1, lags):
            sigma = 0.95 * sigma + 0.05 * 0.1 * np.outer(Y[t], Y[t])
    expected = kalman_oracle(
        Y[lags:],
        regressors_of(Y, lags=lags, intercept=True),
        prior.mean,
        np.kron(prior.equations, prior.regressors),
        sigma,
        forgetting=0.98,
        decay=0.95,
        current=update == "current",
    )
    for ours, theirs in zip(outputs(model.fit(Y), lags), expected, strict=True):
        assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def test_both_forms_agree_while_the_covariance_is_constant():
    options = {"lags": 2, "forgetting": 0.97, "covariance_decay": 1.0}
    full, kronecker = (TVPVAR(form=form, **options).fit(Y) for form in ("full", "kronecker"))
    for ours, theirs in zip(outputs(full, 2), outputs(kronecker, 2), strict=True):
        assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


def test_without_forgetting_and_with_a_flat_prior_it_is_least_squares():
    model = TVPVAR(forgetting=1.0, prior=MinnesotaPrior(tightness=1e5, intercept_variance=1e10))
    x = regressors_of(Y, lags=1, intercept=True)
    expected = np.linalg.lstsq(x, Y[1:], rcond=None)[0].T
    assert_allclose(model.fit(Y).coefficients[-1], expected, rtol=1e-6)


def test_shrinking_keeps_explosive_coefficients_out():
    walk = np.cumsum(simulate(variables=2), axis=0)
    model = TVPVAR(form="full", stability="shrink", forgetting=0.9, intercept=False, prior=MinnesotaPrior(own_lag=0.9))
    fitted = model.fit(walk)
    radius = np.abs(np.linalg.eigvals(fitted.lag_coefficients)).max(axis=1)
    assert radius.max() <= 1 + 1e-12
    prior = model.prior.initial_state(walk, lags=1, intercept=False)
    expected = kalman_oracle(
        walk[1:],
        walk[:-1],
        prior.mean,
        np.kron(prior.equations, prior.regressors),
        prior.observation,
        forgetting=0.9,
        decay=0.96,
        stable=lambda a: np.abs(np.linalg.eigvals(a)).max() <= 1,
    )
    unchanged = (np.diff(expected[0], axis=0) == 0).all(axis=(1, 2)).sum()
    assert unchanged > 5
    assert_allclose(fitted.coefficients[1:], expected[0], rtol=1e-7)


COLUMNS = (
    "coefficients",
    "covariance",
    "one_step_forecast",
    "log_predictive_density",
    "forgetting_probability",
)
GRID = (0.9, 0.97, 1.0)


def saved_and_loaded(model, folder):
    """The model out of a file of plain arrays, as the next day's process has it."""
    np.savez(folder / "state.npz", **model.state())
    with np.load(folder / "state.npz", allow_pickle=False) as arrays:
        return TVPVAR.from_state(arrays)


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(["kronecker", "full"]),
    lags=st.integers(1, 3),
    forgetting=st.sampled_from([0.95, 1.0, (0.97,), GRID]),
    path=st.booleans(),
    intercept=st.booleans(),
    covariance_update=st.sampled_from(["previous", "current"]),
    stability=st.sampled_from(["none", "shrink"]),
    prior=st.sampled_from([MinnesotaPrior(training=40), BayesPrior(observations=50)]),
    first=st.integers(60, 110),
    chunk=st.integers(1, 60),
    load=st.booleans(),
)
def test_update_equals_the_refit_bit_for_bit(tmp_path_factory, path, first, chunk, load, **options):
    y = Y[:130]
    path = path and not isinstance(options["forgetting"], tuple)
    factors = np.random.default_rng(9).uniform(0.9, 1.0, len(y)) if path else None
    part = (lambda rows: {"forgetting": factors[rows]}) if path else (lambda rows: {})
    refit = TVPVAR(**options)
    expected = refit.fit(y, **part(slice(None)))
    model = TVPVAR(**options)
    model.fit(y[:first], **part(slice(first)))
    for start in range(first, len(y), chunk):
        rows = slice(start, start + chunk)
        if load:
            model = saved_and_loaded(model, tmp_path_factory.mktemp("model"))
        new = model.update(y[rows], **part(rows))
        for name in COLUMNS:
            assert_array_equal(getattr(new, name), getattr(expected, name)[rows])
    following = {"forgetting": 0.98} if path else {}
    for ours, theirs in zip(
        vars(model.forecast(3, **following)).values(), vars(refit.forecast(3, **following)).values(), strict=True
    ):
        assert_array_equal(ours, theirs)


def test_update_takes_a_row_alone():
    model = TVPVAR(forgetting=GRID)
    model.fit(Y[:100])
    assert_array_equal(model.update(Y[100]).coefficients[0], TVPVAR(forgetting=GRID).fit(Y).coefficients[100])


def test_the_state_is_plain_arrays_and_says_which_options_it_belongs_to():
    model = TVPVAR(lags=2, forgetting=[0.95, 0.99], prior=BayesPrior(observations=60), form="full")
    model.fit(Y)
    state = model.state()
    assert {values.dtype.kind for values in state.values()} == {"U", "f", "b"}
    again = TVPVAR.from_state(state)
    assert_array_equal(again.fit(Y).coefficients, model.fit(Y).coefficients)
    state["mean"][:] = np.nan
    assert np.isfinite(model.forecast(1).mean).all()


def averaging_oracle(members, forgetting):
    """Raftery's recursion row by row: averages of forecasts and densities, and the weights before each row."""
    k = len(members)
    filtered, rows = np.full(k, 1 / k), []
    for t in range(len(members[0].coefficients)):
        weights = (filtered**forgetting + 0.001 / k) / (filtered**forgetting + 0.001 / k).sum()
        densities = np.exp([member.log_predictive_density[t] for member in members])
        forecast = sum(w * member.one_step_forecast[t] for w, member in zip(weights, members, strict=True))
        rows.append((weights, forecast, np.log(weights @ densities)))
        if np.isfinite(densities).all():
            filtered = weights * densities / (weights @ densities)
    return tuple(np.array(column) for column in zip(*rows, strict=True))


@pytest.mark.parametrize("form", ["kronecker", "full"])
def test_a_grid_is_the_average_of_its_models(form):
    fitted = TVPVAR(lags=2, form=form, forgetting=GRID, model_forgetting=0.95).fit(Y)
    members = [TVPVAR(lags=2, form=form, forgetting=factor).fit(Y) for factor in GRID]
    weights, forecast, density = averaging_oracle(members, 0.95)
    assert_allclose(fitted.forgetting_probability, weights, rtol=1e-9)
    assert_allclose(fitted.one_step_forecast, forecast, rtol=1e-9, atol=1e-11)
    assert_allclose(fitted.log_predictive_density, density, rtol=1e-9)
    # Coefficients carry the weights of the next row, so that they make its forecast.
    x = regressors_of(Y, lags=2, intercept=True)
    assert_allclose(np.einsum("tnm,tm->tn", fitted.coefficients[2:-1], x[1:]), forecast[3:], rtol=1e-9, atol=1e-11)
    assert_allclose(
        fitted.covariance[1:-1],
        sum(weights[2:, k, None, None] * member.covariance[1:-1] for k, member in enumerate(members)),
        rtol=1e-9,
    )


def test_a_grid_of_one_is_that_factor():
    alone, grid = TVPVAR(forgetting=0.97).fit(Y), TVPVAR(forgetting=[0.97]).fit(Y)
    for name in COLUMNS:
        assert_array_equal(getattr(alone, name), getattr(grid, name))
    assert_array_equal(grid.forgetting_probability, np.ones((160, 1)))


def test_the_forecast_of_a_grid_is_the_mixture():
    model = TVPVAR(forgetting=GRID)
    model.fit(Y[:-1])
    members = [TVPVAR(forgetting=factor) for factor in GRID]
    for member in members:
        member.fit(Y[:-1])
    forecast, parts = model.forecast(3), [member.forecast(3) for member in members]
    row = model.update(Y[-1])
    assert_allclose(forecast.mean[0], row.one_step_forecast[0], rtol=1e-12)
    weights = row.forgetting_probability[0]
    mean = sum(w * part.mean for w, part in zip(weights, parts, strict=True))
    second = sum(
        w * (part.covariance + part.mean[:, :, None] * part.mean[:, None, :])
        for w, part in zip(weights, parts, strict=True)
    )
    assert_allclose(forecast.mean, mean, rtol=1e-12)
    assert_allclose(forecast.covariance, second - mean[:, :, None] * mean[:, None, :], rtol=1e-9, atol=1e-12)


def test_a_grid_forgets_faster_after_a_break():
    rng = np.random.default_rng(4)
    y = np.zeros((900, 2))
    for t in range(1, 900):
        y[t] = (0.8 if t < 600 else -0.8) * y[t - 1] + rng.normal(size=2)
    weights = TVPVAR(forgetting=[0.9, 1.0], prior=MinnesotaPrior(tightness=1.0)).fit(y).forgetting_probability
    assert weights[400:600, 1].mean() > 0.9
    assert weights[610:700, 0].mean() > 0.9


@pytest.mark.parametrize("form", ["kronecker", "full"])
def test_a_factor_for_each_row_by_the_matrix_oracle(form):
    """The state covariance before row t is that after row t - 1 divided by the factor of row t."""
    factors = np.random.default_rng(3).uniform(0.9, 1.0, len(Y))
    fitted = TVPVAR(form=form, covariance_decay=1.0).fit(Y, forgetting=factors)
    prior = TVPVAR().prior.initial_state(Y, lags=1, intercept=True)
    theta, p = prior.mean, prior.regressors
    for t in range(1, len(Y)):
        x = np.append(Y[t - 1], 1.0)
        r = p if t == 1 else p / factors[t]
        gain = r @ x / (1 + x @ r @ x)
        theta, p = theta + np.outer(Y[t] - theta @ x, gain), r - np.outer(gain, x @ r)
        assert_allclose(fitted.coefficients[t], theta, rtol=1e-7, atol=1e-9)
    constant = TVPVAR(form=form, forgetting=0.97).fit(Y)
    same = TVPVAR(form=form).fit(Y, forgetting=np.full(len(Y), 0.97))
    assert_array_equal(same.coefficients, constant.coefficients)


def test_forgetting_by_regime_is_the_convex_combination():
    factors = regime_forgetting([0.0, 0.25, 1.0], calm=0.99, turbulent=0.9)
    assert_allclose(factors, [0.99, 0.9675, 0.9], rtol=1e-15)
    with pytest.raises(ValueError, match="fill what is missing"):
        regime_forgetting([0.5, np.nan], calm=0.99, turbulent=0.9)
    with pytest.raises(ValueError, match="turbulent in"):
        regime_forgetting([0.5], calm=0.99, turbulent=0.0)


@pytest.mark.parametrize("form", ["kronecker", "full"])
def test_the_first_step_of_the_forecast_is_the_predictive_density(form):
    model = TVPVAR(form=form, lags=2)
    model.fit(Y[:-1])
    forecast = model.forecast(4)
    row = model.update(Y[-1])
    assert_allclose(forecast.mean[0], row.one_step_forecast[0], rtol=1e-12)
    e, s = Y[-1] - forecast.mean[0], forecast.covariance[0]
    density = -0.5 * (3 * np.log(2 * np.pi) + np.linalg.slogdet(s)[1] + e @ np.linalg.solve(s, e))
    assert_allclose(density, row.log_predictive_density[0], rtol=1e-10)
    assert (np.linalg.eigvalsh(forecast.covariance) > 0).all()
    assert (np.diff(np.trace(forecast.covariance, axis1=1, axis2=2)) > 0).all()


def test_forecast_errors_are_calibrated():
    y = simulate(rows=1500)
    fitted = TVPVAR(covariance_decay=0.99).fit(y)
    errors = (y - fitted.one_step_forecast)[300:]
    assert_allclose(errors.std(axis=0), [1, 2, 3], rtol=0.1)
    assert_allclose(np.sqrt(np.diagonal(fitted.covariance[300:], axis1=1, axis2=2).mean(axis=0)), [1, 2, 3], rtol=0.1)


def test_the_default_prior_marks_the_rows_it_has_seen():
    fitted = TVPVAR(prior=MinnesotaPrior(training=40)).fit(Y)
    assert_array_equal(fitted.in_sample, np.arange(160) < 40)
    assert TVPVAR(prior=BayesPrior()).fit(Y).in_sample.all()
    assert fitted.coefficients.shape == (160, 3, 4)
    assert fitted.lag_coefficients.shape == (160, 3, 3)
    assert np.isnan(fitted.one_step_forecast[0]).all()


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match="forgetting in"):
        TVPVAR(forgetting=1.5)
    with pytest.raises(ValueError, match='no form="banded"'):
        TVPVAR(form="banded")
    with pytest.raises(ValueError, match="not fitted"):
        TVPVAR().forecast(1)
    with pytest.raises(ValueError, match="row 1 has a missing"):
        TVPVAR().fit([[1.0, 2.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match="training >= 4 rows"):
        TVPVAR().fit(Y[:10])
    with pytest.raises(ValueError, match="that vary"):
        TVPVAR().fit(np.ones((100, 2)))
    with pytest.raises(ValueError, match="1 to 50 forgetting factors in the grid, not 0"):
        TVPVAR(forgetting=[])
    with pytest.raises(ValueError, match="give a factor for each row to fit"):
        TVPVAR(forgetting=np.full(160, 0.99))
    with pytest.raises(ValueError, match="forgetting in"):
        TVPVAR(forgetting=[0.9, 0.0])
    with pytest.raises(ValueError, match="not both"):
        TVPVAR(forgetting=GRID).fit(Y, forgetting=np.ones(160))
    with pytest.raises(ValueError, match="each of 160 rows"):
        TVPVAR().fit(Y, forgetting=np.ones(159))
    with pytest.raises(ValueError, match="each of 160 rows"):
        TVPVAR().fit(Y, forgetting=np.full(160, np.nan))
    with pytest.raises(ValueError, match="mean, observation_covariance"):
        TVPVAR.from_state({"options": np.array("{}")})
    model = TVPVAR()
    model.fit(Y, forgetting=np.ones(160))
    with pytest.raises(ValueError, match="fitted with a forgetting for each row and cannot go on without"):
        model.update(Y[0])
    with pytest.raises(ValueError, match="cannot go on without"):
        model.forecast(1)
    model.fit(Y)
    for row in (Y[0, :1], np.append(Y[0], 1.0)):
        with pytest.raises(ValueError, match=f"fitted to {Y.shape[1]} variables, not {len(row)}"):
            model.update(row)
    with pytest.raises(ValueError, match="fitted without a forgetting for each row"):
        model.update(Y[0], forgetting=0.9)
    model = TVPVAR(demean="full_sample")
    model.fit(Y)
    with pytest.raises(ValueError, match="fit it again"):
        model.update(Y[0])


@pytest.mark.recorded
def test_reproduces_connectedness_approach(quant):
    # R package ConnectednessApproach on Diebold & Yilmaz (2012), TVP-VAR(1), both factors 0.99, Bayes prior, H = 10.
    y = pd.read_csv(quant / "conn_dy2012.csv").iloc[:, 1:].to_numpy()
    model = TVPVAR(
        forgetting=0.99,
        covariance_decay=0.99,
        intercept=False,
        demean="full_sample",
        prior=BayesPrior(),
        covariance_update="current",
        form="full",
        stability="shrink",
    )
    fitted = model.fit(y)
    total = connectedness(fitted.lag_coefficients, fitted.covariance, horizon=10).total
    assert_allclose(total.mean(), 20.7558605361, atol=1e-10)
    reference = pd.read_csv(quant / "ref_dy2012_tvpvar_p1_099_099_tci.csv")["TCI"]
    assert_allclose(total, reference, atol=1e-9)
