"""What may name an instrument, and what looks so but does not."""

from __future__ import annotations

import pytest

from atlas_assets.sentiment.mentions import company_terms, mention_candidates


def found(text: str, method: str) -> list[str]:
    candidates = mention_candidates(text)
    for one in candidates:
        assert text[one.position - 1 :].startswith(one.evidence)
    return [one.term for one in candidates if one.method == method]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("$AAPL and $brk.b, not $100 or US$", ["AAPL", "BRK.B"]),
        ("($F) $all", ["F", "ALL"]),
        ("a$AAPL $AAPLAAPL $AAPL_x", []),
    ],
)
def test_cashtags(text: str, terms: list[str]) -> None:
    assert found(text, "cashtag") == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Why AAPL beats MSFT, says the CEO of IBM", ["AAPL", "MSFT", "IBM"]),
        ("I will HOLD all of it FOR the USA", []),
        ("$AAPL #BTC AT&T BRK.B", ["BTC", "BRK.B"]),
        ("THIS TEXT IS SHOUTING ABOUT AAPL", []),
        ("A F T", []),
        ("BTCUSDT breaks out", ["BTCUSDT"]),
    ],
)
def test_tickers(text: str, terms: list[str]) -> None:
    assert found(text, "ticker") == terms


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("トヨタ(7203)が上昇、<6758>も", ["7203", "6758"]),
        ("銘柄7203 コード:9984 4755.T 130A.T 【8306】", ["7203", "9984", "4755", "130A", "8306"]),
        ("(2018) 7203円 2018年 1234 (12345) 7,203", []),
        ("1925.T コード2018", ["1925", "2018"]),
        ("[7203] $9984", ["7203", "9984"]),
    ],
)
def test_codes(text: str, codes: list[str]) -> None:
    assert found(text, "code") == codes


def test_names() -> None:
    assert {"bank of america", "jpmorgan", "jpmorgan chase"} <= set(
        found("Shares of Bank of America and JPMorgan Chase fell", "name")
    )
    assert "apple" in found("Here is Apple's plan", "name")
    assert found("an apple a day, $APPLE", "name") == []
    assert "ビットコイン" in found("今日のビットコインは強い", "name")
    assert "apple microsoft" not in found("Apple, Microsoft", "name")


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("Apple Inc", ["apple", "apple inc"]),
        ("Acme Holdings, Inc.", ["acme", "acme holdings", "acme holdings inc"]),
        ("Alphabet Inc. Class A", ["alphabet", "alphabet inc"]),
        ("The Coca-Cola Company", ["coca-cola", "coca-cola company"]),
        ("JPMorgan Chase & Co", ["jpmorgan chase", "jpmorgan chase & co"]),
        ("Target Corporation", ["target corporation"]),
        ("Bank of America Corp", ["bank of america", "bank of america corp"]),
        ("", []),
    ],
)
def test_company_terms(name: str, terms: list[str]) -> None:
    assert company_terms(name) == terms
