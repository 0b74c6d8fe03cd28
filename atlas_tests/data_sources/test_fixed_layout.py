"""One pass over bytes against the standard library's JSON reader: the same values, or none at all."""

import json

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given, settings

from atlas_assets.data_sources.fixed_layout import FLAG, INTEGER, TEXT, Layout

KINDS = {"a": INTEGER, "p": TEXT, "f": INTEGER, "m": FLAG, "q": TEXT, "M": FLAG}
OBJECTS, LISTS = Layout.of_objects(KINDS), Layout.of_lists(KINDS)
TYPES = {INTEGER: (int, pa.int64()), TEXT: (str, pa.string()), FLAG: (bool, pa.bool_())}

plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=12)
values = {INTEGER: st.integers(0, 10**18 - 1), TEXT: plain, FLAG: st.booleans()}
record = st.tuples(*(values[kind] for kind in KINDS.values())).map(lambda told: dict(zip(KINDS, told, strict=True)))
records = st.lists(record, min_size=1, max_size=5)


def compact(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def as_lists(rows):
    return [list(row.values()) for row in rows]


@given(records)
def test_what_is_laid_out_so_reads_as_json(rows):
    table = OBJECTS.read(compact(rows))
    assert table.to_pylist() == rows
    assert LISTS.read(compact(as_lists(rows))).equals(table)
    assert table.schema.types == [TYPES[kind][1] for kind in KINDS.values()]
    table.validate(full=True)


def oracle(body: bytes):
    """The records of a body, None where it is no list of such records in this order."""
    try:
        rows = json.loads(body)
    except ValueError:
        return None
    if not isinstance(rows, list) or not rows or any(not isinstance(row, dict) or [*row] != [*KINDS] for row in rows):
        return None
    is_right = all(type(row[name]) is TYPES[kind][0] for row in rows for name, kind in KINDS.items())
    return rows if is_right else None


@settings(max_examples=1000)
@given(records, st.data())
def test_changed_bytes_read_as_json_or_not_at_all(rows, data):
    """Bytes changed, put in or left out at any place: never a wrong value, never a byte beyond the body."""
    body = bytearray(compact(rows))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        put = data.draw(
            st.sampled_from(
                [b"", b'"', b",", b"]", b"[", b"}", b"{", b"0", b"9", b"-", b" ", b"\\", b"t", b"\0", b"\xe9"]
            )
        )
        body[at : at + data.draw(st.integers(0, 2))] = put
        if not body:
            break
    table = OBJECTS.read(bytes(body))
    assert table is None or table.to_pylist() == oracle(bytes(body))


def test_a_body_cut_anywhere_is_not_read():
    body = compact([dict.fromkeys(KINDS, 1) | {"p": "1", "q": "2", "m": True, "M": False}] * 2)
    assert OBJECTS.read(body) is not None
    for cut in range(1, len(body) + 1):
        assert OBJECTS.read(body[:-cut]) is None
        closed = OBJECTS.read(body[:-cut] + b"]")
        assert closed is None or closed.to_pylist() == oracle(body[:-cut] + b"]")


@pytest.mark.parametrize("number", ["01", "-1", "1.0", "1e3", "", "1" * 19, "9" * 18 + "0", "null", "true"])
def test_numbers_that_are_left_to_a_json_reader(number):
    body = b'[{"a":%b,"p":"","f":0,"m":true,"q":"","M":false}]'
    assert OBJECTS.read(body % b"1")["a"].to_pylist() == [1]
    assert OBJECTS.read(body % number.encode()) is None
