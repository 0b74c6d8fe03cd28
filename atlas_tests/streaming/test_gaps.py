"""Gap logic against the definition: the numbers that a set lacks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from atlas_assets.streaming.gaps import holes, missing_before

steps = st.sampled_from([1, 2, 60_000])


@given(last=st.integers(0, 500), number=st.integers(0, 500), step=steps)
def test_what_is_missing_is_every_number_between(last, number, step):
    missing = missing_before(last * step, number * step, step=step)
    if number <= last:
        assert missing is None
    else:
        assert list(missing) == [one * step for one in range(last + 1, number)]


def test_a_series_may_start_anywhere():
    assert list(missing_before(None, 7)) == []


@given(start=st.integers(0, 50), length=st.integers(0, 60), found=st.sets(st.integers(0, 120)), step=steps)
def test_holes_are_what_was_not_found_in_runs(start, length, found, step):
    wanted = range(start * step, (start + length) * step, step)
    came = sorted(one * step for one in found if one * step in wanted)
    runs = list(holes(wanted, came))
    assert sorted(one for run in runs for one in run) == sorted(set(wanted) - set(came))
    assert all(len(run) for run in runs)
    assert all(first.stop < second.start for first, second in pairwise(runs))
