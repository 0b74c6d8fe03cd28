# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The risk domain's gold tables from silver frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.risk_management.var import RiskSeries, backtest, historical_var, parametric_var

if TYPE_CHECKING:
    import pandas as pd

METHODS = {"historical": historical_var, "parametric": parametric_var}
SERIES = ["instrument_id", "symbol", "method", "tail_probability"]


def value_at_risk(bars: pd.DataFrame, *, window_size: int, tail_probabilities: Sequence[float]) -> pd.DataFrame:
    """One-day value at risk and expected shortfall of every instrument, from returns before the session.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    window_size
        Trailing sessions; instruments with fewer returns are left out.
    tail_probabilities
        Probabilities of a worse return.

    Returns
    -------
    Frame of ``gold.value_at_risk``.
    """
    import pandas as pd

    tables: list[pd.DataFrame] = []
    for _, rows in bars.sort_values("session_date").groupby("instrument_id", sort=True):
        returns = np.diff(np.log(rows["close_total_return_adj"].to_numpy()))
        for method, estimate in METHODS.items():
            for level in tail_probabilities:
                risk = estimate(returns, window=window_size, level=level)
                tables.append(_series(rows.iloc[1:], returns, risk, method=method, level=level))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _series(bars: pd.DataFrame, returns: np.ndarray, risk: RiskSeries, *, method: str, level: float) -> pd.DataFrame:
    import pandas as pd

    at_risk, shortfall = risk.value_at_risk[: len(returns)], risk.expected_shortfall[: len(returns)]
    table = pd.DataFrame(
        {
            "instrument_id": bars["instrument_id"].to_numpy(),
            "symbol": bars["symbol"].to_numpy(),
            "session_date": bars["session_date"].to_numpy(),
            "method": method,
            "tail_probability": level,
            "value_at_risk": at_risk,
            "expected_shortfall": shortfall,
            "log_return": returns,
            "is_breach": returns < at_risk,
        }
    )
    return table[np.isfinite(at_risk)]


def var_backtests(table: pd.DataFrame) -> pd.DataFrame:
    """Kupiec's test of every value-at-risk series.

    Parameters
    ----------
    table
        ``gold.value_at_risk``.

    Returns
    -------
    Frame of ``gold.var_backtests``.
    """
    import pandas as pd

    rows = []
    for series, of_one in table.groupby(SERIES, sort=True):
        level = float(of_one["tail_probability"].iloc[0])
        tested = backtest(of_one["log_return"].to_numpy(), of_one["value_at_risk"].to_numpy(), level=level)
        rows.append(
            {
                **dict(zip(SERIES, series, strict=True)),
                "observations": tested.observations,
                "breaches": tested.hits,
                "expected_breaches": tested.observations * level,
                "kupiec_statistic": tested.unconditional.statistic,
                "kupiec_p_value": tested.unconditional.p_value,
            }
        )
    return pd.DataFrame(rows)
