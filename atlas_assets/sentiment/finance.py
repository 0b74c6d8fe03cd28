"""VADER with the terms of finance: what moves tells whether up is good."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from atlas_assets.sentiment.terms import Term, reviewed_terms
from atlas_assets.sentiment.vader import MOST_WORDS_KEPT, VaderEngine
from atlas_assets.sentiment.vocabulary import Rules, Vocabulary, plain_rules

EVERYDAY_WEIGHT = 0.25
"""What a valence of VADER's own counts beside the reviewed terms: news is full of everyday words about other things."""

REACH = 4
"""Words between a move and the measure that moves."""

_CASHTAG = re.compile(r"\(?\$[A-Za-z]")
_SIGNED = re.compile(r"[(~]?([+\u2212-])\d[\d.,]*%")
_PERCENT = re.compile(r"[(~]?\d[\d.,]*(?:%|pct\b|bps\b)")
_COMPOUND = re.compile(r"[a-z]+(?:-[a-z]+)+")
_BOUNDARIES = frozenset(
    (
        "as",
        "after",
        "on",
        "but",
        "and",
        "amid",
        "despite",
        "while",
        "although",
        "because",
        "when",
        "if",
        "before",
        "since",
    )
).union(("with", "than", "vs", "versus", "says", "said"))
_STOPS = (".", ",", ";", ":", "!", "?", "...", "\u2026")

# What the reader of texts writes for a word that has another meaning here; no text has a word with a space in it.
_NO_WORD, _TURNED = " ", " turned "
_IN_CAPITALS = "\n"


class FinanceVaderEngine(VaderEngine):
    """VADER whose lexicon has the terms of `terms_en`, phrases among them.

    A phrase counts as one word. A move ("rises", "fell") is turned where what moves is a burden ("costs fell"), and
    then the burden itself counts no more; an action ("cuts", "raises") without anything that is moved has no tone.
    Cashtags and addresses are no words; a signed percentage ("-4%") is a move of its own.

    Parameters
    ----------
    terms : the reviewed ones by default
    """

    name = "vader_finance"

    def __init__(self, terms: Iterable[Term] | None = None) -> None:
        table = {term.text: term for term in (reviewed_terms("en") if terms is None else terms)}
        plain = plain_rules()
        super().__init__(replace(plain, lexicon=_lexicon(plain, table.values())))
        self._kinds: Mapping[str, str] = {term.text: term.kind for term in table.values()}
        self._moving = frozenset(text for text, kind in self._kinds.items() if kind in ("move", "action"))
        self._phrases = _by_first_word(table)
        known = frozenset(plain.lexicon) | plain.negations | frozenset(plain.boosters) | frozenset(table)
        self._parts = _Parts(known, Vocabulary(plain).bare)

    def _new_vocabulary(self) -> Vocabulary:
        return _ReadWords(self.rules)

    def _tokens(self, text: str) -> list[str]:
        written, words = self._joined(*self._words(text))
        self._turn_moves(written, words)
        return [f"{word}{_IN_CAPITALS}" if raw.isupper() else word for raw, word in zip(written, words, strict=True)]

    def _turn_moves(self, written: Sequence[str], words: list[str]) -> None:
        moves = [place for place, word in enumerate(words) if word in self._moving]
        taken = [(place, self._moved(place, written, words)) for place in moves]
        for place, measure in taken:
            kind = "" if measure is None else self._kinds[words[measure]]
            is_told = measure is not None or self._is_told(place, written)
            if self._kinds[words[place]] == "action" and not is_told:
                words[place] = _NO_WORD
            elif kind == "burden":
                words[place] = _TURNED + words[place]
        for _, measure in taken:
            if measure is not None and self._kinds.get(words[measure]) == "burden":
                words[measure] = _NO_WORD

    def _words(self, text: str) -> tuple[list[str], list[str]]:
        """The words as written and as they are looked up; a compound word is several."""
        written: list[str] = []
        words: list[str] = []
        for raw in text.replace("\u2019", "'").split():
            parts = self._parts[raw]
            written.extend([raw] * len(parts))
            words.extend(parts)
        return written, words

    def _joined(self, written: list[str], words: list[str]) -> tuple[list[str], list[str]]:
        """Words with each phrase of the table as one, the longest first."""
        joined: tuple[list[str], list[str]] = ([], [])
        place = 0
        while place < len(words):
            phrases = self._phrases.get(words[place], ())
            length = next((len(one) for one in phrases if words[place : place + len(one)] == one), 1)
            joined[0].append(written[place + length - 1])
            joined[1].append(" ".join(words[place : place + length]))
            place += length
        return joined

    def _moved(self, place: int, written: Sequence[str], words: Sequence[str]) -> int | None:
        """Place of the measure that a move or action is about, None where none is named."""
        before = range(place - 1, max(place - 1 - REACH, -1), -1)
        after = range(place + 1, min(place + 1 + REACH, len(words)))
        is_noun = place + 1 < len(words) and words[place + 1] in ("in", "of")
        takes_object = self._kinds[words[place]] == "action" or is_noun
        for side in (after, before) if takes_object else (before, after):
            found = self._nearest(side, place, written, words)
            if found is not None:
                return found
        return None

    @staticmethod
    def _is_told(place: int, written: Sequence[str]) -> bool:
        """Whether the next word says by how much: "up 4%" needs no measure."""
        return place + 1 < len(written) and bool(_PERCENT.match(written[place + 1]))

    def _nearest(self, side: range, place: int, written: Sequence[str], words: Sequence[str]) -> int | None:
        is_after = side.step > 0
        if is_after and written[place].endswith(_STOPS):
            return None
        for other in side:
            if words[other] in _BOUNDARIES or (not is_after and written[other].endswith(_STOPS)):
                return None
            if self._kinds.get(words[other]) in ("measure", "burden"):
                return other
            if is_after and written[other].endswith(_STOPS):
                return None
        return None


class _Parts(dict[str, list[str]]):
    """The words in what is written between two spaces."""

    def __init__(self, known: frozenset[str], bare: Callable[[str], tuple[str, bool]]) -> None:
        super().__init__()
        self._known, self._bare = known, bare

    def __missing__(self, written: str) -> list[str]:
        if len(self) >= MOST_WORDS_KEPT:
            self.clear()
        self[written] = parts = self._split(written)
        return parts

    def _split(self, written: str) -> list[str]:
        signed = _SIGNED.match(written)
        if signed:
            return ["+%" if signed[1] == "+" else "-%"]
        if _CASHTAG.match(written) or "://" in written:
            return [_NO_WORD]
        word = self._bare(written)[0].removesuffix("'s")
        return word.split("-") if word not in self._known and _COMPOUND.fullmatch(word) else [word]


class _ReadWords(Vocabulary):
    """Words as they are looked up already."""

    def bare(self, token: str) -> tuple[str, bool]:
        """The word without the mark of capitals, and whether it has one."""
        return token.removesuffix(_IN_CAPITALS), token.endswith(_IN_CAPITALS)


def _lexicon(plain: Rules, terms: Iterable[Term]) -> dict[str, float]:
    lexicon = {word: EVERYDAY_WEIGHT * valence for word, valence in plain.lexicon.items()}
    for term in terms:
        if term.valence:
            lexicon[term.text] = term.valence
        else:
            lexicon.pop(term.text, None)
        if term.kind in ("move", "action"):
            lexicon[_TURNED + term.text] = -term.valence
    return lexicon


def _by_first_word(terms: Iterable[str]) -> dict[str, list[list[str]]]:
    phrases: dict[str, list[list[str]]] = {}
    for words in sorted((term.split(" ") for term in terms if " " in term), key=len, reverse=True):
        phrases.setdefault(words[0], []).append(words)
    return phrases
