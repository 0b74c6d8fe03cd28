"""Named points at every step of a write, where the crash tests end the process.

In production `hit` compares one module variable with None. Only a test calls `arm`.
"""

import os
import signal

POINTS = (
    "object.before_write",
    "object.written",
    "object.synced",
    "object.renamed",
    "object.stored",
    "lock.taken",
    "catalog.before_attach",
    "catalog.attached",
    "catalog.ledgers_created",
    "write.begun",
    "write.table_ensured",
    "write.compared",
    "write.deleted",
    "write.inserted",
    "write.recorded",
    "write.synced",
    "write.message_set",
    "write.committed",
    "write.done",
)
"""Every point, in the order in which a first write passes them."""

_armed: str | None = None


def arm(point: str | None) -> None:
    """Kill this process with SIGKILL when it reaches `point`; None disarms."""
    global _armed
    if point is not None and point not in POINTS:
        raise ValueError(f"{point!r} is not a failpoint: choose one of {', '.join(POINTS)}.")
    _armed = point


def hit(point: str) -> None:
    """Pass a point of a write."""
    if _armed is not None and _armed == point:
        os.kill(os.getpid(), signal.SIGKILL)
