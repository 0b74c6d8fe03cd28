# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
"""The models' tables from silver frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.point_in_time import as_known
from atlas_assets.models.dma import DynamicModelAveraging
from atlas_assets.models.tvp_var import TVPVAR, MinnesotaPrior

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]


def market_changes(
    bars: pd.DataFrame, observations: pd.DataFrame, *, symbols: Sequence[str], series: Sequence[str]
) -> pd.DataFrame:
    """Log returns of instruments beside log changes of macro series as they were known at each close.

    Parameters
    ----------
    bars
        ``silver.daily_bars`` with adjusted prices.
    observations
        ``silver.macro_observations``; a value counts from its ``published_at`` on, so a series that is
        published a day late enters a day late.
    symbols, series
        The variables, in this order.

    Returns
    -------
    Frame indexed by session_date, one column each variable, complete rows only.
    """
    import pandas as pd

    chosen = bars[bars["symbol"].isin(symbols)]
    closes = chosen.pivot_table(index="session_date", columns="symbol", values="close_total_return_adj").reindex(
        columns=list(symbols)
    )
    times = chosen.groupby("session_date")["event_time"].max().reindex(closes.index)
    known = {name: _known_at(observations[observations["series_id"] == name], times) for name in series}
    levels = pd.concat([closes, pd.DataFrame(known, index=closes.index)], axis=1)
    levels = levels.where(levels > 0).dropna()
    return levels.transform(np.log).diff().iloc[1:]


def _known_at(observations: pd.DataFrame, times: pd.Series) -> FloatArray:
    """The latest period's value that was published at each time; missing values are passed over."""
    decisions = times.rename("decision_time").reset_index(drop=True).to_frame()
    published = observations.dropna(subset="value")
    known = as_known(decisions, published, on="decision_time", latest="period", columns=["value"])
    return known["value"].to_numpy(dtype=np.float64)


def fit_table(
    changes: pd.DataFrame, *, lags: int, forgetting_factor: float, covariance_decay: float, window_size: int
) -> pd.DataFrame:
    """Filtered coefficients and innovation covariances of a TVP-VAR, one row per session, equation and parameter.

    Parameters
    ----------
    changes
        Frame of :func:`market_changes`.
    lags, forgetting_factor, covariance_decay
        Order, lambda and kappa of :class:`atlas_assets.models.tvp_var.TVPVAR`.
    window_size
        First sessions, which set the prior's scale; rows start after them.

    Returns
    -------
    Frame of ``model.tvp_var_fit``.
    """
    import pandas as pd

    names = [str(name) for name in changes.columns]
    model = TVPVAR(
        lags=lags,
        forgetting=forgetting_factor,
        covariance_decay=covariance_decay,
        prior=MinnesotaPrior(training=window_size),
    )
    fitted = model.fit(changes.to_numpy())
    lagged = [f"lag{lag}.{name}" for lag in range(1, lags + 1) for name in names]
    parameters = [*lagged, "intercept", *(f"covariance.{name}" for name in names)]
    values = np.concatenate([fitted.coefficients, fitted.covariance], axis=2)[window_size:]
    index = pd.MultiIndex.from_product(
        [changes.index[window_size:], names, parameters], names=["session_date", "equation", "parameter"]
    )
    return pd.Series(values.reshape(-1), index=index, name="value").reset_index()


def forecast_table(fit: pd.DataFrame, changes: pd.DataFrame, *, horizon: int) -> pd.DataFrame:
    """One-step forecasts at every session, and the path ahead from the last one.

    The standard error is that of the innovations, carried forward through the VAR; the uncertainty of
    the coefficients is left out.

    Parameters
    ----------
    fit
        ``model.tvp_var_fit``.
    changes
        The frame it was fitted to.
    horizon
        Sessions ahead from the last origin.

    Returns
    -------
    Frame of ``gold.tvp_var_forecasts``.
    """
    import pandas as pd

    names = [str(name) for name in changes.columns]
    origins, coefficients, covariance = _parameters(fit, names)
    rows = changes.to_numpy()
    places = changes.index.get_indexer(origins)
    lags = (coefficients.shape[2] - 1) // len(names)
    history = np.hstack([rows[places - lag] for lag in range(lags)])
    one_step = np.einsum("tnm,tm->tn", coefficients, np.hstack([history, np.ones((len(origins), 1))]))
    past = _long(origins[:-1], names, one_step[:-1], covariance[:-1], realised=rows[places[:-1] + 1])
    mean, spread = _path(coefficients[-1], covariance[-1], history[-1], horizon=horizon)
    ahead = [
        _long(origins[-1:], names, mean[step : step + 1], spread[step : step + 1], realised=None, horizon=step + 1)
        for step in range(horizon)
    ]
    return pd.concat([past, *ahead], ignore_index=True)


def dma_fit_table(
    changes: pd.DataFrame,
    *,
    target: str,
    lags: int,
    forgetting_factors: Sequence[float],
    model_forgetting: float,
    variance_decay: float,
    window_size: int,
) -> pd.DataFrame:
    """What dynamic model averaging says after each session of the next one's change of the target.

    Parameters
    ----------
    changes
        Frame of :func:`market_changes`; each of its columns, lagged once to ``lags`` times, is a regressor.
    target
        The column that is forecast.
    forgetting_factors, model_forgetting, variance_decay
        Grid of lambda, alpha and kappa of :class:`atlas_assets.models.dma.DynamicModelAveraging`.
    window_size
        First forecasts, which set the prior's scale; rows start after them.

    Returns
    -------
    Frame of ``model.dma_fit``; the last origin is the last session.
    """
    import pandas as pd

    lagged = {
        f"lag{lag}.{name}": changes[name].shift(lag - 1) for lag in range(1, lags + 1) for name in changes.columns
    }
    regressors = pd.DataFrame(lagged).iloc[lags - 1 :]
    model = DynamicModelAveraging(
        forgetting=forgetting_factors,
        model_forgetting=model_forgetting,
        observation_variance="ewma",
        ewma_decay=variance_decay,
        training=window_size,
    )
    x = regressors.to_numpy()
    past = model.fit(changes[target].to_numpy()[lags:], x[:-1])
    # Whatever comes next, what is predictive does not know it.
    ahead = model.update(0.0, x[-1])
    columns = {
        name: np.append(getattr(past, name), getattr(ahead, name)) for name in ("forecast", "variance", "expected_size")
    }
    inclusion = np.vstack([past.inclusion_probability, ahead.inclusion_probability])
    columns |= {f"inclusion.{name}": inclusion[:, place] for place, name in enumerate(regressors.columns)}
    wide = pd.DataFrame(columns, index=regressors.index.rename("origin_date")).iloc[window_size:]
    return wide.melt(var_name="parameter", value_name="value", ignore_index=False).reset_index()


def dma_forecast_table(fit: pd.DataFrame, changes: pd.DataFrame, *, target: str) -> pd.DataFrame:
    """Frame of ``gold.dma_forecasts`` from ``model.dma_fit`` and the changes it was fitted to."""
    wide = fit.pivot_table(index="origin_date", columns="parameter", values="value")
    table = wide[["forecast", "expected_size"]].assign(
        variable=target,
        standard_error=wide["variance"] ** 0.5,
        realised=changes[target].shift(-1).reindex(wide.index),
    )
    return table.reset_index().rename_axis(columns=None)


def _parameters(fit: pd.DataFrame, names: list[str]) -> tuple[pd.DatetimeIndex, FloatArray, FloatArray]:
    """Sessions (T,), coefficients (T, n, m) and covariances (T, n, n) back from the long table."""
    import pandas as pd

    wide = fit.pivot_table(index=["session_date", "equation"], columns="parameter", values="value")
    wide = wide.reindex(index=pd.MultiIndex.from_product([sorted(fit["session_date"].unique()), names]))
    lags = sum(str(name).startswith("lag") for name in wide.columns) // len(names)
    lagged = [f"lag{lag}.{name}" for lag in range(1, lags + 1) for name in names]
    sessions = pd.DatetimeIndex(wide.index.unique(level=0))
    coefficients = wide[[*lagged, "intercept"]].to_numpy().reshape(len(sessions), len(names), -1)
    covariance = wide[[f"covariance.{name}" for name in names]].to_numpy().reshape(len(sessions), len(names), -1)
    return sessions, coefficients, covariance


def _path(
    coefficients: FloatArray, covariance: FloatArray, history: FloatArray, *, horizon: int
) -> tuple[FloatArray, FloatArray]:
    """Means (horizon, n) and covariances (horizon, n, n) ahead, parameters held."""
    n, k = len(covariance), history.size
    transition = np.eye(k, k=-n)
    transition[:n] = coefficients[:, :k]
    shock, spread, state = np.zeros((k, k)), np.zeros((k, k)), history
    shock[:n, :n] = covariance
    means, covariances = [], []
    for _ in range(horizon):
        state = transition @ state
        state[:n] += coefficients[:, k]
        spread = transition @ spread @ transition.T + shock
        means.append(state[:n].copy())
        covariances.append(spread[:n, :n])
    return np.array(means), np.array(covariances)


def _long(
    origins: pd.DatetimeIndex,
    names: list[str],
    mean: FloatArray,
    covariance: FloatArray,
    *,
    realised: FloatArray | None,
    horizon: int = 1,
) -> pd.DataFrame:
    import pandas as pd

    index = pd.MultiIndex.from_product([origins, names], names=["origin_date", "variable"])
    return pd.DataFrame(
        {
            "horizon": horizon,
            "forecast": mean.reshape(-1),
            "standard_error": np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).reshape(-1),
            "realised": np.nan if realised is None else realised.reshape(-1),
        },
        index=index,
    ).reset_index()
