import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assets.sentiment.analyzer import SentimentAnalyzer

ANALYZER = SentimentAnalyzer()


def test_scores_of_the_vader_readme():
    # github.com/cjhutto/vaderSentiment, README, "Code Examples".
    texts = [
        "VADER is smart, handsome, and funny.",
        "VADER is smart, handsome, and funny!",
        "VADER is VERY SMART, handsome, and FUNNY.",
        "VADER is not smart, handsome, nor funny.",
        "The book was good.",
        "Today SUX!",
    ]
    np.testing.assert_array_equal(ANALYZER.score(texts), [0.8316, 0.8439, 0.9227, -0.7424, 0.4404, -0.5461])


def test_missing_and_blank_texts_have_no_score():
    assert np.isnan(ANALYZER.score(["", " \n", None, float("nan"), pd.NA, pd.NaT])).all()
    column = pd.Series(["The book was good.", None], dtype="string")
    np.testing.assert_array_equal(ANALYZER.score(column), [0.4404, np.nan])
    assert ANALYZER.score([]).shape == (0,)


def test_polarity_has_the_shares_and_the_compound():
    frame = ANALYZER.polarity(["The book was good.", None, "The book was good."])
    assert list(frame.columns) == ["negative", "neutral", "positive", "compound"]
    np.testing.assert_allclose(frame.loc[[0, 2], ["negative", "neutral", "positive"]].sum(axis=1), 1.0, atol=2e-3)
    assert frame.loc[1].isna().all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40) | st.none(), max_size=5))
def test_scores_are_bounded_and_do_not_depend_on_neighbours(texts):
    scores = ANALYZER.score(texts)
    known = scores[~np.isnan(scores)]
    assert ((known >= -1) & (known <= 1)).all()
    np.testing.assert_array_equal(scores, [ANALYZER.score([text])[0] for text in texts])
    np.testing.assert_array_equal(ANALYZER.score(texts * 3), np.tile(scores, 3))


def test_a_megabyte_post_takes_no_longer_than_its_beginning():
    start = time.process_time()
    scores = ANALYZER.score(["good but bad " * 80_000, "x" * 1_000_000, "\N{PILE OF POO}" * 1_000_000])
    assert time.process_time() - start < 10
    assert (np.abs(scores) <= 1).all()


@pytest.mark.parametrize("engine", ["vader_finance", "japanese", "ensemble"])
def test_every_engine_keeps_the_analyzers_promises(engine):
    texts = ["Profit rose", "\u58f2\u4e0a\u304c\u6e1b\u5c11\u3057\u305f", None, " ", "the table", "Profit rose"]
    analyzer = SentimentAnalyzer(engine)
    scores = analyzer.score(texts)
    assert np.isnan(scores[[2, 3]]).all()
    assert (np.abs(scores[[0, 1, 4, 5]]) <= 1).all()
    np.testing.assert_array_equal(scores, [analyzer.score([text])[0] for text in texts])
    frame = analyzer.polarity(texts)
    np.testing.assert_allclose(frame.loc[[0, 1, 4], ["negative", "neutral", "positive"]].sum(axis=1), 1, atol=2e-3)
    np.testing.assert_array_equal(frame["compound"], scores)
    told = analyzer.attributed(texts)
    np.testing.assert_array_equal(told[frame.columns], frame)
    assert told["engine"].isna().tolist() == np.isnan(scores).tolist()
    assert (engine == "ensemble") or set(told["engine"].dropna()) == {engine}


def test_classes_follow_the_threshold():
    texts = ["great", "horrible", "the table", None]
    np.testing.assert_array_equal(ANALYZER.classes(texts), [1, -1, 0, np.nan])
    great = ANALYZER.score(["great"])[0]
    assert SentimentAnalyzer(threshold=great).classes(["great"]) == 1
    assert SentimentAnalyzer(threshold=great + 1e-9).classes(["great"]) == 0


def test_an_engine_of_your_own():
    class Longest:
        def score(self, texts):
            return np.array([[0, 1, 0, len(text) / 100] for text in texts])

    np.testing.assert_array_equal(SentimentAnalyzer(Longest()).score(["ab", None, "abc"]), [0.02, np.nan, 0.03])
    assert SentimentAnalyzer(Longest()).attributed(["ab", None])["engine"].tolist() == ["Longest", None]


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match="engine"):
        SentimentAnalyzer("bert")
    with pytest.raises(ValueError, match="threshold"):
        SentimentAnalyzer(threshold=0)
    with pytest.raises(ValueError, match="max_characters"):
        SentimentAnalyzer(max_characters=2.5)
    with pytest.raises(TypeError, match="NoneType has none"):
        SentimentAnalyzer(None)
    for other in (3.5, b"good", ["good"], np.array(["good", "bad"])):
        with pytest.raises(TypeError, match="needs texts, but one of them is a"):
            ANALYZER.score([other])
    with pytest.raises(TypeError, match="put a single one into a list"):
        ANALYZER.score("The book was good.")
