"""How each vendor's limits stand, for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from atlas_assets.data_sources.client.breaker import BREAKERS
from atlas_assets.data_sources.client.deadlines import seconds_left
from atlas_assets.data_sources.client.limiter import LIMITS
from atlas_assets.data_sources.client.state import SharedState


@dataclass(frozen=True)
class VendorStatus:
    """Where a vendor's limits stand.

    Attributes
    ----------
    source
        The vendor.
    rate_limit, used
        Weight a minute that is allowed (the stricter of the operator's and the vendor's), and sent in the last one.
    calls
        Sent in the quota's present period (a day, where the vendor declares none), at what they cost.
    quota, quota_left
        Calls that the period allows and what is left of them; None when only the vendor knows.
    quota_resets_at
        When the period ends (UTC); None when nothing was sent in it.
    blocked_until
        When the vendor is asked again (UTC): end of a pause, of a used-up quota or of the breaker's cool-down.
        None when it may be asked now.
    breaker
        ``closed``, ``open`` (left alone) or ``half-open`` (one request may try).
    failures
        Requests that failed in a row.
    """

    source: str
    rate_limit: int | None
    used: int
    calls: int
    quota: int | None
    quota_left: int | None
    quota_resets_at: datetime | None
    blocked_until: datetime | None
    breaker: Literal["closed", "open", "half-open"]
    failures: int


def vendor_status(state: SharedState, now: datetime) -> list[VendorStatus]:
    """The status of each vendor that was ever asked, by name; nothing is asked or changed."""
    sources = {key.partition(":")[2] for prefix in (LIMITS, BREAKERS) for key in state.keys(prefix)}
    return [_status(state, source, now) for source in sorted(sources)]


def release(state: SharedState, source: str) -> None:
    """Forget a vendor's pause, used-up quota and breaker, as after buying calls; the counts stay."""

    def change(document: dict[str, object]) -> None:
        for name in ("pause", "window", "left", "vendor_limit"):
            document.pop(name, None)
        quota = document.get("quota")
        if isinstance(quota, dict):
            quota["used_up"] = False

    state.update(LIMITS + source, change)
    state.update(BREAKERS + source, dict.clear)


def _status(state: SharedState, source: str, now: datetime) -> VendorStatus:
    limits, breaker = state.read(LIMITS + source), state.read(BREAKERS + source)
    clock, time = state.instant()
    period = limits.get("quota")
    resets = datetime.fromisoformat(period["resets"]) if period else None
    if period is None or resets is None or resets <= now:
        period, resets = {"calls": 0, "of": None, "used_up": False}, None
    left = None if period["of"] is None else max(0, period["of"] - period["calls"])
    left = 0 if period["used_up"] else left
    cooldown = seconds_left(breaker, "cooldown", time)
    waits = [cooldown, seconds_left(limits, "pause", time)]
    if limits.get("left", 1) < 1:
        waits.append(seconds_left(limits, "window", time))
    blocks = [now + timedelta(seconds=max(waits))] if max(waits) > 0 else []
    blocks += [resets] if resets and left == 0 else []
    return VendorStatus(
        source=source,
        rate_limit=limits.get("rate_limit"),
        used=int(sum(weight for expiry, weight in limits.get("sent", []) if expiry > clock)),
        calls=period["calls"],
        quota=period["of"],
        quota_left=left,
        quota_resets_at=resets,
        blocked_until=max(blocks, default=None),
        breaker="closed" if "cooldown" not in breaker else "open" if cooldown > 0 else "half-open",
        failures=breaker.get("failures", 0),
    )
