"""Trailing percentiles against a loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.contracts.trailing import trailing_percentile


def percentile_by_hand(values, window, minimum):
    found = []
    for place, value in enumerate(values):
        past = [one for one in values[max(0, place - window + 1) : place + 1] if not math.isnan(one)]
        if math.isnan(value) or len(past) < minimum:
            found.append(math.nan)
            continue
        below, equal = sum(one < value for one in past), sum(one == value for one in past)
        found.append((below + equal / 2) / len(past))
    return found


@given(
    values=st.lists(st.integers(0, 4) | st.just(math.nan), max_size=40),
    lengths=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_as_by_hand(values, lengths):
    minimum, window = sorted(lengths)
    ours = trailing_percentile(values, window=window, minimum=minimum)
    assert_allclose(ours, percentile_by_hand(values, window, minimum), rtol=1e-14)


def test_by_example():
    assert_allclose(trailing_percentile([1, 2, 0, 1], window=3, minimum=2), [math.nan, 3 / 4, 1 / 6, 1 / 2])
    assert_allclose(trailing_percentile([1, 2, 3, 3, 1], window=4), [math.nan] * 3 + [3 / 4, 1 / 8])


def test_only_the_order_of_values_counts():
    values = np.random.default_rng(2).normal(size=200)
    percentile = trailing_percentile(values, window=20, minimum=5)
    assert_array_equal(trailing_percentile(np.exp(values) * 7, window=20, minimum=5), percentile)
    assert_allclose(1 - trailing_percentile(-values, window=20, minimum=5), percentile, rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "lengths"), [([[1.0, 2.0]], {"window": 2}), ([1.0], {"window": 0}), ([1.0], {"window": 3, "minimum": 4})]
)
def test_usage_errors_are_sentences(values, lengths):
    with pytest.raises(ValueError, match="needs a 1-d series and a minimum of 1 to the window"):
        trailing_percentile(values, **lengths)
