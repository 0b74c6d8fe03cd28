"""No minute above the limit, the vendor's word before ours, quotas that stop until their reset."""

import json
import random
import subprocess
import sys
from datetime import timedelta
from itertools import accumulate

import pytest

from atlas_assets.data_sources.client.errors import NotAskedError, QuotaExhausted
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.state import MemoryState
from atlas_tests.conftest import REPOSITORY

USED = RateHeaders(used="x-mbx-used-weight-1m")
LEFT = RateHeaders(limit="x-ratelimit-limit", remaining="x-ratelimit-remaining")
SECONDS = RateHeaders(remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", window_seconds=600)
EPOCH = RateHeaders(
    limit="x-rate-limit-limit",
    remaining="x-rate-limit-remaining",
    reset="x-rate-limit-reset",
    reset_in="epoch",
    window_seconds=900,
)


def assert_no_window_above(sent, limit, seconds):
    """No window of that length carries more than the limit; ``sent`` holds times and weights."""
    sent = sorted(sent)
    totals = [0, *accumulate(weight for _, weight in sent)]
    first = 0
    for last, (time, _) in enumerate(sent):
        while sent[first][0] <= time - seconds:
            first += 1
        assert totals[last + 1] - totals[first] <= limit


def test_no_minute_carries_more_than_the_limit(fake_time, limiter_of):
    limiter, rng, sent = limiter_of(50), random.Random(3), []
    for _ in range(600):
        weight = rng.choice([1, 2, 4, 10])
        limiter.acquire(weight)
        sent.append((fake_time.seconds, weight))
        fake_time.seconds += rng.choice([0.0, 0.1, 3.0])
    assert_no_window_above(sent, 50, 60)
    total = sum(weight for _, weight in sent)
    assert total / (sent[-1][0] - sent[0][0]) * 60 > 45


def test_the_first_minute_may_use_the_whole_limit_and_heavy_requests_still_go(fake_time, limiter_of):
    limiter = limiter_of(6)
    for _ in range(6):
        limiter.acquire()
    assert fake_time.naps == []
    limiter.acquire(100)
    assert sum(fake_time.naps) == pytest.approx(60.0)


def test_limiters_of_a_vendor_share_its_limit(fake_time, limiter_of):
    for _ in range(3):
        for limiter in (limiter_of(6), limiter_of(6)):
            limiter.acquire()
    assert fake_time.naps == []
    limiter_of(6).acquire()
    assert sum(fake_time.naps) == pytest.approx(60.0)


def test_what_is_remembered_stays_small(fake_time, limiter_of, memory):
    limiter = limiter_of(100_000)
    for _ in range(5000):
        limiter.acquire()
        fake_time.seconds += 0.01
    assert len(json.dumps(memory.read("limits:acme"))) < 8000


WORKER = """
import json, sys, time
from datetime import UTC, datetime
from pydantic import SecretStr
from atlas_assets.data_sources.client.limiter import VendorLimiter
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.state import open_state
window, seconds = map(float, sys.argv[1:])
state = open_state(SecretStr(sys.stdin.readline().strip()))
instant, last = state.instant, []
def recorded():
    last[:] = [instant()]
    return last[0]
state.instant = recorded
now = lambda: datetime.now(UTC)
limiter = VendorLimiter("acme", 60, state=state, sleep=time.sleep, now=now, quota=Quota(), rate_headers=RateHeaders(),
                        max_wait_seconds=9, window_seconds=window)
print("ready", flush=True)
sys.stdin.readline()
sent, end = [], time.monotonic() + seconds
while time.monotonic() < end:
    weight = 1 + len(sent) % 3
    limiter.acquire(weight)
    sent.append((last[0].clock, weight))
print(json.dumps(sent))
"""


@pytest.mark.parametrize(
    ("homes", "window", "seconds"),
    [
        (["disk"], 0.5, 2.5),
        (["redis"], 0.5, 2.5),
        pytest.param(["disk", "redis"], 60, 1, marks=pytest.mark.slow),
    ],
    ids=["disk", "redis", "a minute of both"],
)
def test_eight_processes_together_stay_below_the_limit(address_of, homes, window, seconds):
    command = [sys.executable, "-c", WORKER, str(window), str(seconds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    workers = {
        home: [subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes) for _ in range(8)] for home in homes
    }
    everybody = [worker for those in workers.values() for worker in those]
    for home, those in workers.items():
        address = address_of(home)
        for worker in those:
            worker.stdin.write(address + "\n")
            worker.stdin.flush()
    for worker in everybody:
        assert worker.stdout.readline() == "ready\n"
    for worker in everybody:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for those in workers.values():
        outputs = [worker.communicate(timeout=seconds + 120)[0] for worker in those]
        sent = [tuple(pair) for output in outputs for pair in json.loads(output)]
        assert_no_window_above(sent, 60, window)
        assert sum(weight for _, weight in sent) > 60


def test_weight_that_others_used_counts(fake_time, limiter_of):
    ours = limiter_of(100, rate_headers=USED)
    ours.acquire(10)
    ours.learn({"x-mbx-used-weight-1m": "95"})
    ours.learn({"x-mbx-used-weight-1m": "95"})
    limiter_of(100).acquire(5)
    assert fake_time.naps == []
    ours.learn({"x-mbx-used-weight-1m": "40"})
    limiter_of(100).acquire(1)
    assert sum(fake_time.naps) == pytest.approx(60.0)


@pytest.mark.parametrize(("told", "effective"), [("40", 40), ("1400", 100), ("0", 100), ("many", 100)])
def test_the_stricter_of_both_limits_holds(fake_time, limiter_of, told, effective):
    limiter = limiter_of(100, rate_headers=LEFT)
    limiter.learn({"x-ratelimit-limit": told, "x-ratelimit-remaining": "1000"})
    for _ in range(effective):
        limiter.acquire()
    assert fake_time.naps == []
    limiter.acquire()
    assert sum(fake_time.naps) == pytest.approx(60.0)


def test_a_limit_of_another_window_is_no_limit_a_minute(fake_time, limiter_of):
    limiter = limiter_of(30, rate_headers=EPOCH)
    limiter.learn({"x-rate-limit-limit": "5"})
    for _ in range(30):
        limiter.acquire()
    assert fake_time.naps == []


@pytest.mark.parametrize(
    ("names", "headers", "seconds"),
    [
        (SECONDS, {"x-ratelimit-remaining": "2.0", "x-ratelimit-reset": "82"}, 82),
        (EPOCH, {"x-rate-limit-remaining": "2", "x-rate-limit-reset": "1546257720"}, 120),
        (
            EPOCH,
            {
                "x-rate-limit-remaining": "2",
                "x-rate-limit-reset": "1577836830",
                "date": "Wed, 01 Jan 2020 00:00:00 GMT",
            },
            30,
        ),
        (LEFT, {"x-ratelimit-remaining": "2"}, 60),
    ],
)
def test_nothing_left_means_that_all_wait_for_the_reset(fake_time, limiter_of, names, headers, seconds):
    limiter_of(rate_headers=names).learn(headers)
    for _ in range(2):
        limiter_of().acquire()
    assert fake_time.naps == []
    limiter_of().acquire()
    limiter_of().acquire()
    assert sum(fake_time.naps) == pytest.approx(seconds)


def test_replies_that_overtake_each_other_do_not_raise_what_is_left(fake_time, limiter_of):
    limiter = limiter_of(rate_headers=SECONDS)
    for remaining in ("3.0", "1.0", "2.0"):
        limiter.learn({"x-ratelimit-remaining": remaining, "x-ratelimit-reset": "100"})
    limiter.acquire()
    limiter.acquire()
    assert sum(fake_time.naps) == pytest.approx(100)
    limiter.learn({"x-ratelimit-remaining": "599.0", "x-ratelimit-reset": "600"})
    for _ in range(500):
        limiter.acquire()
    assert sum(fake_time.naps) == pytest.approx(100)


def test_absurd_headers_are_ignored(fake_time, limiter_of, memory):
    limiter = limiter_of(rate_headers=SECONDS)
    for value in ("-1", "nan", "inf", "1e3", "", "9" * 50, "²", "0x10"):
        limiter.learn({"x-ratelimit-remaining": value, "x-ratelimit-reset": value})
    assert memory.read("limits:acme") == {}
    limiter.acquire()
    assert fake_time.naps == []


def test_a_pause_holds_for_everybody_and_a_long_one_is_an_error(fake_time, limiter_of):
    limiter_of().pause(7)
    limiter_of().pause(3)
    limiter_of().acquire()
    assert fake_time.naps == pytest.approx([7])
    limiter_of().pause(7200)
    with pytest.raises(NotAskedError) as caught:
        limiter_of().acquire()
    assert caught.value.retry_after == pytest.approx(7200)
    assert "2018-12-31 14:00:07 UTC" in caught.value.advice


def test_a_pause_slept_through_is_over_even_if_the_clock_stood_still(limiter_of, calendar):
    naps = []
    state = MemoryState(clock=lambda: 5.0)
    limiter = limiter_of(state=state, sleep=naps.append)
    limiter.pause(30)
    limiter.acquire()
    assert naps == [30]


@pytest.mark.parametrize("days", [1 / 24, 30])
def test_a_clock_set_back_makes_no_wait_longer_than_it_was(fake_time, limiter_of, days):
    limiter = limiter_of(1, rate_headers=SECONDS)
    limiter.acquire()
    limiter.pause(100)
    limiter.learn({"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "130"})
    fake_time.seconds -= days * 24 * 3600
    limiter.acquire()
    assert sum(fake_time.naps) == pytest.approx(130)
    fake_time.seconds -= days * 24 * 3600
    limiter.acquire()
    assert sum(fake_time.naps) == pytest.approx(130 + 60, abs=0.6)


def test_quotas_stop_requests_until_their_reset(fake_time, limiter_of):
    limiter = limiter_of(quota=Quota(100))
    limiter.acquire(1, cost=40)
    limiter.acquire(1, cost=60)
    for quota_of_another_process in (limiter, limiter_of(quota=Quota(100))):
        with pytest.raises(QuotaExhausted) as caught:
            quota_of_another_process.acquire()
        assert "reset at 2019-01-01 00:00 UTC" in caught.value.advice
        assert caught.value.retry_after == 12 * 3600
    fake_time.seconds += 12 * 3600
    limiter.acquire()


def test_a_costly_request_is_refused_while_cheap_ones_still_go(limiter_of):
    limiter = limiter_of(quota=Quota(100))
    limiter.acquire(1, cost=50)
    with pytest.raises(QuotaExhausted, match="50 of 100 calls a day are left and this request costs 100"):
        limiter.acquire(1, cost=100)
    limiter.acquire(1, cost=50)


def test_the_vendor_may_say_that_the_quota_is_used_up(fake_time, limiter_of):
    refusal = QuotaExhausted("HTTP 402")
    limiter_of(quota=Quota(period="month")).use_up(refusal)
    assert "2019-01-01 00:00 UTC" in refusal.advice
    with pytest.raises(QuotaExhausted):
        limiter_of(quota=Quota(period="month")).acquire(cost=0)
    fake_time.seconds += 12 * 3600
    limiter_of(quota=Quota(period="month")).acquire()


def test_a_clock_that_is_late_does_not_bring_a_used_quota_back(fake_time, calendar, limiter_of):
    late = limiter_of(quota=Quota(10), now=lambda: calendar() - timedelta(minutes=5))
    fake_time.seconds += 12 * 3600
    limiter_of(quota=Quota(10)).acquire(cost=10)
    for limiter in (late, limiter_of(quota=Quota(10)), late):
        with pytest.raises(QuotaExhausted):
            limiter.acquire()
