"""The one HTTP client: timeouts, retries, rate limit, size limit, and no secret written anywhere."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from atlas_assets.data_sources.errors import (
    MalformedReply,
    PermanentError,
    QuotaExhausted,
    SourceError,
    TransientError,
)
from atlas_assets.data_sources.exchange import NETWORK_ERRORS, Exchange, network_error
from atlas_assets.data_sources.pacing import Limiter, RateLimiter, RetryBudget, backoff_seconds
from atlas_assets.data_sources.redaction import SECRET_PARAMETERS, Redactor
from atlas_assets.data_sources.reply import Reply, excerpt, validate_json

__all__ = [
    "HttpClient",
    "MalformedReply",
    "PermanentError",
    "QuotaExhausted",
    "Reply",
    "SourceError",
    "TransientError",
    "validate_json",
]

logger = logging.getLogger(__name__)

KEPT_HEADERS = frozenset({"content-type", "date", "etag", "last-modified", "retry-after"})
KEPT_PREFIXES = ("x-ratelimit", "x-rate-limit", "ratelimit", "x-mbx-used-weight")
LONGEST_MESSAGE = 300
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class HttpClient:
    """Fetches over HTTP for one source.

    Requests go straight to the transport: ``httpx.Client`` would log each full URL, keep cookies and
    follow redirects anywhere. TLS is always verified. Proxy variables of the environment are not read;
    give a transport instead.

    Parameters
    ----------
    source
        Name shown in messages.
    rate_limit
        Request weight a minute.
    timeout_seconds
        Bound on connecting, on each read and write, and on waiting for a free connection.
    secrets
        Values to hide wherever they occur. A ``SecretStr`` given as a parameter or header is added to them.
    transport
        Answers in place of the network.
    limiter
        Replaces the client's own rate limit, to share one.
    max_attempts
        Attempts a request, the first included.
    max_bytes
        Bound on a body, content encoding undone.
    max_wait_seconds
        Longest wait between attempts; when a vendor asks for more, the request fails at once and the
        error's ``retry_after`` says how much.
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
        limiter: Limiter | None = None,
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
        self._transport = transport or httpx.HTTPTransport()
        self._exchange = Exchange(
            transport=self._transport,
            timeout=httpx.Timeout(timeout_seconds).as_dict(),
            max_bytes=max_bytes,
            max_reply_seconds=max_reply_seconds,
            clock=clock,
            now=now,
        )
        self._limiter = limiter or RateLimiter(rate_limit, clock=clock, sleep=sleep)
        self._budget = RetryBudget()
        self._max_attempts = max_attempts
        self._max_wait = max_wait_seconds
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._redactor = Redactor(secret.get_secret_value() for secret in secrets)
        self._redactor.watch_logs(self)

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
        params: Mapping[str, str | int | SecretStr] | None = None,
        headers: Mapping[str, str | SecretStr] | None = None,
        weight: int = 1,
        check: Callable[[Reply], object] | None = None,
    ) -> Reply:
        """The reply to a GET request.

        Parameters
        ----------
        url, params, headers
            What to ask for. A ``SecretStr`` is sent but never recorded.
        weight
            What the request costs of the rate limit.
        check
            Raises a `SourceError` for a body that is not what was asked for; transient ones are tried again.

        Raises
        ------
        TransientError
            When every attempt failed, the retry budget is spent or the vendor asks for a long wait.
        PermanentError
            When trying again would not help.
        """
        target = self._target(url, params or {})
        sent = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "atlas-quanta"}
        sent |= {name.lower(): self._disclosed(value) for name, value in (headers or {}).items()}
        self._refuse_disclosure(target, sent)
        self._budget.deposit()
        for attempt in range(1, self._max_attempts + 1):
            outcome = self._attempt(target, sent, weight, check)
            if isinstance(outcome, Reply):
                return outcome
            wait = self._wait(outcome, attempt)
            if wait is None:
                raise outcome
            logger.warning("%s Attempt %d of %d; next in %.1f s.", outcome, attempt, self._max_attempts, wait)
            self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _target(self, url: str, params: Mapping[str, str | int | SecretStr]) -> httpx.URL:
        try:
            target = httpx.URL(url)
            if params:
                target = target.copy_merge_params({name: self._disclosed(value) for name, value in params.items()})
        except httpx.InvalidURL:
            target = httpx.URL()
        if target.scheme not in ("http", "https") or not target.host:
            raise PermanentError(
                f"{self.source}: an address in the settings is not a valid http or https URL; correct it."
            )
        for name, value in target.params.multi_items():
            if name.lower() in SECRET_PARAMETERS:
                self._redactor.learn(value)
        return target

    def _disclosed(self, value: str | int | SecretStr) -> str:
        if isinstance(value, SecretStr):
            self._redactor.learn(value.get_secret_value())
            return value.get_secret_value()
        return str(value)

    def _refuse_disclosure(self, target: httpx.URL, headers: Mapping[str, str]) -> None:
        if target.scheme == "https" or target.host in LOOPBACK:
            return
        if self._redactor.holds(f"{target} {' '.join(headers.values())}"):
            error = PermanentError("a key would travel unencrypted", advice="use an https address")
            raise self._located(error, target)

    def _wait(self, failure: SourceError, attempt: int) -> float | None:
        """Seconds until the next attempt, None when there is none."""
        if not isinstance(failure, TransientError) or attempt == self._max_attempts:
            return None
        asked = failure.retry_after or 0.0
        if asked > self._max_wait or not self._budget.withdraw():
            return None
        return min(self._max_wait, asked + backoff_seconds(attempt, self._rng))

    def _attempt(
        self, target: httpx.URL, headers: Mapping[str, str], weight: int, check: Callable[[Reply], object] | None
    ) -> Reply | SourceError:
        """One attempt. Failures are returned, so that the error raised carries no other one with it."""
        try:
            response, content = self._exchange.get(target, headers, before_each=lambda: self._limiter.acquire(weight))
            reply = self._reply(target, response, content)
            if check is not None:
                check(reply)
            return reply
        except SourceError as error:
            return self._located(error, target)
        except NETWORK_ERRORS as error:
            return self._located(network_error(error), target)

    def _located(self, error: SourceError, target: httpx.URL) -> SourceError:
        """The error with source and address, free of secrets and of any other exception."""
        what = excerpt(self._redactor.text(str(error)), LONGEST_MESSAGE).rstrip(".")
        sentence = f"{self.source}: {what} ({self._redactor.address(target)}); {error.advice}."
        return type(error)(sentence, advice=error.advice, retry_after=error.retry_after)

    def _reply(self, target: httpx.URL, response: httpx.Response, content: bytes) -> Reply:
        kept = {
            name: self._redactor.text(value)
            for name, value in response.headers.items()
            if name in KEPT_HEADERS or name.startswith(KEPT_PREFIXES)
        }
        request = {
            "method": "GET",
            "url": self._redactor.address(target),
            "params": self._redactor.parameters(target),
        }
        return Reply(content, response.status_code, kept, request, self.now())
