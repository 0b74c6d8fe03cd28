"""How fast risk is measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from atlas_tests.benchmarks.measure import Figure, timed

RETURNS = 100_000


def figures() -> Iterator[Figure]:
    """Value at risk."""
    yield _value_at_risk()


def _value_at_risk() -> Figure:
    from atlas_assets.risk_management.var import historical_var

    returns = np.random.default_rng(4).standard_t(4, RETURNS) * 0.01
    series = pd.Series(returns)
    ours = timed(lambda: historical_var(returns, window=250, level=0.05), repetitions=5)
    return Figure(
        f"historical VaR and expected shortfall, {RETURNS:,} returns, window 250",
        ours,
        timed(lambda: series.rolling(250).quantile(0.05).shift(1), repetitions=5),
        "pandas rolling quantile (VaR only)",
        rate=f"{RETURNS / ours.best:,.0f} returns/s",
    )
