"""Tone of texts.

References
----------
Hutto, Gilbert (2014), VADER: a parsimonious rule-based model for sentiment analysis of social media text, ICWSM.
"""

# pandas and vaderSentiment carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

FloatArray: TypeAlias = npt.NDArray[np.float64]

POLARITY_COLUMNS = ("negative", "neutral", "positive", "compound")


class SentimentAnalyzer:
    r"""Lexicon-based tone of English texts.

    VADER sums the valences :math:`v` of a text's words, with rules for negation, degree and emphasis, and squeezes
    the sum to :math:`v / \sqrt{v^2 + 15}`, the compound score.

    Parameters
    ----------
    engine : "vader"
    max_characters : only this much of a text's beginning is read: the score saturates with length, and the time of
        VADER's rules grows with its square.
    """

    def __init__(self, engine: Literal["vader"] = "vader", *, max_characters: int = 2_000) -> None:
        if engine != "vader":
            raise ValueError(f'The sentiment engine must be "vader", not "{engine}".')
        if max_characters < 1:
            raise ValueError(f"max_characters must be positive, not {max_characters}.")
        self.engine = engine
        self.max_characters = max_characters

    def score(self, texts: Iterable[str | float | None]) -> FloatArray:
        """Compound score of each text, ndarray of shape (n_texts,) in [-1, 1]; NaN for a missing or blank text."""
        return self._polarity(texts)[:, POLARITY_COLUMNS.index("compound")]

    def polarity(self, texts: Iterable[str | float | None]) -> pd.DataFrame:
        """Frame of one row per text: the shares negative, neutral, positive (sum 1 up to rounding), and compound.

        NaN for a missing or blank text. Raises ``TypeError`` for what is neither a text nor missing.
        """
        import pandas as pd

        return pd.DataFrame(self._polarity(texts), columns=pd.Index(POLARITY_COLUMNS))

    def _polarity(self, texts: Iterable[str | float | None]) -> FloatArray:
        heads = [self._head(text) for text in texts]
        scored = {head: self._score_one(head) for head in dict.fromkeys(heads)}
        return np.array([scored[head] for head in heads], dtype=np.float64).reshape(-1, len(POLARITY_COLUMNS))

    def _head(self, text: str | float | None) -> str:
        if isinstance(text, str):
            return text[: self.max_characters].strip()
        if text is None or math.isnan(text):
            return ""
        raise TypeError(f"Sentiment needs texts, but one is the number {text}.")

    def _score_one(self, head: str) -> tuple[float, ...]:
        if not head:
            return (math.nan,) * len(POLARITY_COLUMNS)
        scores = _vader().polarity_scores(head)
        return tuple(float(scores[key]) for key in ("neg", "neu", "pos", "compound"))


@cache
def _vader() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
