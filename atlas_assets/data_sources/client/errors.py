"""What can go wrong with a source. Each message is a sentence: what, where and what to do."""

from __future__ import annotations


class SourceError(Exception):
    """A source did not deliver.

    Attributes
    ----------
    advice
        What to do about it.
    retry_after
        Seconds until it may work again, when the vendor or the client knows.
    status
        HTTP status of the refusal, when there was one.
    concerns_vendor
        Whether any other request to the vendor would fail alike.
    """

    concerns_vendor = False

    advice = "check the request and the vendor's announcements"

    def __init__(
        self, message: str, *, advice: str | None = None, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.advice = advice or type(self).advice
        self.retry_after = retry_after
        self.status = status


class TransientError(SourceError):
    """Trying again later may help."""

    advice = "run again later"


class NotAskedError(TransientError):
    """The vendor was not asked at all: it demanded a pause that is not over yet."""

    concerns_vendor = True


class CircuitOpen(NotAskedError):
    """The vendor is not asked for a while, since it failed again and again."""


class StateUnavailable(TransientError):
    """The state that workers share (limits, quotas, tokens) cannot be read or written."""


class PermanentError(SourceError):
    """Trying again will not help: somebody has to change something."""


class QuotaExhausted(PermanentError):
    """The plan's calls are used up until the vendor resets its counter."""

    concerns_vendor = True

    advice = "run again after the vendor's reset (00:00 UTC) or take a larger plan"


class MalformedReply(PermanentError):
    """The reply arrived whole but is not what the vendor documents."""

    advice = "compare it with the vendor's documentation: the format may have changed"
