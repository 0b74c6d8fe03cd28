"""The client keeps trying what may pass, gives up what will not, and never hurries."""

import gzip
import ssl
from datetime import UTC, datetime

import httpx
import pytest

from atlas_assets.data_sources.client.errors import (
    MalformedReply,
    PermanentError,
    QuotaExhausted,
    SourceError,
    TransientError,
)
from atlas_assets.data_sources.client.http import validate_json
from atlas_assets.data_sources.client.status import vendor_status

URL = "https://api.acme.example/v1/rows"
NOW = datetime(2018, 12, 31, 12, tzinfo=UTC)


def test_a_reply_holds_bytes_as_received_and_the_headers_that_matter(client_of, vendor):
    headers = {"Content-Type": "application/json; charset=utf-8", "X-RateLimit-Remaining": "9", "Set-Cookie": "a=b"}
    server = vendor(httpx.Response(200, content=b"[1]", headers=headers))
    reply = client_of(server).get(URL + "?a=1", params={"b": "x y", "c": 2})
    assert reply.content == b"[1]"
    assert reply.status == 200
    assert reply.headers == {"content-type": "application/json; charset=utf-8", "x-ratelimit-remaining": "9"}
    assert reply.media_type == "application/json"
    assert reply.request == {"method": "GET", "url": URL, "params": {"a": "1", "b": "x y", "c": "2"}}
    assert reply.fetched_at == NOW
    assert server.requests[0].headers["accept-encoding"] == "gzip"
    assert server.requests[0].extensions["timeout"] == dict.fromkeys(("connect", "read", "write", "pool"), 5.0)


@pytest.mark.parametrize("status", [408, 418, 425, 429, 500, 502, 503, 504, 522])
def test_passing_statuses_are_tried_again(client_of, vendor, fake_time, status):
    server = vendor(httpx.Response(status), httpx.Response(status), httpx.Response(200, content=b"ok"))
    assert client_of(server).get(URL).content == b"ok"
    assert len(server.requests) == 3
    assert len(fake_time.naps) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 410, 426, 451])
def test_lasting_statuses_are_not(client_of, vendor, fake_time, status):
    server = vendor(httpx.Response(status, text="Nope\nreally"))
    with pytest.raises(
        PermanentError, match=rf"acme: HTTP {status}: Nope really \(https://api\.acme\.example/v1/rows\); \w+"
    ):
        client_of(server).get(URL)
    assert len(server.requests) == 1
    assert fake_time.naps == []


def test_a_used_up_quota_says_when_to_come_back(client_of, vendor):
    with pytest.raises(QuotaExhausted, match="00:00 UTC"):
        client_of(vendor(httpx.Response(402))).get(URL)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.PoolTimeout("slow"),
        httpx.ConnectError("[Errno -2] Name or service not known"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
        ConnectionResetError("reset"),
    ],
)
def test_network_failures_are_tried_again(client_of, vendor, error):
    server = vendor(error, error, httpx.Response(200, content=b"ok"))
    assert client_of(server).get(URL).content == b"ok"
    with pytest.raises(TransientError, match=type(error).__name__) as caught:
        client_of(vendor(error)).get(URL)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_bad_certificate_is_not_tried_again(client_of, vendor):
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("expired")
    server = vendor(error)
    with pytest.raises(PermanentError, match="certificates"):
        client_of(server).get(URL)
    assert len(server.requests) == 1


def test_attempts_are_limited_and_waits_have_full_jitter(client_of, vendor, fake_time):
    server = vendor(httpx.Response(503))
    with pytest.raises(TransientError, match="HTTP 503"):
        client_of(server, max_attempts=5).get(URL)
    assert len(server.requests) == 5
    assert all(0 <= nap <= 0.5 * 2**attempt for attempt, nap in enumerate(fake_time.naps, 1))


@pytest.mark.parametrize("value", ["7", "7.0", "Mon, 31 Dec 2018 12:00:07 GMT"])
def test_retry_after_is_honoured_in_both_forms(client_of, vendor, fake_time, value):
    server = vendor(httpx.Response(429, headers={"retry-after": value}), httpx.Response(200))
    client_of(server).get(URL)
    assert 7 <= fake_time.naps[0] <= 8


def test_an_absurd_retry_after_does_not_stop_the_client(client_of, vendor, fake_time):
    server = vendor(httpx.Response(429, headers={"retry-after": "1000000000"}), httpx.Response(200, content=b"ok"))
    assert client_of(server).get(URL).content == b"ok"
    assert sum(fake_time.naps) <= 1


def test_a_long_ban_fails_at_once_and_says_how_long(client_of, vendor, fake_time):
    server = vendor(httpx.Response(418, headers={"retry-after": "7200"}))
    with pytest.raises(TransientError, match="banned") as caught:
        client_of(server).get(URL)
    assert caught.value.retry_after == 7200
    assert fake_time.naps == []


def test_retries_have_a_budget(client_of, vendor):
    server = vendor(httpx.Response(503))
    client = client_of(server)
    for _ in range(100):
        with pytest.raises(TransientError):
            client.get(URL)
    assert len(server.requests) <= 100 + 20 + 100 * 0.2


def test_weights_count_for_each_attempt_and_redirect(client_of, vendor):
    class Scale:
        spent = 0

        def acquire(self, weight=1):
            self.spent += weight

    scale = Scale()
    moved = httpx.Response(302, headers={"location": "/v2/rows"})
    client = client_of(vendor(httpx.Response(503), moved, httpx.Response(200)), limiter=scale)
    client.get(URL, weight=4)
    (status,) = vendor_status(client.state, NOW)
    assert scale.spent == status.used == 12


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/v1/rows",
        "http://api.acme.example/v1/rows",
        "https://api.acme.example:8443/rows",
        "http://169.254.169.254/latest/meta-data",
        "//10.0.0.1/rows",
        "file:///etc/passwd",
    ],
)
def test_redirects_to_another_server_are_refused(client_of, vendor, location):
    server = vendor(httpx.Response(302, headers={"location": location}))
    with pytest.raises(PermanentError, match="refused"):
        client_of(server).get(URL)
    assert len(server.requests) == 1


def test_redirects_within_the_server_are_followed_but_not_for_ever(client_of, vendor):
    server = vendor(httpx.Response(301, headers={"location": "/v2/rows"}), httpx.Response(200, content=b"ok"))
    assert client_of(server).get(URL).content == b"ok"
    assert server.requests[1].url == "https://api.acme.example/v2/rows"
    loop = vendor(httpx.Response(302, headers={"location": URL}))
    with pytest.raises(PermanentError, match="redirected more than 5 times"):
        client_of(loop).get(URL)


def stream(*chunks):
    """A response whose body is not read before the client does."""

    class Chunks(httpx.SyncByteStream):
        def __iter__(self):
            yield from chunks

    return Chunks()


def test_content_encoding_is_undone(client_of, vendor):
    packed = gzip.compress(b"[1, 2]" * 1000)
    headers = {"content-encoding": "gzip", "content-length": str(len(packed))}
    server = vendor(httpx.Response(200, stream=stream(packed[:9], packed[9:]), headers=headers))
    assert client_of(server).get(URL).content == b"[1, 2]" * 1000


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], {"content-encoding": "gzip"}),
        (b"not gzip", {"content-encoding": "gzip"}),
        (b"12345", {"content-length": "10"}),
    ],
)
def test_cut_bodies_are_tried_again(client_of, vendor, body, headers):
    def cut(_):
        return httpx.Response(200, stream=stream(body), headers=headers)

    server = vendor(cut, cut, httpx.Response(200, content=b"whole"))
    assert client_of(server).get(URL).content == b"whole"


def test_an_encoding_nobody_asked_for_is_refused(client_of, vendor):
    answer = httpx.Response(200, stream=stream(b"x"), headers={"content-encoding": "br"})
    with pytest.raises(PermanentError, match="content encoding 'br'"):
        client_of(vendor(answer)).get(URL)


def test_bodies_are_bounded_even_when_packed(client_of, vendor):
    bomb = httpx.Response(200, stream=stream(gzip.compress(bytes(50_000_000))), headers={"content-encoding": "gzip"})
    with pytest.raises(PermanentError, match="more than 1000000 bytes"):
        client_of(vendor(bomb), max_bytes=1_000_000).get(URL)


def test_a_body_that_drips_is_given_up(client_of, fake_time):
    class Drip(httpx.SyncByteStream):
        def __iter__(self):
            while True:
                fake_time.seconds += 1
                yield b"x"

    with pytest.raises(TransientError, match="took more than 30 s"):
        client_of(lambda _: httpx.Response(200, stream=Drip()), max_reply_seconds=30, max_attempts=1).get(URL)


@pytest.mark.parametrize("url", ["ftp://acme.example/x", "rows", "https://", "http://[::1", "file:///etc/passwd"])
def test_other_addresses_are_refused(client_of, vendor, url):
    with pytest.raises(PermanentError, match="http"):
        client_of(vendor(httpx.Response(200))).get(url)


HTML = {"content-type": "text/html"}
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "kind"),
    [
        (b"<!DOCTYPE html><title>Are you a robot?</title>", JSON, TransientError),
        (b"[]", HTML, TransientError),
        (b"", JSON, TransientError),
        (b'[{"a": 1}, {"a"', JSON, TransientError),
        (b"[NaN]", JSON, TransientError),
        (b"[" * 100_000, JSON, TransientError),
        (b"\xff\xfe\x00", JSON, TransientError),
        (b'{"Note": "Thank you for using the service! Our limit is 5 calls a minute."}', JSON, TransientError),
        (b'{"error_code": 500, "error_message": "Internal"}', JSON, TransientError),
        (b'{"code": -1003, "msg": "Too many requests."}', JSON, TransientError),
        (b'"please wait"', JSON, TransientError),
        (b'{"error_code": 400, "error_message": "Bad Request."}', JSON, PermanentError),
        (b'{"code": -1121, "msg": "Invalid symbol."}', JSON, PermanentError),
        (b'{"error": "Unknown symbol"}', JSON, PermanentError),
        (b"{}", JSON, MalformedReply),
        (b"null", JSON, MalformedReply),
        (b"7", JSON, MalformedReply),
    ],
)
def test_success_that_is_none(client_of, vendor, content, headers, kind):
    server = vendor(httpx.Response(200, content=content, headers=headers))
    with pytest.raises(SourceError) as caught:
        client_of(server).get(URL, check=validate_json)
    assert type(caught.value) is kind
    assert len(server.requests) == (5 if kind is TransientError else 1)


def test_rows_may_lie_below_a_key(client_of, vendor):
    good = httpx.Response(200, content=b'{"rows": [1], "metadata": {"error": null}}')
    assert validate_json(client_of(vendor(good)).get(URL), "rows") == [1]
    for body in (b'{"rows": [1], "metadata": {"error": "out of date"}}', b"[1]", b'{"rows": {}}', b'{"row": []}'):
        with pytest.raises(SourceError):
            validate_json(client_of(vendor(httpx.Response(200, content=body))).get(URL), "rows")


def test_clients_can_be_closed(client_of, vendor):
    with client_of(vendor(httpx.Response(200, content=b"ok"))) as client:
        assert client.get(URL).content == b"ok"
