"""How unusual a VPIN is beside those before it, and how long it stays so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def trailing_percentile(values: npt.ArrayLike, *, window: int) -> FloatArray:
    r"""Share of the last ``window`` values, this one among them, that do not lie above this one.

    Equal values count one half each, as the usual rank of ties does:

    .. math:: p_t = \frac{\#\{s: x_s < x_t\} + (\#\{s: x_s = x_t\} + 1) / 2}{w}, \qquad t - w < s \le t

    Parameters
    ----------
    values : array of shape (T,)
    window : number of values w, at least 2

    Returns
    -------
    ndarray of shape (T,), in (0, 1]; NaN until ``window`` values are known, and where one of them is missing.

    Raises
    ------
    ValueError
        If the window is too short or the values are not 1-d.
    """
    import pandas as pd

    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or window < 2:
        raise ValueError(f"A trailing percentile needs a 1-d series and a window of 2 or more, not {window}.")
    return pd.Series(series).rolling(window).rank(pct=True).to_numpy(dtype=np.float64)


def toxic_episodes(percentile: npt.ArrayLike, *, threshold: float, buckets: int) -> npt.NDArray[np.int64]:
    """Number of the toxic episode that each bucket belongs to, as it was known when the bucket was full.

    An episode begins with the bucket that is the ``buckets``-th in a row with a percentile of at least ``threshold``,
    and ends before the first one below it. The buckets that led to it are not counted in: until then nobody knew.

    Parameters
    ----------
    percentile : array of shape (T,); NaN is not toxic
    threshold : percentile, a fraction
    buckets : length of a run that makes an episode

    Returns
    -------
    ndarray of shape (T,): 0 outside episodes, 1 in the first one, 2 in the second …

    Raises
    ------
    ValueError
        If the threshold is no fraction or the run is empty.
    """
    if not 0 < threshold <= 1 or buckets < 1:
        raise ValueError(
            f"Toxic episodes need a threshold in (0, 1] and at least one bucket, not {threshold} and {buckets}."
        )
    is_high = np.asarray(percentile, dtype=np.float64) >= threshold
    place = np.arange(is_high.size)
    last_low = np.maximum.accumulate(np.where(is_high, -1, place))
    is_toxic = place - last_low >= buckets
    begins = np.diff(is_toxic.astype(np.int64), prepend=0) == 1
    return np.where(is_toxic, np.cumsum(begins), 0)
