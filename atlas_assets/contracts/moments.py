"""Times as they are given, as numbers."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


def without_zone(time: npt.ArrayLike) -> npt.NDArray[Any]:
    """Times as an array; those of pandas with a zone in UTC, where numpy would make Python objects of them."""
    kind = getattr(time, "dtype", None)
    if getattr(kind, "kind", "") == "M" and not isinstance(kind, np.dtype):
        return np.asarray(time, dtype="datetime64[ns]")
    times: npt.NDArray[Any] = np.asarray(time)
    return np.asarray(time, dtype="datetime64[ns]") if times.dtype.kind == "O" else times


def seconds_of(time: npt.ArrayLike) -> FloatArray:
    """Seconds since the epoch of such seconds, of datetime64 (UTC), or of pandas' times of any zone."""
    times = without_zone(time)
    if times.dtype.kind == "M":
        return (times - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    return times.astype(np.float64, copy=False)
