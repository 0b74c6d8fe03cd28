"""Change points: the exact programme and the direct recursion give the same, and planted changes are found."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, t

from atlas_assets.clustering.change_points import NormalGammaPrior
from atlas_assets.clustering.regimes import change_points, historical_change_points

PRIOR = NormalGammaPrior(mean=0.1, weight=0.5, shape=1.5, scale=0.8)


def planted(seed=1):
    rng = np.random.default_rng(seed)
    pieces = [rng.normal(0, 1, 120), rng.normal(4, 1, 80), rng.normal(4, 0.2, 100), rng.normal(0, 3, 150)]
    return np.concatenate(pieces), np.array([120, 200, 300])


SERIES, CHANGES = planted()


def direct_recursion(values, prior, hazard, recent):
    """Adams and MacKay's joint probabilities of run lengths, every one kept, predictive by the segment's own rows."""
    joint, rows = {}, []
    for now, value in enumerate(values):

        def predictive(length, end=now, value=value):
            past = values[end - length : end]
            weight, shape = prior.weight + length, prior.shape + length / 2
            mean = (prior.weight * prior.mean + past.sum()) / weight
            scale = prior.scale
            if length:
                scale += 0.5 * ((past - past.mean()) ** 2).sum()
                scale += 0.5 * prior.weight * length / weight * (past.mean() - prior.mean) ** 2
            return t.pdf(value, 2 * shape, mean, np.sqrt(scale * (weight + 1) / (shape * weight)))

        before = sum(joint.values())
        grown = {length + 1: (1 - hazard) * p * predictive(length) for length, p in joint.items()}
        joint = {1: (hazard * before if now else 1.0) * predictive(0), **grown}
        total = sum(joint.values())
        rows.append(
            (
                sum(p for length, p in joint.items() if length <= min(recent, now)) / total,
                max(joint, key=joint.get),
                sum(length * p for length, p in joint.items()) / total,
                np.log(total) - (np.log(before) if now else 0.0),
            )
        )
    return [np.array(column) for column in zip(*rows, strict=True)]


def test_filter_equals_the_direct_recursion():
    values = SERIES[90:170]
    recent, length, mean_length, log_predictive = direct_recursion(values, PRIOR, 1 / 50, 10)
    ours = change_points(values, expected_run_length=50, prior=PRIOR, negligible=0)
    assert_allclose(ours.probabilities, recent, atol=1e-10)
    assert_array_equal(ours.run_length, length)
    assert_allclose(ours.mean_run_length, mean_length, rtol=1e-9)
    assert_allclose(ours.scores, log_predictive, rtol=1e-9)
    assert_array_equal(ours.labels, np.arange(80) - length + 1)
    assert not ours.in_sample.any()


def test_dropping_negligible_run_lengths_changes_nothing_that_is_seen():
    everything = change_points(SERIES, prior=PRIOR, negligible=0)
    pruned = change_points(SERIES, prior=PRIOR)
    assert_allclose(pruned.probabilities, everything.probabilities, atol=1e-9)
    assert_array_equal(pruned.run_length, everything.run_length)


def test_planted_changes_become_known_soon():
    result = change_points(SERIES, training=60, recent=25)
    for change in CHANGES:
        assert result.probabilities[change - 5 : change].max() < 0.3
        assert result.probabilities[change + 20] > 0.8
        assert result.labels[change + 20] == pytest.approx(change, abs=3)
    assert_array_equal(result.in_sample, np.arange(450) < 60)


def test_a_series_without_changes_has_few_alarms():
    result = change_points(np.random.default_rng(4).normal(size=2_000))
    assert (result.probabilities > 0.5).mean() < 0.01
    assert result.run_length[-1] > 1_500


def exact_programme(values, penalty, minimum_length, changes, variance):
    """Least cost of every segmentation, by dynamic programming over all starts."""

    def cost(segment):
        mean = segment.mean() if changes != "variance" else values.mean()
        deviation = segment.std() if changes == "mean_variance" else np.sqrt(((segment - mean) ** 2).mean())
        return -2 * norm.logpdf(segment, mean, np.sqrt(variance) if changes == "mean" else deviation).sum()

    best = [-penalty] + [np.inf] * len(values)
    last = [0] * (len(values) + 1)
    for end in range(minimum_length, len(values) + 1):
        options = {
            start: best[start] + cost(values[start:end]) + penalty
            for start in range(end - minimum_length + 1)
            if np.isfinite(best[start])
        }
        last[end] = min(options, key=options.get)
        best[end] = options[last[end]]
    found, end = [], len(values)
    while last[end]:
        found.append(last[end])
        end = last[end]
    return found[::-1], best[-1]


def noise_variance(values):
    difference = np.diff(values)
    return (np.median(np.abs(difference - np.median(difference))) / norm.ppf(0.75)) ** 2 / 2


@pytest.mark.parametrize("changes", ["mean_variance", "mean", "variance"])
@pytest.mark.parametrize(("penalty", "minimum_length"), [(12.0, 2), (3.0, 7), (0.5, 4)])
@pytest.mark.parametrize("seed", [1, 2])
def test_segmentation_is_the_exact_one(changes, penalty, minimum_length, seed):
    values = planted(seed)[0][70:250:2]
    found, cost = exact_programme(values, penalty, minimum_length, changes, noise_variance(values))
    ours = historical_change_points(values, changes=changes, penalty=penalty, minimum_length=minimum_length)
    assert_array_equal(ours.change_points, found)
    assert_allclose(ours.cost, cost, rtol=1e-9)


def test_planted_changes_are_found_in_hindsight():
    result = historical_change_points(SERIES)
    assert_allclose(result.change_points, CHANGES, atol=2)
    assert_allclose(result.mean, [0, 4, 4, 0], atol=0.6)
    assert_allclose(np.sqrt(result.variance), [1, 1, 0.2, 3], rtol=0.2)
    assert_array_equal(np.flatnonzero(np.diff(result.labels)) + 1, result.change_points)


def test_noise_has_no_change():
    assert historical_change_points(np.random.default_rng(3).normal(size=500)).change_points.size == 0


def test_units_do_not_matter():
    scaled = SERIES * 1e-4 + 7
    assert_array_equal(historical_change_points(scaled).change_points, historical_change_points(SERIES).change_points)
    assert_allclose(change_points(scaled).probabilities, change_points(SERIES).probabilities, atol=1e-6)
    assert_allclose(
        historical_change_points(scaled).cost, historical_change_points(SERIES).cost + 2 * 450 * np.log(1e-4), rtol=1e-6
    )


def test_missing_rows_are_skipped():
    gaps = np.insert(SERIES, [0, 150], np.nan)
    present = np.isfinite(gaps)
    ours, expected = change_points(gaps, training=61), change_points(SERIES)
    assert_array_equal(ours.probabilities[present], expected.probabilities)
    assert_array_equal(ours.labels[present], np.flatnonzero(present)[expected.labels])
    assert np.isnan(ours.scores[~present]).all()
    history, whole = historical_change_points(gaps), historical_change_points(SERIES)
    assert_array_equal(history.labels[present], whole.labels)
    assert_array_equal(history.change_points, np.flatnonzero(present)[whole.change_points])


@pytest.mark.parametrize("size", [1e20, 1e160, 1e200, 1e300])
def test_a_row_of_any_size_is_a_change_and_forgotten_after_the_next(size):
    shocked = np.insert(SERIES, 200, size)
    result = change_points(shocked)
    assert np.isfinite(result.probabilities).all()
    assert np.isfinite(result.scores).all()
    assert_array_equal(result.run_length[200:203], [1, 1, 2])
    assert result.scores[200] == result.scores.min()


def test_unusable_input_is_refused():
    with pytest.raises(ValueError, match="the first 60 do not"):
        change_points(np.ones(100))
    with pytest.raises(ValueError, match="expected_run_length above 1"):
        change_points(SERIES, expected_run_length=1)
    with pytest.raises(ValueError, match="prior of positive"):
        change_points(SERIES, prior=NormalGammaPrior(mean=0, weight=0, shape=1, scale=1))
    with pytest.raises(ValueError, match="1-d series"):
        change_points(np.ones((3, 2)))
    with pytest.raises(ValueError, match='no changes="slope"'):
        historical_change_points(SERIES, changes="slope")
    with pytest.raises(ValueError, match="minimum_length=10, 5 rows"):
        historical_change_points(SERIES[:5])
    with pytest.raises(ValueError, match="all its rows are equal"):
        historical_change_points(np.ones(50))
