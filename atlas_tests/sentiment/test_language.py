"""Languages told from small texts."""

from __future__ import annotations

import pytest

from atlas_assets.sentiment.language import text_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Stocks rise as the Fed cuts rates", "en"),
        ("I don\u2019t think it\u2019s over", "en"),
        ("Uber rallying", "en"),
        ("$TSLA to the moon", "en"),
        ("トヨタの株価は上がった", "ja"),
        ("日経平均続落", "ja"),
        ("ソニー(6758) 年初来高値 buy the dip https://example.com/the/of/and", "ja"),
        ("中国经济增长放缓", "zh"),
        ("삼성전자 주가 상승", "ko"),
        ("Die Aktie steigt und der Markt ist nicht ruhig", "de"),
        ("Les actions sont en hausse pour la semaine", "fr"),
        ("Las acciones de la empresa suben por el dólar", "es"),
        ("東京", "und"),
        ("Lorem ipsum", "und"),
        ("$AAPL $MSFT @the_of_and https://the.of/and", "und"),
        ("12.5 % :-)", "und"),
        ("", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert text_language(text) == language
