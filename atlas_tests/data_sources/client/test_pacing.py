"""Waiting times and retry budget."""

import random
from datetime import UTC, datetime

import pytest

from atlas_assets.data_sources.client.pacing import RetryBudget, backoff_seconds, retry_after_seconds

NOW = datetime(2018, 12, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("-5", None),
        ("1000000000", None),
        ("9" * 400, None),
        ("1e3", None),
        ("²", None),
        ("soon", None),
        ("", None),
        ("Mon, 31 Dec 2018 12:02:00 GMT", 120.0),
        ("Mon, 31 Dec 2018 12:02:00 -0000", 120.0),
        ("Mon, 31 Dec 2018 11:00:00 GMT", None),
        ("Mon, 31 Dec 9999 23:59:59 GMT", None),
        ("Mon, 99 Dec 2018 11:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
    ],
)
def test_retry_after_is_bounded(value, seconds):
    assert retry_after_seconds({"retry-after": value}, NOW) == seconds


def test_a_retry_date_counts_from_the_servers_own_clock():
    headers = {"retry-after": "Wed, 01 Jan 2020 00:00:30 GMT", "date": "Wed, 01 Jan 2020 00:00:00 GMT"}
    assert retry_after_seconds(headers, NOW) == 30.0


def test_waits_have_full_jitter():
    draws = [backoff_seconds(3, random.Random(seed)) for seed in range(2000)]
    assert min(draws) < 0.1
    assert max(draws) > 3.9
    assert sum(draws) / len(draws) == pytest.approx(2.0, abs=0.1)
    assert max(backoff_seconds(500, random.Random(seed)) for seed in range(50)) <= 60


def test_a_budget_is_earned_by_requests():
    budget = RetryBudget(ratio=0.5, reserve=1.0)
    assert [budget.withdraw(), budget.withdraw()] == [True, False]
    for _ in range(3):
        budget.deposit()
    assert [budget.withdraw(), budget.withdraw()] == [True, False]
