"""Fits to training samples that are made once: each is found again by the sample it was made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Fit: TypeAlias = Mapping[str, npt.NDArray[Any]]

# A dividend rescales all adjusted prices before it, which changes their returns by rounding only.
_SAME = 1e-10
_SAMPLE = "sample"


class KeptFits:
    """Fits of earlier passes and of this one.

    Parameters
    ----------
    arrays
        What :meth:`arrays` of the pass before gave; nothing is kept if None.

    Attributes
    ----------
    kept, made
        How many fits of this pass were found, and how many had to be made.

    Raises
    ------
    ValueError
        For arrays that are not of kept fits.
    """

    def __init__(self, arrays: Fit | None = None) -> None:
        fits: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for name, values in (arrays or {}).items():
            number, _, part = name.partition(".")
            fits.setdefault(number, {})[part] = values
        if any(_SAMPLE not in fit for fit in fits.values()):
            raise ValueError("These arrays are no kept fits: one has no sample; fit anew.")
        self._known = [(fit.pop(_SAMPLE), fit) for _, fit in sorted(fits.items(), key=lambda each: int(each[0]))]
        self._asked: list[tuple[FloatArray, Fit]] = []
        self.kept = self.made = 0

    def of(self, sample: FloatArray, fit: Callable[[FloatArray], Fit]) -> Fit:
        """The fit to a sample: the one that was made of it, up to rounding, or a new one."""
        found = next((known for known in self._known if _is_same(known[0], sample)), None)
        self.kept, self.made = self.kept + (found is not None), self.made + (found is None)
        self._asked.append(found or (sample.copy(), fit(sample)))
        return self._asked[-1][1]

    @property
    def newest(self) -> tuple[FloatArray, Fit] | None:
        """The sample and the fit that were kept last; None of none."""
        return self._known[-1] if self._known else None

    @property
    def changed(self) -> bool:
        """Whether this pass asked for other fits than the pass before."""
        return bool(self.made) or len(self._asked) != len(self._known)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The fits that this pass asked for, as plain arrays."""
        return {
            f"{number}.{name}": values
            for number, (sample, fit) in enumerate(self._asked)
            for name, values in {_SAMPLE: sample, **fit}.items()
        }


def _is_same(sample: FloatArray, other: FloatArray) -> bool:
    if sample.shape != other.shape:
        return False
    scale = np.maximum(np.abs(sample), np.sqrt(np.nanmean(sample**2)))
    return bool(((np.abs(sample - other) <= _SAME * scale) | (np.isnan(sample) & np.isnan(other))).all())
