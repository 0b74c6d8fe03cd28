"""One commit at a time: the lock that every writer of a lake holds."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from atlas_assets.lake import failpoints
from atlas_assets.lake.config import LakeConfig
from atlas_assets.lake.errors import LakeError, first_line

_ADVISORY_KEY = 0x61746C6173
_LOCK_NOT_AVAILABLE = "55P03"
_registry: dict[tuple[int, str], CommitLock] = {}
_registry_guard = threading.Lock()


class _Lock(Protocol):
    def acquire(self, timeout: float) -> bool: ...
    def check(self) -> None: ...
    def release(self) -> None: ...


class _FileLock:
    """Held by the process that has the file locked; the kernel frees it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        from filelock import FileLock

        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path, thread_local=False)

    def acquire(self, timeout: float) -> bool:
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=timeout, poll_interval=0.01)
        except Timeout:
            return False
        return True

    def check(self) -> None:
        pass

    def release(self) -> None:
        self._lock.release()


class _AdvisoryLock:
    """Held by a PostgreSQL session; the server frees it when the session ends."""

    def __init__(self, config: LakeConfig) -> None:
        self._config = config
        self._session: Any = None

    def acquire(self, timeout: float) -> bool:
        import psycopg2

        try:
            self._session = psycopg2.connect(self._config.conninfo)
            self._session.autocommit = True
            with self._session.cursor() as cursor:
                # Zero would mean to wait for ever.
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", (str(max(1, int(timeout * 1000))),))
                cursor.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_KEY,))
        except psycopg2.Error as error:
            self._close()
            if error.pgcode == _LOCK_NOT_AVAILABLE:
                return False
            raise self._unreachable(error) from error
        return True

    def check(self) -> None:
        import psycopg2

        try:
            with self._session.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error as error:
            raise LakeError(
                "The commit lock was lost because its PostgreSQL session ended: nothing was committed, run it again."
            ) from error

    def release(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _unreachable(self, error: BaseException) -> LakeError:
        reason = self._config.redact(first_line(error))
        return LakeError(f"The PostgreSQL catalog cannot be used ({reason}): check its address and that it runs.")


class CommitLock:
    """A lock between processes and threads that the thread holding it may take again."""

    def __init__(self, lock: _Lock, name: str) -> None:
        self._lock = lock
        self._name = name
        self._thread = threading.RLock()
        self._depth = 0

    @contextmanager
    def hold(self, timeout: float) -> Generator[None]:
        """Hold the lock; `LakeError` when it cannot be had within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        if not self._thread.acquire(timeout=timeout):
            raise self._busy(timeout)
        try:
            if self._depth == 0:
                if not self._lock.acquire(max(0.0, deadline - time.monotonic())):
                    raise self._busy(timeout)
                failpoints.hit("lock.taken")
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._lock.release()
        finally:
            self._thread.release()

    def check(self) -> None:
        """Raise `LakeError` when the lock was lost while it was held."""
        self._lock.check()

    def _busy(self, timeout: float) -> LakeError:
        return LakeError(
            f"Another writer has held the commit lock {self._name} for {timeout:g} s: "
            "wait for its run to end, or end it."
        )


def commit_lock_of(config: LakeConfig) -> CommitLock:
    """Return the one commit lock that this process has for a lake."""
    name = config.redact(config.catalog) if config.is_postgres else str(config.lock_file)
    # A forked child must not believe that it holds its parent's lock.
    key = (os.getpid(), name)
    with _registry_guard:
        if key not in _registry:
            lock = _AdvisoryLock(config) if config.is_postgres else _FileLock(config.lock_file)
            _registry[key] = CommitLock(lock, name)
        return _registry[key]
