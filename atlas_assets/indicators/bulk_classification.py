"""Bulk volume classification: the buyers' share of a bar's volume, by the bar's price change."""

# scipy carries no static types.
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Distribution: TypeAlias = Literal["normal", "student_t", "spread"]

NO_DISTRIBUTION = 'The distribution must be "normal", "student_t" or "spread", not "{}".'


def bulk_volume_classification(
    price_change: npt.ArrayLike,
    volume: npt.ArrayLike,
    *,
    sigma: npt.ArrayLike | None = None,
    distribution: Distribution = "normal",
    degrees_of_freedom: float = 0.25,
    spread: npt.ArrayLike | None = None,
) -> FloatArray:
    r"""Buy volume of each bar, :math:`V^B_i = V_i\,Z(\Delta P_i / \sigma_i)`; sells are the rest.

    Parameters
    ----------
    price_change, volume : arrays of shape (n_bars,), price and traded quantity
    sigma : deviation of the price changes, scalar or (n_bars,), price. Needed unless distribution is "spread".
        Where it is 0, a bar that moves is all buys or all sells.
    distribution : "normal" and "student_t" are the cumulative distributions of the source paper. "spread" sets the
        signed imbalance to ``volume * price_change / spread``, clipped to [-volume, volume]: a rule of thumb.
    degrees_of_freedom : of the Student t
    spread : bid-ask spread, scalar or (n_bars,), positive, price. Needed when distribution is "spread".

    Returns
    -------
    ndarray of shape (n_bars,), between 0 and volume. No price change gives one half; NaN in, NaN out.

    Raises
    ------
    ValueError
        If shapes differ, a volume, sigma or spread is negative, or what the distribution needs is not given.
    """
    change, volumes = np.asarray(price_change, dtype=np.float64), np.asarray(volume, dtype=np.float64)
    scale = np.asarray(_scale(sigma, spread, distribution), dtype=np.float64)
    if change.shape != volumes.shape or scale.shape not in ((), change.shape):
        raise ValueError(
            "Bulk volume classification needs a price change and a volume for each bar, and a sigma or spread that is "
            f"one number or one a bar, not shapes {change.shape}, {volumes.shape} and {scale.shape}."
        )
    if (volumes < 0).any():
        raise ValueError("Bulk volume classification needs volumes that are not negative.")
    if distribution == "student_t" and not degrees_of_freedom > 0:
        raise ValueError(f"The Student t distribution needs positive degrees_of_freedom, not {degrees_of_freedom}.")
    standardised = np.zeros(change.shape)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        np.divide(change, scale, out=standardised, where=change != 0)
    standardised[np.broadcast_to(np.isnan(scale), standardised.shape)] = np.nan
    return volumes * _buy_share(standardised, distribution, degrees_of_freedom)


def _buy_share(standardised: FloatArray, distribution: Distribution, degrees_of_freedom: float) -> FloatArray:
    from scipy.special import ndtr, stdtr

    if distribution == "normal":
        return ndtr(standardised)
    if distribution == "student_t":
        return stdtr(degrees_of_freedom, standardised)
    return 0.5 + 0.5 * np.clip(standardised, -1.0, 1.0)


def _scale(sigma: npt.ArrayLike | None, spread: npt.ArrayLike | None, distribution: Distribution) -> npt.ArrayLike:
    if distribution not in get_args(Distribution):
        raise ValueError(NO_DISTRIBUTION.format(distribution))
    name, scale = ("spread", spread) if distribution == "spread" else ("sigma", sigma)
    if scale is None:
        raise ValueError(f'Bulk volume classification with distribution="{distribution}" needs {name}.')
    if np.any(np.asarray(scale, dtype=np.float64) < 0):
        raise ValueError(f"Bulk volume classification needs a {name} that is not negative.")
    return scale
