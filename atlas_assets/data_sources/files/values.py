"""From a cell of a file to a value of a column: nothing guessed, nothing rounded away."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions when it is imported)

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atlas_assets.data_sources.client.reply import excerpt
from atlas_assets.data_sources.files.mapping import FileColumn

LONGEST_TEXT = 100_000
LARGEST_INTEGER = 2**63 - 1
# The days that 64 bits of nanoseconds since 1970 can hold.
FIRST_DAY, LAST_DAY = date(1678, 1, 1), date(2261, 12, 31)

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"([+-]?\d{1,19})(?:\.0*)?", re.ASCII)
_ZERO = re.compile(r"[+-]?[0.]+(?:[eE].*)?", re.ASCII)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:?00)?)?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_MICROSECONDS = {"s": Decimal(10**6), "ms": Decimal(10**3), "us": Decimal(1), "ns": Decimal("0.001")}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Convert = Callable[[Any], Any]

_BULK_TYPES = {"text": pa.string(), "number": pa.float64(), "day": pa.date32()}


class BadValue(ValueError):
    """A cell does not hold what its column says."""


def converter(name: str, column: FileColumn) -> Convert:
    """What makes a cell a value of the column; it raises `BadValue` with a reason that names the column."""
    read = _instant_since_1970(column.epoch) if column.epoch else _READERS[column.kind]
    is_text, nullable = column.kind == "text", column.nullable

    def convert(cell: Any) -> Any:
        if cell is None or (isinstance(cell, str) and (not cell or (not (is_text and nullable) and cell.isspace()))):
            if nullable:
                return None
            raise BadValue(f"{name} is missing")
        try:
            return read(cell)
        except BadValue as problem:
            raise BadValue(f"{name} {problem}") from None

    return convert


def whole_column(cells: Sequence[Any], column: FileColumn) -> pa.Array | None:
    """All cells at once where they are plain texts; None where each must be looked at, bad or not."""
    if column.kind not in _BULK_TYPES:
        return None
    try:
        texts = pa.array(cells, pa.string())
        texts = pc.if_else(pc.equal(texts, ""), None, texts)
        values = texts.cast(_BULK_TYPES[column.kind])
    except (pa.ArrowException, UnicodeEncodeError):
        return None
    if values.null_count and not column.nullable:
        return None
    return values if pc.all(_is_plain(values, column.kind), min_count=0).as_py() else None


def _is_plain(values: pa.Array, kind: str) -> pa.Array:
    if kind == "number":
        # Zero may be what is left of a number that is too small.
        return pc.and_(pc.is_finite(values), pc.not_equal(values, 0.0))
    if kind == "day":
        return pc.and_(pc.greater_equal(values, FIRST_DAY), pc.less_equal(values, LAST_DAY))
    blank = pc.equal(pc.utf8_trim_whitespace(values), "")
    odd = pc.or_(pc.match_substring(values, "\0"), pc.greater(pc.utf8_length(values), LONGEST_TEXT))
    return pc.invert(pc.or_(blank, odd))


def _text(cell: Any) -> str:
    if not isinstance(cell, str):
        raise BadValue(f"is {_kind(cell)}, not a text")
    if len(cell) > LONGEST_TEXT:
        raise BadValue(f"is longer than {LONGEST_TEXT} characters")
    if "\0" in cell:
        raise BadValue("holds a NUL character")
    if not cell.isascii():
        try:
            cell.encode()
        except UnicodeEncodeError:
            raise BadValue("holds characters that are not Unicode text") from None
    return cell


def _number(cell: Any) -> float:
    if isinstance(cell, str):
        cell = cell.strip()
        if not _NUMBER.fullmatch(cell):
            raise BadValue(f"is not a number: {excerpt(cell, 40)!r}")
        value = float(cell)
        if value == 0 and not _ZERO.fullmatch(cell):
            raise BadValue(f"is too small for 64 bits: {excerpt(cell, 40)!r}")
    elif isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        raise BadValue(f"is {_kind(cell)}, not a number")
    else:
        try:
            value = float(cell)
        except OverflowError:
            value = math.inf
    if not math.isfinite(value):
        raise BadValue("is not a finite number of 64 bits")
    return value


def _integer(cell: Any) -> int:
    if isinstance(cell, str):
        matched = _INTEGER.fullmatch(cell.strip())
        if not matched:
            raise BadValue(f"is not a whole number of 64 bits: {excerpt(cell, 40)!r}")
        value = int(matched[1])
    elif isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        raise BadValue(f"is {_kind(cell)}, not a whole number")
    elif isinstance(cell, float) and (not cell.is_integer() or abs(cell) >= 2**53):
        raise BadValue(f"is not an exact whole number: {cell!r}")
    elif isinstance(cell, Decimal) and (not cell.is_finite() or cell != cell.to_integral_value()):
        raise BadValue(f"is not a whole number: {excerpt(str(cell), 40)!r}")
    else:
        value = int(cell)
    if not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise BadValue("does not fit into 64 bits")
    return value


def _flag(cell: Any) -> bool:
    value = cell if isinstance(cell, bool) else _FLAGS.get(cell.strip().lower()) if isinstance(cell, str) else None
    if value is None:
        raise BadValue(f"is neither true nor false: {excerpt(str(cell), 40)!r}")
    return value


def _day(cell: Any) -> date:
    if isinstance(cell, datetime):
        if cell.time() != time.min or cell.utcoffset():
            raise BadValue(f"is an instant, not a day: {cell.isoformat()}")
        value = cell.date()
    elif isinstance(cell, date):
        value = cell
    else:
        matched = _DAY.fullmatch(cell.strip()) if isinstance(cell, str) else None
        try:
            value = date(int(matched[1]), int(matched[2]), int(matched[3])) if matched else None
        except ValueError:
            value = None
        if value is None:
            raise BadValue(f"is not a day such as 2018-12-31: {excerpt(str(cell), 40)!r}")
    if not FIRST_DAY <= value <= LAST_DAY:
        raise BadValue(f"lies outside {FIRST_DAY} to {LAST_DAY}: {value}")
    return value


def _instant(cell: Any) -> datetime:
    if isinstance(cell, datetime):
        value = cell
    else:
        written = cell.strip() if isinstance(cell, str) and _INSTANT.fullmatch(cell.strip()) else ""
        try:
            value = datetime.fromisoformat(written)
        except ValueError:
            raise BadValue(f"is not an instant such as 2018-12-31T21:00:00Z: {excerpt(str(cell), 40)!r}") from None
    if value.tzinfo is None:
        raise BadValue(f"has no time zone: {value.isoformat()}")
    return _within(value.astimezone(UTC)) if FIRST_DAY < value.date() < LAST_DAY else _within(value)


def _instant_since_1970(unit: str) -> Convert:
    def read(cell: Any) -> datetime:
        if isinstance(cell, str) and _NUMBER.fullmatch(cell.strip()):
            cell = Decimal(cell.strip())
        if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
            raise BadValue(f"is not a number of {unit} since 1970: {excerpt(str(cell), 40)!r}")
        try:
            if not math.isfinite(cell):
                raise OverflowError
            return _within(_EPOCH + timedelta(microseconds=int(Decimal(cell) * _MICROSECONDS[unit])))
        except (OverflowError, ArithmeticError):
            raise BadValue(f"lies outside {FIRST_DAY} to {LAST_DAY}") from None

    return read


def _within(value: datetime) -> datetime:
    if not FIRST_DAY <= value.date() <= LAST_DAY:
        raise BadValue(f"lies outside {FIRST_DAY} to {LAST_DAY}")
    return value


def _kind(cell: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
        bytes: "bytes",
    }
    return names.get(type(cell), f"a {type(cell).__name__}")


_READERS: dict[str, Convert] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "flag": _flag,
    "day": _day,
    "instant": _instant,
}
