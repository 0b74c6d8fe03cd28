from itertools import combinations, pairwise, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.models import dma
from atlas_assets.models.dma import DynamicModelAveraging

PREDICTIVE = (
    "forecast",
    "variance",
    "log_predictive_density",
    "inclusion_probability",
    "expected_size",
    "factor_probability",
)


def simulate(*, rows=90, regressors=4, seed=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, regressors)) * [1.0, 3.0, 0.5, 2.0, 1.0, 1.0][:regressors]
    return 0.3 + 0.8 * x[:, 0] - 0.4 * x[:, 1] + rng.normal(size=rows), x


Y, X = simulate()
OWN = {"prior": (0.1, 4.0), "initial_variance": 0.7}


def oracle(
    y,
    x,
    *,
    forgetting=0.99,
    model_forgetting=0.99,
    observation_variance="recursive",
    ewma_decay=0.95,
    mean,
    variance,
    initial_variance,
    max_size=None,
    always_in=(),
    regime=None,
):
    """Every model filtered by plain matrices, then weighed row by row; the prior is a function of the columns.

    ``regime`` gives the factor of each row from that of the calm regime.
    """
    k = x.shape[1]
    x = np.column_stack([np.ones(len(x)), x])
    decays = np.atleast_1d(ewma_decay) if observation_variance == "ewma" else [None]
    factors = list(product(np.atleast_1d(forgetting), decays))
    subsets = [
        subset
        for size in range(k + 1)
        for subset in combinations(range(k), size)
        if set(always_in) <= set(subset) and (max_size is None or size <= max_size)
    ]
    models = [(pair, subset) for pair in range(len(factors)) for subset in subsets]
    forecasts, variances = np.empty((len(y), len(models))), np.empty((len(y), len(models)))
    for number, (pair, subset) in enumerate(models):
        columns = [0, *(column + 1 for column in subset)]
        forgets, decay = factors[pair]
        theta, p, v = np.array(mean(columns), dtype=float), np.diag(variance(columns)), initial_variance
        for t, row in enumerate(x[:, columns]):
            r = p / (forgets if regime is None else regime(t, forgets))
            e, spread = y[t] - row @ theta, row @ r @ row
            forecasts[t, number], variances[t, number] = row @ theta, v + spread
            gain = r @ row / (v + spread)
            theta, p = theta + gain * e, r - np.outer(gain, row @ r)
            updated = (t * v + e**2 - spread) / (t + 1) if decay is None else decay * v + (1 - decay) * e**2
            v = updated if updated > 0 else v
    densities = np.exp(-0.5 * (y[:, None] - forecasts) ** 2 / variances) / np.sqrt(2 * np.pi * variances)
    probability, weights = np.full(len(models), 1 / len(models)), np.empty_like(densities)
    for t in range(len(y)):
        weights[t] = probability**model_forgetting + 0.001 / len(models)
        weights[t] /= weights[t].sum()
        probability = weights[t] * densities[t] / (weights[t] @ densities[t])
    membership = np.array([[column in subset for column in range(k)] for _, subset in models])
    pairs = np.array([[number == pair for number in range(len(factors))] for pair, _ in models])
    mean_of_y = (weights * forecasts).sum(axis=1)
    return {
        "forecast": mean_of_y,
        "log_predictive_density": np.log((weights * densities).sum(axis=1)),
        "inclusion_probability": weights @ membership,
        "expected_size": weights @ membership.sum(axis=1),
        "factor_probability": weights @ pairs,
        "best_model": membership[weights.argmax(axis=1)],
        "variance": (weights * (variances + (forecasts - mean_of_y[:, None]) ** 2)).sum(axis=1),
    }


def of_own_prior(columns):
    return [0.1] * len(columns)


def own_variance(columns):
    return [4.0] * len(columns)


OPTIONS = {
    "default": {},
    "no forgetting": {"forgetting": 1.0, "model_forgetting": 1.0},
    "ewma": {"observation_variance": "ewma", "ewma_decay": 0.9, "forgetting": 0.9},
    "grids": {"forgetting": (0.9, 0.95, 1.0), "observation_variance": "ewma", "ewma_decay": (0.8, 0.97)},
    "grid, recursive": {"forgetting": [0.97, 0.99]},
    "few regressors": {"max_size": 2},
    "some always in": {"always_in": (3, 1), "max_size": 3},
    "all always in": {"always_in": range(4)},
    "intercept alone": {"max_size": 0},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_agrees_with_plain_matrices(options):
    ours = DynamicModelAveraging(**OWN, **options).fit(Y, X)
    expected = oracle(Y, X, mean=of_own_prior, variance=own_variance, initial_variance=0.7, **options)
    for name in PREDICTIVE:
        assert_allclose(getattr(ours, name), expected[name], rtol=1e-9, atol=1e-12)
    assert_array_equal(ours.best_model[1:], expected["best_model"][1:])  # in the first row all are as probable


def test_the_training_prior_knows_the_scale_of_the_training_rows():
    training = 30
    of_y, of_x = Y[:training].var(ddof=1), X[:training].var(axis=0, ddof=1)

    def variance(columns):
        return [Y[:training].mean() ** 2 + of_y, *(of_y / of_x[column - 1] for column in columns[1:])]

    ours = DynamicModelAveraging(training=training).fit(Y, X)
    expected = oracle(
        Y[training:],
        X[training:],
        mean=lambda columns: [0.0] * len(columns),
        variance=variance,
        initial_variance=of_y,
    )
    for name in PREDICTIVE:
        assert np.isnan(getattr(ours, name)[:training]).all()
        assert_allclose(getattr(ours, name)[training:], expected[name], rtol=1e-9)
    assert not ours.best_model[:training].any()


REGIME = np.random.default_rng(11).uniform(size=len(Y))
BY_REGIME = {
    "one": {"forgetting": 0.99, "turbulent_forgetting": 0.9},
    "grids": {
        "forgetting": (1.0, 0.98),
        "turbulent_forgetting": (0.9, 0.9),
        "observation_variance": "ewma",
        "ewma_decay": (0.9, 0.97),
    },
}


@pytest.mark.parametrize("options", BY_REGIME.values(), ids=BY_REGIME)
def test_forgetting_by_regime_agrees_with_plain_matrices(options):
    ours = DynamicModelAveraging(**OWN, **options).fit(Y, X, regime_probability=REGIME)
    turbulent = dict(zip(*map(np.atleast_1d, (options["forgetting"], options["turbulent_forgetting"])), strict=True))
    expected = oracle(
        Y,
        X,
        mean=of_own_prior,
        variance=own_variance,
        initial_variance=0.7,
        regime=lambda t, calm: (1 - REGIME[t]) * calm + REGIME[t] * turbulent[calm],
        **{name: values for name, values in options.items() if name != "turbulent_forgetting"},
    )
    for name in PREDICTIVE:
        assert_allclose(getattr(ours, name), expected[name], rtol=1e-9, atol=1e-12)


def test_a_regime_that_is_certain_has_its_own_forgetting_bit_for_bit():
    by_regime = DynamicModelAveraging(forgetting=0.99, turbulent_forgetting=0.95)
    for probability, forgetting in ((0.0, 0.99), (1.0, 0.95)):
        # Before the first forecast no regime need be known.
        known = np.where(np.arange(len(Y)) < 20, np.nan, probability)
        ours = by_regime.fit(Y, X, regime_probability=known)
        plain = DynamicModelAveraging(forgetting=forgetting).fit(Y, X)
        for name in (*PREDICTIVE, "best_model"):
            assert_array_equal(getattr(ours, name), getattr(plain, name))


@pytest.mark.parametrize("options", BY_REGIME.values(), ids=BY_REGIME)
def test_an_update_by_regime_is_a_fit_of_the_longer_data(options):
    whole = DynamicModelAveraging(**options).fit(Y, X, regime_probability=REGIME)
    model = DynamicModelAveraging(**options)
    parts = [model.fit(Y[:50], X[:50], regime_probability=REGIME[:50])]
    model = DynamicModelAveraging.from_state(model.state())
    parts.append(model.update(Y[50], X[50], regime_probability=REGIME[50]))
    parts.append(model.update(Y[51:-1], X[51:-1], regime_probability=REGIME[51:-1]))
    ahead = model.forecast(X[-1], regime_probability=REGIME[-1])
    parts.append(model.update(Y[-1], X[-1], regime_probability=REGIME[-1]))
    for name in (*PREDICTIVE, "best_model"):
        assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))
    assert_allclose(ahead.mean, whole.forecast[-1], rtol=1e-12)
    assert_allclose(ahead.variance, whole.variance[-1], rtol=1e-9)


def test_a_turbulent_break_is_followed_faster():
    """A coefficient changes its sign when the regime, which is known before the row, turns turbulent."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 1))
    y = rng.normal(size=400) * 0.3 + np.where(np.arange(400) < 300, 1.0, -1.0) * x[:, 0]
    regime = ((np.arange(400) >= 300) & (np.arange(400) < 320)).astype(float)
    plain = DynamicModelAveraging(forgetting=0.99).fit(y, x)
    ours = DynamicModelAveraging(forgetting=0.99, turbulent_forgetting=0.7).fit(y, x, regime_probability=regime)
    late = slice(310, 400)
    assert np.mean((y - ours.forecast)[late] ** 2) < 0.5 * np.mean((y - plain.forecast)[late] ** 2)


def test_forgetting_by_regime_and_its_probability_come_together():
    by_regime = DynamicModelAveraging(turbulent_forgetting=0.9)
    with pytest.raises(ValueError, match="together"):
        by_regime.fit(Y, X)
    with pytest.raises(ValueError, match="together"):
        DynamicModelAveraging().fit(Y, X, regime_probability=REGIME)
    with pytest.raises(ValueError, match="each of 90 rows, not shape \\(89,\\)"):
        by_regime.fit(Y, X, regime_probability=REGIME[1:])
    with pytest.raises(ValueError, match=r"probability in \[0, 1\]"):
        by_regime.fit(Y, X, regime_probability=REGIME + 0.5)
    by_regime.fit(Y, X, regime_probability=REGIME)
    for call in (lambda: by_regime.update(0.0, X[0]), lambda: by_regime.forecast(X[0])):
        with pytest.raises(ValueError, match="together"):
            call()


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("model_forgetting", "error", "inclusion"),
    [
        (0.99, 0.1360909593, [0.5966, 0.1140, 0.3558, 0.7027, 0.8757, 0.2936, 0.4487]),
        (1.0, 0.1358529098, [0.6136, 0.0760, 0.3189, 0.6081, 0.9320, 0.2107, 0.3890]),
    ],
)
def test_crude_oil(quant, model_forgetting, error, inclusion):
    """R package fDMA (Drachal 2020, Studies in Economics and Finance 37(2)): DMA of the crude oil price."""
    data = pd.read_csv(quant / "fdma_crudeoil_yx_logdiff.csv")
    y, x = data["y"].to_numpy(), data.iloc[:, 2:].to_numpy()
    ours = DynamicModelAveraging(
        forgetting=0.90, model_forgetting=model_forgetting, initial_variance=10.0, prior="raftery_full_sample"
    ).fit(y, x)
    assert_allclose(np.sqrt(np.mean((y - ours.forecast) ** 2)), error, rtol=1e-8)
    assert_allclose(ours.inclusion_probability[-1], inclusion, atol=5e-5)
    if model_forgetting < 1:
        told = pd.read_csv(quant / "ref_fdma_crudeoil_a099_l090.csv")
        assert_allclose(np.abs(y - ours.forecast).mean(), 0.0828513847, rtol=1e-8)
        assert_allclose(ours.log_predictive_density.sum(), 188.8332547874, rtol=1e-8)
        assert_allclose(ours.forecast, told["yhat"], rtol=1e-8, atol=1e-12)
        assert_allclose(ours.inclusion_probability, told.iloc[:, 4:], rtol=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(31, len(Y) - 1), unique=True, max_size=4),
    options=st.sampled_from([*OPTIONS.values()]),
    own=st.booleans(),
)
def test_an_update_is_a_fit_of_the_longer_data(cuts, options, own):
    prior = OWN if own else {"training": 30}
    whole = DynamicModelAveraging(**prior, **options).fit(Y, X)
    edges = [*sorted(cuts), len(Y)]
    model = DynamicModelAveraging(**prior, **options)
    parts = [model.fit(Y[: edges[0]], X[: edges[0]])]
    for first, last in pairwise(edges):
        # Half of them by way of what is saved.
        if first % 2:
            model = DynamicModelAveraging.from_state(model.state())
        single = last == first + 1
        parts.append(model.update(Y[first], X[first]) if single else model.update(Y[first:last], X[first:last]))
    for name in (*PREDICTIVE, "best_model"):
        assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_forecast_of_the_next_row_is_what_the_update_finds(options):
    model = DynamicModelAveraging(**OWN, **options)
    model.fit(Y[:-1], X[:-1])
    forecast = model.forecast(X[-1])
    variance = oracle(Y, X, mean=of_own_prior, variance=own_variance, initial_variance=0.7, **options)["variance"][-1]
    assert_allclose(forecast.mean, model.update(Y[-1], X[-1]).forecast[0], rtol=1e-12)
    assert_allclose(forecast.variance, variance, rtol=1e-9)


@pytest.mark.parametrize(("threads", "values", "blocks"), [(1, 2**23, 64), (2, 40_000, 1), (3, 4_000, 2)])
def test_the_bits_do_not_depend_on_how_the_work_is_divided(monkeypatch, threads, values, blocks):
    y, x = simulate(regressors=6)
    x = np.hstack([x, x[::-1]])
    whole = DynamicModelAveraging().fit(y, x)
    monkeypatch.setattr(dma, "get_num_threads", lambda: threads)
    monkeypatch.setattr(dma, "_VALUES_AT_ONCE", values)
    monkeypatch.setattr(dma, "_BLOCKS_AT_ONCE", blocks)
    divided = DynamicModelAveraging().fit(y, x)
    for name in (*PREDICTIVE, "best_model"):
        assert_array_equal(getattr(divided, name), getattr(whole, name))


def test_units_do_not_matter():
    plain = DynamicModelAveraging().fit(Y, X)
    scaled = DynamicModelAveraging().fit(Y * 4, X * [2.0, 0.25, 8.0, 1.0])
    assert_allclose(scaled.forecast, plain.forecast * 4, rtol=1e-11)
    assert_allclose(scaled.inclusion_probability, plain.inclusion_probability, rtol=1e-11)
    assert_allclose(scaled.log_predictive_density, plain.log_predictive_density - np.log(4), rtol=1e-11)


def test_order_of_regressors_does_not_matter():
    order = [2, 0, 3, 1]
    plain, ordered = DynamicModelAveraging().fit(Y, X), DynamicModelAveraging().fit(Y, X[:, order])
    assert_allclose(ordered.forecast, plain.forecast, rtol=1e-10)
    assert_allclose(ordered.inclusion_probability, plain.inclusion_probability[:, order], rtol=1e-10)


def test_finds_the_regressors_that_matter():
    y, x = simulate(rows=2_000, seed=0)
    inclusion = DynamicModelAveraging(forgetting=1.0, model_forgetting=1.0).fit(y, x).inclusion_probability[-1]
    assert inclusion[:2].min() > 0.99
    assert inclusion[2:].max() < 0.2


def test_a_break_is_followed():
    """A coefficient that appears half way is found by forgetting, and its regressor with it."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 3))
    y = rng.normal(size=600) + np.where(np.arange(600) < 300, 0.0, 1.0) * x[:, 1]
    probability = DynamicModelAveraging(forgetting=(0.95, 0.99, 1.0)).fit(y, x).inclusion_probability[:, 1]
    assert probability[200:300].mean() < 0.5
    assert probability[-100:].mean() > 0.95


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"forgetting": 0.0}, "forgetting in \\(0, 1\\]"),
        ({"forgetting": (0.9, 0.9)}, "different"),
        ({"turbulent_forgetting": 1.5}, "turbulent_forgetting"),
        ({"turbulent_forgetting": (0.9, 0.8)}, "for each forgetting"),
        ({"ewma_decay": 1.1}, "ewma_decay"),
        ({"model_forgetting": np.nan}, "model_forgetting"),
        ({"model_forgetting": (0.9, 0.99)}, "one model_forgetting, not a grid of 2"),
        ({"observation_variance": "garch"}, '"garch"'),
        ({"prior": "flat"}, '"flat"'),
        ({"prior": (0.0, 1.0)}, "initial_variance"),
        ({"initial_variance": 0.0}, "positive initial_variance"),
        ({"training": 1}, "two training rows"),
    ],
)
def test_refuses_parameters(options, says):
    with pytest.raises(ValueError, match=says):
        DynamicModelAveraging(**options)


@pytest.mark.parametrize(
    ("options", "y", "x", "says"),
    [
        ({}, Y[:-1], X, "y \\(T,\\) and X \\(T, k\\)"),
        ({}, Y, X[:, 0], "y \\(T,\\) and X \\(T, k\\)"),
        ({}, Y[:20], X[:20], "more rows than the 20"),
        ({}, Y[:1], X[:1], "more rows than the 20"),
        ({"prior": (0.0, [1.0, 2.0]), "initial_variance": 1.0}, Y, X, "one number or 5"),
        ({"prior": "raftery_full_sample"}, Y, X[:, [0, 1, 0]], "none of which others make up"),
        ({}, np.append(Y[:-1], np.nan), X, "row 89"),
        ({}, Y, np.where(np.arange(90)[:, None] == 7, np.inf, X), "row 7"),
        ({}, Y, X * [1, 1, 0, 1], "vary in the 20 rows"),
        ({"always_in": (4,)}, Y, X, "columns 0 to 3"),
        ({"always_in": (0, 1), "max_size": 1}, Y, X, "2 regressors always in"),
        ({"prior": (0.0, -1.0), "initial_variance": 1.0}, Y, X, "positive, finite variances"),
        ({}, Y, np.random.default_rng(1).normal(size=(90, 23)), "at most 4,194,304 models, not 8,388,608"),
    ],
)
def test_refuses_data(options, y, x, says):
    with pytest.raises(ValueError, match=says):
        DynamicModelAveraging(**options).fit(y, x)


def test_refuses_to_go_on_from_nothing_or_with_other_regressors():
    model = DynamicModelAveraging()
    with pytest.raises(ValueError, match="not fitted yet"):
        model.forecast(X[0])
    model.fit(Y, X)
    with pytest.raises(ValueError, match="4 regressors, not 3"):
        model.update(1.0, X[0, :3])
    with pytest.raises(ValueError, match="as many rows"):
        model.update([1.0, 2.0], X[:3])
    with pytest.raises(ValueError, match="one row at a time, not 3"):
        model.forecast(X[:3])
    for name in ("probability", "mean_1"):
        state = {other: values for other, values in model.state().items() if other != name}
        with pytest.raises(ValueError, match=f"no state of a DMA: {name} missing"):
            DynamicModelAveraging.from_state(state)


def test_a_state_goes_through_a_file(tmp_path):
    model = DynamicModelAveraging(**OWN, forgetting=(0.95, 0.99), always_in=(1,))
    model.fit(Y[:-1], X[:-1])
    np.savez(tmp_path / "state.npz", **model.state())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as saved:
        taken_up = DynamicModelAveraging.from_state(saved)
    ours, expected = taken_up.update(Y[-1], X[-1]), model.update(Y[-1], X[-1])
    assert_array_equal(ours.forecast, expected.forecast)
