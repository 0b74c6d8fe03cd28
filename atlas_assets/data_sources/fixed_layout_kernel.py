"""The compiled pass of :mod:`atlas_assets.data_sources.fixed_layout`."""

# Numba decorators carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]

INTEGER, TEXT = 0, 1
MOST_DIGITS = 18  # more may not fit 64 bits

_SIGNATURE = (
    "int64(Array(uint8, 1, 'C', True), Array(uint8, 1, 'C', True), int64[::1], int64[::1], "
    "int64[:, ::1], boolean[:, ::1], uint8[:, ::1], int32[:, ::1])"
)
_COMMA, _QUOTE, _BACKSLASH = b',"\\'
_ZERO, _NINE, _FIRST_PRINTABLE, _LAST_PRINTABLE = 0x30, 0x39, 0x20, 0x7E
_TRUE, _FALSE = np.frombuffer(b"true", np.uint8), np.frombuffer(b"false", np.uint8)


@numba.njit(cache=True)
def _stands(body: Bytes, at: int, expected: Bytes) -> bool:
    """Whether these bytes stand here and are not the last ones."""
    if at + expected.size >= body.size:
        return False
    alike = 0
    while alike < expected.size and body[at + alike] == expected[alike]:
        alike += 1
    return alike == expected.size


@numba.njit(cache=True)
def _integer(body: Bytes, at: int) -> tuple[int, int]:
    """A number of at most `MOST_DIGITS` digits and where it ends; -1 where there is none."""
    first, value = at, 0
    while _ZERO <= body[at] <= _NINE and at - first <= MOST_DIGITS:
        value = 10 * value + body[at] - _ZERO
        at += 1
    digits = at - first
    is_number = 0 < digits <= MOST_DIGITS and (digits == 1 or body[first] != _ZERO)
    return value, at if is_number else -1


@numba.njit(cache=True)
def _text(body: Bytes, at: int, column: Bytes, written: int) -> tuple[int, int]:
    """Copy plain text between quotes; how much is written then, and where it ends, -1 where there is none."""
    if body[at] != _QUOTE:
        return written, -1
    at += 1
    while body[at] != _QUOTE:
        if body[at] < _FIRST_PRINTABLE or body[at] > _LAST_PRINTABLE or body[at] == _BACKSLASH:
            return written, -1
        column[written] = body[at]
        written += 1
        at += 1
        if at == body.size:
            return written, -1
    return written, at + 1


@numba.njit(cache=True)
def _flag(body: Bytes, at: int) -> tuple[bool, int]:
    """Whether true stands here, and where it or false ends; -1 where neither stands."""
    is_set = body[at] == _TRUE[0]
    word = _TRUE if is_set else _FALSE
    return is_set, at + word.size if _stands(body, at, word) else -1


@numba.njit(_SIGNATURE, cache=True)
def read_records(
    body: Bytes,
    literals: Bytes,
    literal_ends: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.int64],
    integers: npt.NDArray[np.int64],
    is_set: npt.NDArray[np.bool_],
    text: Bytes,
    ends: npt.NDArray[np.int32],
) -> int:
    """Fill the columns; how many records a body in brackets has, -1 where one is laid out differently."""
    at = 1
    for row in range(integers.shape[1]):
        number, texts, flag, begin = 0, 0, 0, 0
        for place in range(kinds.size + 1):
            literal = literals[begin : literal_ends[place]]
            if not _stands(body, at, literal):
                return -1
            begin, at = literal_ends[place], at + literal.size
            if place == kinds.size:
                break
            if kinds[place] == INTEGER:
                integers[number, row], at = _integer(body, at)
                number += 1
            elif kinds[place] == TEXT:
                ends[texts, row + 1], at = _text(body, at, text[texts], ends[texts, row])
                texts += 1
            else:
                is_set[flag, row], at = _flag(body, at)
                flag += 1
            if at < 0:
                return -1
        if at == body.size - 1:
            return row + 1
        if body[at] != _COMMA:
            return -1
        at += 1
    return -1
