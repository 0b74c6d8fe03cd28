"""Saved states of models: arrays under their hash, never unpickled."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from atlas_assets.lake import CommitInfo, Lake, LakeError, ModelState, StoredObject
from atlas_assets.lake.states import load_state, newest_state, save_state

ARRAYS = {
    "model.mean": np.array([[1.0, np.nan], [-0.0, 2.0**-1074]]),
    "sessions": np.array(["2018-12-31"], dtype="datetime64[D]"),
    "options": np.array('{"lags": 1}'),
}
COMMIT = CommitInfo(run_id="run-1", asset="model/dma/fit")


def line_of(stored: StoredObject, **differently: object) -> ModelState:
    told = {
        "asset": "model/dma/fit",
        "parameters": "0" * 64,
        "code_version": "1",
        "last_session": date(2018, 12, 31),
        "read_snapshot": 0,
        "saved_at": datetime(2019, 1, 1, tzinfo=UTC),
        "run_id": "run-1",
        **vars(stored),
    }
    return ModelState(**{**told, **differently})  # pyright: ignore[reportArgumentType]


def test_arrays_come_back_bit_for_bit_and_are_stored_once(lake: Lake) -> None:
    stored = save_state(lake, ARRAYS, asset="model/dma/fit")
    assert stored.path == f"states/asset=model__dma__fit/{stored.object_id}.npz.zst"
    assert save_state(lake, ARRAYS, asset="model/dma/fit") == stored
    loaded = load_state(lake, line_of(stored))
    assert loaded.keys() == ARRAYS.keys()
    for name, values in ARRAYS.items():
        assert (loaded[name].dtype, loaded[name].tobytes()) == (values.dtype, values.tobytes())
    # It is no reply of a vendor, and not looked for in their manifest.
    assert list(lake.objects.paths()) == []


def test_the_newest_line_of_the_asset_counts_as_of_any_snapshot(lake: Lake) -> None:
    first, second = (save_state(lake, {"n": np.array(n)}, asset="model/dma/fit") for n in (1, 2))
    assert newest_state(lake, "model/dma/fit") is None
    lake.record([line_of(first)], commit=COMMIT)
    before = lake.current_snapshot()
    later = line_of(second, read_snapshot=before, run_id="run-2")
    lake.record([later, line_of(second, asset="model/tvp_var/fit", read_snapshot=99)], commit=COMMIT)
    assert newest_state(lake, "model/dma/fit") == later
    assert newest_state(lake, "model/dma/fit", as_of=before) == line_of(first)
    # The state of before may come back: a line of another run is another line.
    assert lake.record([line_of(first, read_snapshot=before + 1, run_id="run-3")], commit=COMMIT) == 1
    assert newest_state(lake, "model/dma/fit").object_id == first.object_id  # pyright: ignore[reportOptionalMemberAccess]


def test_a_damaged_or_missing_state_is_refused_and_mended_by_saving_it_again(lake: Lake) -> None:
    stored = save_state(lake, ARRAYS, asset="model/dma/fit")
    file: Path = lake.config.root / "objects" / stored.path
    for damaged in (b"", b"not compressed", file.read_bytes()[:-1]):
        file.write_bytes(damaged)
        with pytest.raises(LakeError, match="does not match"):
            load_state(lake, line_of(stored))
        save_state(lake, ARRAYS, asset="model/dma/fit")
        assert load_state(lake, line_of(stored))["options"] == ARRAYS["options"]
    file.unlink()
    with pytest.raises(LakeError, match="is missing"):
        load_state(lake, line_of(stored))


def test_nothing_is_pickled_or_unpickled(lake: Lake) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(LakeError, match="holds Python objects"):
        save_state(lake, {"bad": objects}, asset="model/dma/fit")
    file = io.BytesIO()
    np.savez(file, bad=objects)
    for content in (file.getvalue(), b"no archive"):
        stored = lake.objects.put_state(content, asset="model__dma__fit")
        with pytest.raises(LakeError, match="cannot be read"):
            load_state(lake, line_of(stored))


@pytest.mark.parametrize("name", ["..", "a/../b", "", "A"])
def test_names_that_could_leave_the_folder_are_refused(lake: Lake, name: str) -> None:
    with pytest.raises(LakeError, match="cannot name a"):
        lake.objects.put_state(b"", asset=name)
    with pytest.raises(LakeError, match="not the path"):
        lake.objects.get(f"states/asset={name}/x")


def test_a_store_that_cannot_compare_writes_the_state_anew() -> None:
    from atlas_assets.lake import ObjectStore

    store = ObjectStore("memory://atlas/states")
    stored = store.put_state(b"whole", asset="model__dma__fit")
    (store._root / stored.path).write_bytes(b"damaged")  # pyright: ignore[reportPrivateUsage]
    store.put_state(b"whole", asset="model__dma__fit")
    assert store.get(stored.path) == b"whole"
