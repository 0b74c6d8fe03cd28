# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The clustering domain's gold tables from silver frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.clustering.history import of_trained_instruments
from atlas_assets.clustering.regimes import markov_regimes

if TYPE_CHECKING:
    import pandas as pd


def regimes(bars: pd.DataFrame, *, symbols: Sequence[str], window_size: int) -> pd.DataFrame:
    """Calm and turbulent sessions of each symbol, from filtered probabilities.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    symbols
        The instruments to classify; one with fewer sessions than ``window_size`` is left out.
    window_size
        Sessions of the training sample, the first ones of each instrument.

    Returns
    -------
    Frame of ``gold.regimes``.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    return of_trained_instruments(
        bars,
        lambda rows: _regimes_of_one(rows, window_size),
        symbols=symbols,
        window_size=window_size,
        what="Regimes",
    )


def _regimes_of_one(bars: pd.DataFrame, window_size: int) -> pd.DataFrame:
    import pandas as pd

    returns = np.diff(np.log(bars["close_total_return_adj"].to_numpy()))
    result = markov_regimes(returns, training=window_size)
    turbulent = result.probabilities[:, 1]
    return pd.DataFrame(
        {
            "instrument_id": bars["instrument_id"].iloc[0],
            "symbol": bars["symbol"].iloc[0],
            "session_date": bars["session_date"].to_numpy()[1:],
            "log_return": returns,
            "turbulent_probability": np.clip(turbulent, 0.0, 1.0),
            "regime": np.where(turbulent > 0.5, "turbulent", "calm"),
            "in_sample": result.in_sample,
        }
    )
