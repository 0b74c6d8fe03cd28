"""Regimes and change points of rows as they come: those of all rows at once, to the last bit, also after a night."""

import io
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.clustering.change_points import NormalGammaPrior
from atlas_assets.clustering.regimes import (
    OnlineChangePoints,
    OnlineHiddenMarkov,
    OnlineMarkovRegimes,
    change_points,
    hidden_markov_regimes,
    markov_regimes,
)

TRAINING, ROWS = 120, 400
PRIOR = NormalGammaPrior(mean=0.0, weight=0.2, shape=1.5, scale=2e-4)
CHANGES = [
    {"training": TRAINING},
    {"training": TRAINING, "expected_run_length": 30.0, "recent": 3, "negligible": 0.0},
    {"training": TRAINING, "negligible": 1e-3},
    {"prior": PRIOR},
]
STATES = [
    (1, {"states": 2}),
    (1, {"states": 3, "order_by": "mean"}),
    (2, {"states": 2, "covariance": "diagonal"}),
    (3, {"states": 2}),
]


SWITCHING = [{}, {"order": 1}, {"states": 3}, {"order": 2, "switching_variance": False}]


def rows(series, seed):
    """Calm and turbulent stretches of some series; now and then a value is missing."""
    rng = np.random.default_rng(seed)
    turbulent = np.arange(ROWS) // 50 % 2 == 1
    values = rng.normal(0, np.where(turbulent, 0.03, 0.007)[:, None], (ROWS, series))
    values[rng.random(values.shape) < 0.02] = np.nan
    values[30] = np.inf
    return values if series > 1 else values[:, 0]


def after_a_night(model):
    """The model as a file of arrays brings it back."""
    file = io.BytesIO()
    np.savez(file, **model.state())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return type(model).from_state(arrays)


def joined(parts, names):
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def assert_same_bits(parts, complete, names):
    for name, ours in joined(parts, names).items():
        theirs = getattr(complete, name)
        assert ours.dtype == theirs.dtype
        assert_array_equal(ours, theirs, err_msg=name)


CUTS = st.lists(st.integers(TRAINING, ROWS), max_size=8).map(lambda cuts: sorted([TRAINING, *cuts, ROWS]))
EACH_ROW = [*range(TRAINING, ROWS + 1)]


@pytest.mark.parametrize("options", CHANGES)
@settings(max_examples=5, deadline=None)
@given(cuts=CUTS, seed=st.integers(0, 99))
@example(cuts=EACH_ROW, seed=1)
@example(cuts=[TRAINING, TRAINING, ROWS], seed=1)
def test_change_points_of_any_chunks_have_the_same_bits(options, cuts, seed):
    values = rows(1, seed)
    model = OnlineChangePoints(**options)
    parts = [model.fit(values[: cuts[0]])]
    for begin, end in pairwise(cuts):
        parts.append(model.update(values[begin:end]))
        model = after_a_night(model) if end % 3 == 0 else model
    complete = change_points(values, **options)
    assert_same_bits(parts, complete, vars(complete))


@pytest.mark.parametrize(("series", "options"), STATES)
@settings(max_examples=5, deadline=None)
@given(cuts=CUTS, seed=st.integers(0, 9))
@example(cuts=EACH_ROW, seed=1)
@example(cuts=[TRAINING, TRAINING, ROWS], seed=1)
def test_states_of_any_chunks_have_the_same_bits(series, options, cuts, seed):
    values = rows(series, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these samples hold fewer states
        complete = hidden_markov_regimes(values, training=TRAINING, max_iterations=50, **options)
        model = OnlineHiddenMarkov(max_iterations=50, **options)
        parts = [model.fit(values[: cuts[0]], training=TRAINING)]
    for begin, end in pairwise(cuts):
        parts.append(model.update(values[begin:end]))
        model = after_a_night(model) if end % 3 == 0 else model
    assert_same_bits(parts, complete, ["probabilities", "labels", "scores", "in_sample"])
    assert parts[-1].log_likelihood == complete.log_likelihood
    assert parts[-1].converged == complete.converged


@pytest.mark.parametrize("options", SWITCHING)
@settings(max_examples=3, deadline=None)
@given(cuts=CUTS, seed=st.integers(0, 3))
@example(cuts=EACH_ROW, seed=1)
@example(cuts=[TRAINING, TRAINING, ROWS], seed=1)
def test_markov_regimes_of_any_chunks_have_the_same_bits(options, cuts, seed):
    values = rows(1, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these samples hold fewer states
        complete = markov_regimes(values, training=TRAINING, max_iterations=20, **options)
        model = OnlineMarkovRegimes(max_iterations=20, **options)
        parts = [model.fit(values[: cuts[0]], training=TRAINING)]
    for begin, end in pairwise(cuts):
        parts.append(model.update(values[begin:end]))
        model = after_a_night(model) if end % 3 == 0 else model
    assert_same_bits(parts, complete, ["probabilities", "labels", "in_sample"])
    assert parts[-1].log_likelihood == complete.log_likelihood
    assert parts[-1].converged == complete.converged


def test_one_number_is_one_row():
    values = rows(1, 1)
    for model in (OnlineChangePoints(training=TRAINING), OnlineHiddenMarkov(), OnlineMarkovRegimes(order=1)):
        options = {} if isinstance(model, OnlineChangePoints) else {"training": TRAINING}
        model.fit(values[:200], **options)
        same = after_a_night(model)
        one, other = model.update(values[200]), same.update(values[200:201])
        assert_array_equal(one.probabilities, other.probabilities)
        assert len(one.labels) == 1


def test_a_row_of_series_is_one_row():
    values = rows(2, 1)
    model = OnlineHiddenMarkov()
    model.fit(values[:200], training=TRAINING)
    expected = hidden_markov_regimes(values[:201], training=TRAINING).probabilities[200]
    assert_array_equal(model.update(values[200]).probabilities, [expected])


def test_the_next_state_is_foretold_by_the_transitions():
    values = rows(1, 1)
    switching = OnlineMarkovRegimes(order=1)
    last = switching.fit(values, training=TRAINING)
    assert_allclose(switching.forecast(), last.probabilities[-1] @ last.parameters.transition, rtol=1e-14)
    model = OnlineHiddenMarkov()
    last = model.fit(values, training=TRAINING)
    assert_array_equal(model.forecast(), last.probabilities[-1] @ last.parameters.transition)
    assert model.forecast().sum() == pytest.approx(1)
    before = model.forecast()
    model.update(np.nan)  # nothing was seen, so nothing is learnt
    assert_array_equal(model.forecast(), before)


def test_what_is_kept_does_not_grow_with_the_rows():
    """Run lengths that are no longer possible are forgotten after a change."""
    rng = np.random.default_rng(1)
    model = OnlineChangePoints(training=TRAINING)
    model.fit(rng.normal(0, 1, 1000))
    model.update(rng.normal(8, 0.1, 200))
    assert {name: values.size for name, values in model.state().items()}["positions"] < 250


def test_unusable_calls_are_refused():
    values = rows(2, 1)
    for model in (OnlineChangePoints(), OnlineHiddenMarkov(), OnlineMarkovRegimes()):
        for call in (model.state, lambda model=model: model.update(0.1)):
            with pytest.raises(ValueError, match="not fitted yet; call fit first"):
                call()
        with pytest.raises(ValueError, match=f"no state of {type(model).__name__}: .*options"):
            type(model).from_state({})
    short = OnlineChangePoints(training=60)
    short.fit(values[:40, 0])
    with pytest.raises(ValueError, match="fewer rows than its training sample, 60"):
        short.update(0.1)
    model = OnlineHiddenMarkov()
    model.fit(values, training=TRAINING)
    with pytest.raises(ValueError, match="fitted to 2 series"):
        model.update([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="fitted to 2 series"):
        model.update(1.0)
