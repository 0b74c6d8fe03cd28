"""Each text goes to the engines of its language."""

from __future__ import annotations

import numpy as np
import pytest

from atlas_assets.sentiment.analyzer import SentimentAnalyzer
from atlas_assets.sentiment.ensemble import EnsembleEngine


class Constant:
    """Gives every text the same scores and remembers what it was asked."""

    def __init__(self, compound: float) -> None:
        self.row = [0.0, 1.0, 0.0, compound]
        self.asked: list[str] = []

    def score(self, texts):
        self.asked += texts
        return np.array([self.row] * len(texts))


def test_texts_are_routed_and_scores_averaged() -> None:
    low, high, japanese = Constant(-0.5), Constant(1.0), Constant(0.125)
    engine = EnsembleEngine([low, high], by_language={"ja": [japanese]})
    texts = ["The shares rose", "売上が増加した", "12.5 %", "株価は下がった"]
    np.testing.assert_array_equal(engine.score(texts)[:, 3], [0.25, 0.125, 0.25, 0.125])
    assert japanese.asked == [texts[1], texts[3]]
    assert low.asked == high.asked == [texts[0], texts[2]]
    assert engine.score([]).shape == (0, 4)
    assert engine.attributed(texts)[1] == ["Constant+Constant", "Constant", "Constant+Constant", "Constant"]


def test_the_analyzers_ensemble_reads_both_languages() -> None:
    texts = ["Shares fell", "業績は好調である", None]
    together = SentimentAnalyzer("ensemble").score(texts)
    assert together[0] == SentimentAnalyzer("vader_finance").score(texts)[0] < 0
    assert together[1] == SentimentAnalyzer("japanese").score(texts)[1] > 0
    assert np.isnan(together[2])
    told = SentimentAnalyzer("ensemble").attributed(texts)
    assert told["engine"].tolist() == ["vader_finance", "japanese", None]
    np.testing.assert_array_equal(told["compound"], together)


def test_an_ensemble_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one engine"):
        EnsembleEngine([], by_language={})
    with pytest.raises(ValueError, match="at least one engine"):
        EnsembleEngine([Constant(0)], by_language={"ja": []})
