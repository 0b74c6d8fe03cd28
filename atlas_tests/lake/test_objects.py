"""Raw objects and their manifest."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assets.lake import CommitInfo, Lake, LakeError, ObjectRecord, ObjectStore, StoredObject

DAY = date(2024, 1, 2)
SCHEMA = pa.schema([("symbol", pa.string()), ("object_id", pa.string())])
COMMIT = CommitInfo(run_id="run-1", asset="raw/vendor/bars")


def put(store: ObjectStore, content: bytes = b'{"a": 1}', received: date = DAY) -> StoredObject:
    return store.put(content, source="vendor", dataset="bars", received=received, suffix="json")


def record_of(stored: StoredObject) -> ObjectRecord:
    return ObjectRecord(
        object_id=stored.object_id,
        path=stored.path,
        source="vendor",
        dataset="bars",
        request='{"page": 1}',
        status=200,
        fetched_at=datetime(2024, 1, 2, 3, tzinfo=UTC),
        bytes=stored.bytes,
        rows=1,
        run_id="run-1",
    )


def test_a_reply_is_stored_once_under_its_hash(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    stored = put(store)
    digest = hashlib.sha256(b'{"a": 1}').hexdigest()
    assert stored == StoredObject(digest, f"raw/source=vendor/dataset=bars/date=2024-01-02/{digest}.json.zst", 8)
    written = (tmp_path / stored.path).stat()
    assert put(store) == stored
    assert (tmp_path / stored.path).stat().st_mtime_ns == written.st_mtime_ns
    assert put(store, received=date(2024, 1, 3)).path != stored.path
    assert store.get(stored.path) == b'{"a": 1}'
    assert len(list(store.paths())) == 2
    assert list((tmp_path / "unfinished").iterdir()) == []


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    store = ObjectStore(tmp_path_factory.mktemp("store"))
    assert store.get(put(store, content).path) == content


def test_any_store_that_fsspec_knows() -> None:
    store = ObjectStore("memory://atlas/objects")
    stored = put(store)
    assert put(store) == stored
    assert store.get(stored.path) == b'{"a": 1}'
    assert list(store.paths()) == [stored.path]


def test_damage_is_found(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path)
    content = bytes(range(256)) * 40
    stored = put(store, content)
    file = tmp_path / stored.path
    whole = file.read_bytes()
    for bit in range(0, len(whole) * 8, 7):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        # A bit that the content does not depend on may pass; a changed content may not.
        with suppress(LakeError):
            assert store.get(stored.path) == content
    for damaged in (b"", whole[:-1], whole[: len(whole) // 2], b"not compressed"):
        file.write_bytes(damaged)
        with pytest.raises(LakeError, match="does not match its SHA-256"):
            store.get(stored.path)
    file.unlink()
    with pytest.raises(LakeError, match="is missing"):
        store.get(stored.path)


@pytest.mark.parametrize("name", ["BRK/B", "..", "", "a b", "Vendor", "a-b", "a=b", "a\n"])
def test_names_that_could_leave_their_folder_are_refused(tmp_path: Path, name: str) -> None:
    store = ObjectStore(tmp_path)
    for names in ({"source": name, "dataset": "bars"}, {"source": "vendor", "dataset": name}):
        with pytest.raises(LakeError, match="cannot name"):
            store.put(b"", **names, received=DAY, suffix="json")
    with pytest.raises(LakeError, match="not a kind"):
        store.put(b"", source="vendor", dataset="bars", received=DAY, suffix="exe")  # pyright: ignore[reportArgumentType]
    for path in (name, f"raw/source={name}/x", "../../etc/passwd", "/etc/passwd"):
        with pytest.raises(LakeError, match="not the path of a raw object"):
            store.get(path)
    assert list(store.paths()) == []


def test_the_manifest_is_written_with_the_rows(lake: Lake) -> None:
    stored = put(lake.objects)
    record = record_of(stored)
    rows = pa.table({"symbol": ["A"], "object_id": [stored.object_id]})

    def write(*objects: ObjectRecord):
        return lake.replace(
            "raw.bars", rows, schema=SCHEMA, keys=["symbol"], window=None, commit=COMMIT, records=objects
        )

    first = write(record, record)
    again = write(record)
    assert not again.changed
    assert again.snapshot_id == first.snapshot_id
    later = replace(record, window_start=datetime(2024, 1, 1, tzinfo=UTC), run_id="run-2")
    third = write(record, later)
    assert not third.changed
    assert third.snapshot_id == first.snapshot_id + 1
    manifest = lake.read("raw.objects")
    assert list(manifest["run_id"]) == ["run-1", "run-2"]
    assert manifest["fetched_at"][0].isoformat() == "2024-01-02T03:00:00+00:00"
    assert lake.record([record], commit=COMMIT) == 0
    assert lake.record([replace(record, request="{}", status=500)], commit=COMMIT) == 1
    assert lake.version("raw.bars") == first.table_version


def test_differences_between_store_and_manifest(lake: Lake) -> None:
    known, orphan = put(lake.objects, b"known"), put(lake.objects, b"orphan")
    lake.record([record_of(known)], commit=COMMIT)
    assert lake.object_differences().orphans == (orphan.path,)
    assert lake.object_differences().missing == ()
    (lake.config.root / "objects" / known.path).unlink()
    assert lake.object_differences().missing == (known.path,)


def test_many_small_replies_are_stored_quickly(tmp_path: Path) -> None:
    store, count = ObjectStore(tmp_path), 200
    begun = time.perf_counter()
    for number in range(count):
        put(store, f'{{"number": {number}}}'.encode())
    each = (time.perf_counter() - begun) / count
    print(f"\nraw object stored and synced in {each * 1000:.1f} ms")
    assert each < 0.25
