"""The content hash and the fingerprint: what they must not see, and what they must."""

from __future__ import annotations

import hashlib
import math
import struct
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assets.lake import LakeError, content_hash
from atlas_assets.lake.hashing import Fingerprint, _hash_values

KEYS = ("symbol", "day")
FLOATS = st.none() | st.floats(width=64).map(lambda number: number + 0.0)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.none() | st.text(max_size=4),
            "day": st.none() | st.integers(0, 3),
            "x": FLOATS,
            "flag": st.none() | st.booleans(),
            "blob": st.none() | st.binary(max_size=3),
            "items": st.none() | st.lists(FLOATS, max_size=3),
        }
    ),
    max_size=12,
)
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("day", pa.int32()),
        ("x", pa.float64()),
        ("flag", pa.bool_()),
        ("blob", pa.binary()),
        ("items", pa.list_(pa.float64())),
    ]
)
QUICK = settings(max_examples=60, deadline=None)


def identities(table: pa.Table) -> tuple[str, str]:
    return content_hash(table, KEYS), str(Fingerprint.of(table))


@QUICK
@given(rows=ROWS, randomness=st.randoms(use_true_random=False))
def test_layout_does_not_matter(rows: list[dict[str, object]], randomness) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    expected = identities(table)
    shuffled = rows.copy()
    randomness.shuffle(shuffled)
    parts = [pa.Table.from_pylist(shuffled[at : at + 3], SCHEMA) for at in range(0, len(shuffled), 3)]
    chunked = pa.concat_tables(parts) if parts else table
    assert identities(chunked) == expected
    assert identities(pa.concat_tables([table, table]).slice(len(rows))) == expected
    for column in ("symbol", "blob"):
        place = table.schema.get_field_index(column)
        encoded = chunked.set_column(place, column, chunked[column].dictionary_encode())
        assert identities(encoded) == expected
    wide = chunked.cast(
        SCHEMA.set(0, pa.field("symbol", pa.large_string())).set(4, pa.field("blob", pa.large_binary()))
    )
    assert identities(wide) == expected


@QUICK
@given(rows=ROWS.filter(len), data=st.data())
def test_every_change_of_content_matters(rows: list[dict[str, object]], data) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(SCHEMA.names))
    value = rows[row][column]
    for other in (None, "\x01", 7, 0.1, True, b"\x01", [0.5], [None]):
        changed = [dict(each) for each in rows]
        changed[row][column] = other
        try:
            altered = pa.Table.from_pylist(changed, SCHEMA)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            continue
        if repr(altered[column][row].as_py()) == repr(table[column][row].as_py()):
            continue
        if {repr(value), repr(other)} <= {"nan", "None"}:
            assert identities(altered) == identities(table)
        elif "nan" not in repr(value):
            assert all(one != two for one, two in zip(identities(altered), identities(table), strict=True))
    fewer = pa.Table.from_pylist(rows[:-1], SCHEMA)
    twice = pa.Table.from_pylist([*rows, rows[-1]], SCHEMA)
    assert len({identities(each) for each in (table, fewer, twice)}) == 3


@given(number=st.floats(allow_nan=False, allow_infinity=False), bit=st.integers(0, 63))
def test_one_bit_of_a_number_matters(number: float, bit: int) -> None:
    (flipped,) = struct.unpack("<d", struct.pack("<Q", struct.unpack("<Q", struct.pack("<d", number))[0] ^ (1 << bit)))
    one, two = (pa.table({"x": [value]}) for value in (number, flipped))
    same = number == flipped == 0.0
    assert (content_hash(one, ["x"]) == content_hash(two, ["x"])) is same
    assert (Fingerprint.of(one) == Fingerprint.of(two)) is same


def test_values_do_not_run_into_each_other() -> None:
    tables = [
        pa.table({"a": ["ab", "c"]}),
        pa.table({"a": ["a", "bc"]}),
        pa.table({"a": ["abc", ""]}),
        pa.table({"a": ["abc", None]}),
        pa.table({"b": ["ab", "c"]}),
        pa.table({"a": [b"ab", b"c"]}),
        pa.table({"a": [["a"], ["b"]]}),
        pa.table({"a": [["a", "b"], []]}),
        pa.table({"a": [["ab"], []]}),
        pa.table({"a": [["a", "b"], None]}),
        pa.table({"a": ["ab"], "b": ["c"]}),
        pa.table({"a": ["c"], "b": ["ab"]}),
        pa.table({"a": [1, 2]}),
        pa.table({"a": pa.array([1, 2], pa.int32())}),
        pa.table({"a": pa.array([1, 2], pa.float64())}),
        pa.table({"a": pa.array([1, 2], pa.float32())}),
        pa.table({"a": pa.array([1, 2]).cast(pa.decimal128(22, 2))}),
        pa.table({"a": [{"x": 1}, {"x": 2}]}),
        pa.table({"a": [{"y": 1}, {"y": 2}]}),
        pa.table({"a": [True, False]}),
    ]
    assert len({content_hash(table, []) for table in tables}) == len(tables)
    assert len({Fingerprint.of(table) for table in tables}) == len(tables)


def test_units_and_zones_of_times_do_not_matter_but_instants_do() -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    table = pa.table({"t": pa.array([noon], pa.timestamp("us", "UTC"))})
    for kind in (pa.timestamp("s", "UTC"), pa.timestamp("ns", "UTC"), pa.timestamp("ms", "America/New_York")):
        assert content_hash(table.cast(pa.schema([("t", kind)])), ["t"]) == content_hash(table, ["t"])
    naive = table.cast(pa.schema([("t", pa.timestamp("us"))]))
    assert content_hash(naive, ["t"]) != content_hash(table, ["t"])
    with pytest.raises(LakeError, match="Column t is finer"):
        content_hash(pa.table({"t": pa.array([1], pa.timestamp("ns"))}), ["t"])
    with pytest.raises(LakeError, match="key column absent"):
        content_hash(table, ["absent"])


def test_nan_is_null_and_minus_zero_is_zero() -> None:
    assert content_hash(pa.table({"x": [math.nan, 0.0]}), ["x"]) == content_hash(pa.table({"x": [-0.0, None]}), ["x"])
    empty = pa.table({"x": pa.array([], pa.float64())})
    assert len(content_hash(empty, ["x"])) == 64
    assert Fingerprint.of(empty) == Fingerprint()


@QUICK
@given(rows=ROWS, cut=st.integers(0, 12))
def test_fingerprints_add_up(rows: list[dict[str, object]], cut: int) -> None:
    whole = Fingerprint.of(pa.Table.from_pylist(rows, SCHEMA))
    head = Fingerprint.of(pa.Table.from_pylist(rows[:cut], SCHEMA))
    tail = Fingerprint.of(pa.Table.from_pylist(rows[cut:], SCHEMA))
    assert head + tail == whole
    assert whole - head == tail
    assert Fingerprint.parse(str(whole)) == whole


def test_a_known_hash_stays_the_same() -> None:
    """Recorded hashes must still be reproduced by later releases."""
    table = pa.table({"symbol": ["BRK/B", "BRK"], "close_raw": [1.5, None], "n": pa.array([2**62, -1])})
    assert content_hash(table, ["symbol"]) == "dfc20cd4b788bab91eca9f48df113d86e4b90d67ec1aedab6a87717247dff5eb"
    assert str(Fingerprint.of(table)) == "2-49242e65141f519bb4313f09469ced17"


def test_a_million_rows_are_hashed_in_seconds() -> None:
    rows = 1_000_000
    numbers = np.random.default_rng(0).normal(size=(8, rows))
    columns = {f"x{column}": numbers[column] for column in range(8)}
    days = pa.array((np.arange(rows) // 5000).astype("int32")).cast(pa.date32())
    table = pa.table({"symbol": [f"S{row % 5000}" for row in range(rows)], "day": days, **columns})
    begun = time.perf_counter()
    content_hash(table, KEYS)
    middle = time.perf_counter()
    Fingerprint.of(table)
    end = time.perf_counter()
    print(f"\n1M rows x 10 columns: content hash {middle - begun:.2f} s, fingerprint {end - middle:.2f} s")
    assert middle - begun < 10
    assert end - middle < 5


MASK = (1 << 64) - 1


def mixed(word: int) -> int:
    """SplitMix64's finaliser, in plain integers."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK
    return word ^ word >> 31


def hashed(value: bytes) -> list[int]:
    """Two words of one value, a value at a time."""
    if len(value) > 64:
        digest = hashlib.blake2b(value, digest_size=16).digest()
        return [int.from_bytes(half, "little") for half in (digest[:8], digest[8:])]
    one, two = mixed(len(value)), ~mixed(len(value)) & MASK
    for start in range(0, len(value), 8):
        word = int.from_bytes(value[start : start + 8], "little")
        one = mixed(one ^ word)
        two = (two ^ word) * 0x9FB21C651E98DF25 & MASK
        two ^= two >> 32
    return [one, two]


@QUICK
@given(values=st.lists(st.binary(max_size=80) | st.none(), max_size=12), cut=st.integers(0, 12))
def test_texts_are_hashed_together_as_one_by_one(values: list[bytes | None], cut: int) -> None:
    column = pa.array(values, pa.binary()).slice(cut)
    assert _hash_values(column).tolist() == [hashed(value or b"") for value in values[cut:]]
    assert _hash_values(pa.array([*column.to_pylist(), *[b"x" * 60] * 40], pa.binary()))[: len(column)].tolist() == [
        hashed(value or b"") for value in values[cut:]
    ]
