"""The words, constants and rules' words of vaderSentiment, each word with a number."""

# vaderSentiment carries no static types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rules:
    """The words and constants of vaderSentiment.

    Attributes
    ----------
    lexicon
        Valence of a word, -4 to 4.
    boosters
        What a degree word adds to the next valence.
    special_cases
        Valence of a phrase with a word of the lexicon.
    negations
        Words that turn a valence.
    emojis
        Description of a character.
    capitals, turned
        What capitals add; the factor of a negation.
    """

    lexicon: Mapping[str, float]
    boosters: Mapping[str, float]
    special_cases: Mapping[str, float]
    negations: frozenset[str]
    emojis: Mapping[str, str]
    capitals: float
    turned: float


def plain_rules() -> Rules:
    """The rules as vaderSentiment has them."""
    from vaderSentiment import vaderSentiment

    plain = vaderSentiment.SentimentIntensityAnalyzer()
    return Rules(
        lexicon=plain.lexicon,
        boosters=vaderSentiment.BOOSTER_DICT,
        special_cases=vaderSentiment.SPECIAL_CASES,
        negations=frozenset(vaderSentiment.NEGATE),
        emojis=plain.emojis,
        capitals=vaderSentiment.C_INCR,
        turned=vaderSentiment.N_SCALAR,
    )


class Is:
    """What the rules ask of a word: bits, as plain integers, because a set of enumerated flags is slow to make."""

    BEARING = 1  # has a valence that counts
    IN_LEXICON = 2
    UPPER = 4
    NEGATION = 8
    MARK = 16  # is the longest word of a phrase
    NO = 32
    OR = 64
    SO = 128
    NEVER = 256
    WITHOUT = 512
    DOUBT = 1_024
    LEAST = 2_048
    AT = 4_096
    KIND = 8_192
    OF = 16_384
    BUT = 32_768
    ABSENT = 65_536  # before the first or after the last word


_WORDS = {
    "no": Is.NO,
    "or": Is.OR,
    "nor": Is.OR,
    "so": Is.SO,
    "this": Is.SO,
    "never": Is.NEVER,
    "without": Is.WITHOUT,
    "doubt": Is.DOUBT,
    "least": Is.LEAST,
    "at": Is.AT,
    "very": Is.AT,
    "kind": Is.KIND,
    "of": Is.OF,
    "but": Is.BUT,
}


class Vocabulary(dict[str, int]):
    """The number of each word, and what the rules ask of it."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules
        phrases = [phrase for phrase in (*rules.special_cases, *rules.boosters) if " " in phrase]
        # Each phrase has its longest word in it: a text without any of these has no phrase.
        self._marks = frozenset(max(phrase.split(), key=len) for phrase in phrases)
        self.words = [""]
        self._valence, self._degree, self._flags = [0.0], [0.0], [Is.ABSENT]
        self.valence = self.degree = np.zeros(1)
        self.flags = np.zeros(1, np.int64)

    def bare(self, token: str) -> tuple[str, bool]:
        """A word in lower case without punctuation around it, and whether it was in capitals.

        What has no more than two letters without its punctuation may be an emoticon and stays as it is.
        """
        stripped = token.strip(string.punctuation)
        return (stripped if len(stripped) > 2 else token).lower(), token.isupper()

    def numbers(self, tokens: Iterable[str], count: int) -> IntArray:
        """The numbers of words; 0 is the absent word."""
        numbers = np.fromiter(map(self.__getitem__, tokens), np.int64, count)
        if len(self.words) > len(self.flags):
            self.valence, self.degree = np.array(self._valence), np.array(self._degree)
            self.flags = np.array(self._flags, np.int64)
        return numbers

    def __missing__(self, token: str) -> int:
        word, is_upper = self.bare(token)
        rules = self.rules
        is_known = word in rules.lexicon
        flags = _WORDS.get(word, 0) | (Is.IN_LEXICON if is_known else 0) | (Is.UPPER if is_upper else 0)
        flags |= Is.BEARING if is_known and word not in rules.boosters else 0
        flags |= Is.NEGATION if word in rules.negations or "n't" in word else 0
        flags |= Is.MARK if word in self._marks else 0
        self.words.append(word)
        self._valence.append(rules.lexicon.get(word, 0.0))
        self._degree.append(rules.boosters.get(word, 0.0))
        self._flags.append(flags)
        self[token] = number = len(self.words) - 1
        return number
