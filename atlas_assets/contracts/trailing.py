"""Where a value stands among those before it, the same for every domain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def trailing_percentile(values: npt.ArrayLike, *, window: int, minimum: int | None = None) -> npt.NDArray[np.float64]:
    r"""Share of the last values that lie below each one, equal ones by half.

    .. math:: p_t = \frac{\#\{x_s < x_t\} + \tfrac12 \#\{x_s = x_t\}}{\#\{x_s\}}, \quad t - w < s \le t

    Parameters
    ----------
    values : array of shape (T,), NaN where there is none
    window : rows w ranked, the value's own among them
    minimum : values that must be among them; all of them unless given

    Returns
    -------
    ndarray of shape (T,), in (0, 1); NaN where there is no value or too few.

    Raises
    ------
    ValueError
        If the values are not 1-d or the minimum is not from 1 to the window.
    """
    import pandas as pd

    series = np.asarray(values, dtype=np.float64)
    needed = window if minimum is None else minimum
    if series.ndim != 1 or not 1 <= needed <= window:
        raise ValueError(
            f"A trailing percentile needs a 1-d series and a minimum of 1 to the window of {window}, not {needed}."
        )
    trailing = pd.Series(series).rolling(window, min_periods=needed)
    return ((trailing.rank() - 0.5) / trailing.count()).to_numpy(dtype=np.float64)
