"""Seeded misbehaviour: what real vendors do on bad days, on top of a true reply.

Whether a request meets a fault, and which one, depends only on the seed, the request and how
often it was sent before: threads and the order of other requests change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from threading import Lock

import httpx


class Ending(Enum):
    """What a client that does everything right ends with when a fault befalls it and then stops."""

    TRUE = "the true data: the client notices the fault and tries again, or the fault does no harm"
    GAP = "a visible gap, and the true data once it loads again: the vendor refuses, or does not send what it documents"
    REVISED = "what the vendor said: nothing in the reply shows that it is not the truth; asking once more does"


class FaultKind(Enum):
    """A way to misbehave."""

    RATE_LIMITED = "429 without Retry-After"
    RATE_LIMITED_SECONDS = "429 with Retry-After in seconds"
    RATE_LIMITED_DATE = "429 with Retry-After as a date"
    RATE_LIMITED_EPOCH = "429 with the second since 1970 at which the limit is reset"
    BANNED = "418 with Retry-After"
    SERVER_ERROR = "500, 502 or 503"
    TIMEOUT = "no answer in time"
    CONNECTION_RESET = "connection reset by the peer"
    TRUNCATED_BODY = "200 with the second half of the body missing"
    TRUNCATED_GZIP = "200 with the second half of the gzip stream missing"
    EMPTY_BODY = "200 without a body"
    ERROR_BODY = "200 with an error body"
    HTML_BODY = "200 with an HTML page"
    WRONG_TYPE = "the true body as text/html"
    SLOW_DRIP = "the true body, a few bytes at a time"
    CLOCK_SKEW = "the true body with a Date hours off"
    DUPLICATED_PAGE = "every row of the page twice"
    SHIFTED_PAGE = "the page begins with rows of the page before"
    REORDERED_ROWS = "rows in another order"
    ADDED_COLUMN = "rows with a column more"
    RATE_LIMIT_STORM = "429 again and again"
    FLAPPING = "500, 502 or 503 again and again"
    QUOTA_EXHAUSTED = "402"
    REDIRECTED = "302 to another host"
    PAGE_LOOP = "the page before again, with the same token for the next"
    MISSING_KEY = "an object without the list of rows"
    RENAMED_COLUMN = "rows with a column of another name"
    RETYPED_COLUMN = "rows with a number as text, or text as a number"
    TIME_UNIT = "seconds for milliseconds, or milliseconds for seconds"
    PRICE_UNIT = "prices and values in hundredths"
    EMPTY_LIST = "the reply of a page without rows"
    SILENT_REVISION = "one value of the page changed"


_FIRST_GAP, _FIRST_REVISED = FaultKind.RATE_LIMIT_STORM, FaultKind.PRICE_UNIT
_ORDER = list(FaultKind)
ENDINGS: Mapping[FaultKind, Ending] = {
    kind: Ending.TRUE
    if place < _ORDER.index(_FIRST_GAP)
    else Ending.GAP
    if place < _ORDER.index(_FIRST_REVISED)
    else Ending.REVISED
    for place, kind in enumerate(_ORDER)
}
"""What a right client ends with, at the worst: a page that has no column, token or time to spoil stays as it is."""

ALL_KINDS = frozenset(FaultKind)
DEFAULT_KINDS = frozenset(kind for kind, ending in ENDINGS.items() if ending is Ending.TRUE)
"""Those that a client overcomes within one load."""

PASSING_KINDS = frozenset(kind for kind, ending in ENDINGS.items() if ending is not Ending.REVISED)
"""Those after which loading again brings the true data."""

# These outlast the attempts of any client.
_RUNS: Mapping[FaultKind, int] = {FaultKind.RATE_LIMIT_STORM: 6, FaultKind.FLAPPING: 8}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault drawn for one attempt: its kind, and a number in [0, 1) for its details."""

    kind: FaultKind
    detail: float


class FaultPlan:
    """Which requests meet which fault.

    Parameters
    ----------
    seed
        Same seed and same requests, same faults.
    rate
        Probability that an attempt meets a fault.
    kinds
        Kinds drawn from, each with the same probability.
    max_consecutive
        Most faults in a row for one request: a client with one attempt more gets through. Storms and flapping last
        longer than that.
    tick
        Called between the drops of a slow drip, so that a simulated clock can move.

    Examples
    --------
    >>> FaultPlan(seed=7, rate=1.0, kinds={FaultKind.TIMEOUT}).draw("GET https://a.example/").kind
    <FaultKind.TIMEOUT: 'no answer in time'>
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        rate: float = 0.1,
        kinds: Collection[FaultKind] = DEFAULT_KINDS,
        max_consecutive: int = 3,
        tick: Callable[[], object] = lambda: None,
    ) -> None:
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"rate is {rate}: give a probability between 0 and 1.")
        self.seed = seed
        self.rate = rate
        self.kinds = tuple(kind for kind in FaultKind if kind in kinds)
        self.max_consecutive = max_consecutive
        self.tick = tick
        self._attempts: dict[str, int] = {}
        self._in_a_row: dict[str, int] = {}
        self._running: dict[str, tuple[Fault, int]] = {}
        self._lock = Lock()

    def draw(self, request: str) -> Fault | None:
        """The fault of the next attempt at a request, written as method and address; None for none."""
        with self._lock:
            if request in self._running:
                return self._run_on(request)
            attempt = self._attempts[request] = self._attempts.get(request, 0) + 1
            digest = blake2b(f"{self.seed}|{attempt}|{request}".encode(), digest_size=24).digest()
            happens, which, detail = (int.from_bytes(digest[part : part + 8], "big") / 2**64 for part in (0, 8, 16))
            in_a_row = self._in_a_row.get(request, 0)
            if not self.kinds or happens >= self.rate or in_a_row >= self.max_consecutive:
                self._in_a_row[request] = 0
                return None
            self._in_a_row[request] = in_a_row + 1
            fault = Fault(self.kinds[int(which * len(self.kinds))], detail)
            if fault.kind in _RUNS:
                self._running[request] = (fault, _RUNS[fault.kind])
                return self._run_on(request)
            return fault

    def answer(self, request: httpx.Request, reply: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """The reply to a request, or what becomes of it.

        Raises
        ------
        httpx.ReadTimeout, httpx.ReadError
            For the kinds that give no reply.
        """
        fault = self.draw(f"{request.method} {request.url}")
        if fault is None:
            return reply(request)
        from atlas_assets.sandbox.faulty_replies import faulty_reply

        return faulty_reply(fault, request, reply, tick=self.tick)

    def _run_on(self, request: str) -> Fault:
        """The fault that goes on, until its run is over and the next attempt is spared."""
        fault, left = self._running.pop(request)
        if left > 1:
            self._running[request] = (fault, left - 1)
        else:
            self._in_a_row[request] = self.max_consecutive
        return fault
