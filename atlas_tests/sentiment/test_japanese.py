"""Tone of Japanese sentences."""

from __future__ import annotations

import numpy as np
import pytest

from atlas_assets.sentiment.japanese import JapaneseEngine
from atlas_assets.sentiment.terms import Term

ENGINE = JapaneseEngine()


def tone(text: str) -> float:
    return float(ENGINE.score([text])[0, 3])


@pytest.mark.parametrize(
    "text",
    [
        "売上が増加した",
        "業績は好調である",
        "コストが減少した",
        "景気は悪くない",
        "営業利益は前期比\uff13\uff0e\uff15\uff05増",
        "売上は前年比103%となった",
        "在庫は減少している",
        "上方修正を発表",
        "株価が急騰した",
        "日経平均は大幅高",
        "自社株買いを発表",
        "含み益が拡大した",
    ],
)
def test_good_news(text: str) -> None:
    assert tone(text) > 0.2


@pytest.mark.parametrize(
    "text",
    [
        "売上が減少した",
        "業績は不振である",
        "コストが増加した",
        "景気は良くない",
        "改善には至らず",
        "営業利益は前期比3.5%減",
        "売上は前年比95%となった",
        "下方修正を発表",
        "株価が急落した",
        "原油価格が急騰した",
        "日経平均は大幅安",
        "投資判断を格下げ",
        "上場廃止となる",
    ],
)
def test_bad_news(text: str) -> None:
    assert tone(text) < -0.2


@pytest.mark.parametrize(
    "text", ["客の様子は前年と変わらない", "消費増税について", "かもしれない", "plain English", "。、"]
)
def test_no_news(text: str) -> None:
    assert tone(text) == 0


def test_a_longer_term_hides_the_shorter_ones_in_it() -> None:
    assert tone("少ない") < 0
    assert tone("少なくない") == 0


def test_a_comma_stops_a_negation() -> None:
    assert tone("好調だが、特にない") > 0 > tone("好調ではない")


def test_what_follows_a_contrast_counts_more() -> None:
    assert tone("業績は悪化したが、売上は大きく増加した") > 0 > tone("売上は大きく増加したものの、業績は悪化した")


def test_shares_sum_to_one_and_each_text_stands_alone() -> None:
    texts = ["売上が増加した。業績は悪い", "", "好調" * 400, "景気は良くないが、売上は伸びた"]
    scores = ENGINE.score(texts)
    np.testing.assert_allclose(scores[:, :3].sum(axis=1), 1)
    assert (np.abs(scores[:, 3]) <= 1).all()
    np.testing.assert_array_equal(scores, np.concatenate([ENGINE.score([text]) for text in texts]))
    assert ENGINE.score([]).shape == (0, 4)


def test_terms_of_your_own() -> None:
    own = JapaneseEngine([Term("青空", 3.0, "tone")])
    assert own.score(["今日は青空だ"])[0, 3] == pytest.approx(3 / 24**0.5)
