"""Combinations of forecasts against explicit loops, and what their intervals promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.models.ensemble import Combination, combine

METHODS = ["equal", "inverse_error", "stacking", "bayesian", "dynamic"]
COLUMNS = ["forecast", "weights", "lower", "upper"]


def simulate(*, rows=300, forecasters=4, seed=1):
    """Forecasters that share a part of their error, the first the best."""
    rng = np.random.default_rng(seed)
    y = np.cumsum(rng.normal(size=rows))
    errors = rng.normal(size=(rows, forecasters)) * (0.5 + np.arange(forecasters)) + rng.normal(size=(rows, 1))
    return y[:, None] + errors, y


FORECASTS, Y = simulate()


def best_on_the_simplex(errors):
    """The weights with the least squared error, by trying every set of forecasters that could have a weight."""
    k = errors.shape[1]
    gram = errors.T @ errors
    gram += 1e-8 * np.diag(np.diag(gram))
    best, smallest = None, np.inf
    for size in range(1, k + 1):
        for chosen in itertools.combinations(range(k), size):
            w = np.zeros(k)
            inverse = np.linalg.solve(gram[np.ix_(chosen, chosen)], np.ones(size))
            w[list(chosen)] = inverse / inverse.sum()
            if (w >= 0).all() and w @ gram @ w < smallest:
                best, smallest = w, w @ gram @ w
    return best


def weights_oracle(forecasts, y, *, method, window=None, training=20, forgetting=0.99):
    """Weights of each row, from all rows before it."""
    errors, k = y[:, None] - forecasts, forecasts.shape[1]
    alpha, floor = (forgetting, 0.001 / k) if method == "dynamic" else (1.0, 0.0)
    weights, probability = np.full(forecasts.shape, 1 / k), np.full(k, 1 / k)
    for t in range(len(y)):
        past = errors[max(t - window, 0) if window else 0 : t]
        if method in ("bayesian", "dynamic"):
            weights[t] = (probability**alpha + floor) / (probability**alpha + floor).sum()
            probability = weights[t]
            if t >= training:
                variance = (past**2).mean(axis=0)
                density = np.exp(-0.5 * errors[t] ** 2 / variance) / np.sqrt(2 * np.pi * variance)
                probability = weights[t] * density / (weights[t] @ density)
        elif t >= training and method == "inverse_error":
            weights[t] = 1 / (past**2).mean(axis=0)
            weights[t] /= weights[t].sum()
        elif t >= training and method == "stacking":
            weights[t] = best_on_the_simplex(past)
    return weights


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("window", [None, 40])
def test_weights_equal_the_loop(method, window):
    result = combine(FORECASTS, Y, method=method, window=window, forgetting=0.95)
    expected = weights_oracle(FORECASTS, Y, method=method, window=window, forgetting=0.95)
    assert_allclose(result.weights, expected, rtol=1e-7, atol=1e-9)
    assert_allclose(result.forecast, (expected * FORECASTS).sum(axis=1), rtol=1e-8, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), forecasters=st.integers(1, 6), method=st.sampled_from(METHODS))
def test_weights_are_on_the_simplex_whatever_the_unit_and_the_order(seed, forecasters, method):
    forecasts, y = simulate(rows=60, forecasters=forecasters, seed=seed)
    result = combine(forecasts, y, method=method)
    assert (result.weights >= 0).all()
    assert_allclose(result.weights.sum(axis=1), 1.0)
    assert (result.forecast <= forecasts.max(axis=1) + 1e-9).all()
    assert (result.forecast >= forecasts.min(axis=1) - 1e-9).all()
    scaled = combine(100 * forecasts, 100 * y, method=method)
    assert_allclose(scaled.weights, result.weights, rtol=1e-6, atol=1e-8)
    assert_allclose(scaled.upper, 100 * result.upper, rtol=1e-6)
    turned = combine(forecasts[:, ::-1], y, method=method)
    assert_allclose(turned.weights[:, ::-1], result.weights, rtol=1e-6, atol=1e-8)


def test_stacking_is_not_worse_than_any_forecaster_on_the_rows_it_saw():
    result = combine(FORECASTS, Y, method="stacking")
    weights = result.predict(FORECASTS[-1]).weights
    errors = Y[:, None] - FORECASTS
    assert ((errors @ weights) ** 2).mean() <= (errors**2).mean(axis=0).min() + 1e-9


def test_a_forecaster_far_off_leaves_the_weights_of_the_others_as_they_are():
    """Errors that are orthogonal over four rows: stacking weighs them, too, by one over their mean squares."""
    errors = np.tile([[1.0, 2.0, 1e6], [1.0, -2.0, 1e6], [1.0, 2.0, -1e6], [1.0, -2.0, -1e6]], (10, 1))
    for method in ("inverse_error", "stacking"):
        weights = combine(errors, np.zeros(40), method=method).predict(errors[-1]).weights
        assert_allclose(weights, [0.8, 0.2, 0.8e-12], rtol=1e-6)


def test_where_all_were_right_and_then_are_far_off_nobody_gains():
    y = np.zeros(80)
    y[50] = 1e6
    for method in METHODS:
        assert_allclose(combine(np.zeros((80, 2)), y, method=method).weights, 0.5)


def test_forecasters_that_say_the_same_share_their_weight():
    forecasts = np.column_stack([FORECASTS[:, 0], FORECASTS[:, 0], FORECASTS[:, 3]])
    for method in METHODS:
        weights = combine(forecasts, Y, method=method).weights
        assert_allclose(weights[:, 0], weights[:, 1], atol=1e-6)


@pytest.mark.parametrize("method", ["inverse_error", "stacking", "bayesian", "dynamic"])
def test_who_is_always_right_gets_everything(method):
    forecasts = np.column_stack([FORECASTS[:, 0], Y])
    result = combine(forecasts, Y, method=method)
    assert_allclose(result.weights[-1], [0, 1], atol=1e-3)
    everyone = combine(np.column_stack([Y, Y]), Y, method=method)
    assert_array_equal(everyone.weights, np.full((300, 2), 0.5))


def test_dynamic_weights_turn_when_the_better_forecaster_changes():
    rng = np.random.default_rng(2)
    y = rng.normal(size=1000)
    early = np.arange(1000) < 500
    spread = np.column_stack([np.where(early, 0.3, 1.0), np.where(early, 1.0, 0.3)])
    forecasts = y[:, None] + spread * rng.normal(size=(1000, 2))
    dynamic = combine(forecasts, y, method="dynamic", forgetting=0.95, window=50)
    bayesian = combine(forecasts, y, method="bayesian", window=50)
    assert dynamic.weights[300:500, 0].mean() > 0.9
    assert dynamic.weights[600:700, 1].mean() > 0.9
    assert bayesian.weights[600:700, 1].mean() < 0.1


def rank(level, count):
    return int(np.ceil((count + 1) * level - 1e-9))


def intervals_oracle(scores, *, interval, coverage, calibration=None, adaptation=0.01):
    """Half-widths: the k-th smallest of the scores before, sorted anew each time."""
    widths, miss = [], 1 - coverage
    for t, score in enumerate(scores):
        past = scores[:t]
        if interval == "split":
            past = past[:calibration]
        elif calibration:
            past = past[-calibration:]
        if rank(coverage, len(past)) > len(past) or (interval == "split" and t < calibration):
            widths.append(np.nan)
            continue
        place = rank(1 - miss if interval == "adaptive" else coverage, len(past))
        widths.append(np.inf if place > len(past) else np.sort(past)[place - 1] if place > 0 else 0.0)
        miss += adaptation * ((1 - coverage) - (score > widths[-1] or place <= 0))
    return np.array(widths)


@pytest.mark.parametrize("interval", ["split", "rolling", "adaptive"])
@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize("calibration", [None, 60])
def test_intervals_equal_the_loop(interval, coverage, calibration):
    options = {"interval": interval, "coverage": coverage, "calibration": calibration or 250, "adaptation": 0.05}
    if interval != "split":
        options["calibration"] = calibration
    result = combine(FORECASTS, Y, **options)
    widths = intervals_oracle(np.abs(Y - result.forecast), **options)
    assert_array_equal(result.lower, result.forecast - widths)
    assert_array_equal(result.upper, result.forecast + widths)
    assert np.isfinite(widths).any()


def coverage_of(result, y, rows=slice(None)):
    known = ~np.isnan(result.lower[rows])
    return ((y[rows] >= result.lower[rows]) & (y[rows] <= result.upper[rows]))[known].mean()


@pytest.mark.parametrize("interval", ["split", "rolling", "adaptive"])
@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_coverage_is_nominal_on_quiet_data(interval, coverage):
    forecasts, y = simulate(rows=6000, seed=3)
    result = combine(forecasts, y, interval=interval, coverage=coverage, calibration=1000)
    assert coverage_of(result, y) == pytest.approx(coverage, abs=0.02)


def test_the_adaptive_interval_keeps_its_coverage_after_a_break():
    rng = np.random.default_rng(5)
    spread = np.where(np.arange(4000) < 2000, 1.0, 3.0) * np.linspace(1, 2, 4000)
    y = spread * rng.standard_t(5, 4000)
    forecasts = np.zeros((4000, 2))
    after = slice(2000, 4000)
    covered = {
        interval: coverage_of(combine(forecasts, y, interval=interval, calibration=1000), y, after)
        for interval in ("split", "rolling", "adaptive")
    }
    assert covered["adaptive"] == pytest.approx(0.9, abs=0.015)
    assert covered["split"] < 0.6
    assert abs(covered["adaptive"] - 0.9) < abs(covered["rolling"] - 0.9)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    coverage=st.sampled_from([0.5, 0.8, 0.9]),
    adaptation=st.sampled_from([0.005, 0.05, 0.2]),
    growth=st.floats(-0.1, 0.1),
)
def test_the_adaptive_interval_keeps_the_bound_of_gibbs_and_candes(seed, coverage, adaptation, growth):
    """Proposition 4.1 of the paper, which holds for any sequence, here one whose errors explode or die out."""
    y = np.random.default_rng(seed).normal(size=400) * np.exp(growth * np.arange(400))
    result = combine(np.zeros((400, 1)), y, coverage=coverage, adaptation=adaptation, calibration=50)
    known = ~np.isnan(result.lower)
    # An interval of width zero is what stands for the empty one.
    outside = (np.abs(y) > result.upper)[known] | (result.upper == 0)[known]
    bound = (max(coverage, 1 - coverage) + adaptation) / (adaptation * known.sum())
    assert abs(outside.mean() - (1 - coverage)) <= bound + 1e-12


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    interval=st.sampled_from(["split", "rolling", "adaptive"]),
    window=st.sampled_from([None, 25, 60]),
    calibration=st.sampled_from([None, 30, 100]),
    first=st.integers(1, 150),
    chunk=st.integers(5, 60),
    load=st.booleans(),
)
def test_update_equals_all_data_bit_for_bit(tmp_path_factory, first, chunk, load, **options):
    if options["interval"] == "split" and options["calibration"] is None:
        options["calibration"] = 30
    forecasts, y = FORECASTS[:160], Y[:160]
    complete = combine(forecasts, y, **options)
    combination = combine(forecasts[:first], y[:first], **options)
    for start in range(first, 160, chunk):
        rows = slice(start, start + chunk)
        if load:
            file = tmp_path_factory.mktemp("combination") / "state.npz"
            np.savez(file, **combination.state())
            with np.load(file, allow_pickle=False) as arrays:
                combination = Combination.from_state(arrays)
        following = combination.predict(forecasts[start])
        combination = combination.update(forecasts[rows], y[rows])
        for name in COLUMNS:
            assert_array_equal(getattr(combination, name), getattr(complete, name)[rows])
        for name in COLUMNS:
            assert_array_equal(getattr(following, name), getattr(complete, name)[start])
    for ours, theirs in zip(
        vars(combination.predict([0, 1, 2, 3])).values(), vars(complete.predict([0, 1, 2, 3])).values(), strict=True
    ):
        assert_array_equal(ours, theirs)


def test_update_takes_a_row_alone_and_leaves_its_past_as_it_was():
    past = combine(FORECASTS[:100], Y[:100], method="stacking")
    first, again = past.update(FORECASTS[100], Y[100]), past.update(FORECASTS[100], Y[100])
    for name in COLUMNS:
        assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.weights.shape == (1, 4)


def test_golden_combination_by_hand():
    """Mean squared errors 1 and 4 give weights 4/5 and 1/5; the errors are then 0.6 in each row."""
    y = np.zeros(12)
    forecasts = np.column_stack([np.ones(12), -2 * np.ones(12)])
    result = combine(forecasts, y, method="inverse_error", training=1, coverage=0.5, interval="rolling")
    assert_allclose(result.weights[1:], np.tile([0.8, 0.2], (11, 1)))
    assert_allclose(result.forecast, [-0.5, *[0.4] * 11])
    assert_allclose(result.upper[3:], 0.8)
    stacked = combine(forecasts, y, method="stacking", training=1)
    assert_allclose(stacked.weights[1:], np.tile([2 / 3, 1 / 3], (11, 1)), atol=1e-8)
    assert_allclose(stacked.forecast[1:], 0, atol=1e-8)


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match='method="median"'):
        combine(FORECASTS, Y, method="median")
    with pytest.raises(ValueError, match='interval="wide"'):
        combine(FORECASTS, Y, interval="wide")
    with pytest.raises(ValueError, match="coverage in"):
        combine(FORECASTS, Y, coverage=1.0)
    with pytest.raises(ValueError, match="window of at least as many rows"):
        combine(FORECASTS, Y, window=10)
    with pytest.raises(ValueError, match="need a calibration"):
        combine(FORECASTS, Y, interval="split", calibration=None)
    with pytest.raises(ValueError, match="more than 10 rows of calibration"):
        combine(FORECASTS, Y, coverage=0.95, calibration=10)
    with pytest.raises(ValueError, match="2-d array"):
        combine(Y, Y)
    with pytest.raises(ValueError, match=r"not \(300, 4\) and \(299,\)"):
        combine(FORECASTS, Y[1:])
    with pytest.raises(ValueError, match=r"not \(1, 4\) and \(\)"):
        combine(FORECASTS[:1], 3.0)
    with pytest.raises(ValueError, match=r"whole number of rows as window, not 40\.5"):
        combine(FORECASTS, Y, window=40.5)
    with pytest.raises(ValueError, match="choose a larger unit"):
        combine(FORECASTS * 1e200, Y)
    broken = FORECASTS.copy()
    broken[5, 2] = np.nan
    with pytest.raises(ValueError, match="row 5 has a missing"):
        combine(broken, Y)
    result = combine(FORECASTS, Y)
    with pytest.raises(ValueError, match=r"\(T, 4\)"):
        result.update(FORECASTS[:, :3], Y)
    with pytest.raises(ValueError, match="4 finite forecasts"):
        result.predict([1.0, 2.0])
    with pytest.raises(ValueError, match="no state of a combination"):
        Combination.from_state({})
    state = result.state()
    with pytest.raises(ValueError, match="shapes are not those of 4 forecasters"):
        Combination.from_state(state | {"gram": state["gram"][:2]})
    for options in ("", "[]", '{"colour": 1}', '{"method": "median"}'):
        with pytest.raises(ValueError, match="options are not readable"):
            Combination.from_state(state | {"options": np.array(options)})


def test_numbers_of_numpy_are_numbers():
    result = combine(FORECASTS, Y, window=np.int64(40), coverage=np.float32(0.9))
    again = Combination.from_state(result.state())
    assert_array_equal(again.predict([0, 1, 2, 3]).upper, result.predict([0, 1, 2, 3]).upper)
