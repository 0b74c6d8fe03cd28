"""How fast risk measures and the judgement of backtests are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from atlas_tests.benchmarks.measure import Figure, timed

RETURNS = 100_000
OBSERVATIONS, STRATEGIES, PARTITIONS = 960, 50, 16


def figures() -> Iterator[Figure]:
    """Value at risk, and the probability of overfitting."""
    yield from _value_at_risk()
    yield _overfitting()


def _value_at_risk() -> Iterator[Figure]:
    from atlas_assets.risk_management.var import historical_var

    returns = np.random.default_rng(4).standard_t(4, RETURNS) * 0.01
    series = pd.Series(returns)
    for window in (250, 1_000):
        ours = timed(lambda window=window: historical_var(returns, window=window, level=0.05), repetitions=5)
        yield Figure(
            f"historical VaR and expected shortfall, {RETURNS:,} returns, window {window:,}",
            ours,
            timed(lambda window=window: series.rolling(window).quantile(0.05).shift(1), repetitions=5),
            "pandas rolling quantile (VaR only)",
            rate=f"{RETURNS / ours.best:,.0f} returns/s",
        )


def _overfitting() -> Figure:
    from atlas_assets.risk_management.pbo import probability_of_backtest_overfitting

    returns = np.random.default_rng(5).normal(0, 0.01, (OBSERVATIONS, STRATEGIES))
    blocks = np.array_split(returns, PARTITIONS)

    def loop() -> None:
        """Both halves of every trial put together from their blocks, as the R package pbo does."""
        for chosen in combinations(range(PARTITIONS), PARTITIONS // 2):
            inside = np.concatenate([blocks[place] for place in chosen])
            outside = np.concatenate([blocks[place] for place in range(PARTITIONS) if place not in chosen])
            before, after = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in (inside, outside))
            _ = (after <= after[before.argmax()]).sum()

    ours = timed(lambda: probability_of_backtest_overfitting(returns, partitions=PARTITIONS), repetitions=5)
    trials = len(list(combinations(range(PARTITIONS), PARTITIONS // 2)))
    return Figure(
        f"probability of overfitting, {OBSERVATIONS} rows, {STRATEGIES} strategies, all {trials:,} trials",
        ours,
        timed(loop, repetitions=1, warm_up=False),
        "numpy, half by half",
        rate=f"{trials / ours.best:,.0f} trials/s",
        promise=1.0,
    )
