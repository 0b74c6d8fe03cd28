# pyarrow has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""States of fitted models: plain arrays in a content-addressed object, named by a line of ``model.states``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlas_assets.lake.errors import LakeError
from atlas_assets.lake.history import AsOf
from atlas_assets.lake.ledgers import ModelState
from atlas_assets.lake.objects import StoredObject

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from atlas_assets.lake.lake import Lake

    Arrays = Mapping[str, npt.NDArray[np.generic]]


def save_state(lake: Lake, arrays: Arrays, *, asset: str) -> StoredObject:
    """Store arrays as ``.npz``; equal arrays are one object. It counts once a `ModelState` that names it is recorded.

    Raises
    ------
    LakeError
        When an array holds Python objects, which would have to be unpickled.
    """
    import numpy as np

    file = io.BytesIO()
    for name, values in arrays.items():
        if values.dtype.hasobject:
            raise LakeError(f"The array {name} of {asset}'s state holds Python objects: save numbers, dates or text.")
    np.savez(file, **dict[str, Any](arrays))
    return lake.objects.put_state(file.getvalue(), asset=asset.replace("/", "__"))


def newest_state(lake: Lake, asset: str, *, as_of: AsOf = None) -> ModelState | None:
    """Return the line of the state that stands behind an asset's rows; None where it has none yet."""
    lines = lake.sql(
        "SELECT * FROM lake.model.states WHERE asset = ? ORDER BY read_snapshot DESC, saved_at DESC LIMIT 1",
        [asset],
        as_of=as_of,
    ).to_pylist()
    return ModelState(**lines[0]) if lines else None


def load_state(lake: Lake, line: ModelState) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a saved state; nothing is unpickled.

    Raises
    ------
    LakeError
        When the object is missing, damaged, or not readable.
    """
    import numpy as np

    try:
        with np.load(io.BytesIO(lake.objects.get(line.path)), allow_pickle=False) as saved:
            return {name: saved[name] for name in saved.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LakeError(f"The state {line.path} cannot be read ({error}): fit the model again.") from error
