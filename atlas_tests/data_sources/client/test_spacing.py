"""Requests that keep their distance, whoever sends them."""

from itertools import pairwise

import httpx
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.client.reply import json_object
from atlas_assets.data_sources.client.tokens import client_credentials

URL = "https://acme.example/rows"


def test_requests_keep_their_distance(fake_time, limiter_of):
    fake_time.seconds += 0.1
    limiters, times = [limiter_of(spacing_seconds=5.0), limiter_of(spacing_seconds=5.0)], []
    for number in range(8):
        limiters[number % 2].acquire()
        times.append(fake_time.seconds)
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([5.0] * 7)


def test_who_comes_late_does_not_wait(fake_time, limiter_of):
    limiter = limiter_of(spacing_seconds=5.0)
    limiter.acquire()
    fake_time.seconds += 7.0
    limiter.acquire()
    assert fake_time.naps == []


def test_a_clock_that_begins_anew_holds_nobody_back(fake_time, limiter_of):
    limiter = limiter_of(spacing_seconds=5.0)
    limiter.acquire()
    fake_time.seconds = 3.0
    limiter.acquire()
    assert sum(fake_time.naps) <= 5.0


def test_retries_keep_it_too(client_of, vendor, fake_time):
    times = []

    def answer(request):
        times.append(fake_time.seconds)
        return httpx.Response(503 if len(times) < 4 else 200)

    client_of(vendor(answer), spacing_seconds=5.0).get(URL)
    assert len(times) == 4
    assert all(later - earlier >= 4.999 for earlier, later in pairwise(times))


def test_where_a_redirect_leads_is_kept_for_those_who_take_it_as_a_reply(client_of, vendor):
    server = vendor(httpx.Response(302, headers={"location": "https://other.example/rows?api_key=cAnAry-0123456"}))
    reply = client_of(server, secrets=["cAnAry-0123456"]).get(URL, accept={302})
    assert reply.headers["location"].startswith("https://other.example/rows")
    assert "cAnAry" not in repr(reply)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("content", "error", "match"),
    [
        (b"", TransientError, "cut"),
        (b'{"rows": ', TransientError, "cut"),
        (b'{"rows": NaN}', TransientError, "cut"),
        (b"[]", MalformedReply, "'rows'"),
        (b"{}", MalformedReply, "'rows'"),
        (b'{"error": "try later"}', TransientError, "try later"),
        (b'{"message": "invalid key"}', PermanentError, "invalid key"),
    ],
)
def test_an_object_without_its_key_is_an_error(content, error, match):
    with pytest.raises(error, match=match) as caught:
        json_object(content, "rows")
    assert type(caught.value) is error
    assert json_object(b'{"rows": null, "error": ""}', "rows") == {"rows": None, "error": ""}


@pytest.mark.parametrize("bad", [b'{"access_tok', b"<html>busy</html>", b'{"message": "busy", "error": 503}'])
def test_a_token_servers_bad_moment_passes(client_of, vendor, bad):
    good = httpx.Response(200, json={"access_token": "token-1", "expires_in": 60})
    server = vendor(httpx.Response(200, content=bad), good)
    account = {"client_id": SecretStr("some-id"), "client_secret": SecretStr("some-secret")}
    assert client_credentials(client_of(server), URL, **account).get().get_secret_value() == "token-1"
    with pytest.raises(TransientError):
        client_credentials(client_of(vendor(httpx.Response(200, content=bad))), URL, **account).get()
