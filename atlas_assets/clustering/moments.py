"""Times as they are given, in seconds."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


def seconds_of(time: npt.ArrayLike) -> FloatArray:
    """Seconds since the epoch of such seconds, of datetime64 (UTC), or of pandas' times of any zone."""
    times: npt.NDArray[Any] = np.asarray(time)
    if times.dtype.kind == "O":  # what pandas makes of times with a zone
        times = np.asarray(time, dtype="datetime64[ns]")
    if times.dtype.kind == "M":
        times = (times - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    return times.astype(np.float64, copy=False)
