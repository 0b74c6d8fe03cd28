"""The reviewed tables of terms that finance adds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Literal, NamedTuple, get_args

from atlas_assets.sentiment import terms_en, terms_ja

Kind = Literal["tone", "plain", "move", "action", "measure", "burden", "negation", "contrast"]

KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}


class Term(NamedTuple):
    """A word or phrase.

    Attributes
    ----------
    text
        In lower case.
    valence
        -4 to 4, as in VADER.
    kind
        ``tone``: good or bad by itself. ``plain``: no tone here, whatever it has elsewhere. ``move``: up or down, good
        or bad with what moves ("shares fall", "costs fall"). ``action``: the same, but without tone unless what is
        moved is named ("cuts guidance", "cuts costs"). ``measure``: what should rise. ``burden``: what should fall.
        ``negation`` and ``contrast``: Japanese only; VADER has its own.
    """

    text: str
    valence: float
    kind: Kind


Rows = Iterable[tuple[str, float, str, str]]


@cache
def reviewed_terms(language: Literal["en", "ja"]) -> tuple[Term, ...]:
    """The terms of `terms_en` or `terms_ja`, whose rows say why."""
    return terms_of(terms_en.ROWS if language == "en" else terms_ja.ROWS)


def terms_of(rows: Rows) -> tuple[Term, ...]:
    """The terms of rows of kind, valence, reason, and terms between bars.

    Raises ``ValueError`` for a row of no such terms, or a term written twice.
    """
    terms: dict[str, Term] = {}
    for name, valence, _, texts in rows:
        kind = KINDS.get(name)
        if kind is None or not -4 <= valence <= 4:
            raise ValueError(
                f'A row of terms needs a kind of {[*KINDS]} and a valence of -4 to 4, not "{name}", {valence}.'
            )
        for text in map(str.strip, texts.split("|")):
            if not text or text in terms:
                raise ValueError(f'The term "{text}" ({name}) is empty or written twice; each belongs to one row.')
            terms[text] = Term(text, valence, kind)
    return tuple(terms.values())
