"""Shared state in a folder, for the processes of one machine."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from atlas_assets.data_sources.client.errors import StateUnavailable
from atlas_assets.data_sources.client.state import Document, Instant, SharedState

T = TypeVar("T")

# How long a process waits for the others' changes, each of which takes microseconds.
_BUSY_SECONDS = 30.0

_LOCK = threading.Lock()
_STATES: weakref.WeakSet[DiskState] = weakref.WeakSet()


class DiskState(SharedState):
    """State shared by the processes of this machine, in a folder that only its owner may enter.

    The limits' clock is the machine's monotonic one, which no clock correction moves; deadlines that outlive
    a reboot use its wall clock. Not for network file systems.

    Parameters
    ----------
    folder
        Made if needed, mode 0700; a local folder outside the lake.
    name
        Of the file in it.
    wall
        Seconds since 1970 on this machine's clock.
    """

    def __init__(self, folder: Path, *, name: str = "state", wall: Callable[[], float] = time.time) -> None:
        self.path = folder / f"{name}.sqlite3"
        self._wall = wall
        self._connection: sqlite3.Connection | None = None
        self._vault: DiskState | None = None
        _STATES.add(self)

    def instant(self) -> Instant:
        """The machine's monotonic clock, which all its processes share, and its wall clock."""
        return Instant(time.monotonic(), self._wall())

    def read(self, key: str) -> Document:
        """A copy of the document."""
        with self._opened() as connection:
            return _document(connection, key)[0]

    def update(self, key: str, change: Callable[[Document], T]) -> T:
        """Change a document in one transaction, which the system undoes when the process dies in it."""
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                document, before = _document(connection, key)
                result = change(document)
                after = json.dumps(document) if document else None
                if after is None:
                    connection.execute("DELETE FROM state WHERE key = ?", (key,))
                elif after != before:
                    connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, after))
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return result

    def keys(self, prefix: str) -> list[str]:
        """The keys with that beginning, in order."""
        with self._opened() as connection:
            found = connection.execute(
                "SELECT key FROM state WHERE substr(key, 1, ?) = ? ORDER BY key", (len(prefix), prefix)
            )
            return [key for (key,) in found]

    @property
    def vault(self) -> DiskState:
        """A file of its own, so that a copy of the limits' file holds no secret."""
        if self._vault is None:
            self._vault = DiskState(self.path.parent, name="tokens", wall=self._wall)
        return self._vault

    def close(self) -> None:
        """Close the files; the next use opens them again."""
        with _LOCK:
            self._disconnect()
        if self._vault is not None:
            self._vault.close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        with _LOCK:
            try:
                if self._connection is None:
                    self._connection = _connect(self.path)
                yield self._connection
                return
            except (sqlite3.Error, OSError, ValueError) as error:
                problem = str(error)
        raise StateUnavailable(
            f"the shared state {self.path} cannot be used ({problem})",
            advice="check the disk and the folder's owner; a damaged file may be deleted while no worker runs",
        )


def _document(connection: sqlite3.Connection, key: str) -> tuple[Document, str | None]:
    """The document and its text."""
    row = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return (json.loads(row[0]), row[0]) if row else ({}, None)


def _connect(path: Path) -> sqlite3.Connection:
    """The database, which nobody else can read; its side files take over its mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close_to_others(path.parent, 0o700)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        # Not opened: closing it again would drop the locks that this process may hold through SQLite.
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError("it is not a plain file") from None
        _close_to_others(path, 0o600)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    # The first process turns the write-ahead log on; SQLite tells the others "locked" without waiting.
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            return connection
        except sqlite3.Error as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                connection.close()
                raise
            time.sleep(0.01)


def _close_to_others(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(mode)


def _before_fork() -> None:
    """A connection must not live through a fork: SQLite would take the parent's locks for the child's."""
    _LOCK.acquire()
    for state in _STATES:
        state._disconnect()


os.register_at_fork(before=_before_fork, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)
