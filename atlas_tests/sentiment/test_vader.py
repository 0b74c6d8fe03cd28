"""VADER's scores against vaderSentiment itself, which is the oracle: equal to the last bit."""

from __future__ import annotations

import csv
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment import vaderSentiment

from atlas_assets.sentiment import vader
from atlas_assets.sentiment.vader import VaderEngine

ORACLE = vaderSentiment.SentimentIntensityAnalyzer()
ENGINE = VaderEngine()

# What the rules ask for, each with the other words between which it matters.
ODD = [
    *vaderSentiment.SPECIAL_CASES,
    *vaderSentiment.BOOSTER_DICT,
    *vaderSentiment.NEGATE,
    *("no", "or", "nor", "but", "least", "at", "very", "so", "this", "never", "without", "doubt", "kind", "of", "sort"),
    *(
        "isn't",
        "xxn't",
        "the",
        "book",
        "is",
        "!",
        "?",
        "??",
        "?!!!!!",
        ":)",
        ":D",
        ":-(",
        "\N{GRINNING FACE}",
        "\u2665",
    ),
    *("\N{PILE OF POO}", "good", "GOOD", "Great!", "bad", "horrible", "ok", "lol", "fed up", "ß", "İ", "Σ"),
]


def expected(texts: list[str]) -> np.ndarray:
    return np.array(
        [[ORACLE.polarity_scores(text)[key] for key in ("neg", "neu", "pos", "compound")] for text in texts]
    )


def assert_equal(texts: list[str]) -> None:
    scores = ENGINE.score(texts)
    for text, ours, theirs in zip(texts, scores, expected(texts), strict=True):
        assert ours.tolist() == theirs.tolist(), text


def written(word: str, way: int) -> str:
    return (word, word.upper(), word.title(), f"({word},", f"{word}!!")[way]


words = st.builds(written, st.sampled_from(ODD) | st.sampled_from(sorted(ORACLE.lexicon)), st.integers(0, 4))
odd_texts = st.builds(
    lambda parts: "".join(word + gap for word, gap in parts),
    st.lists(st.tuples(words, st.sampled_from([" ", " ", " ", "", "\n", "\u3000", "  "])), max_size=12),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(odd_texts | st.text(max_size=60), max_size=4))
def test_odd_texts(texts: list[str]) -> None:
    assert_equal(texts)


def test_many_odd_texts() -> None:
    dice = random.Random(15)
    assert_equal(
        [
            " ".join(written(dice.choice(ODD), dice.randrange(5)) for _ in range(dice.randrange(14)))
            for _ in range(6_000)
        ]
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the book",
        "The plot was good, but the characters are uncompelling and the dialog is not great.",
        "good but good but good good",  # equal valences: the oracle weighs the first of them twice
        "no good, no no no good, no more or good",
        "never so good, never this bad, so the good",
        "without a doubt good, without doubt, good",
        "at least good, very least good, least good, at the least good",
        "kind of good, a kind of KIND person, kind",
        "yeah right, that was to die for, the shit, bad ass, a bus stop",
        "it was sort of really good; just enough good",
        "VERY GOOD", "VERY good", "very GOOD", "good????", "good?", "good!!!!!!",
        "\N{GRINNING FACE}\N{GRINNING FACE}x \N{GRINNING FACE} \u00a0\N{GRINNING FACE}",
    ],
)  # fmt: skip
def test_each_rule(text: str) -> None:
    assert_equal([text])


def test_rounding_near_ties() -> None:
    values = np.array([0.0005, 0.0015, 0.0025, 0.12345, 0.00005, -0.00025, 1 / 3])
    for digits in (3, 4):
        assert vader._rounded(values, digits).tolist() == [round(float(value), digits) for value in values]


def test_lots_and_forgetting_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"word{number} is not good, but {number} great words" for number in range(50)] + ["", "so bad"]
    whole = ENGINE.score(texts)
    monkeypatch.setattr(vader, "TEXTS_AT_ONCE", 3)
    monkeypatch.setattr(vader, "MOST_WORDS_KEPT", 10)
    small = VaderEngine()
    np.testing.assert_array_equal(small.score(texts), whole)
    assert len(small._vocabulary) < 30
    assert small.score([]).shape == (0, 4)


@pytest.mark.recorded
def test_every_labelled_text(recorded) -> None:
    texts: list[str] = []
    for name in ("twitter_fin_news_sent_valid", "vader_tweets_groundtruth"):
        with (recorded / "data" / "sentiment_en" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            texts += [row["text"] for row in csv.DictReader(file)]
    assert len(texts) == 6_588
    assert_equal(texts)
