"""Where people drop files: a folder of this machine, or a prefix of an object store. Nothing outside it is touched.

What lies there may be hostile: links, pipes, names that climb out, files that change while they are read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from atlas_assets.data_sources.files.errors import FileRefused

REJECTED, TAKEN = "rejected", "taken"
SETTLED_SECONDS = 1.0
MOST_FILES = 1000
DEEPEST = 8
LARGEST_DROPPED = 256 * 2**20
LONGEST_NAME = 200
# A file for which the system answers so will answer so for ever; other errors are those of disks and networks.
_OWN_FAULTS = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})
_IN_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FileBusy(Exception):
    """A file changes while it is read: somebody still writes to it."""


@dataclass(frozen=True)
class DroppedFile:
    """A file that waits.

    Attributes
    ----------
    location
        Where.
    name
        Its path below the location, with ``/``.
    version
        Differs when its content does.
    age_key
        Older files have smaller ones.
    """

    location: Location
    name: str
    version: tuple[Any, ...]
    age_key: Any = 0

    @property
    def text(self) -> str:
        """The name as Unicode text, whatever its bytes are."""
        return os.fsencode(self.name).decode(errors="backslashreplace")


class Location(Protocol):
    """A place where files are dropped. An `OSError` of any step may pass: it is no fault of the file."""

    def waiting(self, *, now_seconds: float) -> list[DroppedFile]:
        """The files that nobody has written to for a moment, oldest first, at most `MOST_FILES`."""
        ...

    def read(self, file: DroppedFile) -> bytes:
        """Its content.

        Raises
        ------
        FileRefused
            When it is no file of its own, is too large or may not be read.
        FileBusy
            When it changes meanwhile.
        """
        ...

    def remove(self, file: DroppedFile) -> None:
        """Take it away after its content is in the lake; another one of the same name stays."""
        ...

    def reject(self, file: DroppedFile, reason: str) -> str:
        """Move it to ``rejected/`` beside a text that says why; its new name."""
        ...


class Folder:
    """A folder of this machine; every step down from it refuses links, so nothing outside it is ever reached."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def waiting(self, *, now_seconds: float) -> list[DroppedFile]:
        """See `Location.waiting`. Hidden files (half-written copies of many tools) are left alone."""
        found = [
            DroppedFile(self, name, _version(seen), seen.st_mtime_ns)
            for name, seen in _walk(self.path)
            if now_seconds - seen.st_mtime >= SETTLED_SECONDS
        ]
        return sorted(found, key=lambda file: (file.age_key, file.name))[:MOST_FILES]

    def read(self, file: DroppedFile) -> bytes:
        """See `Location.read`."""
        with self._parent(file) as (folder, name):
            before = os.stat(name, dir_fd=folder, follow_symlinks=False)
            _refuse_special(before)
            try:
                handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            except OSError as error:
                if error.errno not in _OWN_FAULTS:
                    raise
                raise FileRefused(f"The file cannot be read: {os.strerror(error.errno)}.") from None
            with open(handle, "rb") as opened:
                if _version(os.fstat(handle)) != _version(before):
                    raise FileBusy
                content = opened.read(LARGEST_DROPPED + 1)
                if _version(os.fstat(handle)) != _version(before) or len(content) != before.st_size:
                    raise FileBusy
            return content

    def remove(self, file: DroppedFile) -> None:
        """See `Location.remove`."""
        with self._parent(file) as (folder, name):
            if _version(os.stat(name, dir_fd=folder, follow_symlinks=False)) == file.version:
                os.unlink(name, dir_fd=folder)

    def reject(self, file: DroppedFile, reason: str) -> str:
        """See `Location.reject`."""
        *folders, _ = file.name.split("/")
        with self._parent(file) as (source, name), self._opened([REJECTED, *folders], make=True) as target:
            free = next(one for one in _candidates(name) if not _exists(one, target))
            note = os.open(
                f"{free}.reason.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=target
            )
            with open(note, "w", encoding="utf-8", errors="backslashreplace") as text:
                text.write(f"{reason}\n")
            os.rename(name, free, src_dir_fd=source, dst_dir_fd=target)
        return "/".join([REJECTED, *folders, free])

    @contextmanager
    def _parent(self, file: DroppedFile) -> Iterator[tuple[int, str]]:
        *folders, name = file.name.split("/")
        with self._opened(folders) as folder:
            yield folder, name

    @contextmanager
    def _opened(self, folders: Sequence[str], *, make: bool = False) -> Iterator[int]:
        handle = os.open(self.path, os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in folders:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=handle)
                below = os.open(name, _IN_FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)


class Prefix:
    """A prefix of an object store (any ``fsspec`` file system); what was taken goes to ``taken/`` below it."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self._files, root = url_to_fs(url)
        self._root = str(root).rstrip("/")

    def waiting(self, *, now_seconds: float) -> list[DroppedFile]:
        """See `Location.waiting`. Objects appear when they are whole."""
        del now_seconds
        self._files.invalidate_cache()
        found: list[DroppedFile] = []
        folders = [(self._root, 0)]
        while folders:
            folder, depth = folders.pop()
            try:
                entries = self._files.ls(folder, detail=True)
            except FileNotFoundError:
                continue
            for entry in entries:
                name = str(entry["name"]).rstrip("/")[len(self._root) + 1 :]
                if not name or name.rsplit("/", 1)[-1].startswith(".") or name.split("/")[0] in (REJECTED, TAKEN):
                    continue
                if entry["type"] == "directory":
                    folders += [(entry["name"], depth + 1)] if depth < DEEPEST else []
                else:
                    found.append(DroppedFile(self, name, _object_version(entry), _changed(entry)))
        return sorted(found, key=lambda file: (file.age_key, file.name))[:MOST_FILES]

    def read(self, file: DroppedFile) -> bytes:
        """See `Location.read`."""
        if file.version[0] > LARGEST_DROPPED:
            raise FileRefused(f"The file is larger than {LARGEST_DROPPED // 2**20} MiB: split it.")
        path, size = self._path(file), file.version[0]
        with _store_errors():
            # No range of an object without bytes; by name, since S3 has a version where others have the start.
            content: Any = self._files.cat_file(path, start=0, end=size + 1) if size else b""
            is_whole = self._is_the_same(file) and len(content) == size
        if not is_whole:
            raise FileBusy
        return content

    def remove(self, file: DroppedFile) -> None:
        """See `Location.remove`: the object moves to ``taken/``."""
        with _store_errors():
            if self._is_the_same(file):
                self._files.mv(self._path(file), f"{self._root}/{TAKEN}/{_without_climbing(file.name)}")

    def reject(self, file: DroppedFile, reason: str) -> str:
        """See `Location.reject`."""
        *folders, name = _without_climbing(file.name).split("/")
        names = ("/".join([REJECTED, *folders, one]) for one in _candidates(name))
        note = f"{reason}\n".encode(errors="backslashreplace")
        with _store_errors():
            free = next(one for one in names if not self._files.exists(f"{self._root}/{one}"))
            self._files.pipe_file(f"{self._root}/{free}.reason.txt", note)
            self._files.mv(self._path(file), f"{self._root}/{free}")
        return free

    def _path(self, file: DroppedFile) -> str:
        return f"{self._root}/{file.name}"

    def _is_the_same(self, file: DroppedFile) -> bool:
        self._files.invalidate_cache()
        return _object_version(self._files.info(self._path(file))) == file.version


def fingerprint(files: Sequence[DroppedFile]) -> str:
    """One key for this set of files as they are now."""
    return hashlib.sha256(json.dumps([(file.text, file.version) for file in files], default=str).encode()).hexdigest()


@contextmanager
def _store_errors() -> Iterator[None]:
    """Makes every error of a store an `OSError`: its client raises others too, as when nobody answers."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    folders = [("", 0)]
    while folders:
        below, depth = folders.pop()
        try:
            entries = list(os.scandir(root / below))
        except OSError:  # it was taken away meanwhile, or may not be looked into
            continue
        for entry in entries:
            name = f"{below}{entry.name}"
            if entry.name.startswith(".") or name == REJECTED:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders += [(f"{name}/", depth + 1)] if depth < DEEPEST else []
            else:
                with suppress(FileNotFoundError):
                    yield name, entry.stat(follow_symlinks=False)


def _version(seen: os.stat_result) -> tuple[Any, ...]:
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _object_version(entry: Any) -> tuple[Any, ...]:
    # A store's lists and its single answers give times of different precision, so an ETag decides where there is one.
    return entry["size"], str(entry.get("ETag") or _changed(entry))


def _changed(entry: Any) -> str:
    changed = next((entry[key] for key in ("LastModified", "last_modified", "mtime", "created") if key in entry), "")
    return str(changed.timestamp() if isinstance(changed, datetime) else changed)


def _refuse_special(seen: os.stat_result) -> None:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(seen.st_mode):
        raise FileRefused(
            f"This is {kinds.get(stat.S_IFMT(seen.st_mode), 'a device')}, not a file: copy the file here."
        )
    if seen.st_nlink > 1:
        raise FileRefused("The file has another name elsewhere (a hard link): copy it here instead.")
    if seen.st_size > LARGEST_DROPPED:
        raise FileRefused(f"The file is larger than {LARGEST_DROPPED // 2**20} MiB: split it.")


def _candidates(name: str) -> Iterator[str]:
    """The name, then with numbers, short enough for ``.reason.txt`` behind it."""
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, f".{suffix}") if dot and stem and len(suffix) <= 10 else (name, "")
    short = os.fsdecode(os.fsencode(stem)[:LONGEST_NAME])
    yield f"{short}{suffix}"
    number = 1
    while True:
        number += 1
        yield f"{short}.{number}{suffix}"


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        with suppress(FileNotFoundError):
            os.stat(f"{name}.reason.txt", dir_fd=folder, follow_symlinks=False)
            return True
        return False
    return True


def _without_climbing(name: str) -> str:
    return "/".join("_" if part in ("", ".", "..") else part for part in name.split("/"))
