"""When a vendor may be asked: its rate limit, its pauses and its quota, shared by all who ask it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from atlas_assets.data_sources.client.deadlines import seconds_left, set_deadline
from atlas_assets.data_sources.client.errors import NotAskedError, QuotaExhausted, SourceError
from atlas_assets.data_sources.client.limits import MINUTE, Quota, RateHeaders, RateReport
from atlas_assets.data_sources.client.state import Document, SharedState

# Requests are remembered in this many steps of a window, rounded up: the document stays small, the limit safe.
_STEPS = 240

LIMITS = "limits:"


@dataclass(frozen=True)
class _Wait:
    seconds: float
    pause_until: float | None = None


class VendorLimiter:
    """At most ``rate_limit`` weight within any minute, whoever sends it; no request in a pause or past the quota.

    What was sent is remembered for a minute. (A bucket of tokens that refills all the while would let almost
    twice the limit through in its first minute.) The vendor's own word wins where it is stricter: a lower
    limit, weight that others used, nothing left until a reset, or a wait it asks for.

    Parameters
    ----------
    source
        The vendor; those with the same name and state share its limit.
    rate_limit
        Weight a minute. A heavier request waits for an empty minute.
    state
        Where it is shared.
    quota, rate_headers
        What the vendor declares.
    max_wait_seconds
        A pause longer than this is an error instead.
    sleep, now
        How to wait for some seconds, and the present (UTC).
    window_seconds
        Replaces the minute.
    spacing_seconds
        Least time between two requests.
    """

    def __init__(
        self,
        source: str,
        rate_limit: int,
        *,
        state: SharedState,
        sleep: Callable[[float], None],
        now: Callable[[], datetime],
        quota: Quota,
        rate_headers: RateHeaders,
        max_wait_seconds: float,
        window_seconds: float = MINUTE,
        spacing_seconds: float = 0.0,
    ) -> None:
        self._source = source
        self._key = LIMITS + source
        self._rate_limit = rate_limit
        self._state = state
        self._sleep = sleep
        self._now = now
        self._quota = quota
        self._headers = rate_headers
        self._max_wait = max_wait_seconds
        self._window = window_seconds
        self._spacing = spacing_seconds

    def acquire(self, weight: int = 1, *, cost: int | None = None) -> None:
        """Return once a request may be sent; it counts as sent.

        Parameters
        ----------
        weight
            What it costs of the rate limit.
        cost
            What it costs of the quota, the same unless given.

        Raises
        ------
        QuotaExhausted
            When the quota does not allow it.
        NotAskedError
            When the vendor asked for a longer pause than ``max_wait_seconds``.
        """
        waited_for = -math.inf
        spend = weight if cost is None else cost
        while True:
            ask = partial(self._admit, weight=weight, cost=spend, waited_for=waited_for)
            answer = self._state.update(self._key, ask)
            if answer is None:
                return
            if isinstance(answer, SourceError):
                raise answer
            if answer.pause_until is not None:
                if answer.seconds > self._max_wait:
                    raise self._paused(answer.seconds)
                # A pause once slept through is over, whatever the clocks say and however they are rounded.
                waited_for = answer.pause_until + 0.001
            self._sleep(answer.seconds)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what a reply says about the limit."""
        report = self._headers.read(headers, self._now())
        if report != RateReport():
            self._state.update(self._key, lambda document: self._take_over(document, report))

    def pause(self, seconds: float) -> None:
        """Hold everybody's requests back for so long, as the vendor asks."""

        def change(document: Document) -> None:
            time = self._state.time()
            if seconds > seconds_left(document, "pause", time):
                set_deadline(document, "pause", seconds, time)

        self._state.update(self._key, change)

    def use_up(self, refusal: QuotaExhausted) -> None:
        """Stop everybody's requests until the quota's reset, since the vendor says so; the refusal learns when."""

        def change(document: Document) -> None:
            self._period(document)["used_up"] = True

        known = self._quota_error("")
        refusal.advice, refusal.retry_after = known.advice, known.retry_after
        self._state.update(self._key, change)

    def _admit(self, document: Document, *, weight: int, cost: int, waited_for: float) -> SourceError | _Wait | None:
        """None when the request is admitted and counted."""
        clock, time = self._state.instant()
        document["rate_limit"] = limit = self._limit(document)
        # A heavier request than the limit waits for an empty window.
        weight = min(weight, limit)
        if refusal := self._over_quota(document, cost):
            return refusal
        sent = document["sent"] = self._sent(document, clock)
        for name in ("pause", "window"):
            if not seconds_left(document, name, time):
                document.pop(name, None)
        left = _left(document, time)
        pause = seconds_left(document, "pause", time)
        if left is not None and left < weight:
            pause = max(pause, seconds_left(document, "window", time))
        if pause > 0 and time + pause > waited_for:
            return _Wait(pause, time + pause)
        if wait := _until_room(sent, weight, limit, clock) or self._gap(document, clock):
            # A wait below the clock's resolution would never end.
            return _Wait(max(wait, 0.001))
        self._remember(document, sent, clock, weight)
        if left is not None:
            document["left"] = left - weight
        self._period(document)["calls"] += cost
        return None

    def _gap(self, document: Document, clock: float) -> float:
        """Seconds until the next request may follow the last one; when none are left, it counts as sent."""
        gap = document.get("next", clock) - clock
        # A much longer one is of a clock that has begun anew since, as after a reboot.
        if 0 < gap <= 2 * self._spacing:
            return gap
        if self._spacing:
            document["next"] = clock + self._spacing
        return 0.0

    def _limit(self, document: Document) -> int:
        """The operator's limit, or the vendor's where that is lower."""
        return max(1, min(self._rate_limit, document.get("vendor_limit", self._rate_limit)))

    def _sent(self, document: Document, clock: float) -> list[list[float]]:
        """What was sent within the window, as pairs of expiry and weight; after a reboot the clock begins anew."""
        latest = clock + self._window * (1 + 2 / _STEPS)
        return [[min(expiry, latest), weight] for expiry, weight in document.get("sent", []) if expiry > clock]

    def _remember(self, document: Document, sent: list[list[float]], clock: float, weight: int) -> None:
        step = self._window / _STEPS
        expiry = math.ceil((clock + self._window) / step) * step
        if sent and sent[-1][0] >= expiry:
            sent[-1][1] += weight
        else:
            sent.append([expiry, weight])
        document["sent"] = sent

    def _take_over(self, document: Document, report: RateReport) -> None:
        clock, time = self._state.instant()
        if report.limit:
            document["vendor_limit"] = report.limit
        if report.used is not None:
            sent = self._sent(document, clock)
            others = report.used - int(sum(weight for _, weight in sent))
            if others > 0:
                self._remember(document, sent, clock, others)
        if report.remaining is not None and report.reset_seconds != 0:
            left, old = _left(document, time), seconds_left(document, "window", time)
            length = self._headers.window_seconds
            seconds = length if report.reset_seconds is None else report.reset_seconds
            # Of replies that overtake each other within a window, the strictest counts.
            if left is not None and (report.reset_seconds is None or seconds < old + length / 2):
                document["left"] = min(left, report.remaining)
            else:
                document["left"] = report.remaining
                set_deadline(document, "window", seconds, time)

    def _period(self, document: Document) -> Document:
        """The quota's present period; a clock that is a little late does not bring the last one back."""
        reset = self._quota.next_reset(self._now())
        period = document.get("quota")
        longest = self._quota.longest_period()
        if not period or not reset <= datetime.fromisoformat(period["resets"]) <= reset + longest:
            period = document["quota"] = {"resets": reset.isoformat(), "calls": 0, "used_up": False}
        period["of"] = self._quota.calls
        return period

    def _over_quota(self, document: Document, cost: int) -> QuotaExhausted | None:
        period = self._period(document)
        if period["used_up"]:
            return self._quota_error("the quota is used up, so the vendor is not asked")
        calls = self._quota.calls
        if calls is None or period["calls"] + cost <= calls:
            return None
        left = max(0, calls - period["calls"])
        what = f"{left} of {calls} calls a {self._quota.period} are left and this request costs {cost}"
        return self._quota_error(f"the quota is used up: {what}")

    def _quota_error(self, what: str) -> QuotaExhausted:
        now = self._now()
        reset = self._quota.next_reset(now)
        return QuotaExhausted(
            what,
            advice=f"run again after the reset at {reset:%Y-%m-%d %H:%M} UTC or take a larger plan",
            retry_after=(reset - now).total_seconds(),
        )

    def _paused(self, seconds: float) -> NotAskedError:
        until = self._now() + timedelta(seconds=seconds)
        return NotAskedError(
            "the vendor demands a pause, so it is not asked",
            advice=f"run again after {until:%Y-%m-%d %H:%M:%S} UTC",
            retry_after=seconds,
        )


def _left(document: Document, time: float) -> int | None:
    """What the vendor said is left of its window, less what was sent since; None when that is over."""
    return document["left"] if seconds_left(document, "window", time) > 0 else None


def _until_room(sent: list[list[float]], weight: int, limit: int, clock: float) -> float:
    """Seconds until the window has room for the weight, 0 when it has."""
    excess = sum(old for _, old in sent) + weight - limit
    for expiry, old in sent:
        if excess <= 0:
            break
        excess -= old
        if excess <= 0:
            return max(expiry - clock, 0.001)
    return 0.0
