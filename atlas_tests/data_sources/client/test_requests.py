"""Conditional and ranged requests, forms, and a vendor's limits as its replies tell them."""

import gzip
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.errors import NotAskedError, PermanentError, QuotaExhausted, TransientError
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.state import MemoryState

URL = "https://api.acme.example/v1/rows"
EPOCH = RateHeaders(
    remaining="x-rate-limit-remaining", reset="x-rate-limit-reset", reset_in="epoch", window_seconds=900
)


class Raw(httpx.SyncByteStream):
    """A body that is not read before the client does."""

    def __init__(self, *chunks):
        self.chunks = chunks

    def __iter__(self):
        yield from self.chunks


def test_accepted_statuses_are_replies(client_of, vendor):
    unchanged = httpx.Response(304, headers={"etag": '"a"', "content-length": "512"}, stream=Raw())
    server = vendor(unchanged, httpx.Response(416), httpx.Response(302, headers={"location": "https://x.example"}))
    client = client_of(server)
    headers = {"If-None-Match": '"a"', "If-Modified-Since": "Mon, 31 Dec 2018 12:00:00 GMT"}
    reply = client.get(URL, headers=headers, accept={302, 304, 416})
    assert (reply.status, reply.content, reply.headers["etag"]) == (304, b"", '"a"')
    assert server.requests[0].headers["if-none-match"] == '"a"'
    assert server.requests[0].headers["if-modified-since"] == "Mon, 31 Dec 2018 12:00:00 GMT"
    assert [client.get(URL, accept={302, 304, 416}).status for _ in range(2)] == [416, 302]
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [304, 416])
def test_they_are_errors_unless_accepted(client_of, vendor, status):
    with pytest.raises(PermanentError, match=f"HTTP {status}") as caught:
        client_of(vendor(httpx.Response(status))).get(URL)
    assert caught.value.status == status


def test_an_accepted_status_that_passes_is_not_tried_again(client_of, vendor):
    server = vendor(httpx.Response(503, content=b"down"))
    assert client_of(server).get(URL, accept=[503]).content == b"down"
    assert len(server.requests) == 1


def test_a_range_is_asked_for_unpacked(client_of, vendor):
    part = httpx.Response(206, content=b"567", headers={"content-range": "bytes 5-7/8"})
    server = vendor(part)
    reply = client_of(server).get(URL, headers={"Range": "bytes=5-"})
    assert (reply.status, reply.content, reply.headers["content-range"]) == (206, b"567", "bytes 5-7/8")
    assert server.requests[0].headers["range"] == "bytes=5-"
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(204),
        httpx.Response(200, content=b""),
        httpx.Response(200, stream=Raw(), headers={"content-encoding": "gzip", "content-length": "0"}),
    ],
)
def test_nothing_is_a_reply(client_of, vendor, answer):
    assert client_of(vendor(answer)).get(URL).content == b""


def test_every_member_of_a_gzip_stream_counts(client_of, vendor):
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    for cut in (3, 25, len(packed)):
        stream = Raw(packed[:cut], packed[cut:])
        answer = httpx.Response(200, stream=stream, headers={"content-encoding": "gzip"})
        assert client_of(vendor(answer)).get(URL).content == b"one two"


def test_a_form_is_sent_with_name_and_password(client_of, vendor):
    server = vendor(httpx.Response(503), httpx.Response(200, json={"access_token": "t"}))
    reply = client_of(server).post_form(
        URL, {"grant_type": "client_credentials", "scope": "a b&c"}, auth=("id", SecretStr("pä:ss")), headers={"x": "y"}
    )
    sent = server.requests[-1]
    assert sent.method == "POST"
    assert parse_qs(sent.content.decode()) == {"grant_type": ["client_credentials"], "scope": ["a b&c"]}
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert sent.headers["authorization"] == "Basic aWQ6cMOkOnNz"
    assert sent.headers["x"] == "y"
    assert reply.request == {"method": "POST", "url": URL, "params": {}}
    assert len(server.requests) == 2


@pytest.mark.parametrize("location", ["/v2/token", "https://evil.example/token"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_form_is_never_redirected(client_of, vendor, status, location):
    server = vendor(httpx.Response(status, headers={"location": location}))
    with pytest.raises(PermanentError, match="refused"):
        client_of(server).post_form(URL, {"a": "b"})
    assert len(server.requests) == 1


def test_a_password_does_not_travel_unencrypted(client_of, vendor):
    server = vendor(httpx.Response(200))
    with pytest.raises(PermanentError, match="unencrypted"):
        client_of(server).post_form("http://api.acme.example/token", {}, auth=("user", "password"))
    with pytest.raises(PermanentError, match="unencrypted"):
        client_of(server).post_form("http://api.acme.example/token", {"field": SecretStr("password")})
    assert server.requests == []


def test_throttling_without_retry_after_waits_for_the_declared_reset(client_of, vendor, fake_time):
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "1546257690"}
    server = vendor(httpx.Response(429, headers=headers), httpx.Response(200, content=b"ok"))
    assert client_of(server, rate_headers=EPOCH).get(URL).content == b"ok"
    assert 90 <= sum(fake_time.naps) <= 91


def test_throttling_for_longer_than_we_wait_fails_at_once_for_everybody(client_of, vendor, memory, fake_time):
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(1546257600 + 800)}
    server = vendor(httpx.Response(429, headers=headers))
    options = {"rate_headers": EPOCH, "state": memory}
    with pytest.raises(TransientError, match="HTTP 429") as caught:
        client_of(server, **options).get(URL)
    assert caught.value.retry_after == 800
    for _ in range(3):
        with pytest.raises(NotAskedError, match=r"^acme: .* \(https://api.acme.example/v1/rows\); run again after"):
            client_of(server, **options).get(URL)
    assert len(server.requests) == 1
    assert fake_time.naps == []
    patient = client_of(vendor(httpx.Response(200, content=b"ok")), **options, max_wait_seconds=900)
    assert patient.get(URL).content == b"ok"
    assert sum(fake_time.naps) == pytest.approx(800)


def test_rate_headers_of_any_reply_are_heeded(client_of, vendor, memory, fake_time):
    names = RateHeaders(remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", window_seconds=600)
    server = vendor(
        httpx.Response(200, headers={"X-Ratelimit-Remaining": "1.0", "X-Ratelimit-Reset": "82"}),
        httpx.Response(404, headers={"X-Ratelimit-Remaining": "0.0", "X-Ratelimit-Reset": "80"}),
        httpx.Response(200),
    )
    client = client_of(server, rate_headers=names)
    client.get(URL)
    with pytest.raises(PermanentError):
        client.get(URL)
    assert fake_time.naps == []
    client.get(URL)
    assert sum(fake_time.naps) == pytest.approx(82)


def test_hosts_may_be_vendors_of_their_own(client_of, vendor, memory):
    def answer(request):
        down = request.url.host == "down.example"
        return httpx.Response(429, headers={"retry-after": "7200"}) if down else httpx.Response(200)

    options = {"state": memory, "per_host": True}
    with pytest.raises(TransientError):
        client_of(answer, **options).get("https://down.example/feed")
    with pytest.raises(NotAskedError):
        client_of(answer, **options).get("https://down.example/feed")
    client_of(answer, **options).get("https://up.example/feed")
    assert memory.keys("limits:") == ["limits:acme:down.example", "limits:acme:up.example"]


@pytest.mark.parametrize("status", [418, 429, 503])
def test_a_vendor_that_asks_to_wait_holds_back_all_processes(client_of, vendor, memory, fake_time, status):
    hurt = client_of(vendor(httpx.Response(status, headers={"retry-after": "20"})), state=memory, max_attempts=1)
    with pytest.raises(TransientError):
        hurt.get(URL)
    client_of(vendor(httpx.Response(200)), state=memory).get(URL)
    assert sum(fake_time.naps) == pytest.approx(20)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(402),
        httpx.Response(
            429, json={"title": "UsageCapExceeded", "type": "https://api.x.example/2/problems/usage-capped"}
        ),
        httpx.Response(401, json={"status": "error", "code": "apiKeyExhausted", "message": "…"}),
    ],
)
def test_a_used_up_quota_stops_requests_before_the_network(client_of, vendor, memory, calendar, fake_time, answer):
    server = vendor(answer)
    options = {
        "state": memory,
        "now": calendar,
        "quota": Quota(period="month", phrases=("usage-capped", "apiKeyExhausted")),
    }
    for _ in range(3):
        with pytest.raises(QuotaExhausted, match=r"run again after the reset at 2019-01-01 00:00 UTC or take a larger"):
            client_of(server, **options).get(URL)
    assert len(server.requests) == 1
    fake_time.seconds += 12 * 3600
    client_of(vendor(httpx.Response(200)), **options).get(URL)


def test_a_check_may_find_the_quota_used_up(client_of, vendor, memory):
    def check(reply):
        if b"limit" in reply.content:
            raise QuotaExhausted("the daily limit is reached")

    server = vendor(httpx.Response(200, content=b"limit"))
    for message in ("daily limit is reached", "not asked"):
        with pytest.raises(QuotaExhausted, match=message):
            client_of(server, state=memory).get(URL, check=check)
    assert len(server.requests) == 1


def test_requests_cost_of_the_quota_what_the_vendor_charges(client_of, vendor):
    server = vendor(httpx.Response(200))
    client = client_of(server, quota=Quota(110))
    client.get(URL, cost=100)
    client.get(URL, weight=5)
    client.get(URL, cost=5)
    with pytest.raises(QuotaExhausted, match="0 of 110"):
        client.get(URL)
    client.post_form(URL, {"grant_type": "client_credentials"})
    assert len(server.requests) == 4


def test_a_state_that_fails_is_tried_again_and_is_no_failure_of_the_vendor(client_of, vendor):
    from atlas_assets.data_sources.client.errors import StateUnavailable

    class Flaky(MemoryState):
        failures = 2

        def update(self, key, change):
            if self.failures and key.startswith("limits:"):
                self.failures -= 1
                raise StateUnavailable("the shared state in Redis cannot be used")
            return super().update(key, change)

    state = Flaky()
    assert client_of(vendor(httpx.Response(200, content=b"ok")), state=state).get(URL).content == b"ok"
    state.failures = 1000
    for _ in range(10):
        with pytest.raises(StateUnavailable, match=r"^acme: the shared state in Redis"):
            client_of(vendor(httpx.Response(200)), state=state).get(URL)
    state.failures = 0
    assert state.keys("breaker:") == []


def test_a_reply_is_not_lost_with_the_state(client_of, vendor, caplog):
    from atlas_assets.data_sources.client.errors import StateUnavailable

    class ReadOnly(MemoryState):
        def read(self, key):
            if "rows" in seen:
                raise StateUnavailable("the disk is full")
            return super().read(key)

    seen = set()
    client = client_of(vendor(httpx.Response(200, content=b"ok")), state=ReadOnly())
    assert client.get(URL, check=lambda reply: seen.add("rows")).content == b"ok"
    assert "the disk is full" in caplog.text
