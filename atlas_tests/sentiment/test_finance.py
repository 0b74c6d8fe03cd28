"""What the terms of finance change, and that what is moved tells whether up is good."""

from __future__ import annotations

import pytest

from atlas_assets.sentiment.finance import FinanceVaderEngine
from atlas_assets.sentiment.terms import Term
from atlas_assets.sentiment.vader import VaderEngine

ENGINE = FinanceVaderEngine()


def tone(text: str) -> float:
    return float(ENGINE.score([text])[0, 3])


@pytest.mark.parametrize(
    "text",
    [
        "Acme beats estimates",
        "Acme EPS beats by $0.05, beats on revenue",
        "Shares rose",
        "Costs fell",
        "Operating loss narrowed",
        "Acme cuts costs",
        "Acme raises guidance",
        "Price target raised to $50",
        "Dow up 4%",
        "$ACME +3.1% premarket",
        "Jobless claims fell",
        "Inflation eases",
        "Mortgage rates fall",
        "Acme upgraded to buy",
        "A decline in unemployment",
        "better-than-expected sales",
        "Acme did not cut guidance",
    ],
)
def test_good_news(text: str) -> None:
    assert tone(text) > 0.25


@pytest.mark.parametrize(
    "text",
    [
        "Acme misses estimates",
        "Acme fell short",
        "Profit warning at Acme",
        "Acme cuts guidance",
        "Shares fell",
        "Costs rose",
        "Loss widened",
        "Acme raises costs",
        "Price target cut to $40",
        "Dow down 4%",
        "Acme (-3.1%)",
        "Jobless claims rose",
        "Inflation rises to 8%",
        "Consumer prices rose",
        "VIX jumps",
        "Acme downgraded",
        "Sales didn't rise",
        "Acme\u2019s sell-off",
    ],
)
def test_bad_news(text: str) -> None:
    assert tone(text) < -0.25


@pytest.mark.parametrize(
    "text",
    [
        "Acme shares in focus",
        "Wells Fargo and United to share crude oil and gross interest",
        "Acme raises $140M",
        "Utility to cut power to homes",
        "$GOOD $WIN $LOVE https://example.com/great/best",
        "Costs fell as sales fell",
        "",
    ],
)
def test_no_news(text: str) -> None:
    assert tone(text) == 0


def test_a_burden_beyond_a_boundary_turns_nothing() -> None:
    assert tone("Profit rises as costs stay") > 0
    assert tone("Profit rises, costs stay") > 0


def test_vaders_rules_hold_for_terms() -> None:
    assert tone("Acme beats estimates!!!") > tone("Acme beats estimates")
    assert tone("SHARES SURGE in Tokyo") > tone("shares surge in Tokyo") > 0
    assert tone("Shares fell, but Acme beats estimates") > 0


def test_without_terms_only_the_weight_of_everyday_words_differs() -> None:
    bare = FinanceVaderEngine([])
    assert 0 < bare.score(["a good book"])[0, 3] < VaderEngine().score(["a good book"])[0, 3]
    own = FinanceVaderEngine([Term("blue sky", 3.0, "tone")])
    assert own.score(["it is all blue sky here"])[0, 3] > 0.5
