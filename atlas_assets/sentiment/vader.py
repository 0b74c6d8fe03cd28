"""VADER's scores, to the last bit, of many texts at once.

Every word is looked up once, for all the texts that have it; the rules then run over arrays of the words with a valence
and the three words before each.

References
----------
Hutto, Gilbert (2014), VADER: a parsimonious rule-based model for sentiment analysis of social media text, ICWSM.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from threading import Lock
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from atlas_assets.sentiment.engines import FloatArray
from atlas_assets.sentiment.vocabulary import IntArray, Is, Rules, Vocabulary, plain_rules

TEXTS_AT_ONCE = 4_096

MOST_WORDS_KEPT = 100_000
"""Words that are remembered from one lot of texts to the next; then remembering begins anew, so memory is bounded."""

BESIDE = 3
"""Words before one with a valence that the rules look at."""

DEGREE_SHARES = ((1, 1.0), (2, 0.95), (3, 0.9))
"""What a degree word counts one, two and three words before a valence."""

BoolArray: TypeAlias = npt.NDArray[np.bool_]


class VaderEngine:
    """VADER: valences of words, with rules for negation, degree, emphasis and "but".

    Parameters
    ----------
    rules : those of vaderSentiment by default
    """

    name = "vader"

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or plain_rules()
        self._emojis = frozenset(self.rules.emojis)
        self._vocabulary = self._new_vocabulary()
        self._lock = Lock()

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Shares negative, neutral and positive, and compound; ndarray of shape (n_texts, 4)."""
        lots = [texts[start : start + TEXTS_AT_ONCE] for start in range(0, len(texts), TEXTS_AT_ONCE)]
        return np.concatenate([np.empty((0, 4)), *map(self._score_lot, lots)])

    def _new_vocabulary(self) -> Vocabulary:
        return Vocabulary(self.rules)

    def _tokens(self, text: str) -> list[str]:
        """The words of a text as the vocabulary knows them."""
        return text.split()

    def _score_lot(self, texts: Sequence[str]) -> FloatArray:
        texts = [self._described(text) for text in texts]
        tokens = list(map(self._tokens, texts))
        counts = np.fromiter(map(len, tokens), np.int64, len(texts))
        with self._lock:
            if len(self._vocabulary) > MOST_WORDS_KEPT:
                self._vocabulary = self._new_vocabulary()
            vocabulary = self._vocabulary
            words = vocabulary.numbers(chain.from_iterable(tokens), int(counts.sum()))
        lot = _Lot(vocabulary, words, counts)
        valences = lot.valences()
        for text in np.flatnonzero(lot.any_of(Is.BUT)):
            mine = slice(*np.searchsorted(lot.text, (text, text + 1)))
            valences[mine] = _weighed(lot.first_but(int(text)), lot.places[mine], valences[mine].tolist())
        return _scores(valences, lot.text, counts, np.array([_emphasis(text) for text in texts]))

    def _described(self, text: str) -> str:
        """The text with descriptions for emojis."""
        if text.isascii() or self._emojis.isdisjoint(text):
            return text
        parts: list[str] = []
        after_space = True
        for character in text:
            description = self.rules.emojis.get(character)
            if description is None:
                parts.append(character)
                after_space = character == " "
            else:
                parts.append(description if after_space else f" {description}")
                after_space = False
        return "".join(parts)


class _Lot:
    """The words of several texts in a row, each text between absent words.

    Attributes
    ----------
    text, places
        Of each word with a valence: the number of its text, and its place in the row.
    """

    def __init__(self, vocabulary: Vocabulary, words: IntArray, counts: IntArray) -> None:
        self._vocabulary, self._rules = vocabulary, vocabulary.rules
        self._texts = len(counts)
        text = np.repeat(np.arange(self._texts), counts)
        self._row = np.zeros(len(words) + BESIDE * (self._texts + 1), np.int64)
        self._row[np.arange(len(words)) + BESIDE * (text + 1)] = words
        self._text_of = np.zeros(len(self._row), np.int64)
        self._text_of[np.arange(len(words)) + BESIDE * (text + 1)] = text
        self._starts = np.cumsum(counts) - counts + BESIDE * np.arange(1, self._texts + 1)
        self._ends = self._starts + counts
        self._flags = vocabulary.flags[self._row]
        bearing = np.flatnonzero(self._flags & Is.BEARING)
        self.places = bearing[~(self._has(bearing, Is.KIND) & self._has(bearing + 1, Is.OF))]
        self.text = self._text_of[self.places]
        uppers = np.bincount(self._text_of[(self._flags & Is.UPPER) != 0], minlength=self._texts)
        # Capitals emphasise only where not all is in capitals.
        self._differs = (uppers > 0) & (uppers < counts)

    def any_of(self, flag: int) -> BoolArray:
        """Whether each text has a word with a flag."""
        found = np.zeros(self._texts, np.bool_)
        found[self._text_of[(self._flags & flag) != 0]] = True
        return found

    def first_but(self, text: int) -> int:
        """The place of a text's first "but"."""
        start = int(self._starts[text])
        return start + int(np.argmax(self._flags[start : self._ends[text]] & Is.BUT))

    def valences(self) -> FloatArray:
        """The valence of each word that has one, by the rules for what stands around it."""
        places, rules = self.places, self._rules
        own = self._vocabulary.valence[self._row[places]]
        first, second, third = (places - back for back in (1, 2, 3))
        is_negation = self._has(places, Is.NO) & self._has(places + 1, Is.IN_LEXICON)
        is_turned = self._has(first, Is.NO) | self._has(second, Is.NO)
        is_turned |= self._has(third, Is.NO) & self._has(first, Is.OR)
        valence = np.where(is_turned, own * rules.turned, np.where(is_negation, 0.0, own))
        valence = self._emphasised(valence, valence, self._is_loud(places))
        applies = np.zeros(len(places), np.bool_)
        for back, share in DEGREE_SHARES:
            before = places - back
            applies = ~self._has(before, Is.IN_LEXICON | Is.ABSENT)
            changed = (valence + self._degree(before, valence) * share) * self._turn(places, back)
            valence = np.where(applies, changed, valence)
        self._set_phrases(valence, applies)
        is_least = self._has(first, Is.LEAST) & ~self._has(second, Is.AT)
        return np.where(is_least, valence * rules.turned, valence)

    def _has(self, places: IntArray, flags: int) -> BoolArray:
        return (self._flags[places] & flags) != 0

    def _is_loud(self, places: IntArray) -> BoolArray:
        return self._has(places, Is.UPPER) & self._differs[self.text]

    def _emphasised(self, value: FloatArray, valence: FloatArray, is_loud: BoolArray) -> FloatArray:
        capitals = self._rules.capitals
        return np.where(is_loud, np.where(valence > 0, value + capitals, value - capitals), value)

    def _degree(self, before: IntArray, valence: FloatArray) -> FloatArray:
        """What the words before add."""
        degree = self._vocabulary.degree[self._row[before]]
        signed = np.where(valence < 0, -degree, degree)
        return self._emphasised(signed, valence, self._is_loud(before) & (degree != 0))

    def _turn(self, places: IntArray, back: int) -> FloatArray:
        """The factors by which the words that stand ``back`` before turn or strengthen."""
        before, first = places - back, places - 1
        is_negation = self._has(before, Is.NEGATION)
        is_strong = np.zeros(len(places), np.bool_)
        if back > 1:
            is_doubt = self._has(before + 1, Is.DOUBT) | self._has(first, Is.DOUBT)
            is_negation &= ~(self._has(before, Is.WITHOUT) & is_doubt)
            is_strong = self._has(before, Is.NEVER) & self._has(before + 1, Is.SO)
        if back > 2:
            is_strong |= self._has(first, Is.SO)
        return np.where(is_strong, 1.25, np.where(is_negation, self._rules.turned, 1.0))

    def _set_phrases(self, valence: FloatArray, applies: BoolArray) -> None:
        """Set the valences of words in phrases, which are looked for only where there may be one."""
        is_near = np.any([self._has(self.places + shift, Is.MARK) for shift in range(-BESIDE, BESIDE)], axis=0)
        for number in np.flatnonzero(applies & is_near):
            place, end = int(self.places[number]), int(self._ends[self.text[number]])
            words = [self._vocabulary.words[int(word)] for word in self._row[place - 3 : min(place + 3, end)]]
            valence[number] = _phrase_valence(float(valence[number]), words, self._rules)


def _phrase_valence(valence: float, words: list[str], rules: Rules) -> float:
    third, second, first, here, *after = words
    pairs = f"{third} {second} {first}", f"{third} {second}", f"{second} {first}"
    special = rules.special_cases
    for phrase in (f"{first} {here}", f"{second} {first} {here}", pairs[2], pairs[0], pairs[1]):
        if phrase in special:
            valence = special[phrase]
            break
    for length in range(1, len(after) + 1):
        valence = special.get(" ".join([here, *after[:length]]), valence)
    for phrase in pairs:
        valence += rules.boosters.get(phrase, 0.0)
    return valence


def _weighed(but: int, places: IntArray, valences: list[float]) -> list[float]:
    """Half of what stands before "but", more of what comes after.

    VADER looks each valence up by its value, so the first of equal ones is weighed twice and another not at all.
    """
    for number in range(len(valences)):
        first = valences.index(valences[number])
        valences[first] *= 0.5 if places[first] < but else 1.5
    return valences


def _emphasis(text: str) -> float:
    if "!" not in text and "?" not in text:
        return 0.0
    questions = text.count("?")
    asked = 0.0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96
    return min(text.count("!"), 4) * 0.292 + asked


def _scores(valences: FloatArray, text: IntArray, counts: IntArray, emphasis: FloatArray) -> FloatArray:
    texts = len(counts)
    bounds = np.searchsorted(text, np.arange(texts + 1)).tolist()
    listed = valences.tolist()
    # Python's own sum, as VADER has it: from 3.12 on it is more exact than adding in turn.
    total = np.array([float(sum(listed[start:end])) for start, end in pairwise(bounds)], dtype=np.float64)
    total = np.where(total > 0, total + emphasis, np.where(total < 0, total - emphasis, total))
    up, down = valences > 0, valences < 0
    positive = np.bincount(text[up], weights=valences[up] + 1, minlength=texts)
    negative = np.bincount(text[down], weights=1 - valences[down], minlength=texts)
    neutral = counts - np.bincount(text[up | down], minlength=texts)
    louder, softer = positive > negative, positive < negative
    positive = np.where(louder, positive + emphasis, positive)
    negative = np.where(softer, negative + emphasis, negative)
    everything = np.where(counts > 0, positive + negative + neutral, 1.0)
    compound = np.clip(total / np.sqrt(total * total + 15), -1, 1)
    shares = [_rounded(part / everything, 3) for part in (negative, neutral, positive)]
    return np.stack([*shares, _rounded(compound, 4)], axis=1)


def _rounded(values: FloatArray, digits: int) -> FloatArray:
    """Python's rounding: the nearest decimal; near a tie only its exact arithmetic can tell."""
    scaled = values * 10**digits
    rounded = np.rint(scaled) / 10**digits
    for place in np.flatnonzero(np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5) < 1e-6):
        rounded[place] = round(float(values[place]), digits)
    return rounded
