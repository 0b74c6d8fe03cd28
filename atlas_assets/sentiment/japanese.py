"""Tone of Japanese texts by a lexicon, without a dictionary of the language.

Words are not separated: at each place the longest term of `terms_ja` that begins there is taken, and what it
covers is read once. So a longer word without tone hides the shorter one inside it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from atlas_assets.sentiment.engines import FloatArray
from atlas_assets.sentiment.terms import Term, reviewed_terms

MOVE_REACH = 24
"""Characters between a measure and its move."""

NEGATION_REACH = 8
"""Characters between the end of a tone and what negates it."""

TURNED = -0.74
BEFORE_CONTRAST, AFTER_CONTRAST = 0.75, 1.25
ALPHA = 15.0

LEVEL_VALENCE = 1.5
LOWEST_LEVEL, HIGHEST_LEVEL = 50, 200
"""Per cent of the year before between which a number is a level."""

_CHANGE = "(?:の|ほど|程度|近く|以上)?(?:増|減|アップ|ダウン|プラス|マイナス|上|下|伸|落|低|高)"
_LEVEL = re.compile(rf"(?:前年|前期|前月|同期|同月)[^\d。、]{{0,9}}(\d{{2,3}}(?:\.\d+)?)%(?!{_CHANGE})")
_SENTENCES = re.compile(r"[。!?\n]+")


class _Found(NamedTuple):
    start: int
    end: int
    term: Term


class _Tone(NamedTuple):
    start: int
    end: int
    valence: float


class JapaneseEngine:
    r"""Valences of terms, turned by burdens and negations, weighed around contrasts.

    A move (増加, 下回る) is turned where the measure nearest before it in the sentence is a burden (費用, 在庫); a
    negation turns the last tone at most `NEGATION_REACH` characters before it; what stands before the last contrast of
    a sentence (が、, ものの) counts half, what follows one and a half. The sum :math:`v` is squeezed as VADER does, to
    :math:`v / \sqrt{v^2 + 15}`.

    Parameters
    ----------
    terms : the reviewed ones by default
    """

    name = "japanese"

    def __init__(self, terms: Iterable[Term] | None = None) -> None:
        table = tuple(reviewed_terms("ja") if terms is None else terms)
        self._terms = {term.text: term for term in table}
        lengths: dict[str, set[int]] = {}
        for text in self._terms:
            lengths.setdefault(text[0], set()).add(len(text))
        self._lengths = {first: sorted(each, reverse=True) for first, each in lengths.items()}

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Shares negative, neutral and positive of the characters' terms, and compound; ndarray of (n_texts, 4)."""
        return np.array([self._score_one(text) for text in texts], dtype=np.float64).reshape(-1, 4)

    def _score_one(self, text: str) -> tuple[float, float, float, float]:
        valences: list[float] = []
        for sentence in _SENTENCES.split(unicodedata.normalize("NFKC", text)):
            valences += self._valences(sentence)
        total = math.fsum(valences)
        positive = math.fsum(valence + 1 for valence in valences if valence > 0)
        negative = math.fsum(1 - valence for valence in valences if valence < 0)
        everything = positive + negative + 1  # one for all the characters without tone, of which there are always some
        return (
            negative / everything,
            1 / everything,
            positive / everything,
            total / math.sqrt(total * total + ALPHA),
        )

    def _valences(self, sentence: str) -> list[float]:
        found = self._find(sentence)
        tones = _negated([*_tones(found)], found, sentence)
        tones += _levels(sentence)
        contrast = max((one.start for one in found if one.term.kind == "contrast"), default=None)
        if contrast is None:
            return [tone.valence for tone in tones]
        return [tone.valence * (BEFORE_CONTRAST if tone.start < contrast else AFTER_CONTRAST) for tone in tones]

    def _find(self, sentence: str) -> list[_Found]:
        found: list[_Found] = []
        place = 0
        while place < len(sentence):
            step = 1
            for length in self._lengths.get(sentence[place], ()):
                term = self._terms.get(sentence[place : place + length])
                if term is not None:
                    found.append(_Found(place, place + length, term))
                    step = length
                    break
            place += step
        return found


def _tones(found: list[_Found]) -> Iterator[_Tone]:
    measure: _Found | None = None
    for one in found:
        valence = one.term.valence
        if one.term.kind in ("measure", "burden"):
            measure = one
        elif one.term.kind == "move" and measure is not None and one.start - measure.end <= MOVE_REACH:
            valence = -valence if measure.term.kind == "burden" else valence
        if valence:
            yield _Tone(one.start, one.end, valence)


def _negated(tones: list[_Tone], found: list[_Found], sentence: str) -> list[_Tone]:
    """The tones with the last one before each negation turned, once."""
    turned: set[int] = set()
    for negation in (one for one in found if one.term.kind == "negation"):
        before = [number for number, tone in enumerate(tones) if tone.end <= negation.start]
        if before and before[-1] not in turned:
            tone = tones[before[-1]]
            if negation.start - tone.end <= NEGATION_REACH and "、" not in sentence[tone.end : negation.start]:
                turned.add(before[-1])
    return [
        tone._replace(valence=tone.valence * TURNED) if number in turned else tone for number, tone in enumerate(tones)
    ]


def _levels(sentence: str) -> Iterator[_Tone]:
    """The tone of levels such as 前年比103%, which a change such as 前年比3%増 is not."""
    for level in _LEVEL.finditer(sentence):
        percent = float(level[1])
        if LOWEST_LEVEL <= percent <= HIGHEST_LEVEL and percent != 100:
            yield _Tone(level.start(), level.end(), LEVEL_VALENCE if percent > 100 else -LEVEL_VALENCE)
