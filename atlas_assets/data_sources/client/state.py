"""The state that workers share: limits, quotas, circuit breakers, tokens and expensive look-ups.

One small interface, three homes: this process, a folder of this machine (SQLite), or Redis for many machines.
A change is atomic in each of them and nothing stays locked when a process is killed.
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import SecretStr

Document = dict[str, Any]
T = TypeVar("T")


class Instant(NamedTuple):
    """The present in seconds.

    Attributes
    ----------
    clock
        For intervals of minutes: nobody sets it, but it may begin anew.
    time
        For deadlines that outlive a reboot: somebody may set it.
    """

    clock: float
    time: float


class SharedState(ABC):
    """JSON documents by key, changed atomically."""

    @abstractmethod
    def instant(self) -> Instant:
        """The present, on clocks that all users of this state share."""

    def time(self) -> float:
        """The present on the clock that survives a reboot."""
        return self.instant().time

    @abstractmethod
    def read(self, key: str) -> Document:
        """A copy of the document, empty when there is none."""

    @abstractmethod
    def update(self, key: str, change: Callable[[Document], T]) -> T:
        """Change a document in place and return what ``change`` returns; an emptied one is removed.

        ``change`` may be called several times, so it does nothing else, and it does not raise.
        """

    @abstractmethod
    def keys(self, prefix: str) -> list[str]:
        """The keys with that beginning, in order."""

    @property
    def vault(self) -> SharedState:
        """Where secrets are kept."""
        return self

    @abstractmethod
    def close(self) -> None:
        """Release files and connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MemoryState(SharedState):
    """State of this process alone.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._documents: dict[str, Document] = {}
        self._lock = threading.RLock()

    def instant(self) -> Instant:
        """The given clock twice: nothing here outlives the process."""
        return Instant(self._clock(), self._clock())

    def read(self, key: str) -> Document:
        """A copy of the document."""
        with self._lock:
            return json.loads(json.dumps(self._documents[key])) if key in self._documents else {}

    def update(self, key: str, change: Callable[[Document], T]) -> T:
        """Change a document under the lock."""
        with self._lock:
            document = self._documents.setdefault(key, {})
            result = change(document)
            if not document:
                del self._documents[key]
            return result

    def keys(self, prefix: str) -> list[str]:
        """The keys with that beginning, in order."""
        with self._lock:
            return sorted(key for key in self._documents if key.startswith(prefix))

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._documents.clear()


def open_state(address: SecretStr | Path | str | None = None) -> SharedState:
    """The state at an address.

    Parameters
    ----------
    address
        None for this process alone; a folder for this machine; ``redis://`` or ``rediss://`` for many machines
        (such an address is a secret).
    """
    place = address.get_secret_value() if isinstance(address, SecretStr) else address
    if place is None:
        return MemoryState()
    if isinstance(place, str) and place.startswith(("redis://", "rediss://")):
        from atlas_assets.data_sources.client.redis_state import RedisState

        return RedisState(SecretStr(place))
    from atlas_assets.data_sources.client.disk_state import DiskState

    return DiskState(Path(place))
