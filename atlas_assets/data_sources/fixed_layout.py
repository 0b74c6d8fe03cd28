"""JSON whose records are all laid out alike, byte for byte but for their values, read in one compiled pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

INTEGER, TEXT, FLAG = 0, 1, 2
# Arrow counts the bytes of a text column in 32 bits.
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Layout:
    """Records of a JSON list without blanks.

    Attributes
    ----------
    fields
        Of each value its name, its kind (`INTEGER`, `TEXT` or `FLAG`) and what stands before it.
    closing
        What stands after the last value.
    """

    fields: tuple[tuple[str, int, bytes], ...]
    closing: bytes

    @classmethod
    def of_objects(cls, kinds: dict[str, int]) -> Layout:
        """Objects with these keys in this order."""
        opened = enumerate(kinds.items())
        return cls(
            tuple((key, kind, f'{"," if place else "{"}"{key}":'.encode()) for place, (key, kind) in opened), b"}"
        )

    @classmethod
    def of_lists(cls, kinds: dict[str, int]) -> Layout:
        """Lists of these values in this order."""
        opened = enumerate(kinds.items())
        return cls(tuple((name, kind, b"," if place else b"[") for place, (name, kind) in opened), b"]")

    def read(self, body: bytes) -> pa.Table | None:
        """The records of a body; None where it has none or is not laid out so to the last byte.

        A number of more than 18 digits, a sign, an escape, a blank or a missing value are left to a JSON reader.
        """
        most = body.count(self.fields[0][2])
        if most < 1 or len(body) > LARGEST or not (body.startswith(b"[") and body.endswith(b"]")):
            return None
        # Numba takes half a second to import: only who reads such a body pays it.
        import numpy as np
        import pyarrow as pa

        from atlas_assets.data_sources.fixed_layout_kernel import read_records

        numbers, texts, flags = (sum(kind == one for _, kind, _ in self.fields) for one in (INTEGER, TEXT, FLAG))
        integers, is_set = np.empty((numbers, most), np.int64), np.empty((flags, most), np.bool_)
        # Only what is written of it takes memory.
        text, ends = np.empty((texts, len(body)), np.uint8), np.zeros((texts, most + 1), np.int32)
        rows = read_records(np.frombuffer(body, np.uint8), *self._template, integers, is_set, text, ends)
        if rows < 0:
            return None
        of_text = (
            pa.StringArray.from_buffers(rows, pa.py_buffer(own_ends), pa.py_buffer(own[: own_ends[rows]]))
            for own, own_ends in zip(text, ends, strict=True)
        )
        of_kind = {INTEGER: map(pa.array, integers[:, :rows]), TEXT: of_text, FLAG: map(pa.array, is_set[:, :rows])}
        return pa.table({name: next(of_kind[kind]) for name, kind, _ in self.fields})

    @cached_property
    def _template(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """What stands around the values, one after the other, where each part ends, and the values' kinds."""
        import numpy as np

        parts = [*(before for _, _, before in self.fields), self.closing]
        ends = np.cumsum([len(part) for part in parts])
        return np.frombuffer(b"".join(parts), np.uint8), ends, np.array([kind for _, kind, _ in self.fields])
