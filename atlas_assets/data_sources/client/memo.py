"""A value that is expensive to get: fetched by one worker, used by all until it expires."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from atlas_assets.data_sources.client.state import Document, SharedState

T = TypeVar("T")

_POLL_SECONDS = 0.05


class Memo(Generic[T]):
    """A JSON value in the shared state.

    Parameters
    ----------
    key
        Its name.
    fetch
        Gets the value and the seconds for which it is good.
    state
        Where it is shared.
    lease_seconds
        How long the others wait for the one that fetches, in case it died.
    sleep
        How to wait.

    Examples
    --------
    >>> from atlas_assets.data_sources.client.state import MemoryState
    >>> symbols = Memo("binance:symbols", lambda: (["BTCUSDT"], 3600.0), state=MemoryState())
    >>> symbols.get()
    ['BTCUSDT']
    """

    def __init__(
        self,
        key: str,
        fetch: Callable[[], tuple[T, float]],
        *,
        state: SharedState,
        lease_seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._key = f"memo:{key}"
        self._fetch = fetch
        self._state = state
        self._lease = lease_seconds
        self._sleep = sleep

    def get(self) -> T:
        """The value, fetched if need be; what ``fetch`` raises is raised to the worker that fetched."""
        while not self._is_good(document := self._state.read(self._key)):
            if self._state.update(self._key, self._claim):
                return self._fetched()
            self._sleep(_POLL_SECONDS)
        return document["value"]

    def drop(self, value: T) -> None:
        """Forget a value that turned out to be bad, unless it was replaced already."""

        def change(document: Document) -> None:
            if document.get("value") == value:
                document.clear()

        self._state.update(self._key, change)

    def _fetched(self) -> T:
        try:
            value, seconds = self._fetch()
        except BaseException:
            self._state.update(self._key, lambda document: document.pop("lease", None))
            raise
        until = self._state.time() + seconds
        self._state.update(self._key, lambda document: _replace(document, {"value": value, "until": until}))
        return value

    def _is_good(self, document: Document) -> bool:
        return "value" in document and self._state.time() < document["until"]

    def _claim(self, document: Document) -> bool:
        """Whether this worker is the one that fetches."""
        time = self._state.time()
        if self._is_good(document) or time < document.get("lease", 0.0) <= time + self._lease:
            return False
        document["lease"] = time + self._lease
        return True


def _replace(document: Document, content: dict[str, Any]) -> None:
    document.clear()
    document.update(content)
