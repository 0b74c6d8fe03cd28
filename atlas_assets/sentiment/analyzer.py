"""Tone of texts by one of several engines."""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from atlas_assets.sentiment.engines import POLARITY_COLUMNS, Engine, FloatArray, engine_name
from atlas_assets.sentiment.ensemble import EnsembleEngine

if TYPE_CHECKING:
    import pandas as pd

EngineName = Literal["vader", "vader_finance", "japanese", "ensemble", "transformer"]

MOST_CHARACTERS = 2_000
"""Of a text's beginning that are read unless told otherwise."""

THRESHOLDS: dict[str, float] = {
    "vader": 0.05,
    "vader_finance": 0.35,
    "japanese": 0.35,
    "ensemble": 0.35,
    "transformer": 0.35,
}
"""Compound score from which on a text is positive, and below minus which it is negative.

VADER's is that of Hutto and Gilbert (2014); the others are tuned on the first part of the labelled texts: one clear
term of the reviewed tables is enough, one everyday word is not.
"""


class SentimentAnalyzer:
    r"""Tone of texts.

    Lexicon engines sum the valences :math:`v` of a text's terms, with rules for negation, degree and contrast, and
    squeeze the sum to :math:`v / \sqrt{v^2 + 15}`, the compound score.

    Parameters
    ----------
    engine : ``"vader"``, as vaderSentiment scores to the last bit; ``"vader_finance"``, the same with reviewed terms of
        finance; ``"japanese"``; ``"ensemble"``, Japanese texts by the one and all others by the finance engine;
        ``"transformer"``, a model of yours; or any `Engine`.
    max_characters : only this much of a text's beginning is read: the score saturates with length
    threshold : compound score of a positive text in `classes`; by default the engine's of `THRESHOLDS`, and 0.05 for
        an engine of your own
    model_folder : folder of the transformer's model, which `TransformerEngine` loads when the first text is scored
    """

    def __init__(
        self,
        engine: EngineName | Engine = "vader",
        *,
        max_characters: int = MOST_CHARACTERS,
        threshold: float | None = None,
        model_folder: str | None = None,
    ) -> None:
        if isinstance(engine, str) and engine not in get_args(EngineName):
            raise ValueError(f'The sentiment engine must be one of {get_args(EngineName)}, not "{engine}".')
        if not isinstance(engine, str) and not hasattr(engine, "score"):
            raise TypeError(f"An engine of your own needs a method score(texts); {type(engine).__name__} has none.")
        if not isinstance(max_characters, Integral) or max_characters < 1:
            raise ValueError(f"max_characters must be a positive whole number, not {max_characters}.")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"The threshold must be above 0 and at most 1, not {threshold}.")
        if (engine == "transformer") != (model_folder is not None):
            raise ValueError('The engine "transformer" needs a model_folder, and no other engine has one.')
        self.engine = engine
        self.model_folder = model_folder
        self.max_characters = max_characters
        own = THRESHOLDS[engine] if isinstance(engine, str) else THRESHOLDS["vader"]
        self.threshold = own if threshold is None else threshold

    def score(self, texts: Iterable[str | float | None]) -> FloatArray:
        """Compound score of each text, ndarray of shape (n_texts,) in [-1, 1]; NaN for a missing or blank text.

        Raises ``TypeError`` for what is neither a text nor missing, and for one text that is not in a list.
        """
        return self._attributed(texts)[0][:, POLARITY_COLUMNS.index("compound")]

    def classes(self, texts: Iterable[str | float | None]) -> FloatArray:
        """-1 for a negative, 0 for a neutral and 1 for a positive text, shape (n_texts,); NaN where no score is."""
        scores = self.score(texts)
        signs = np.where(np.abs(scores) >= self.threshold, np.sign(scores), 0.0)
        return np.where(np.isnan(scores), np.nan, signs)

    def polarity(self, texts: Iterable[str | float | None]) -> pd.DataFrame:
        """Frame of one row per text: the shares negative, neutral, positive (sum 1 up to rounding), and compound.

        NaN for a missing or blank text. Raises ``TypeError`` as `score` does.
        """
        import pandas as pd

        return pd.DataFrame(self._attributed(texts)[0], columns=pd.Index(POLARITY_COLUMNS))

    def attributed(self, texts: Iterable[str | float | None]) -> pd.DataFrame:
        """As `polarity`, and the name of the engine that scored the text; None where no score is."""
        import pandas as pd

        scores, names = self._attributed(texts)
        return pd.DataFrame(scores, columns=pd.Index(POLARITY_COLUMNS)).assign(engine=pd.Series(names, dtype=object))

    def _attributed(self, texts: Iterable[str | float | None]) -> tuple[FloatArray, list[str | None]]:
        if isinstance(texts, str | bytes):  # whose letters would be scored one by one
            raise TypeError("Sentiment needs a list of texts; put a single one into a list.")
        heads = [self._head(text) for text in texts]
        distinct = {head: place for place, head in enumerate(dict.fromkeys(filter(None, heads)))}
        engine = _engine(self.engine, self.model_folder) if isinstance(self.engine, str) else self.engine
        # The last row is that of the texts without a score.
        scores = np.full((len(distinct) + 1, len(POLARITY_COLUMNS)), np.nan)
        names: list[str | None] = [*([engine_name(engine)] * len(distinct)), None]
        if isinstance(engine, EnsembleEngine):
            scores[:-1], names[:-1] = engine.attributed(list(distinct))
        else:
            scores[:-1] = engine.score(list(distinct))
        places = [distinct.get(head, -1) for head in heads]
        return scores[places], [names[place] for place in places]

    def _head(self, text: str | float | None) -> str:
        if isinstance(text, str):
            return text[: self.max_characters].strip()
        if _is_missing(text):
            return ""
        raise TypeError(f"Sentiment needs texts, but one of them is a {type(text).__name__}.")


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


@cache
def _engine(name: EngineName, model_folder: str | None = None) -> Engine:
    if model_folder is not None:
        from atlas_assets.sentiment.transformer import TransformerEngine

        return TransformerEngine(model_folder)
    if name == "vader":
        from atlas_assets.sentiment.vader import VaderEngine

        return VaderEngine()
    if name == "vader_finance":
        from atlas_assets.sentiment.finance import FinanceVaderEngine

        return FinanceVaderEngine()
    if name == "japanese":
        from atlas_assets.sentiment.japanese import JapaneseEngine

        return JapaneseEngine()
    return EnsembleEngine([_engine("vader_finance")], by_language={"ja": [_engine("japanese")]})
