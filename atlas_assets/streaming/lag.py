"""How long rows take from the vendor's clock to the lake."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

SAMPLE = 20_000


class LagMeter:
    """Percentiles of the newest lags, in milliseconds."""

    def __init__(self, sample: int = SAMPLE) -> None:
        self._lags: deque[float] = deque(maxlen=sample)

    def __len__(self) -> int:
        return len(self._lags)

    def add(self, lags: Iterable[float]) -> None:
        """Add some lags."""
        self._lags.extend(lags)

    def percentile(self, percent: float) -> float | None:
        """The smallest lag that so many per cent of the sample do not exceed (nearest rank); None without a sample."""
        if not self._lags:
            return None
        ordered = sorted(self._lags)
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
