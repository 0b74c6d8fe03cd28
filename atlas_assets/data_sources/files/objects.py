"""JSON: an array of objects, or an object a line; an element that cannot be read is set aside by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.data_sources.files.mapping import FileDataset
from atlas_assets.data_sources.files.rows import (
    LARGEST_ROW,
    MEBIBYTE,
    Row,
    Rows,
    aliases_of,
    lines_of,
    normal,
    undeclared,
)

LARGEST_ARRAY = 64 * MEBIBYTE
DEEPEST = 32
_MOST_SHAPES = 100

_BLANK = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)


def json_rows(content: bytes, dataset: FileDataset) -> Rows:
    """The objects of a JSON array, or of JSON lines.

    Raises
    ------
    FileRefused
        When it is neither.
    """
    body = content.removeprefix(b"\xef\xbb\xbf")
    first = body[:1000].lstrip()[:1]
    if first not in (b"[", b"{"):
        raise FileRefused("The file is not valid JSON: it must be an array of objects, or one object a line.")
    pick, offset = _Picker(dataset), len(content) - len(body)
    if first == b"[":
        for place, text in _array(body, offset):
            yield _row(place, text, pick)
        return
    for line in lines_of(body, offset):
        text = line.content.decode(errors="surrogateescape")
        if line.is_too_long:
            yield Row(line.place, problem=f"it is longer than {LARGEST_ROW} bytes", shown=text[:2000])
        elif text.strip():
            yield _row(line.place, text, pick)


def _row(place: str, text: str, pick: _Picker) -> Row:
    try:
        cells, others = pick(_DECODER.decode(text))
        return Row(place, cells, others=others)
    except (ValueError, RecursionError) as error:
        return Row(place, problem=_sentence(error), shown=text[:2000])


def _array(body: bytes, offset: int) -> Iterator[tuple[str, str]]:
    """The elements of a top-level array as texts, without decoding any: that may cost many times their size."""
    if len(body) > LARGEST_ARRAY:
        raise FileRefused(f"A JSON array may have {LARGEST_ARRAY // MEBIBYTE} MiB: write one object a line instead.")
    text = body.decode(errors="surrogateescape")
    is_ascii = text.isascii()
    start = _after_blank(text, _after_blank(text, 0) + 1)
    counted, byte = start, offset + (start if is_ascii else len(text[:start].encode(errors="surrogateescape")))
    more = not text.startswith("]", start)
    end = start
    while more:
        end, more = _element_end(text, start)
        byte += start - counted if is_ascii else len(text[counted:start].encode(errors="surrogateescape"))
        counted = start
        yield f"byte {byte}", text[start:end]
        start = _after_blank(text, end + 1) if more else start
    if text[end + 1 :].strip():
        raise FileRefused(f"The file is not valid JSON: something follows the array (character {end + 1}).")


def _after_blank(text: str, start: int) -> int:
    blank = _BLANK.match(text, start)
    return blank.end() if blank else start


def _element_end(text: str, start: int) -> tuple[int, bool]:
    """Where an element ends, and whether another follows."""
    depth = 0
    for token in _TOKEN.finditer(text, start, start + LARGEST_ROW):
        character = token[0]
        if character in ("[", "{"):
            depth += 1
            if depth > DEEPEST:
                raise FileRefused(f"The file is nested more than {DEEPEST} levels deep (character {token.start()}).")
        elif character in ("]", "}"):
            depth -= 1
            if depth < 0:
                if character == "}":
                    break
                return token.start(), False
        elif character == "," and not depth:
            return token.start(), True
        elif character == '"':
            break
    reason = "is longer than a row may be" if len(text) - start > LARGEST_ROW else "does not end"
    raise FileRefused(f"The file is not valid JSON: the element at character {start} {reason}.")


class _Picker:
    """A JSON object's cells in the dataset's order, and what it holds beside them."""

    def __init__(self, dataset: FileDataset) -> None:
        self._dataset = dataset
        self._aliases = aliases_of(dataset)
        self._nullable = {name for name, column in dataset.columns.items() if column.nullable}
        self._known: dict[tuple[str, ...], tuple[list[str | None], list[str]]] = {}

    def __call__(self, record: Any) -> tuple[list[Any], Mapping[str, Any] | None]:
        if not isinstance(record, dict):
            raise ValueError("every row must be an object with named values")
        given = tuple(record)
        known = self._known.get(given)
        if known is None:
            known = self._names(given), [given[place] for _, place in undeclared(given, self._dataset)]
            if len(self._known) < _MOST_SHAPES:
                self._known[given] = known
        names, others = known
        cells = [None if name is None else record[name] for name in names]
        return cells, {name: record[name] for name in others} if others else None

    def _names(self, given: tuple[str, ...]) -> list[str | None]:
        """The record's own name of each column, None for one that it may lack."""
        written = {normal(name): name for name in given}
        if len(written) != len(given):
            raise ValueError("a name is there twice")
        names = [
            next((written[alias] for alias in aliases if alias in written), None) for aliases in self._aliases.values()
        ]
        for column, name in zip(self._aliases, names, strict=True):
            if name is None and column not in self._nullable:
                raise ValueError(f"{column} is missing")
        return names


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("a name is there twice")
    return named


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float | str:
    # What a float cannot hold stays as written: the column's reader says what is wrong with it.
    value = float(text)
    return text if value in (0.0, float("inf"), float("-inf")) else value


_DECODER = json.JSONDecoder(object_pairs_hook=_named_once, parse_constant=_refuse_constant, parse_float=_float)


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not valid JSON ({error.msg}, character {error.pos})"
    text = str(error)
    return "a number has too many digits" if "int string conversion" in text else text
