"""The probability of backtest overfitting, against halves sliced out one by one."""

import math
from itertools import combinations
from statistics import fmean, stdev

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from atlas_assets.risk_management.pbo import probability_of_backtest_overfitting


def returns_of(rows=96, strategies=6, seed=1):
    return np.random.default_rng(seed).standard_t(5, (rows, strategies)) * 0.01


def metric_by_hand(column, metric):
    if metric == "mean":
        return fmean(column)
    if len(set(column)) == 1:
        return math.copysign(math.inf, column[0]) if column[0] else 0.0
    return fmean(column) / stdev(column)


def trials_by_hand(returns, partitions, metric):
    """Of each trial: the chosen strategy, its metric in sample and out of sample, its logit."""
    length = len(returns) // partitions
    rows = returns[len(returns) - length * partitions :].tolist()
    blocks = [rows[start : start + length] for start in range(0, len(rows), length)]
    for chosen in combinations(range(partitions), partitions // 2):
        inside = [row for b in range(partitions) if b in chosen for row in blocks[b]]
        outside = [row for b in range(partitions) if b not in chosen for row in blocks[b]]
        before, after = (
            [metric_by_hand(column, metric) for column in zip(*half, strict=True)] for half in (inside, outside)
        )
        best = before.index(max(before))
        # As a rank in order, with equals in the middle of theirs.
        rank = sum(value < after[best] for value in after) + (after.count(after[best]) + 1) / 2
        share = rank / (len(after) + 1)
        yield best, before[best], after[best], math.log(share / (1 - share))


@pytest.mark.parametrize("metric", ["sharpe", "mean"])
@pytest.mark.parametrize(("rows", "partitions"), [(96, 2), (96, 6), (101, 8)])
def test_every_trial_is_that_of_the_sliced_halves(rows, partitions, metric):
    returns = returns_of(rows)
    result = probability_of_backtest_overfitting(returns, partitions=partitions, metric=metric)
    selected, inside, outside, logits = zip(*trials_by_hand(returns, partitions, metric), strict=True)
    assert_array_equal(result.selected, selected)
    assert_allclose(result.in_sample, inside, rtol=1e-10)
    assert_allclose(result.out_of_sample, outside, rtol=1e-10, atol=1e-14)
    assert_allclose(result.logits, logits, rtol=1e-12, atol=1e-14)
    assert result.pbo == fmean(logit <= 0 for logit in logits)
    assert result.probability_of_loss == fmean(value < 0 for value in outside)
    slope, intercept = np.polyfit(inside, outside, 1)
    assert_allclose([result.slope, result.intercept], [slope, intercept], rtol=1e-8)
    assert result.observations == rows // partitions * partitions


def test_golden_by_hand():
    """Two blocks of two rows: A is chosen first and earns 0 afterwards, B is chosen second and has earned 1."""
    returns = [[3.0, 1.0], [1.0, 1.0], [0.0, 4.0], [0.0, 4.0]]
    result = probability_of_backtest_overfitting(returns, partitions=2, metric="mean")
    assert result.selected.tolist() == [0, 1]
    assert result.in_sample.tolist() == [2.0, 4.0]
    assert result.out_of_sample.tolist() == [0.0, 1.0]
    assert_allclose(result.logits, np.log([0.5, 0.5]))
    assert (result.pbo, result.slope, result.intercept, result.probability_of_loss) == (1.0, 0.5, -1.0, 0.0)


@pytest.mark.recorded
def test_reproduces_the_published_procedure(quant):
    """CSCV of 50 strategies over 960 days in 8 blocks, as the R package pbo gives it: 15 of 70 trials."""
    returns = pd.read_csv(quant / "pbo_matrix_960x50.csv.gz")
    assert probability_of_backtest_overfitting(returns, partitions=8).pbo == pytest.approx(15 / 70, rel=1e-15)


def test_sixteen_blocks_give_12870_trials_each_with_its_mirror_image():
    result = probability_of_backtest_overfitting(returns_of(320, 20))
    assert result.logits.shape == (12_870,)
    chosen = list(combinations(range(16), 8))
    for trial in (0, 1, 5_000, 12_869):
        assert set(chosen[trial]) | set(chosen[12_869 - trial]) == set(range(16))
    # What was chosen in one half is best there: no other trial's choice beats it in that half.
    same = result.selected == result.selected[::-1]
    assert_array_equal(result.out_of_sample[same], result.in_sample[::-1][same])
    assert (result.out_of_sample <= result.in_sample[::-1]).all()


def test_skill_is_no_overfitting_and_a_search_in_noise_is_about_a_coin_toss():
    skilled = returns_of(480, 20)
    skilled[:, 3] += 0.01
    result = probability_of_backtest_overfitting(skilled, partitions=10)
    assert result.pbo == 0
    assert (result.selected == 3).all()
    assert result.probability_of_loss == 0
    noise = [probability_of_backtest_overfitting(returns_of(240, 20, seed), partitions=8).pbo for seed in range(60)]
    assert 0.4 < fmean(noise) < 0.6


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([2.0**-9, 64.0]), strategies=st.integers(2, 9))
def test_neither_scale_nor_order_of_strategies_matters(seed, scale, strategies):
    returns = returns_of(48, strategies, seed)
    result = probability_of_backtest_overfitting(returns, partitions=6)
    order = np.random.default_rng(seed).permutation(strategies)
    for other in (returns * scale, returns[:, order]):
        assert_array_equal(probability_of_backtest_overfitting(other, partitions=6).logits, result.logits)


def test_equal_strategies_share_their_rank_and_the_first_is_chosen():
    one = returns_of(48, 1)
    result = probability_of_backtest_overfitting(np.hstack([one, one, one]), partitions=4)
    assert_array_equal(result.selected, 0)
    assert_allclose(result.logits, 0, atol=1e-15)
    assert result.pbo == 1.0


def test_a_strategy_that_stays_out_of_the_market_has_a_sharpe_ratio_of_zero():
    returns = returns_of(48, 3, seed=5)
    returns[:, 0], returns[:24, 1] = 0.0, 0.0
    returns[:, 2] = -np.abs(returns[:, 2])
    result = probability_of_backtest_overfitting(returns, partitions=4)
    for trial, (best, inside, outside, logit) in enumerate(trials_by_hand(returns, 4, "sharpe")):
        assert result.selected[trial] == best
        assert_allclose([result.in_sample[trial], result.out_of_sample[trial]], [inside, outside], rtol=1e-10)
        assert_allclose(result.logits[trial], logit, atol=1e-14)


def test_one_that_earns_without_deviation_is_best_and_leaves_no_line():
    returns = returns_of(48, 3)
    returns[:, 1] = 0.001
    result = probability_of_backtest_overfitting(returns, partitions=4)
    assert_array_equal(result.selected, 1)
    assert np.isposinf(result.in_sample).all()
    assert np.isnan(result.slope)
    assert result.pbo == 0.0


@pytest.mark.parametrize(
    ("returns", "options", "message"),
    [
        (returns_of(strategies=1), {}, "needs returns .* of 2 strategies"),
        (returns_of()[:, 0], {}, "needs returns .* of 2 strategies"),
        (returns_of(), {"partitions": 7}, "an even number of blocks"),
        (returns_of(), {"partitions": 26}, "an even number of blocks"),
        (returns_of(31), {"partitions": 16}, "two rows for each"),
        (returns_of(), {"metric": "sortino"}, "knows no metric"),
        (np.where(returns_of() > 0.03, np.nan, returns_of()), {}, "row .* has a missing return"),
    ],
)  # fmt: skip
def test_what_it_refuses(returns, options, message):
    with pytest.raises(ValueError, match=message):
        probability_of_backtest_overfitting(returns, **options)
