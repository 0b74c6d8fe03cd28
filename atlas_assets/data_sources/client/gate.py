"""What a vendor's clients know together: when it may be asked, and how it fared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from atlas_assets.data_sources.client.breaker import BreakerPolicy, CircuitBreaker
from atlas_assets.data_sources.client.errors import (
    NotAskedError,
    PermanentError,
    QuotaExhausted,
    SourceError,
    StateUnavailable,
    TransientError,
)
from atlas_assets.data_sources.client.limiter import VendorLimiter
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.state import SharedState

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gate:
    """A vendor's limiter and circuit breaker.

    Attributes
    ----------
    source
        The vendor.
    limiter, breaker
        Both keep what they know in the shared state.
    """

    source: str
    limiter: VendorLimiter
    breaker: CircuitBreaker

    @classmethod
    def of(
        cls,
        source: str,
        *,
        rate_limit: int,
        state: SharedState,
        quota: Quota,
        rate_headers: RateHeaders,
        breaker: BreakerPolicy,
        max_wait_seconds: float,
        spacing_seconds: float,
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> Gate:
        """The gate of a vendor; see `VendorLimiter` and `CircuitBreaker`."""
        limiter = VendorLimiter(
            source,
            rate_limit,
            state=state,
            sleep=sleep,
            now=now,
            quota=quota,
            rate_headers=rate_headers,
            max_wait_seconds=max_wait_seconds,
            spacing_seconds=spacing_seconds,
        )
        return cls(source, limiter, CircuitBreaker(source, state=state, policy=breaker, now=now))

    def learn(self, headers: Mapping[str, str]) -> None:
        """Let everybody keep to the rate headers of a reply."""
        self._tell(lambda: self.limiter.learn(headers))

    def heed(self, failure: SourceError) -> None:
        """Let everybody keep to what the vendor asks for in a refusal; what the gate itself refused is known."""
        if isinstance(failure, QuotaExhausted) and failure.retry_after is None:
            self._tell(lambda: self.limiter.use_up(failure))
        elif isinstance(failure, TransientError) and failure.retry_after and not isinstance(failure, NotAskedError):
            seconds = failure.retry_after
            self._tell(lambda: self.limiter.pause(seconds))

    def judge(self, failure: SourceError | None) -> None:
        """Tell the breaker how a request ended.

        A refusal of the request shows that the vendor works; asking for a pause shows neither.
        """
        if failure is None or (isinstance(failure, PermanentError) and failure.status is not None):
            self._tell(self.breaker.succeed)
        elif isinstance(failure, NotAskedError | StateUnavailable) or failure.retry_after is not None:
            return
        elif isinstance(failure, TransientError):
            self._tell(self.breaker.fail)

    def _tell(self, change: Callable[[], object]) -> None:
        """Change the shared state; when others cannot be told, the log is, since this request is done."""
        try:
            change()
        except StateUnavailable as error:
            logger.warning("%s: %s; %s.", self.source, error, error.advice)
