"""Declared limits: when a quota resets, and how a vendor says that it is used up."""

import json
from datetime import UTC, datetime, time, timedelta, timezone

import httpx
import pytest

from atlas_assets.data_sources.client.limits import Quota, RateHeaders, RateReport


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quota", "now", "reset"),
    [
        (Quota(), at(2018, 12, 31, 23, 59, 59), at(2019, 1, 1)),
        (Quota(), at(2019, 1, 1), at(2019, 1, 2)),
        (Quota(), datetime(2019, 1, 1, 1, tzinfo=timezone(timedelta(hours=9))), at(2019, 1, 1)),
        (Quota(resets_at=time(5, 30)), at(2019, 1, 1, 5), at(2019, 1, 1, 5, 30)),
        (Quota(resets_at=time(5, 30)), at(2019, 1, 1, 6), at(2019, 1, 2, 5, 30)),
        (Quota(period="month"), at(2018, 12, 31, 23), at(2019, 1, 1)),
        (Quota(period="month"), at(2020, 1, 31), at(2020, 2, 1)),
        (Quota(period="month", resets_on=28), at(2019, 1, 28), at(2019, 2, 28)),
        (Quota(period="month", resets_on=15), at(2019, 1, 14, 23), at(2019, 1, 15)),
    ],
)
def test_the_next_reset(quota, now, reset):
    assert quota.next_reset(now) == reset
    assert reset - now <= quota.longest_period()


def test_every_reset_of_a_month_exists():
    for day in (0, 29):
        with pytest.raises(ValueError, match="from 1 to 28"):
            Quota(period="month", resets_on=day)


@pytest.mark.parametrize(
    ("status", "text", "used_up"),
    [
        (402, "", True),
        (429, '{"type":"https://api.twitter.com/2/problems/Usage-Capped"}', True),
        (401, '{"code":"apiKeyExhausted"}', True),
        (429, "Too Many Requests", False),
        (401, "apiKeyInvalid", False),
    ],
)
def test_how_a_vendor_says_that_it_is_used_up(status, text, used_up):
    assert Quota(phrases=("usage-capped", "apikeyexhausted")).is_used_up(status, text) is used_up
    assert not Quota(statuses=()).is_used_up(402, text)


EPOCH = RateHeaders(
    limit="x-rate-limit-limit",
    remaining="x-rate-limit-remaining",
    reset="x-rate-limit-reset",
    reset_in="epoch",
    window_seconds=900,
)


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("vendor", "names", "reports"),
    [
        (
            "reddit",
            RateHeaders(remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", window_seconds=600),
            [RateReport(remaining=599, reset_seconds=82), RateReport(remaining=599, reset_seconds=103)],
        ),
        (
            "x",
            EPOCH,
            [
                RateReport(remaining=449, reset_seconds=900),
                RateReport(remaining=299, reset_seconds=899),
                RateReport(remaining=297, reset_seconds=477),
            ],
        ),
        (
            "eodhd",
            RateHeaders(limit="x-ratelimit-limit", remaining="x-ratelimit-remaining"),
            [RateReport(limit=1400, remaining=n) for n in (1399, 1398, 1399)]
            + [RateReport(limit=1200, remaining=n) for n in (1174, 1196, 1177, 1180, 1178)],
        ),
    ],
)
def test_recorded_headers_are_read(recorded, vendor, names, reports):
    replies = json.loads(recorded(f"{vendor}/HEADERS.json")).values()
    read = [names.read(httpx.Headers(reply.get("headers", {})), at(2000, 1, 1)) for reply in replies]
    assert [report for report in read if report != RateReport()] == reports
