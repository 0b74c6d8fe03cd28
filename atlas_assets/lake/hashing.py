# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Two identities of a table's content.

`content_hash` is the evidence: SHA-256 over a canonical form of the rows in the order of their keys.
`Fingerprint` is the one that can be kept up to date: a sum of row hashes, so that replacing a part of a large
table costs the part, not the table. It detects any accident; it is no defence against a forger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.schema import stored_type

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Flags = NDArray[np.bool_]

_CHUNK = 65_536  # rows at a time: a few columns of them stay in the processor's cache
_MASK = (1 << 64) - 1
_LONGEST_SHORT = 64  # bytes: longer values are rare in large tables
_OFTEN_REPEATED = 32  # bytes a value, its offset included: such are names of objects, symbols, texts


def content_hash(table: pa.Table, keys: Sequence[str]) -> str:
    """SHA-256 of a table's content.

    Independent of the order of rows, of chunks, of dictionary encoding, of the time unit and of the width of
    string offsets. A null and a NaN are the same, and so are 0.0 and -0.0. Names, types and order of the columns count.

    Parameters
    ----------
    table
        The rows.
    keys
        Columns that order the rows; rows that tie are ordered by all other columns.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hash_sorted(sort_rows(canonical(table), keys))


def canonical(table: pa.Table) -> pa.Table:
    """Return a table in stored types, in one chunk a column, with NaN as null and -0.0 as 0.0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields, columns = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind = stored_type(field.type)
        try:
            column = column.cast(kind)
        except pa.ArrowInvalid as error:
            raise LakeError(f"Column {field.name} is finer than {kind}: round it before it is hashed.") from error
        if pa.types.is_floating(kind):
            # Adding zero turns -0.0, which sorts as 0.0 does, into 0.0.
            column = pc.add(pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column), pa.scalar(0.0, kind))
        fields.append(pa.field(field.name, kind))
        columns.append(column.combine_chunks())
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def sort_rows(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return a canonical table in the order of its keys; rows that tie in the order of all other columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unknown = [key for key in keys if key not in table.column_names]
    if unknown:
        raise LakeError(f"The key column {unknown[0]} is not in the data: name columns that exist.")
    if table.num_rows < 2:
        return table
    if keys:
        if _is_increasing([table[key] for key in keys]):
            return table
        table = table.take(pc.sort_indices(table, sort_keys=[(key, "ascending") for key in keys]))
        if not _has_ties(table.select(list(keys))):
            return table
    order = [*keys, *(name for name in table.column_names if name not in keys)]
    sortable = [name for name in order if not pa.types.is_nested(table.schema.field(name).type)]
    if len(sortable) < len(order):
        # Nested values have no order of their own: their text has one.
        texts = {name: pa.array(map(repr, table[name].to_pylist())) for name in order if name not in sortable}
        ordering = table.select(sortable)
        for name, text in texts.items():
            ordering = ordering.append_column(name, text)
    else:
        ordering = table
    return table.take(pc.sort_indices(ordering, sort_keys=[(name, "ascending") for name in order]))


def _is_increasing(columns: Sequence[Any]) -> bool:
    """Whether each row's key is greater than that of the row before it; missing values count as not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if any(pa.types.is_nested(column.type) for column in columns):
        return False
    later: Any = None
    for column in reversed(columns):
        here, before = column.slice(1), column.slice(0, len(column) - 1)
        greater = pc.greater(here, before)
        later = greater if later is None else pc.or_(greater, pc.and_(pc.equal(here, before), later))
    return bool(pc.all(pc.fill_null(later, False)).as_py())


def _has_ties(keys: pa.Table) -> bool:
    import pyarrow.compute as pc

    tied: Any = True
    for column in keys.columns:
        here, before = column.slice(1), column.slice(0, len(column) - 1)
        same = pc.or_(pc.fill_null(pc.equal(here, before), False), pc.and_(pc.is_null(here), pc.is_null(before)))
        tied = pc.and_(tied, same)
    return bool(pc.any(tied).as_py())


def hash_sorted(table: pa.Table) -> str:
    """SHA-256 of a canonical, sorted table."""
    digest = hashlib.sha256(f"atlas-content-1 {table.num_rows} {table.num_columns}\n".encode())
    for field, column in zip(table.schema, table.columns, strict=True):
        name = field.name.encode()
        digest.update(f"{len(name)} ".encode() + name + f" {field.type}\n".encode())
        _update(digest, column.combine_chunks())
    return digest.hexdigest()


def _update(digest: Any, column: Any) -> None:
    """Feed one column's validity and values; every part has a length that what came before fixes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    valid = np.asarray(pc.is_valid(column))
    digest.update(np.packbits(valid).tobytes())
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        column = pc.fill_null(column, "" if pa.types.is_string(kind) else b"").cast(pa.large_binary())
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
        digest.update(np.ascontiguousarray(np.diff(ends)))
        if data is not None and len(ends):
            digest.update(memoryview(data)[int(ends[0]) : int(ends[-1])])
    elif pa.types.is_list(kind):
        digest.update(np.asarray(pc.fill_null(pc.list_value_length(column), 0)).astype(np.int64))
        _update(digest, canonical(pa.table({"items": pc.list_flatten(column)})).column(0).combine_chunks())
    elif pa.types.is_struct(kind):
        for field, child in zip(kind, column.flatten(), strict=True):
            digest.update(f"{len(field.name)} {field.name} {field.type}\n".encode())
            _update(digest, canonical(pa.table({"child": child})).column(0).combine_chunks())
    else:
        for words in _fixed_words(column, valid):
            digest.update(np.ascontiguousarray(words))


def _fixed_words(column: Any, valid: Any) -> list[Words]:
    """Return the values of a fixed-width column as 64-bit words (two for decimals), zero where null."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_boolean(kind):
        column, kind = column.cast(pa.uint8()), pa.uint8()
    if pa.types.is_decimal128(kind):
        pairs = np.frombuffer(column.buffers()[1], np.uint64)[2 * column.offset : 2 * (column.offset + len(column))]
        return [np.where(valid, pairs[0::2], 0), np.where(valid, pairs[1::2], 0)]
    width = kind.bit_width
    if pa.types.is_floating(kind):
        numbers = np.frombuffer(column.buffers()[1], f"f{width // 8}")
        numbers = numbers[column.offset : column.offset + len(column)].astype(np.float64).view(np.uint64)
    else:
        code = "u" if str(kind).startswith("uint") else "i"
        numbers = np.frombuffer(column.buffers()[1], f"{code}{width // 8}")
        numbers = numbers[column.offset : column.offset + len(column)]
        numbers = numbers.astype(np.int64 if code == "i" else np.uint64).view(np.uint64)
    return [np.where(valid, numbers, np.uint64(0))]


@dataclass(frozen=True)
class Fingerprint:
    """The number of rows and the sum of two 64-bit hashes of each row, modulo 2**64.

    Independent of the order of rows and of columns. A null adds nothing, so that adding an empty column to a
    table does not change it. Fingerprints of disjoint parts add up to that of the whole.
    """

    rows: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(self.rows + other.rows, self.first + other.first & _MASK, self.second + other.second & _MASK)

    def __sub__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(self.rows - other.rows, self.first - other.first & _MASK, self.second - other.second & _MASK)

    def __str__(self) -> str:
        return f"{self.rows}-{self.first:016x}{self.second:016x}"

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Return the inverse of `str`."""
        rows, _, sums = text.partition("-")
        return cls(int(rows), int(sums[:16], 16), int(sums[16:], 16))

    @classmethod
    def of(cls, table: pa.Table) -> Fingerprint:
        """Return the fingerprint of a table's rows."""
        return RowHashes.of(table).fingerprint


@dataclass(frozen=True)
class RowHashes:
    """Two 64-bit hashes of each row, in the rows' order."""

    first: Words
    second: Words

    @property
    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the rows together."""
        return Fingerprint(self.first.size, int(self.first.sum()), int(self.second.sum()))

    @classmethod
    def of(cls, table: pa.Table) -> RowHashes:
        """Return the hashes of a table's rows."""
        import numpy as np

        first, second = np.zeros(table.num_rows, np.uint64), np.zeros(table.num_rows, np.uint64)
        for start in range(0, table.num_rows, _CHUNK):
            part = canonical(table.slice(start, _CHUNK))
            these = slice(start, start + part.num_rows)
            for field, column in zip(part.schema, part.columns, strict=True):
                _add_column(first[these], second[these], f"{field.name}\0{field.type}", column.combine_chunks())
            first[these], second[these] = _mix(first[these]), _mix(second[these])
        return cls(first, second)

    @classmethod
    def together(cls, parts: Sequence[RowHashes]) -> RowHashes:
        """Return the hashes of parts, one after the other."""
        import numpy as np

        none = [np.empty(0, np.uint64)]
        return cls(
            np.concatenate(none + [part.first for part in parts]),
            np.concatenate(none + [part.second for part in parts]),
        )

    def differences(self, others: RowHashes) -> tuple[Flags, Flags]:
        """Return which of these rows the others lack, and which of the others these lack.

        Of equal rows, as many are in both as the side with fewer has.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.index_in(pa.array(others.first), pa.array(self.first))
        is_found = np.asarray(pc.is_valid(found))
        place = np.asarray(found.drop_null())
        taken = np.bincount(place, minlength=self.first.size)
        if taken.max(initial=0) > 1 or (self.second[place] != others.second[is_found]).any():
            return self._counted_differences(others)
        return taken == 0, ~is_found

    def _counted_differences(self, others: RowHashes) -> tuple[Flags, Flags]:
        """Return the same where rows are equal to each other."""
        import numpy as np

        rows = self.first.size
        first, second = np.concatenate([self.first, others.first]), np.concatenate([self.second, others.second])
        # Stable: of equal rows, these come before the others.
        order = np.lexsort((second, first))
        begins = np.ones(order.size, np.bool_)
        begins[1:] = (np.diff(first[order]) != 0) | (np.diff(second[order]) != 0)
        run, start = np.cumsum(begins) - 1, np.flatnonzero(begins)
        of_others = order >= rows
        total = np.diff(np.append(start, order.size))
        theirs = np.bincount(run, weights=of_others, minlength=start.size).astype(np.int64)
        place = np.arange(order.size) - start[run] - np.where(of_others, (total - theirs)[run], 0)
        lacking = np.empty(order.size, np.bool_)
        lacking[order] = place >= np.minimum(theirs, total - theirs)[run]
        return lacking[:rows], lacking[rows:]


def _add_column(first: Words, second: Words, label: str, column: Any) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    seed, other = np.frombuffer(hashlib.sha256(label.encode()).digest()[:16], np.uint64)
    kind = column.type
    valid = np.asarray(pc.is_valid(column))
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_nested(kind):
        lanes = _hash_values(column)
        ones, twos = _mix(lanes[:, 0] ^ seed), _mix(lanes[:, 1] ^ other)
    else:
        words = _fixed_words(column, valid)
        ones = _mix(words[0] ^ seed)
        for word in words[1:]:
            ones = _mix(ones ^ word)
        # The first mixing is a bijection, so that a second cheap one of its result loses nothing.
        twos = (ones ^ (ones >> np.uint64(29)) ^ other) * np.uint64(0x9FB21C651E98DF25)
        twos ^= twos >> np.uint64(32)
    ones[~valid] = 0
    twos[~valid] = 0
    first += ones
    second += twos


def _hash_values(column: Any) -> Words:
    """Two words a value."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type):
        return _digests([repr(value).encode() for value in column.to_pylist()])
    column = pc.fill_null(column.cast(pa.large_binary()), b"")
    if column.nbytes < _OFTEN_REPEATED * len(column):
        return _hash_binary(column)
    encoded = column.dictionary_encode()
    return _hash_binary(encoded.dictionary)[np.asarray(encoded.indices)]


def _hash_binary(column: Any) -> Words:
    """Two words a value: of short values eight bytes of all at a time, of long ones their BLAKE2b."""
    import numpy as np
    import pyarrow as pa

    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    begins, lengths = ends[:-1] - ends[:1], np.diff(ends)
    is_long = lengths > _LONGEST_SHORT
    # Eight bytes may be read at any place, also at the last one.
    octets = (b"" if data is None else data[int(ends[0]) : int(ends[-1])].to_pybytes()) + bytes(8)
    words = np.ndarray(len(octets) - 7, "<u8", octets, strides=(1,))
    first_bytes = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
    seeds = _mix(lengths.astype(np.uint64))
    lanes = np.stack([seeds, ~seeds])
    for read in range(0, int(lengths.max(initial=0, where=~is_long)), 8):
        rows = np.flatnonzero((lengths > read) & ~is_long)
        word = words[begins[rows] + read] & first_bytes[np.minimum(lengths[rows] - read, 8)]
        lanes[0, rows] = _mix(lanes[0, rows] ^ word)
        other = (lanes[1, rows] ^ word) * np.uint64(0x9FB21C651E98DF25)
        lanes[1, rows] = other ^ (other >> np.uint64(32))
    lanes = lanes.T
    if is_long.any():
        lanes[is_long] = _digests(column.filter(pa.array(is_long)).to_pylist())
    return lanes


def _digests(values: Sequence[bytes]) -> Words:
    import numpy as np

    digests = b"".join(hashlib.blake2b(value, digest_size=16).digest() for value in values)
    return np.frombuffer(digests, "<u8").reshape(-1, 2)


def _mix(words: Words) -> Words:
    """Return the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    import numpy as np

    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
