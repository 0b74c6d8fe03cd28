"""A vendor that is broken is left alone, found out to work again, and never in the others' way."""

import httpx
import pytest

from atlas_assets.data_sources.client.breaker import BreakerPolicy, CircuitBreaker
from atlas_assets.data_sources.client.errors import CircuitOpen, PermanentError, TransientError

URL = "https://api.acme.example/v1/rows"


@pytest.fixture
def breaker(memory, calendar):
    return CircuitBreaker("acme", state=memory, policy=BreakerPolicy(failures=3, longest_seconds=100), now=calendar)


def is_open(breaker) -> float:
    try:
        breaker.enter()
    except CircuitOpen as error:
        return error.retry_after
    return 0.0


def test_failures_in_a_row_open_it_and_a_success_in_between_does_not(breaker):
    for _ in range(3):
        breaker.fail()
        breaker.fail()
        breaker.succeed()
    assert not is_open(breaker)
    for _ in range(3):
        assert not is_open(breaker)
        breaker.fail()
    with pytest.raises(CircuitOpen, match="in a row failed") as caught:
        breaker.enter()
    assert caught.value.advice == "it is tried again after 2018-12-31 12:00:30 UTC"
    assert caught.value.retry_after == pytest.approx(30)


def test_after_a_cool_down_that_grows_one_request_tries(breaker, fake_time):
    for _ in range(3):
        breaker.fail()
    for cooldown in (30, 60, 100, 100):
        assert is_open(breaker) == pytest.approx(cooldown)
        # Those that were under way when it opened change nothing.
        breaker.fail()
        assert is_open(breaker) == pytest.approx(cooldown)
        fake_time.seconds += cooldown
        assert not is_open(breaker)
        assert is_open(breaker)
        breaker.fail()
    fake_time.seconds += 100
    breaker.enter()
    breaker.succeed()
    assert [is_open(breaker) for _ in range(3)] == [0, 0, 0]


def test_a_try_that_dies_is_followed_by_another(breaker, fake_time):
    for _ in range(3):
        breaker.fail()
    fake_time.seconds += 30
    assert not is_open(breaker)
    assert is_open(breaker)
    fake_time.seconds += 30
    assert not is_open(breaker)


def test_a_clock_set_back_makes_no_cool_down_longer(breaker, fake_time):
    for _ in range(3):
        breaker.fail()
    fake_time.seconds -= 10_000
    assert is_open(breaker) == pytest.approx(30)
    fake_time.seconds += 30
    assert not is_open(breaker)


def test_clients_share_it_and_other_vendors_go_on(client_of, vendor, memory, calendar, fake_time):
    down, up = vendor(httpx.Response(503)), vendor(httpx.Response(200, content=b"ok"))
    options = {"state": memory, "now": calendar, "breaker": BreakerPolicy(failures=2), "max_attempts": 2}
    for _ in range(2):
        with pytest.raises(TransientError, match="HTTP 503"):
            client_of(down, **options).get(URL)
    asked = len(down.requests)
    with pytest.raises(CircuitOpen, match=r"^acme: not asked.*; it is tried again after 2018-12-31 12:00:\d\d UTC\.$"):
        client_of(down, **options).get(URL)
    assert len(down.requests) == asked
    assert client_of(up, source="other", **options).get(URL).content == b"ok"
    fake_time.seconds += 60
    # The one that tries has all its attempts.
    again = vendor(httpx.Response(503), httpx.Response(200, content=b"ok"))
    assert client_of(again, **options).get(URL).content == b"ok"
    assert client_of(up, **options).get(URL).content == b"ok"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_refusals_of_a_request_show_that_the_vendor_works(client_of, vendor, memory, status):
    options = {"state": memory, "breaker": BreakerPolicy(failures=2), "max_attempts": 1}
    for answers in [httpx.Response(503), httpx.Response(status)] * 5:
        with pytest.raises((TransientError, PermanentError), match="HTTP"):
            client_of(vendor(answers), **options).get(URL)


def test_a_request_for_a_pause_is_no_failure(client_of, vendor, memory, calendar, fake_time):
    throttled = vendor(httpx.Response(429, headers={"retry-after": "60"}))
    options = {"state": memory, "now": calendar, "breaker": BreakerPolicy(failures=2), "max_attempts": 1}
    for _ in range(5):
        with pytest.raises(TransientError, match="HTTP 429"):
            client_of(throttled, **options).get(URL)


@pytest.mark.parametrize("answer", [httpx.Response(429), httpx.ConnectTimeout("slow"), httpx.Response(500)])
def test_no_answer_server_errors_and_endless_throttling_are_failures(client_of, vendor, memory, answer):
    options = {"state": memory, "breaker": BreakerPolicy(failures=2), "max_attempts": 1}
    for _ in range(2):
        with pytest.raises(TransientError):
            client_of(vendor(answer), **options).get(URL)
    with pytest.raises(CircuitOpen):
        client_of(vendor(answer), **options).get(URL)
