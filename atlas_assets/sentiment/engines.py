"""What scores texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

POLARITY_COLUMNS = ("negative", "neutral", "positive", "compound")


class Engine(Protocol):
    """Scores texts one by one: a text's score depends on nothing but the text."""

    def score(self, texts: Sequence[str]) -> FloatArray:
        """The `POLARITY_COLUMNS` of each text, none of them blank; ndarray of shape (n_texts, 4).

        The shares are in [0, 1] and sum to 1 up to rounding, the compound score is in [-1, 1].
        """
        ...


def engine_name(engine: Engine) -> str:
    """What an engine calls itself, or else its class."""
    return getattr(engine, "name", type(engine).__name__)
