"""What an operator sees of the limits, and how he ends a stop by hand."""

from datetime import timedelta

import pytest

from atlas_assets.data_sources.client.breaker import BreakerPolicy, CircuitBreaker
from atlas_assets.data_sources.client.errors import QuotaExhausted
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.status import release, vendor_status

from .conftest import NOON

MIDNIGHT = NOON + timedelta(hours=12)


@pytest.fixture
def status(memory, calendar):
    def read():
        (only,) = vendor_status(memory, calendar())
        return only

    return read


def test_nobody_was_asked(memory, calendar):
    assert vendor_status(memory, calendar()) == []


def test_what_was_sent_and_what_is_left(limiter_of, status, fake_time):
    limiter = limiter_of(60, quota=Quota(100))
    limiter.acquire(3, cost=30)
    fake_time.seconds += 30
    limiter.acquire(2, cost=20)
    seen = status()
    assert (seen.source, seen.rate_limit, seen.used) == ("acme", 60, 5)
    assert (seen.calls, seen.quota, seen.quota_left, seen.quota_resets_at) == (50, 100, 50, MIDNIGHT)
    assert (seen.blocked_until, seen.breaker, seen.failures) == (None, "closed", 0)
    fake_time.seconds += 31
    assert status().used == 2
    fake_time.seconds += 12 * 3600
    assert (status().used, status().calls, status().quota_resets_at) == (0, 0, None)


def test_until_when_a_vendor_is_not_asked(limiter_of, status):
    names = RateHeaders(remaining="left", reset="reset", window_seconds=600)
    limiter_of(rate_headers=names).learn({"left": "0.0", "reset": "30"})
    assert status().blocked_until == NOON + timedelta(seconds=30)
    limiter_of().pause(90)
    assert status().blocked_until == NOON + timedelta(seconds=90)
    limiter_of(quota=Quota(9)).use_up(QuotaExhausted("HTTP 402"))
    assert (status().blocked_until, status().quota_left) == (MIDNIGHT, 0)


def test_the_breakers_state(memory, calendar, status, fake_time):
    breaker = CircuitBreaker("acme", state=memory, policy=BreakerPolicy(failures=2), now=calendar)
    breaker.fail()
    assert (status().breaker, status().failures, status().blocked_until) == ("closed", 1, None)
    breaker.fail()
    assert (status().breaker, status().blocked_until) == ("open", NOON + timedelta(seconds=30))
    fake_time.seconds += 30
    assert (status().breaker, status().blocked_until) == ("half-open", None)


def test_an_operator_may_end_a_stop(memory, calendar, limiter_of, status, fake_time):
    limiter = limiter_of(quota=Quota(100))
    limiter.acquire()
    limiter.pause(200)
    limiter.use_up(QuotaExhausted("HTTP 402"))
    breaker = CircuitBreaker("acme", state=memory, policy=BreakerPolicy(failures=1), now=calendar)
    breaker.fail()
    release(memory, "acme")
    seen = status()
    assert (seen.blocked_until, seen.breaker, seen.quota_left, seen.used) == (None, "closed", 99, 1)
    breaker.enter()
    limiter.acquire()
    assert fake_time.naps == []
    release(memory, "never asked")
    assert len(vendor_status(memory, calendar())) == 1
