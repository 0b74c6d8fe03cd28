"""Deadlines in shared documents, on clocks that somebody may set."""

from __future__ import annotations

from atlas_assets.data_sources.client.state import Document


def set_deadline(document: Document, name: str, seconds: float, time: float) -> None:
    """Note that something ends ``seconds`` after ``time``."""
    document[name] = {"until": time + seconds, "seconds": seconds}


def seconds_left(document: Document, name: str, time: float) -> float:
    """Seconds until it ends, 0 when it did or was never set.

    Never more than it had at first: when somebody set the clock back, it begins anew.
    """
    deadline = document.get(name)
    if not deadline:
        return 0.0
    deadline["until"] = min(deadline["until"], time + deadline["seconds"])
    return max(0.0, deadline["until"] - time)
