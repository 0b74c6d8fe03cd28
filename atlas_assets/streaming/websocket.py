"""A WebSocket that stays connected: liveness, pings, renewal before its end of life, backoff after errors."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from atlas_assets.streaming.errors import StreamError

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

logger = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Patience:
    """How long the feed waits for what (seconds), and how large a frame may be (bytes).

    Attributes
    ----------
    idleness, silence
        Without a frame for so long, while somebody waits for one, the feed is idle; the connection counts as dead.
    life
        Age at which a connection is replaced; the vendor ends it after 24 hours.
    first_wait, longest_wait
        Backoff after errors: it doubles from the first to the longest, each time with jitter.
    opening
        Until a connection has to stand.
    largest_frame, frames
        Frames larger than this end the connection; so many wait in memory before reading stops.
    """

    idleness: float = 1.0
    silence: float = 60.0
    life: float = 23 * 3600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    opening: float = 10.0
    largest_frame: int = 64 * 1024
    frames: int = 1_000


class WebSocketFeed:
    """The frames of a WebSocket.

    Frames that come while nobody receives wait in a bounded queue; when it is full the socket is no longer read.
    TLS is verified, redirects are refused, compression is off and proxy variables are not read.

    Parameters
    ----------
    url
        ``wss://`` address; ``ws://`` only on this machine.
    patience
        Times and sizes.
    clock, sleep, rng
        Monotonic seconds, how to wait, and the randomness of the jitter.

    Attributes
    ----------
    connections
        How many were made.

    Raises
    ------
    StreamError
        When the address cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        address = urlsplit(url)
        if not address.hostname or not (
            address.scheme == "wss" or (address.scheme == "ws" and address.hostname in LOOPBACK)
        ):
            raise StreamError("The stream's address must be a wss:// URL (ws:// on this machine only): correct it.")
        self.connections = 0
        self._waited = 0.0
        self._url = url
        self._host = address.hostname
        self._patience = patience or Patience()
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._socket: ClientConnection | None = None
        self._opening = ExitStack()
        self._failures = 0
        self._next_try = clock()
        self._opened = self._heard = clock()

    @property
    def is_idle(self) -> bool:
        """Whether nothing came in `Patience.idleness` seconds of waiting; what is not there yet may be on its way."""
        return self._waited >= self._patience.idleness

    def receive(self, timeout: float) -> str | bytes | None:
        """The next frame; None when none came in time or the connection has to be made anew.

        A frame that is too large is given as empty text, for it was not read.
        """
        from websockets.exceptions import ConnectionClosed

        socket = self._connected(timeout)
        if socket is None:
            return None
        try:
            frame = socket.recv(timeout=timeout)
        except TimeoutError:
            self._waited += timeout
            self._examine()
            return None
        except ConnectionClosed as closed:
            too_large = closed.sent is not None and closed.sent.code == _TOO_LARGE
            self._drop(f"the connection ended ({'a frame is too large' if too_large else closed})")
            return "" if too_large else None
        self._heard, self._failures, self._waited = self._clock(), 0, 0.0
        if self._heard - self._opened > self._patience.life:
            self.renew()
        return frame

    def renew(self) -> None:
        """Leave the connection; the next call of `receive` makes a new one."""
        self._leave()
        self._next_try = self._clock()

    def close(self) -> None:
        """Leave for good."""
        self._leave()

    def _connected(self, timeout: float) -> ClientConnection | None:
        if self._socket is not None:
            return self._socket
        wait = self._next_try - self._clock()
        if wait > 0:
            self._sleep(min(wait, timeout))
            return None
        # At most one attempt a while, however it ends: the vendor counts connections.
        self._next_try = self._clock() + self._patience.first_wait
        try:
            self._socket = self._open()
        except Exception as error:
            self._drop(f"no connection ({type(error).__name__}: {str(error)[:120]})")
            return None
        self.connections += 1
        self._opened = self._heard = self._clock()
        logger.info("Connected to %s.", self._host)
        return self._socket

    def _open(self) -> ClientConnection:
        from websockets.sync.client import reconnect

        class Direct(reconnect):
            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        patience = self._patience
        return self._opening.enter_context(
            Direct(
                self._url,
                compression=None,
                proxy=None,
                open_timeout=patience.opening,
                close_timeout=1.0,
                max_size=patience.largest_frame,
                max_queue=patience.frames,
            )
        )

    def _examine(self) -> None:
        now = self._clock()
        if now - self._heard > self._patience.silence:
            self._drop(f"nothing came for {self._patience.silence:g} s")
        elif now - self._opened > self._patience.life:
            self.renew()

    def _drop(self, reason: str) -> None:
        self._leave()
        self._failures += 1
        longest = min(self._patience.longest_wait, self._patience.first_wait * 2.0 ** min(self._failures, 30))
        wait = longest * self._rng.uniform(0.5, 1.0)
        self._next_try = self._clock() + wait
        logger.warning("%s: %s; the next connection in %.1f s.", self._host, reason, wait)

    def _leave(self) -> None:
        self._socket = None
        self._opening.close()


_TOO_LARGE = 1009
