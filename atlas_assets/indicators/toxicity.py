"""How long a VPIN stays unusual."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


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
