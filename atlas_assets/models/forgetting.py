"""Forgetting that follows a regime."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


def regime_forgetting(probability: npt.ArrayLike, *, calm: float, turbulent: float) -> FloatArray:
    r"""Forgetting factors :math:`(1 - \pi_t) \lambda_{calm} + \pi_t \lambda_{turbulent}` for each row.

    ``probability (T,)`` is that of the turbulent regime, as known before each row: a filtered probability moved on by
    one row. Raises ``ValueError`` where it is missing or outside [0, 1], or for factors outside (0, 1].
    """
    known = np.array(probability, dtype=np.float64)
    if not ((known >= 0) & (known <= 1)).all():
        raise ValueError("Forgetting by regime needs a probability in [0, 1] for each row; fill what is missing.")
    for name, factor in (("calm", calm), ("turbulent", turbulent)):
        if not 0 < factor <= 1:
            raise ValueError(f"Forgetting by regime needs {name} in (0, 1], not {factor}.")
    return (1.0 - known) * calm + known * turbulent
