"""The reviewed tables are well made."""

from __future__ import annotations

import unicodedata

import pytest
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE

from atlas_assets.sentiment.terms import reviewed_terms, terms_of


@pytest.mark.parametrize("language", ["en", "ja"])
def test_terms_are_written_as_texts_are_read(language: str) -> None:
    table = reviewed_terms(language)
    assert len(table) > 800
    for term in table:
        assert term.text == unicodedata.normalize("NFKC", term.text).lower().strip()
        # What tells a direction has one, what tells none has none.
        assert (term.valence != 0) == (term.kind in ("tone", "move", "action")) or term.kind == "burden"
        assert term.valence <= 0 or term.kind != "burden"


def test_no_term_is_a_word_of_vaders_rules() -> None:
    assert not {term.text for term in reviewed_terms("en")} & {*BOOSTER_DICT, *NEGATE, "but"}


@pytest.mark.parametrize(
    "row", [("tone", 5.0, "", "good"), ("mood", 1.0, "", "good"), ("tone", 1.0, "", "a | a"), ("tone", 1.0, "", "a |")]
)
def test_a_bad_row_is_refused(row: tuple[str, float, str, str]) -> None:
    with pytest.raises(ValueError, match="row"):
        terms_of([row])
