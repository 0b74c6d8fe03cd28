"""Several engines as one: each text goes to those of its language, whose scores are averaged."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from atlas_assets.sentiment.engines import POLARITY_COLUMNS, Engine, FloatArray, engine_name
from atlas_assets.sentiment.language import text_language


class EnsembleEngine:
    """The mean of the engines of a text's language.

    Parameters
    ----------
    others : engines of every text whose language is not in ``by_language`` or cannot be told
    by_language : ISO 639-1 code and the engines of that language
    """

    def __init__(self, others: Sequence[Engine], *, by_language: Mapping[str, Sequence[Engine]]) -> None:
        if not all((others, *by_language.values())):
            raise ValueError("An ensemble needs at least one engine for each language and for the others.")
        self.others = tuple(others)
        self.by_language = {language: tuple(engines) for language, engines in by_language.items()}

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Mean `POLARITY_COLUMNS` of each text's engines; ndarray of shape (n_texts, 4)."""
        return self.attributed(texts)[0]

    def attributed(self, texts: Sequence[str]) -> tuple[FloatArray, list[str]]:
        """The same, and the names of each text's engines, joined by "+"."""
        scores = np.empty((len(texts), len(POLARITY_COLUMNS)))
        places: dict[tuple[Engine, ...], list[int]] = {}
        for place, text in enumerate(texts):
            language = text_language(unicodedata.normalize("NFKC", text))
            places.setdefault(self.by_language.get(language, self.others), []).append(place)
        names = [""] * len(texts)
        for engines, own in places.items():
            group = [texts[place] for place in own]
            scores[own] = np.mean([engine.score(group) for engine in engines], axis=0)
            for place in own:
                names[place] = "+".join(map(engine_name, engines))
        return scores, names
