# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""Gold table of hidden Markov states and change points of daily returns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.change_points import change_points
from atlas_assets.clustering.hidden_markov import HiddenMarkovParameters, OnlineHiddenMarkov
from atlas_assets.clustering.history import of_trained_instruments
from atlas_assets.clustering.kept_fits import Fit, KeptFits

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = npt.NDArray[np.float64]

_NAMES = {
    2: ("calm", "turbulent"),
    3: ("calm", "unsettled", "turbulent"),
    4: ("calm", "moderate", "unsettled", "turbulent"),
}
_SESSIONS_A_YEAR = 252


def market_states(
    bars: pd.DataFrame,
    *,
    symbols: Sequence[str],
    states: int,
    window_size: int,
    refit_sessions: int,
    expected_run_length: float,
    recent_sessions: int,
    change_threshold: float,
    fits: KeptFits | None = None,
) -> pd.DataFrame:
    """Hidden Markov states and change points of each symbol's returns, as they were known after each session.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    symbols
        The instruments; one without a session after the first training sample is left out.
    states
        Number of hidden states, 2 to 4, ordered by variance.
    window_size, refit_sessions
        The states are fitted to the first ``window_size`` returns, and every ``refit_sessions`` later to the last
        ``window_size`` before; between fits the filter runs on. Rows begin after the first training sample.
    expected_run_length, recent_sessions
        As ``expected_run_length`` and ``recent`` of :func:`atlas_assets.clustering.change_points.change_points`.
    change_threshold
        Probability of a recent change; in the session in which it is passed a change point is told.
    fits
        Of an earlier pass: a training sample that is among them is not fitted again.

    Returns
    -------
    Frame of ``gold.market_states``.

    Raises
    ------
    TooLittleHistory
        When every instrument is left out.
    """
    of_one = partial(
        _states_of_one,
        states=states,
        window_size=window_size,
        refit_sessions=refit_sessions,
        expected_run_length=expected_run_length,
        recent_sessions=recent_sessions,
        change_threshold=change_threshold,
        fits=KeptFits() if fits is None else fits,
    )
    return of_trained_instruments(bars, of_one, symbols=symbols, window_size=window_size, what="Market states")


def fitted_states(sample: FloatArray, *, states: int) -> Fit:
    """A hidden Markov model fitted to a training sample, ready to go on after its last row."""
    model = OnlineHiddenMarkov(states=states, order_by="variance")
    model.fit(sample, training=sample.size)
    return model.state()


def _states_of_one(
    bars: pd.DataFrame,
    *,
    states: int,
    window_size: int,
    refit_sessions: int,
    expected_run_length: float,
    recent_sessions: int,
    change_threshold: float,
    fits: KeptFits,
) -> pd.DataFrame:
    import pandas as pd

    returns = np.diff(np.log(bars["close_total_return_adj"].to_numpy()))
    sessions = bars["session_date"].to_numpy()[1:]
    probabilities, density, volatility = (np.full((returns.size, columns), np.nan) for columns in (states, 1, 1))
    fitted_until = np.full(returns.size, sessions[0])
    for start in range(window_size, returns.size, refit_sessions):
        block = slice(start, min(start + refit_sessions, returns.size))
        fit = fits.of(returns[start - window_size : start], partial(fitted_states, states=states))
        result = OnlineHiddenMarkov.from_state(fit).update(returns[block])
        probabilities[block] = result.probabilities
        density[block, 0] = result.scores
        volatility[block, 0] = _next_volatility(probabilities[block], result.parameters)
        fitted_until[block] = sessions[start - 1]
    changes = change_points(returns, expected_run_length=expected_run_length, recent=recent_sessions)
    changed = changes.probabilities >= change_threshold

    rows = slice(window_size, None)
    state = probabilities[rows].argmax(axis=1)
    return pd.DataFrame(
        {
            "instrument_id": bars["instrument_id"].iloc[0],
            "symbol": bars["symbol"].iloc[-1],
            "session_date": sessions[rows],
            "log_return": returns[rows],
            "state": state,
            "regime": np.array(_NAMES[states])[state],
            "state_probability": probabilities[rows].max(axis=1),
            "turbulent_probability": probabilities[rows, -1],
            "expected_volatility_ann": volatility[rows, 0] * np.sqrt(_SESSIONS_A_YEAR),
            "log_predictive_density": density[rows, 0],
            "change_probability": np.clip(changes.probabilities[rows], 0.0, 1.0),
            "run_length": changes.run_length[rows],
            "segment_start": sessions[changes.labels[rows]],
            "is_change_point": (changed & ~np.append(False, changed[:-1]))[rows],
            "fitted_until": fitted_until[rows],
        }
    )


def _next_volatility(filtered: FloatArray, parameters: HiddenMarkovParameters) -> FloatArray:
    """Deviation of the next row's mixture of states."""
    # Sums over each row: the last bits of a matrix product would depend on the number of rows.
    expected = np.einsum("ti,ij->tj", filtered, parameters.transition)
    mean, variance = parameters.mean[:, 0], parameters.covariance[:, 0, 0]
    first, second = (np.einsum("tj,j->t", expected, moment) for moment in (mean, variance + mean**2))
    return np.sqrt(second - first**2)
