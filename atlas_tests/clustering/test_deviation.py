"""Deviation from usual behaviour: p-values that are uniform where nothing is unusual, and small where something is."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2, false_discovery_control, kstest

from atlas_assets.clustering.deviation import (
    benjamini_hochberg,
    standardised_by_time_of_day,
    trailing_deviation,
    usual_behaviour,
)

ESTIMATORS = ["minimum_covariance_determinant", "median_mad"]
MIXING = np.array([[1.0, 0.6, 0.0], [0.0, 0.8, -0.5], [0.0, 0.0, 2.0]])


def usual_rows(rows, seed):
    return np.random.default_rng(seed).normal(size=(rows, 3)) @ MIXING + [10.0, -2.0, 0.0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimates_are_consistent_for_normal_data(estimator):
    usual = usual_behaviour(usual_rows(2_000, 1), estimator=estimator)
    assert_allclose(usual.location, [10.0, -2.0, 0.0], atol=0.16)
    assert_allclose(usual.covariance, MIXING.T @ MIXING, atol=0.35)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_third_of_unusual_rows_does_not_move_them(estimator):
    rows = usual_rows(900, 2)
    rows[:250] += 1000.0
    usual = usual_behaviour(rows, estimator=estimator)
    assert np.abs(usual.location - [10.0, -2.0, 0.0]).max() < 1.5
    assert np.trace(usual.covariance) < 30
    assert usual.deviation(rows).p_value[:250].max() < 1e-10


def test_the_determinant_estimate_is_near_that_of_scikit_learn():
    from sklearn.covariance import MinCovDet

    rows = usual_rows(500, 3)
    usual, theirs = usual_behaviour(rows), MinCovDet(random_state=0).fit(rows)
    assert_allclose(usual.location, theirs.location_, atol=0.06)
    assert_allclose(usual.covariance, theirs.covariance_, atol=0.25)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("reference", ["chi_squared", "f"])
def test_p_values_of_new_usual_rows_are_uniform(estimator, reference):
    usual = usual_behaviour(usual_rows(2_000, 4), estimator=estimator)
    result = usual.deviation(usual_rows(1_000, 5), reference=reference)
    assert kstest(result.p_value, "uniform").pvalue > 0.01
    assert kstest(result.empirical_p_value, "uniform").pvalue > 0.01
    if reference == "chi_squared":
        assert_allclose(result.p_value, chi2.sf(result.distance**2, 3))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_trailing_p_values_are_calibrated_in_small_windows(estimator):
    result = trailing_deviation(usual_rows(1_650, 6), window=150, refit_every=75, estimator=estimator)
    known = np.isfinite(result.p_value)
    assert_array_equal(known, np.arange(1_650) >= 150)
    for level in (0.01, 0.05, 0.2):
        assert (result.p_value[known] < level).mean() == pytest.approx(level, abs=0.006 + 0.25 * level)


def test_distance_is_mahalanobis_by_hand():
    usual, rows = usual_behaviour(usual_rows(300, 7)), usual_rows(20, 8)
    inverse = np.linalg.inv(usual.covariance)
    by_hand = [((row - usual.location) @ inverse @ (row - usual.location)) ** 0.5 for row in rows]
    result = usual.deviation(rows)
    assert_allclose(result.distance, by_hand)
    training = usual.deviation(usual_rows(300, 7)).distance
    assert_allclose(result.empirical_p_value, [(1 + (training >= d).sum()) / 301 for d in result.distance])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_planted_deviations_are_found_and_others_are_not(estimator):
    rows = usual_rows(1_250, 9)
    planted = np.arange(300, 1_250, 80)
    rows[planted] += np.array([1.0, -1.0, 1.0]) * 6
    result = trailing_deviation(rows, window=250, refit_every=200, estimator=estimator)
    found = np.flatnonzero(benjamini_hochberg(result.p_value) < 0.05)
    assert set(planted) <= set(found)
    assert found.size - planted.size <= 4


def test_an_unusual_direction_counts_where_each_feature_alone_is_usual():
    rng = np.random.default_rng(10)
    common = rng.normal(size=2_000)
    rows = np.column_stack([common, common + 0.1 * rng.normal(size=2_000)])
    usual = usual_behaviour(rows, estimator="median_mad")
    assert usual.deviation([[1.5, -1.5]]).p_value[0] < 1e-20
    assert usual.deviation([[1.5, 1.5]]).p_value[0] > 0.1


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_units_do_not_matter(estimator):
    rows = usual_rows(300, 11)
    scaled = rows * [1e-6, 1e3, 1.0] + [0.0, 5.0, 0.0]
    ours = usual_behaviour(rows, estimator=estimator).deviation(rows).distance
    assert_allclose(usual_behaviour(scaled, estimator=estimator).deviation(scaled).distance, ours, rtol=1e-6)


def test_rows_with_a_missing_feature_are_skipped():
    rows = usual_rows(300, 12)
    gaps = np.insert(rows, [0, 200], [np.nan, 1.0, 1.0], axis=0)
    expected = usual_behaviour(rows)
    assert_array_equal(usual_behaviour(gaps).covariance, expected.covariance)
    for array in vars(expected.deviation(gaps)).values():
        assert_array_equal(np.isnan(array), np.isnan(gaps).any(axis=1))


@pytest.mark.parametrize("features", [1, 3])
def test_an_infinite_feature_is_missing_and_a_row_far_out_is_far(features):
    usual = usual_behaviour(usual_rows(300, 12)[:, :features])
    found = usual.deviation([[np.inf] + [0.0] * (features - 1), [1e200] * features])
    for array in vars(found).values():
        assert np.isnan(array[0])
    assert (found.distance[1], found.p_value[1], found.empirical_p_value[1]) == (np.inf, 0.0, 1 / 301)


def test_times_of_day_are_those_of_datetimes_and_training_rows_with_a_gap_are_skipped():
    rows, time = usual_rows(300, 14), 3600.0 * np.arange(300)
    expected = standardised_by_time_of_day(rows, time, training=rows, training_time=time)
    moments = pd.date_range("1970-01-01", periods=300, freq="h", tz="UTC")
    assert_array_equal(standardised_by_time_of_day(rows, moments, training=rows, training_time=moments), expected)
    gap = np.insert(rows, 5, [np.nan, 9.0, 9.0], axis=0)
    assert_array_equal(
        standardised_by_time_of_day(rows, time, training=gap, training_time=np.insert(time, 5, 0.0)), expected
    )
    with pytest.raises(ValueError, match="a training row without a missing feature"):
        standardised_by_time_of_day(rows, time, training=np.full((2, 3), np.nan), training_time=time[:2])


def test_a_window_that_tells_nothing_gives_nothing():
    rows = usual_rows(200, 13)
    rows[:120] = 1.0
    result = trailing_deviation(rows, window=50)
    assert np.isnan(result.distance[:121]).all()
    assert np.isfinite(result.distance[-10:]).all()


@pytest.mark.parametrize("level", [0.01, 0.02, 0.05, 0.5])
def test_beyond_the_threshold_the_empirical_p_value_is_at_most_the_level(level):
    usual = usual_behaviour(usual_rows(199, 1))
    result = usual.deviation(np.vstack([usual_rows(500, 2), 3 * usual_rows(50, 3)]))
    assert_array_equal(result.distance > usual.threshold(level), result.empirical_p_value <= level)
    assert usual.threshold(0.004) == np.inf


def test_what_is_usual_depends_on_the_time_of_day():
    """Each row beside the training rows within an hour and a half of its time of day, over midnight too."""
    rng = np.random.default_rng(3)
    time = np.arange(40 * 24) * 3_600.0
    busy = 1 + np.sin(time / 86_400 * 2 * np.pi)
    rows = np.column_stack([10 * busy + rng.normal(size=time.size), busy * rng.normal(size=time.size)])
    training = slice(0, 30 * 24)
    options = {"training": rows[training], "training_time": time[training]}
    result = standardised_by_time_of_day(rows, time, **options)
    for place in (720, 731, 743, 955):
        apart = (time[training] - time[place]) % 86_400 / 3_600
        near = rows[training][(apart <= 1.5) | (apart >= 22.5)]
        assert len(near) == 90
        median = np.median(near, axis=0)
        expected = (rows[place] - median) / (np.median(np.abs(near - median), axis=0) * 1.482602218505602)
        assert_allclose(result[place], expected)
    anew = standardised_by_time_of_day(rows, time, width_hours=24.0, **options)
    deviation = usual_behaviour(rows[training], estimator="median_mad").deviation(rows)
    again = usual_behaviour(anew[training], estimator="median_mad").deviation(anew)
    assert_allclose(again.distance, deviation.distance)


def test_too_little_at_an_hour_falls_back_to_all_hours_and_no_variation_is_missing():
    rng = np.random.default_rng(3)
    time = np.arange(200) * 3_600.0
    rows = np.column_stack([rng.normal(size=200), np.ones(200)])
    result = standardised_by_time_of_day(rows, time, training=rows, training_time=time, width_hours=1.0)
    centred = rows[:, 0] - np.median(rows[:, 0])
    assert_allclose(result[:, 0], centred / (np.median(np.abs(centred)) * 1.482602218505602))
    assert np.isnan(result[:, 1]).all()
    with pytest.raises(ValueError, match="one time for each row"):
        standardised_by_time_of_day(rows, time[1:], training=rows, training_time=time)


def test_benjamini_hochberg_equals_scipy_and_skips_missing_values():
    values = np.random.default_rng(14).uniform(size=200) ** 2
    gaps = np.insert(values, 50, np.nan)
    adjusted = benjamini_hochberg(gaps)
    assert_allclose(adjusted[np.isfinite(gaps)], false_discovery_control(values))
    assert np.isnan(adjusted[50])


def test_unusable_input_is_refused():
    rows = usual_rows(100, 15)
    with pytest.raises(ValueError, match="needs at least 15 complete training rows, not 14"):
        usual_behaviour(rows[:14])
    with pytest.raises(ValueError, match="feature 1's rows are equal"):
        usual_behaviour(np.column_stack([rows[:, 0], np.ones(100)]))
    for estimator in ESTIMATORS[:1]:
        with pytest.raises(ValueError, match="sum of others"):
            usual_behaviour(np.column_stack([rows, rows[:, 0] + rows[:, 1]]), estimator=estimator)
    with pytest.raises(ValueError, match='no estimator="mean"'):
        usual_behaviour(rows, estimator="mean")
    with pytest.raises(ValueError, match='no reference="t"'):
        usual_behaviour(rows).deviation(rows, reference="t")
    with pytest.raises(ValueError, match="fitted to 3 features, not 2"):
        usual_behaviour(rows).deviation(rows[:, :2])
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([0.5, 1.2])
    with pytest.raises(ValueError, match="positive window"):
        trailing_deviation(rows, window=0)
