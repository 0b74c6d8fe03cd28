"""Vendors answered in-process: real formats, real series where free ones exist, seeded synthetic ones elsewhere.

>>> import httpx
>>> from datetime import UTC, datetime
>>> transport = SandboxTransport(clock=datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC))
>>> with httpx.Client(transport=transport) as client:
...     client.get("https://api.alternative.me/fng/?limit=1").json()["name"]
'Fear and Greed Index'
"""

from atlas_assets.sandbox.faults import ALL_KINDS, DEFAULT_KINDS, ENDINGS, PASSING_KINDS, Ending, FaultKind, FaultPlan
from atlas_assets.sandbox.labels import REAL, SYNTHETIC
from atlas_assets.sandbox.transport import SandboxTransport
from atlas_assets.sandbox.world import DEFAULT_KEYS, World

__all__ = [
    "ALL_KINDS",
    "DEFAULT_KEYS",
    "DEFAULT_KINDS",
    "ENDINGS",
    "PASSING_KINDS",
    "REAL",
    "SYNTHETIC",
    "Ending",
    "FaultKind",
    "FaultPlan",
    "SandboxTransport",
    "World",
]
