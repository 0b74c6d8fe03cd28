"""What can go wrong with a stream. Each message is a sentence: what, where and what to do."""

from __future__ import annotations


class StreamError(Exception):
    """The stream cannot go on: somebody has to change something."""


class FrameRefused(ValueError):
    """A message is not what its sender documents; the message says what is wrong with it."""


class BackfillFailed(Exception):
    """What is missing could not be fetched; the message says why."""


class SinkUnavailable(Exception):
    """A batch could not be stored now; the same batch can be tried again."""
