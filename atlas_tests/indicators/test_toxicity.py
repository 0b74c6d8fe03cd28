"""Runs against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from atlas_assets.indicators.toxicity import toxic_episodes

FEW = st.lists(st.integers(0, 4) | st.just(math.nan), max_size=40)


def episodes_by_hand(percentile, threshold, buckets):
    episodes, number, run = [], 0, 0
    for value in percentile:
        run = run + 1 if value >= threshold else 0
        number += run == buckets
        episodes.append(number if run >= buckets else 0)
    return episodes


@given(values=FEW, threshold=st.sampled_from([0.5, 2, 3, 3.5]), buckets=st.integers(1, 5))
def test_episodes_equal_the_loop(values, threshold, buckets):
    percentile = np.array(values, dtype=float) / 4
    episodes = toxic_episodes(percentile, threshold=threshold / 4, buckets=buckets)
    assert_array_equal(episodes, episodes_by_hand(percentile, threshold / 4, buckets))


def test_golden():
    high = [0.5, 0.96, 0.97, 0.99, 0.5, 0.99, math.nan, 0.99, 0.99, 1.0]
    assert_array_equal(toxic_episodes(high, threshold=0.95, buckets=2), [0, 0, 1, 1, 0, 0, 0, 0, 2, 2])


@pytest.mark.parametrize(("threshold", "buckets"), [(0.0, 1), (1.5, 1), (0.9, 0)])
def test_episodes_refuse(threshold, buckets):
    with pytest.raises(ValueError, match="need a threshold in"):
        toxic_episodes([0.5], threshold=threshold, buckets=buckets)
