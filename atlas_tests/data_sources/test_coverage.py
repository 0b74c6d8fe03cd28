"""The ledger's arithmetic against a naive one that looks at each day by itself."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assets.data_sources.coverage import (
    ONE_DAY,
    Span,
    State,
    answered,
    due_days,
    first_whole_day,
    gaps,
    held,
    is_settled,
    known_until,
    paint,
    unreachable,
    unsaid,
)

FIRST = date(2018, 12, 1)
DAYS = 20
HORIZON = 24 * (DAYS + 10)
FAST = settings(max_examples=150, deadline=None)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def moment(hours: int) -> datetime:
    return datetime(2018, 12, 1, tzinfo=UTC) + timedelta(hours=hours)


@st.composite
def windows(draw) -> tuple[date, date]:
    first, last = sorted((draw(st.integers(0, DAYS - 1)), draw(st.integers(0, DAYS - 1))))
    return day(first), day(last)


@st.composite
def spans(draw) -> Span:
    first, last = draw(windows())
    state = draw(st.sampled_from(State))
    final_from = moment(draw(st.integers(0, HORIZON)))
    if state is State.FINAL or (state is State.MISSING and draw(st.booleans())):
        final_from = None
    reason = draw(st.sampled_from(["busy", "no such symbol"])) if state is State.MISSING else None
    asked_at = moment(draw(st.integers(0, HORIZON)))
    return Span(first, last, state, draw(st.integers(0, 3)), final_from, reason, asked_at)


LOGS = st.lists(spans(), max_size=12)


class Naive:
    """What the log says of each day: its last entry, seen as an entry of that day alone."""

    def __init__(self, log: list[Span]) -> None:
        self.days: dict[date, Span] = {}
        for span in log:
            for number in range((span.last - span.first).days + 1):
                one = span.first + timedelta(days=number)
                self.days[one] = span

    def settled(self, one: date) -> bool:
        span = self.days.get(one)
        return span is not None and (
            span.state is State.FINAL or (span.state is State.MISSING and span.final_from is not None)
        )

    def due(self, one: date, now: datetime, *, running: bool) -> bool:
        span = self.days.get(one)
        if span is None:
            return True
        if self.settled(one):
            return False
        if span.state is State.MISSING:
            return True
        if span.state is State.PARTIAL:
            if running and span.asked_at < now:
                return True
            return now >= datetime.combine(one, datetime.min.time(), UTC) + ONE_DAY
        # The day's answer is final so long after its end as the span's last day's is after its own.
        return now >= span.final_from - (span.last - one)


def every_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def painted(log: list[Span]) -> list[Span]:
    return paint(("A", span) for span in log).get("A", [])


@FAST
@given(log=LOGS)
def test_of_each_day_the_last_entry_counts(log):
    naive, spans = Naive(log), painted(log)
    assert all(before.last < after.first for before, after in pairwise(spans))
    seen = {one: span for span in spans for one in every_day(span.first, span.last)}
    assert seen.keys() == naive.days.keys()
    for one, span in seen.items():
        entry = naive.days[one]
        assert (span.state, span.rows, span.reason) == (entry.state, entry.rows, entry.reason)


@FAST
@given(log=LOGS, other=LOGS)
def test_instruments_do_not_touch_each_other(log, other):
    both = [("A", span) for span in log] + [("B", span) for span in other]
    assert paint(both).get("A", []) == painted(log)
    assert paint(both).get("B", []) == painted(other)


@FAST
@given(log=LOGS, window=windows(), hours=st.integers(0, HORIZON), running=st.booleans())
def test_settled_and_due_day_by_day(log, window, hours, running):
    naive, spans, now = Naive(log), painted(log), moment(hours)
    days = every_day(*window)
    assert is_settled(spans, *window) == all(naive.settled(one) for one in days)
    due = {one for run in due_days(spans, *window, now, running=running) for one in every_day(*run)}
    assert due == {one for one in days if naive.due(one, now, running=running)}
    missing = {one for gap in gaps(spans, *window) for one in every_day(gap.first, gap.last)}
    assert missing == {one for one in days if one not in naive.days or naive.days[one].state is State.MISSING}


@FAST
@given(
    window=windows(),
    hours=st.integers(-48, HORIZON),
    settles=st.integers(0, 100),
    reach=st.none() | st.integers(1, 400),
    rows=st.dictionaries(st.integers(0, DAYS - 1).map(day), st.integers(1, 9)),
)
def test_an_answer_day_by_day(window, hours, settles, reach, rows):
    now, settles_after = moment(hours), timedelta(hours=settles)
    reach = None if reach is None else timedelta(hours=reach)
    spans = answered(*window, rows=rows, asked_at=now, settles_after=settles_after, reach=reach)
    assert [one for span in spans for one in every_day(span.first, span.last)] == every_day(*window)
    within = {one: count for one, count in rows.items() if window[0] <= one <= window[1]}
    for span in spans:
        if span.state is not State.MISSING:
            assert span.rows == sum(within.get(one, 0) for one in every_day(span.first, span.last))
        for one in every_day(span.first, span.last):
            start = datetime.combine(one, datetime.min.time(), UTC)
            out_of_reach = reach is not None and start < now - reach
            if out_of_reach:
                assert (span.state, span.is_settled) == (State.MISSING, True)
            elif start + ONE_DAY + settles_after <= now:
                assert span.state is State.FINAL
            else:
                assert span.state is (State.PRESENT if start + ONE_DAY <= now else State.PARTIAL)
                # An answer is due again just when it could differ: when the day is over, or the answer final.
                again = start + ONE_DAY + (settles_after if span.state is State.PRESENT else timedelta(0))
                assert not any(due_days(spans, one, one, again - timedelta(seconds=1)))
                assert any(due_days(spans, one, one, again))


@FAST
@given(log=LOGS, new=spans())
def test_a_failure_never_undoes_an_answer_and_nothing_is_said_twice(log, new):
    before = painted(log)
    said = unsaid(before, new)
    after = painted([*before, *said])
    naive, then = Naive(log), {one: span for span in after for one in every_day(span.first, span.last)}
    for one in every_day(new.first, new.last):
        old = naive.days.get(one)
        if new.state is State.MISSING and old is not None and old.state is not State.MISSING:
            assert then[one].state is old.state
        else:
            assert (then[one].state, then[one].reason) == (new.state, new.reason)
            assert then[one].is_settled == new.is_settled
    assert all(then[one].state is span.state for one, span in naive.days.items() if not new.first <= one <= new.last)
    assert unsaid(after, new) == []


def test_the_running_day_is_never_final():
    noon = datetime(2018, 12, 20, 12, tzinfo=UTC)
    spans = answered(day(0), day(29), rows={}, asked_at=noon, settles_after=timedelta(0))
    assert [(span.first, span.last, span.state) for span in spans] == [
        (day(0), day(18), State.FINAL),
        (day(19), day(29), State.PARTIAL),
    ]


def test_a_day_that_has_begun_to_slip_out_of_reach_is_not_whole():
    reach = timedelta(days=7)
    assert first_whole_day(datetime(2018, 12, 20, tzinfo=UTC), reach) == date(2018, 12, 13)
    assert first_whole_day(datetime(2018, 12, 20, 0, 0, 1, tzinfo=UTC), reach) == date(2018, 12, 14)


@pytest.mark.parametrize(
    ("log", "hours"),
    [
        ([], None),
        ([(0, 0, State.FINAL)], 24),
        # Asked at ten: what happened before nine.
        ([(0, 0, State.PARTIAL, 10)], 9),
        # Asked at half past midnight.
        ([(0, 0, State.PRESENT, 24.5)], 23.5),
        ([(0, 1, State.FINAL), (2, 3, State.PRESENT, 100)], 96),
        ([(0, 0, State.FINAL), (1, 1, State.PARTIAL, 24.5)], 24),
        ([(0, 0, State.PRESENT, 24.5), (1, 1, State.FINAL)], 23.5),
        ([(0, 0, State.PARTIAL, 0.5)], None),
        ([(1, 1, State.FINAL)], None),
        ([(0, 0, State.FINAL), (2, 2, State.FINAL)], 24),
        ([(0, 0, State.FINAL), (1, 1, State.MISSING), (2, 2, State.FINAL)], 24),
        # The vendor showed a part of it only.
        ([(0, 0, State.PARTIAL, 10, "too many")], None),
    ],
)
def test_until_when_everything_is_known(log, hours):
    painted = [
        Span(day(first), day(last), state, asked_at=moment(asked), reason=reason)
        for first, last, state, asked, reason in ((*line, *(500, None)[len(line) - 3 :]) for line in log)
    ]
    until = known_until(painted, day(0), settles_after=timedelta(hours=1))
    assert until == (None if hours is None else moment(hours))


@pytest.mark.parametrize(
    ("hours", "known", "state", "before"),
    [
        # Read long after: nobody knows whether the file's last day was over when it was saved.
        (24 * 60, [], State.PRESENT, State.FINAL),
        (24 * 60, [Span(day(0), day(9), State.FINAL)], State.FINAL, State.FINAL),
        (24 * 60, [Span(day(9), day(9), State.PARTIAL)], State.PRESENT, State.FINAL),
        # Read on that day.
        (24 * 9 + 5, [], State.PARTIAL, State.PRESENT),
    ],
)
def test_days_of_a_file(hours, known, state, before):
    rows = {day(9): 1, day(8): 2, day(5): 4, day(4): 8, day(1): 16}
    spans = held(rows, now=moment(hours), known=known, is_open=lambda one: one not in (day(6), day(7)))
    assert [(first, last) for first, last, _ in gaps_between(spans)] == [(day(2), day(3))]
    assert sum(span.rows for span in spans) == 31
    states = {one: span.state for span in spans for one in rows if span.first <= one <= span.last}
    assert states == {
        day(9): state, day(8): before, day(5): State.FINAL, day(4): State.FINAL, day(1): State.FINAL,
    }  # fmt: skip


def gaps_between(spans) -> list[tuple[date, date, State]]:
    return [(gap.first, gap.last, gap.state) for gap in gaps(spans, spans[0].first, spans[-1].last)]


def test_a_span_that_is_cut_keeps_when_each_day_is_final():
    present = Span(day(0), day(2), State.PRESENT, 3, final_from=moment(120))
    first, new, last = painted([present, Span(day(1), day(1), State.FINAL, 1)])
    assert (first.last, first.final_from) == (day(0), moment(72))
    assert (last.first, last.final_from) == (day(2), moment(120))
    assert new.state is State.FINAL


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (timedelta(days=7, seconds=-60), "7 days"),
        (timedelta(days=365), "365 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=36), "36 hours"),
    ],
)
def test_how_far_back_a_vendor_answers_is_said_in_whole_days_or_hours(reach, said):
    span = unreachable(FIRST, FIRST, asked_at=moment(0), reach=reach)
    assert span.reason == f"the vendor answers for the last {said} only"
