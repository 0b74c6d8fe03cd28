"""Numbers that depend only on what they are drawn for: the same in every order of requests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def number_of(*parts: object) -> int:
    """A number from 0 to 2^64 - 1 for a combination of parts."""
    return int.from_bytes(blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def one_in(chances: int, *parts: object) -> bool:
    """Whether a combination of parts is one of those to which something happens, one in so many."""
    return number_of(*parts) % chances == 0


def pick(items: Sequence[T], *parts: object) -> T:
    """One of the items for a combination of parts."""
    return items[number_of(*parts) % len(items)]


def base36(number: int) -> str:
    """A number in the digits of Reddit's ids."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
