"""Copies, near copies and floods among documents in the order of their publication.

A document is judged by what was published before it alone: a later one never changes its group, so that the groups may
be used in backtests. Both kinds of group have a limited life, so that a day's groups follow from the days just before.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_JACCARD = 0.8
"""Share of common shingles from which on two texts are near copies."""

LEAST_LENGTH = 24
"""Characters below which only equal texts are copies: short ones are alike by chance."""

COMPARED_LENGTH = 1_000
BANDS, ROWS = 8, 3  # finds a pair of Jaccard similarity 0.8 with probability 1 - (1 - 0.8 ** 3) ** 8 = 0.997
MOST_CANDIDATES = 32
CHUNK = 4_096
HOUR = 3_600_000_000
DAY = 24 * HOUR

_NOISE = re.compile(r"https?://\S+|www\.\S+|\brt @\w+:?|@\w+")
_SEPARATORS = re.compile(r"[^\w$]+")
_FACTS = re.compile(r"\$[a-z]+|\w*\d\w*")
_CJK = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SEEDS = np.random.default_rng(64).integers(0, 2**64, (BANDS * ROWS, 2), dtype=np.uint64) | np.uint64(1)


class Document(NamedTuple):
    """A document.

    Attributes
    ----------
    document_id
        Its id.
    published_at
        Microseconds since 1970.
    text
        Its text without markup.
    author
        Whoever may flood: same value, same author. None where nobody is known.
    duplicate_group, flood_group
        Its groups where they are known already, else None.
    """

    document_id: str
    published_at: int
    text: str
    author: str | None = None
    duplicate_group: str | None = None
    flood_group: str | None = None


class Groups(NamedTuple):
    """The groups of a document, named after the first document in each."""

    duplicate_group: str
    flood_group: str


@dataclass(slots=True)
class _Leader:
    document_id: str
    published_at: int
    text: str
    _features: tuple[set[str], set[str]] | None = None

    def is_like(self, length: int, facts: set[str], shingles: set[str]) -> bool:
        # Texts of too different lengths cannot share enough.
        if not LEAST_JACCARD <= length / len(self.text) <= 1 / LEAST_JACCARD:
            return False
        if self._features is None:
            self._features = _facts(self.text), _shingles(self.text)
        return self._features[0] == facts and _jaccard(self._features[1], shingles) >= LEAST_JACCARD


@dataclass(slots=True)
class _Run:
    document_id: str
    began: int
    last: int


def group_documents(
    documents: Sequence[Document], *, duplicate_days: float = 7, flood_gap_hours: float = 1, flood_hours: float = 24
) -> list[Groups]:
    """The groups of documents in the order of publication.

    A document joins the group of the latest first document, at most ``duplicate_days`` older, whose text is equal to
    its own or nearly so; else it is the first of a group. Texts are compared without case, punctuation, addresses and
    names of accounts. Near copies share at least `LEAST_JACCARD` of their shingles (5 characters, 3 of Chinese,
    Japanese and Korean) and exactly the same numbers and cashtags: "AAPL 180" is no copy of "AAPL 190". They are found
    by MinHash (Broder 1997) in `BANDS` bands of `ROWS`, then compared exactly.

    A run of documents belongs together as a flood while each comes at most ``flood_gap_hours`` after another one of
    the same author or the same duplicate group, for at most ``flood_hours``.

    Parameters
    ----------
    documents
        Sorted by (published_at, document_id). Those whose groups are known keep them.
    duplicate_days, flood_gap_hours, flood_hours
        Limits of the groups.

    Raises
    ------
    ValueError
        If a document comes after a later one.
    """
    if any(later.published_at < one.published_at for one, later in pairwise(documents)):
        raise ValueError("Documents are grouped in the order of their publication; sort them by published_at first.")
    texts = [comparable(document.text) for document in documents]
    bands = _bands(texts)
    leaders = _Leaders(int(duplicate_days * DAY))
    runs: dict[tuple[str, str], _Run] = {}
    gap, longest = flood_gap_hours * HOUR, flood_hours * HOUR
    groups: list[Groups] = []
    for document, text, keys in zip(documents, texts, bands, strict=True):
        here = document.published_at
        duplicate = document.duplicate_group
        if duplicate is None:
            found = leaders.like(text, here, keys)
            duplicate = document.document_id if found is None else found.document_id
        if duplicate == document.document_id:
            leaders.add(_Leader(duplicate, here, text), keys)
        names = [("text", duplicate), *([("author", document.author)] if document.author else [])]
        found_runs = (runs[name] for name in reversed(names) if name in runs)
        run = next((one for one in found_runs if here - one.last <= gap and here - one.began <= longest), None)
        if document.flood_group is not None and (run is None or run.document_id != document.flood_group):
            run = _Run(document.flood_group, here, here)
        run = run or _Run(document.document_id, here, here)
        run.last = here
        runs.update(dict.fromkeys(names, run))
        groups.append(Groups(duplicate, run.document_id))
    return groups


def comparable(text: str) -> str:
    """What two texts are compared by: no case, punctuation, addresses or names of accounts, the first part only."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", _NOISE.sub(" ", folded)).strip()[:COMPARED_LENGTH]


def jaccard(left: str, right: str) -> float:
    """Share of the shingles of two comparable texts that both have, 0 to 1."""
    return _jaccard(_shingles(left), _shingles(right))


class _Leaders:
    """The first documents of groups that may still be joined, found by equal texts or by bands of their MinHash."""

    def __init__(self, life: int) -> None:
        self._life = life
        self._queue: deque[tuple[_Leader, Sequence[int]]] = deque()
        self._by_text: dict[str, _Leader] = {}
        self._by_band: dict[int, list[_Leader]] = {}

    def add(self, leader: _Leader, keys: Sequence[int]) -> None:
        if leader.text:
            self._queue.append((leader, keys))
            self._by_text[leader.text] = leader
            for key in keys:
                self._by_band.setdefault(key, []).append(leader)

    def like(self, text: str, here: int, keys: Sequence[int]) -> _Leader | None:
        if not text:
            return None
        self._forget(here)
        equal = self._by_text.get(text)
        if equal is not None:
            return equal
        candidates = {id(one): one for key in keys for one in self._by_band.get(key, ())[-MOST_CANDIDATES:]}.values()
        if not candidates:
            return None
        facts, shingles = _facts(text), _shingles(text)
        alike = (one for one in candidates if one.is_like(len(text), facts, shingles))
        return max(alike, key=lambda one: (one.published_at, one.document_id), default=None)

    def _forget(self, here: int) -> None:
        while self._queue and here - self._queue[0][0].published_at > self._life:
            leader, keys = self._queue.popleft()
            if self._by_text[leader.text] is leader:
                del self._by_text[leader.text]
            for key in keys:
                same = self._by_band[key]
                same.pop(0)
                if not same:
                    del self._by_band[key]


def _jaccard(left: set[str], right: set[str]) -> float:
    both = len(left & right)
    return both / (len(left) + len(right) - both)


def _facts(text: str) -> set[str]:
    return set(_FACTS.findall(text))


def _size(text: str) -> int:
    return 3 if 3 * len(_CJK.findall(text)) >= len(text) else 5


def _shingles(text: str) -> set[str]:
    size = _size(text)
    return {text[place : place + size] for place in range(max(len(text) - size + 1, 1))}


def _bands(texts: Sequence[str]) -> list[Sequence[int]]:
    """For each text the keys of its MinHash bands; none for a short one."""
    found: list[Sequence[int]] = [()] * len(texts)
    sizes = [_size(text) if len(text) >= LEAST_LENGTH else 0 for text in texts]
    for size in (3, 5):
        places = [place for place, one in enumerate(sizes) if one == size]
        for first in range(0, len(places), CHUNK):
            chunk = places[first : first + CHUNK]
            keys = _band_keys([texts[place] for place in chunk], size).tolist()
            for place, row in zip(chunk, keys, strict=True):
                found[place] = row
    return found


def _band_keys(texts: Sequence[str], size: int) -> NDArray[np.uint64]:
    """Keys of the bands, shape (texts, `BANDS`); all texts have at least ``size`` characters."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    hashes = np.zeros(len(codes) - size + 1, dtype=np.uint64)
    for place in range(size):
        hashes = hashes * _PRIME + codes[place : place + len(hashes)]
    lengths = np.array([len(text) for text in texts])
    ends = np.cumsum(lengths)
    # Shingles that begin in one text and end in the next are none.
    inside = np.ones(len(codes), dtype=bool)
    for back in range(1, size):
        inside[ends - back] = False
    hashes = _mixed(hashes[inside[: len(hashes)]])
    starts = np.concatenate([[0], np.cumsum(lengths - size + 1)[:-1]])
    smallest = np.stack([np.minimum.reduceat((hashes ^ flip) * factor, starts) for factor, flip in _SEEDS], axis=1)
    keys = np.empty((len(texts), BANDS), dtype=np.uint64)
    for band, (first, last) in enumerate(pairwise(range(0, BANDS * ROWS + 1, ROWS))):
        key = np.full(len(texts), band + 1, dtype=np.uint64)
        for row in range(first, last):
            key = _mixed(key * _PRIME + smallest[:, row])
        keys[:, band] = key
    return keys


def _mixed(values: NDArray[Any]) -> NDArray[Any]:
    """Each bit of the result depends on each bit of the value (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
