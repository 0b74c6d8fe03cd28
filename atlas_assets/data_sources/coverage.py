"""What is there of each instrument and what is still to be asked for.

The ledger ``raw.coverage`` is a log: of the entries that speak of a day, the last one counts. A day is *final* when
the vendor's answer for it will not change by itself, *present* when it may still be revised, *partial* when it is not
over, and *missing* when it was asked for in vain or never.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from atlas_assets.data_sources.windows import midnight

ONE_DAY = timedelta(days=1)


class State(StrEnum):
    """What is known of some days of an instrument."""

    MISSING = "missing"
    PARTIAL = "partial"
    PRESENT = "present"
    FINAL = "final"


@dataclass(frozen=True)
class Span:
    """Some days of an instrument, both ends included, and what is known of them.

    Attributes
    ----------
    rows
        Rows received for them when they were asked for, all together.
    final_from
        When an answer for the last of them is final, for each day before it a day earlier; of missing days, since
        when nobody can answer for them any more.
    reason
        Why they are missing, or why the vendor will never show more of them than a part.
    asked_at
        When they were asked for; two spans may say the same at different times.
    """

    first: date
    last: date
    state: State
    rows: int = 0
    final_from: datetime | None = None
    reason: str | None = None
    asked_at: datetime | None = field(default=None, compare=False)

    @property
    def is_settled(self) -> bool:
        """Whether asking again is of no use."""
        if self.state is State.PARTIAL:
            return self.reason is not None
        return self.state is State.FINAL or (self.state is State.MISSING and self.final_from is not None)

    def last_due(self, now: datetime, *, running: bool = False) -> date:
        """The last of the days for which asking again could bring something new; `date.min` for none.

        A day that is not over counts when it is, or as soon as time has passed where ``running`` is true.
        """
        if self.is_settled:
            return date.min
        if self.state is State.PARTIAL:
            has_moved_on = running and self.asked_at is not None and self.asked_at < now
            return self.last if has_moved_on else min(self.last, _last_over(now))
        if self.final_from is None:
            return self.last
        return self.last + min(timedelta(0), (now - self.final_from) // ONE_DAY * ONE_DAY)

    def cut(self, first: date, last: date) -> Span:
        """The part of it between two days."""
        first, last = max(first, self.first), min(last, self.last)
        final_from = self.final_from
        if final_from is not None and self.state is not State.MISSING:
            final_from -= self.last - last
        return replace(self, first=first, last=last, final_from=final_from)


def paint(entries: Iterable[tuple[str, Span]]) -> dict[str, list[Span]]:
    """The state of each instrument's days: spans in order that do not overlap.

    Parameters
    ----------
    entries
        Instrument and span, oldest first; a later one covers what it overlaps.
    """
    painted: dict[str, list[Span]] = {}
    for instrument, span in entries:
        spans = painted.setdefault(instrument, [])
        if not spans or spans[-1].last < span.first:
            # Most lines speak of a day more.
            spans.append(span)
            continue
        start, stop = _touched(spans, span.first, span.last)
        touched = spans[start:stop]
        before = [old.cut(old.first, span.first - ONE_DAY) for old in touched[:1] if old.first < span.first]
        after = [old.cut(span.last + ONE_DAY, old.last) for old in touched[-1:] if old.last > span.last]
        spans[start:stop] = [*before, span, *after]
    return painted


def answered(
    first: date,
    last: date,
    *,
    rows: Mapping[date, int],
    asked_at: datetime,
    settles_after: timedelta,
    reach: timedelta | None = None,
    shortfall: tuple[date, str] | None = None,
) -> list[Span]:
    """What an answer makes of the days it was asked for.

    Parameters
    ----------
    first, last
        The days, both included.
    rows
        Rows received for each day.
    asked_at
        When it was asked.
    settles_after
        How long after the end of a day (UTC) the answer for it is final.
    reach
        How far back the vendor answers; days that begin before that are missing for good.
    shortfall
        Up to which day the answer holds only a part of what there is, and why; asking again would bring no more.
    """
    if shortfall is not None and first <= (until := min(last, shortfall[0], _last_over(asked_at))):
        part = Span(first, until, State.PARTIAL, sum(rows.get(day, 0) for day in _days(first, until)))
        rest = {"rows": rows, "asked_at": asked_at, "settles_after": settles_after, "reach": reach}
        after = answered(until + ONE_DAY, last, **rest) if until < last else []
        return [replace(part, reason=shortfall[1]), *after]
    spans: list[Span] = []
    if reach is not None and first < (whole := first_whole_day(asked_at, reach)):
        spans.append(unreachable(first, min(last, whole - ONE_DAY), asked_at=asked_at, reach=reach))
        first = whole
    settled, over = _last_over(asked_at - settles_after), _last_over(asked_at)
    for state, until in ((State.FINAL, settled), (State.PRESENT, over), (State.PARTIAL, date.max)):
        end = min(last, until)
        if first <= end:
            received = sum(count for day, count in rows.items() if first <= day <= end)
            final_from = None if state is State.FINAL else _end_of(end) + settles_after
            spans.append(Span(first, end, state, received, final_from))
            first = end + ONE_DAY
    return spans


def held(
    rows: Mapping[date, int], *, now: datetime, known: Sequence[Span], is_open: Callable[[date], bool]
) -> list[Span]:
    """What files make of the days for which they hold rows; between other days of theirs there are gaps.

    Nobody says when a file was saved: its last day counts as present, and as final once the ledger says so.

    Parameters
    ----------
    rows
        Rows held for each day.
    now
        When the files were read.
    known
        What the ledger says of the days.
    is_open
        Whether a day may have rows at all; others leave no gap.
    """
    days = sorted(rows)
    over = _end_of(days[-1])
    asked_at = over + ONE_DAY if is_settled(known, days[-1], days[-1]) else min(now, over)
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and not any(is_open(between) for between in _days(runs[-1][1] + ONE_DAY, day - ONE_DAY)):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return [
        span
        for first, last in runs
        for span in answered(first, last, rows=rows, asked_at=asked_at, settles_after=ONE_DAY)
    ]


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def first_whole_day(now: datetime, reach: timedelta) -> date:
    """The first day for all of which a vendor that answers so far back still answers."""
    oldest = now.astimezone(UTC) - reach
    return oldest.date() if oldest.time() == time.min else oldest.date() + ONE_DAY


def unreachable(first: date, last: date, *, asked_at: datetime, reach: timedelta) -> Span:
    """Days for which nobody can answer any more."""
    hours = round(reach / timedelta(hours=1))
    count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    reason = f"the vendor answers for the last {count} {unit}{'' if count == 1 else 's'} only"
    return Span(first, last, State.MISSING, final_from=asked_at, reason=reason)


def is_settled(spans: Sequence[Span], first: date, last: date) -> bool:
    """Whether asking again for the days is of no use."""
    return all(span is not None and span.is_settled for _, _, span in _parts(spans, first, last))


def due_days(
    spans: Sequence[Span], first: date, last: date, now: datetime, *, running: bool = False
) -> Iterator[tuple[date, date]]:
    """Runs of days for which asking again could bring something new: missing, over now, or with a final answer.

    Parameters
    ----------
    running
        Whether more of a day that is not over yet is something new.
    """
    for start, end, span in _parts(spans, first, last):
        until = end if span is None else min(end, span.last_due(now, running=running))
        if start <= until:
            yield start, until


def unsaid(spans: Sequence[Span], new: Span) -> list[Span]:
    """What the ledger does not say yet, or better: a failure does not undo an answer."""
    if new.state is not State.MISSING:
        return [] if new in spans else [new]
    return [new.cut(first, last) for first, last in _days_to_say(spans, new)]


def known_until(spans: Sequence[Span], first: date, *, settles_after: timedelta) -> datetime | None:
    """Until when, from the beginning of a day on, everything was received that will not change; None for nothing.

    Of a day whose answer was not final that is what had happened so long before it was asked for.
    """
    known = None
    for span in spans[_touched(spans, first, date.max)[0] :]:
        if span.first > first or span.asked_at is None or span.state is State.MISSING or span.reason is not None:
            break
        over = _end_of(span.last)
        until = over if span.state is State.FINAL else min(over, span.asked_at - settles_after)
        if until <= midnight(first):
            break
        known = until
        if until < over:
            break
        first = span.last + ONE_DAY
    return known


def gaps(spans: Sequence[Span], first: date, last: date) -> list[Span]:
    """The missing days, never asked for or asked in vain."""
    parts = ((start, end, span or Span(start, end, State.MISSING)) for start, end, span in _parts(spans, first, last))
    return [span.cut(start, end) for start, end, span in parts if span.state is State.MISSING]


def _days_to_say(spans: Sequence[Span], new: Span) -> list[tuple[date, date]]:
    found: list[tuple[date, date]] = []
    for first, last, span in _parts(spans, new.first, new.last):
        if span is not None and not (
            span.state is State.MISSING and (span.reason, span.is_settled) != (new.reason, new.is_settled)
        ):
            continue
        if found and found[-1][1] + ONE_DAY == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _parts(spans: Sequence[Span], first: date, last: date) -> Iterator[tuple[date, date, Span | None]]:
    """The days from ``first`` to ``last`` in runs that one span speaks of, or none."""
    start, stop = _touched(spans, first, last)
    for span in spans[start:stop]:
        if first < span.first:
            yield first, span.first - ONE_DAY, None
        yield max(first, span.first), min(last, span.last), span
        first = span.last + ONE_DAY
    if first <= last:
        yield first, last, None


def _touched(spans: Sequence[Span], first: date, last: date) -> tuple[int, int]:
    """The positions of the spans that overlap some days."""
    start = bisect_left(spans, first, key=lambda span: span.last)
    return start, bisect_right(spans, last, lo=start, key=lambda span: span.first)


def _last_over(moment: datetime) -> date:
    """The last day that has ended by a moment (UTC)."""
    return moment.astimezone(UTC).date() - ONE_DAY


def _end_of(day: date) -> datetime:
    return midnight(day) + ONE_DAY
