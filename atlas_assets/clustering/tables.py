# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The clustering domain's gold tables from silver frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlas_assets.clustering.history import of_trained_instruments
from atlas_assets.clustering.kept_fits import Fit, FloatArray, KeptFits
from atlas_assets.clustering.regimes import RegimeParameters, markov_regimes

if TYPE_CHECKING:
    import pandas as pd


def regimes(
    bars: pd.DataFrame, *, symbols: Sequence[str], window_size: int, fits: KeptFits | None = None
) -> pd.DataFrame:
    """Calm and turbulent sessions of each symbol, from filtered probabilities.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    symbols
        The instruments to classify; one with fewer sessions than ``window_size`` is left out.
    window_size
        Sessions of the training sample, the first ones of each instrument.
    fits
        Of an earlier pass: a training sample that is among them is not fitted again.

    Returns
    -------
    Frame of ``gold.regimes``.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    kept = KeptFits() if fits is None else fits
    return of_trained_instruments(
        bars,
        lambda rows: _regimes_of_one(rows, window_size, kept),
        symbols=symbols,
        window_size=window_size,
        what="Regimes",
    )


def fitted_regimes(sample: FloatArray) -> Fit:
    """Parameters of the two regimes of a training sample, by their names."""
    return vars(markov_regimes(sample, training=sample.size).parameters)


def _regimes_of_one(bars: pd.DataFrame, window_size: int, fits: KeptFits) -> pd.DataFrame:
    import pandas as pd

    returns = np.diff(np.log(bars["close_total_return_adj"].to_numpy()))
    parameters = RegimeParameters(**fits.of(returns[:window_size], fitted_regimes))
    result = markov_regimes(returns, training=window_size, parameters=parameters)
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
