"""The one HTTP client: retries, shared limits and quotas, size bounds, and no secret written anywhere."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from atlas_assets.data_sources.client.body import NETWORK_ERRORS, Bounds
from atlas_assets.data_sources.client.breaker import BreakerPolicy
from atlas_assets.data_sources.client.calls import Call, Caller, Value
from atlas_assets.data_sources.client.errors import (
    CircuitOpen,
    MalformedReply,
    NotAskedError,
    PermanentError,
    QuotaExhausted,
    SourceError,
    StateUnavailable,
    TransientError,
)
from atlas_assets.data_sources.client.exchange import Exchange, network_error
from atlas_assets.data_sources.client.gate import Gate
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.pacing import Limiter, RetryBudget, backoff_seconds
from atlas_assets.data_sources.client.redaction import Redactor
from atlas_assets.data_sources.client.reply import Reply, excerpt, validate_json
from atlas_assets.data_sources.client.state import MemoryState, SharedState

__all__ = [
    "CircuitOpen",
    "HttpClient",
    "MalformedReply",
    "NotAskedError",
    "PermanentError",
    "QuotaExhausted",
    "Reply",
    "SourceError",
    "StateUnavailable",
    "TransientError",
    "validate_json",
]

logger = logging.getLogger(__name__)

KEPT_HEADERS = frozenset({"content-range", "content-type", "date", "etag", "last-modified", "location", "retry-after"})
KEPT_PREFIXES = ("x-ratelimit", "x-rate-limit", "ratelimit", "x-mbx-used-weight")
LONGEST_MESSAGE = 300


class HttpClient:
    """Fetches over HTTP for one vendor.

    Requests go straight to the transport: ``httpx.Client`` would log each full URL, keep cookies and
    follow redirects anywhere. TLS is always verified. Proxy variables of the environment are not read;
    give a transport instead.

    Parameters
    ----------
    source
        The vendor: shown in messages, and the name under which its limits are shared.
    rate_limit
        Request weight a minute.
    spacing_seconds
        Least time between two requests.
    timeout_seconds
        Bound on connecting, on each read and write, and on waiting for a free connection.
    secrets
        Values to hide wherever they occur. A ``SecretStr`` given as a parameter or header is added to them.
    transport
        Answers in place of the network.
    state
        Where limits, quota and circuit breaker are shared; the client's own memory unless given.
    per_host
        Whether each host is a vendor of its own, as for news feeds.
    limiter
        Asked before each request as well, as for a limit that several vendors share.
    rate_headers, quota, breaker
        What the vendor declares, and when it is left alone.
    max_attempts
        Attempts a request, the first included.
    max_bytes
        Bound on a body, content encoding undone.
    max_wait_seconds
        Longest wait between attempts and longest pause; when a vendor asks for more, the request fails at
        once and the error's ``retry_after`` says how much.
    max_reply_seconds
        Bound on receiving one body, against vendors that drip.
    clock, sleep, rng, now
        Monotonic seconds, how to wait, randomness of the jitter, and the present (UTC).
    """

    def __init__(
        self,
        *,
        source: str,
        rate_limit: int,
        timeout_seconds: float,
        secrets: Sequence[SecretStr] = (),
        transport: httpx.BaseTransport | None = None,
        state: SharedState | None = None,
        per_host: bool = False,
        limiter: Limiter | None = None,
        rate_headers: RateHeaders | None = None,
        quota: Quota | None = None,
        breaker: BreakerPolicy | None = None,
        spacing_seconds: float = 0.0,
        max_attempts: int = 5,
        max_bytes: int = 256 * 2**20,
        max_wait_seconds: float = 300.0,
        max_reply_seconds: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.source = source
        self.now = now
        self.sleep = sleep
        self.state = state or MemoryState(clock=clock)
        self._transport = transport or httpx.HTTPTransport()
        self._exchange = Exchange(
            transport=self._transport,
            timeout=httpx.Timeout(timeout_seconds).as_dict(),
            bounds=Bounds(max_bytes, max_reply_seconds, clock),
            quota=quota or Quota(),
            rate_headers=rate_headers or RateHeaders(),
            now=now,
        )
        self._new_gate = partial(
            Gate.of,
            rate_limit=rate_limit,
            state=self.state,
            quota=self._exchange.quota,
            rate_headers=self._exchange.rate_headers,
            breaker=breaker or BreakerPolicy(),
            max_wait_seconds=max_wait_seconds,
            sleep=sleep,
            now=now,
            spacing_seconds=spacing_seconds,
        )
        self._per_host = per_host
        self._limiter = limiter
        self._budget = RetryBudget()
        self._max_attempts = max_attempts
        self._max_wait = max_wait_seconds
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._redactor = Redactor(secret.get_secret_value() for secret in secrets)
        self._redactor.watch_logs(self)
        self._caller = Caller(source, self._redactor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Value] | None = None,
        headers: Mapping[str, str | SecretStr] | None = None,
        weight: int = 1,
        cost: int | None = None,
        check: Callable[[Reply], object] | None = None,
        accept: Collection[int] = (),
    ) -> Reply:
        """The reply to a GET request.

        Parameters
        ----------
        url, params, headers
            What to ask for. A ``SecretStr`` is sent but never recorded. Conditional headers and ``Range`` are
            sent as given; a range is asked for unpacked.
        weight
            What the request costs of the rate limit.
        cost
            What it costs of the quota, the same unless given.
        check
            Raises a `SourceError` for a body that is not what was asked for; transient ones are tried again.
        accept
            Further statuses that are replies, such as 304 and 416.

        Raises
        ------
        TransientError
            When every attempt failed, the retry budget is spent, the vendor asks for a long wait or is left
            alone after many failures.
        PermanentError
            When trying again would not help; `QuotaExhausted` until the vendor's reset.
        """
        call = self._caller.get(url, params or {}, headers or {}, accept)
        return self._send(call, weight, weight if cost is None else cost, check)

    def post_form(
        self,
        url: str,
        data: Mapping[str, Value],
        *,
        auth: tuple[str | SecretStr, str | SecretStr] | None = None,
        headers: Mapping[str, str | SecretStr] | None = None,
        check: Callable[[Reply], object] | None = None,
    ) -> Reply:
        """The reply to a form, as OAuth's token servers want it; no redirect is followed and no quota spent.

        Parameters
        ----------
        url, data, headers
            What is sent where; see `get`.
        auth
            Name and password (HTTP Basic); both are secrets.
        check
            See `get`.

        Raises
        ------
        SourceError
            See `get`.
        """
        call = self._caller.form(url, data, auth, headers or {})
        return self._send(call, 1, 0, check)

    def _send(self, call: Call, weight: int, cost: int, check: Callable[[Reply], object] | None) -> Reply:
        if self._caller.would_disclose(call):
            error = PermanentError("a key would travel unencrypted", advice="use an https address")
            raise self._located(error, call)
        gate = self._new_gate(f"{self.source}:{call.url.host}" if self._per_host else self.source)
        ask = partial(self._attempt, call, gate, weight, cost, check)
        self._budget.deposit()
        for attempt in range(1, self._max_attempts + 1):
            outcome = ask(first=attempt == 1)
            if isinstance(outcome, Reply):
                gate.judge(None)
                return outcome
            wait = self._wait(outcome, attempt)
            if wait is None:
                gate.judge(outcome)
                raise outcome
            logger.warning("%s Attempt %d of %d; next in %.1f s.", outcome, attempt, self._max_attempts, wait)
            self.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(
        self,
        call: Call,
        gate: Gate,
        weight: int,
        cost: int,
        check: Callable[[Reply], object] | None,
        *,
        first: bool,
    ) -> Reply | SourceError:
        """One attempt. Failures are returned, so that the error raised carries no other one with it."""

        def admit() -> None:
            gate.limiter.acquire(weight, cost=cost)
            if self._limiter is not None:
                self._limiter.acquire(weight)

        try:
            if first:
                gate.breaker.enter()
            response, content = self._exchange.send(call, before_each=admit, after_each=gate.learn)
            reply = self._reply(call, response, content)
            if check is not None:
                check(reply)
            return reply
        except SourceError as error:
            failure = error
        except NETWORK_ERRORS as error:
            failure = network_error(error)
        gate.heed(failure)
        return self._located(failure, call)

    def _wait(self, failure: SourceError, attempt: int) -> float | None:
        """Seconds until the next attempt, None when there is none."""
        hopeless = isinstance(failure, NotAskedError) or not isinstance(failure, TransientError)
        if hopeless or attempt == self._max_attempts:
            return None
        asked = failure.retry_after or 0.0
        if asked > self._max_wait or not self._budget.withdraw():
            return None
        return min(self._max_wait, asked + backoff_seconds(attempt, self._rng))

    def _located(self, error: SourceError, call: Call) -> SourceError:
        """The error with source and address, free of secrets and of any other exception."""
        what = excerpt(self._redactor.text(str(error)), LONGEST_MESSAGE).rstrip(".")
        sentence = f"{self.source}: {what} ({self._redactor.address(call.url)}); {error.advice}."
        return type(error)(sentence, advice=error.advice, retry_after=error.retry_after, status=error.status)

    def _reply(self, call: Call, response: httpx.Response, content: bytes) -> Reply:
        kept = {
            name: self._redactor.text(value)
            for name, value in response.headers.items()
            if name in KEPT_HEADERS or name.startswith(KEPT_PREFIXES)
        }
        request = {
            "method": call.method,
            "url": self._redactor.address(call.url),
            "params": self._redactor.parameters(call.params),
        }
        return Reply(content, response.status_code, kept, request, self.now())
