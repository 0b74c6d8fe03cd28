"""Objects under their own SHA-256, never rewritten: every vendor's reply as received, every saved state of a model."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from atlas_assets.lake import failpoints
from atlas_assets.lake.errors import LakeError

if TYPE_CHECKING:
    from upath import UPath

Suffix = Literal["json", "csv", "xml", "parquet", "txt", "zip", "gz"]

_NAME = re.compile(r"[a-z0-9_]+")
_PATH = re.compile(
    r"(?:raw/source=[a-z0-9_]+/dataset=[a-z0-9_]+/date=\d{4}-\d\d-\d\d/([0-9a-f]{64})"
    r"\.(?:json|csv|xml|parquet|txt|zip|gz)|states/asset=[a-z0-9_]+/([0-9a-f]{64})\.npz)\.zst"
)
_LEVEL = 3
_SYNCS_AT_A_TIME = 16


@dataclass(frozen=True)
class StoredObject:
    """A stored reply: the SHA-256 of its bytes, where it is below the store's root, and its uncompressed size."""

    object_id: str
    path: str
    bytes: int


@dataclass(frozen=True)
class ObjectDifferences:
    """Where store and manifest differ.

    An orphan is a reply that was stored before its run was killed: harmless, and adopted when the run is repeated.
    A missing object is a loss.
    """

    orphans: tuple[str, ...]
    missing: tuple[str, ...]


class ObjectStore:
    """A content-addressed store on a local folder or on any ``fsspec`` file system.

    Parameters
    ----------
    root
        Folder or URL, such as ``s3://bucket/prefix``.
    """

    def __init__(self, root: UPath | Path | str) -> None:
        from upath import UPath

        self._root = UPath(root)
        self._local = Path(str(self._root)) if self._root.protocol in ("", "file") else None

    def put(
        self, content: bytes, *, source: str, dataset: str, received: date, suffix: Suffix, durable: bool = True
    ) -> StoredObject:
        """Store a reply; when this returns it is on disk, unless ``durable`` is false: then `sync` brings it there.

        The same bytes of the same day are stored once.

        Raises
        ------
        LakeError
            When `source`, `dataset` or `suffix` cannot be a part of a path.
        """
        for what, name in (("source", source), ("dataset", dataset)):
            _require_name(what, name)
        if suffix not in get_args(Suffix):
            raise LakeError(f"{suffix!r} is not a kind of raw object: use one of {', '.join(get_args(Suffix))}.")
        object_id = hashlib.sha256(content).hexdigest()
        path = f"raw/source={source}/dataset={dataset}/date={received:%Y-%m-%d}/{object_id}.{suffix}.zst"
        self._put(path, content, durable=durable)
        return StoredObject(object_id, path, len(content))

    def put_state(self, content: bytes, *, asset: str) -> StoredObject:
        """Store the state of a fitted model (``.npz``); when this returns it is on disk, whole, whatever was there.

        Raises
        ------
        LakeError
            When `asset` cannot be a part of a path.
        """
        _require_name("asset", asset)
        object_id = hashlib.sha256(content).hexdigest()
        path = f"states/asset={asset}/{object_id}.npz.zst"
        self._put(path, content, durable=True, again=True)
        return StoredObject(object_id, path, len(content))

    def sync(self, stored: Iterable[StoredObject]) -> None:
        """Bring stored replies to the disk, many at a time."""
        if self._local is None:
            return
        files = {self._local / one.path for one in stored}
        with ThreadPoolExecutor(_SYNCS_AT_A_TIME) as pool:
            list(pool.map(sync, sorted(files)))
            list(pool.map(sync, sorted({file.parent for file in files})))

    def get(self, path: str) -> bytes:
        """Return the bytes of a stored reply or state, checked against their SHA-256.

        Raises
        ------
        LakeError
            When the object is missing or is not what was stored.
        """
        import zstandard

        match = _PATH.fullmatch(path)
        if not match:
            raise LakeError(
                f"{path!r} is not the path of a raw object or a state: take it from raw.objects or model.states."
            )
        try:
            compressed = (self._local / path if self._local is not None else self._root / path).read_bytes()
        except FileNotFoundError as error:
            raise LakeError(f"The object {path} is missing from {self._root}: restore it from a backup.") from error
        try:
            content: Any = zstandard.decompress(compressed)
        except zstandard.ZstdError:
            content = None
        if content is None or hashlib.sha256(content).hexdigest() != (match[1] or match[2]):
            raise LakeError(f"The object {path} does not match its SHA-256: restore it from a backup.")
        return content

    def paths(self) -> Iterator[str]:
        """Return the path of every stored reply, in no particular order."""
        root = str(self._root)
        for file in self._root.glob("raw/source=*/dataset=*/date=*/*.zst"):
            yield str(file)[len(root) :].lstrip("/")

    def _put(self, path: str, content: bytes, *, durable: bool, again: bool = False) -> None:
        import zstandard

        if self._local is not None:
            if not _holds(self._local / path, content):
                self._write(self._local, path, zstandard.compress(content, _LEVEL), durable=durable)
        elif again or not (self._root / path).exists():
            # An object store shows an upload when it is whole, or not at all.
            (self._root / path).write_bytes(zstandard.compress(content, _LEVEL))
        failpoints.hit("object.stored")

    def _write(self, root: Path, path: str, compressed: bytes, *, durable: bool) -> None:
        target = root / path
        unfinished = root / "unfinished"
        for folder in (target.parent, unfinished):
            _make_folder(folder)
        part = unfinished / secrets.token_hex(16)
        failpoints.hit("object.before_write")
        with part.open("xb") as file:
            file.write(compressed)
            failpoints.hit("object.written")
            file.flush()
            if durable:
                os.fsync(file.fileno())
        failpoints.hit("object.synced")
        # Another process may have stored the same bytes meanwhile: replacing them by themselves is harmless.
        part.replace(target)
        failpoints.hit("object.renamed")
        if durable:
            sync(target.parent)


def _require_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise LakeError(f"{name!r} cannot name a {what}: use lower-case letters, digits and underscores.")


def _holds(file: Path, content: bytes) -> bool:
    """Whether a file is this very reply, and not what a loss of power left of it."""
    import zstandard

    try:
        return zstandard.decompress(file.read_bytes(), max_output_size=len(content)) == content
    except (FileNotFoundError, zstandard.ZstdError):
        return False


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)
