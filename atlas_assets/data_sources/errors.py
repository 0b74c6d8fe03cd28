"""What can go wrong with a source. Each message is a sentence: what, where and what to do."""

from __future__ import annotations


class SourceError(Exception):
    """A source did not deliver.

    Attributes
    ----------
    advice
        What to do about it.
    retry_after
        Seconds that the vendor asked to wait, when it did.
    """

    advice = "check the request and the vendor's announcements"

    def __init__(self, message: str, *, advice: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.advice = advice or type(self).advice
        self.retry_after = retry_after


class TransientError(SourceError):
    """Trying again later may help."""

    advice = "run again later"


class PermanentError(SourceError):
    """Trying again will not help: somebody has to change something."""


class QuotaExhausted(PermanentError):
    """The plan's calls are used up until the vendor resets its counter."""

    advice = "run again after the vendor's reset (00:00 UTC) or take a larger plan"


class MalformedReply(PermanentError):
    """The reply arrived whole but is not what the vendor documents."""

    advice = "compare it with the vendor's documentation: the format may have changed"
