"""Ranks and runs against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.indicators.toxicity import toxic_episodes, trailing_percentile

FEW = st.lists(st.integers(0, 4) | st.just(math.nan), max_size=40)


def percentile_by_hand(values, window):
    ranks = []
    for t, value in enumerate(values):
        seen = values[max(t - window + 1, 0) : t + 1]
        if len(seen) < window or any(math.isnan(one) for one in seen):
            ranks.append(math.nan)
            continue
        below, equal = sum(one < value for one in seen), sum(one == value for one in seen)
        ranks.append((below + (equal + 1) / 2) / window)
    return ranks


def episodes_by_hand(percentile, threshold, buckets):
    episodes, number, run = [], 0, 0
    for value in percentile:
        run = run + 1 if value >= threshold else 0
        number += run == buckets
        episodes.append(number if run >= buckets else 0)
    return episodes


@given(values=FEW, window=st.integers(2, 9))
def test_percentile_equals_the_loop(values, window):
    assert_allclose(trailing_percentile(values, window=window), percentile_by_hand(values, window), rtol=1e-14)


@given(values=FEW, threshold=st.sampled_from([0.5, 2, 3, 3.5]), buckets=st.integers(1, 5))
def test_episodes_equal_the_loop(values, threshold, buckets):
    percentile = np.array(values, dtype=float) / 4
    episodes = toxic_episodes(percentile, threshold=threshold / 4, buckets=buckets)
    assert_array_equal(episodes, episodes_by_hand(percentile, threshold / 4, buckets))


def test_golden():
    assert_allclose(trailing_percentile([1, 2, 3, 3, 1], window=4)[3:], [3.5 / 4, 1 / 4])
    high = [0.5, 0.96, 0.97, 0.99, 0.5, 0.99, math.nan, 0.99, 0.99, 1.0]
    assert_array_equal(toxic_episodes(high, threshold=0.95, buckets=2), [0, 0, 1, 1, 0, 0, 0, 0, 2, 2])


def test_the_scale_does_not_matter():
    values = np.random.default_rng(1).normal(size=200)
    percentile = trailing_percentile(values, window=50)
    assert_array_equal(percentile, trailing_percentile(np.exp(values), window=50))
    assert np.nanmin(percentile) > 0
    assert np.nanmax(percentile) <= 1


@pytest.mark.parametrize(("values", "window"), [([1.0, 2.0], 1), ([[1.0, 2.0]], 2)])
def test_percentile_refuses(values, window):
    with pytest.raises(ValueError, match="needs a 1-d series and a window of 2 or more"):
        trailing_percentile(values, window=window)


@pytest.mark.parametrize(("threshold", "buckets"), [(0.0, 1), (1.5, 1), (0.9, 0)])
def test_episodes_refuse(threshold, buckets):
    with pytest.raises(ValueError, match="need a threshold in"):
        toxic_episodes([0.5], threshold=threshold, buckets=buckets)
