"""A key goes to its vendor and nowhere else: canaries are looked for wherever text is written."""

import gc
import logging
import socket
import threading
import traceback
from contextlib import contextmanager

import httpx
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.errors import PermanentError, SourceError
from atlas_assets.data_sources.redaction import Redactor
from atlas_assets.data_sources.registry import SOURCES, create

CANARY = "cAnAry/+key=0123%4&é"
SPELLINGS = ("cAnAry", "canary", "0123")
URL = "https://api.acme.example/v1/rows"


def assert_no_canary(*texts: object) -> None:
    for text in texts:
        for spelling in SPELLINGS:
            assert spelling not in str(text)


def everything_about(error: BaseException) -> list[object]:
    assert error.__cause__ is None
    assert error.__context__ is None
    return [repr(error), error, error.args, vars(error), "".join(traceback.format_exception(error))]


@pytest.fixture(autouse=True)
def _log_everything(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)


def echo(request: httpx.Request) -> str:
    return f"you sent {request.url} {request.headers.get('x-api-key')} {CANARY}"


FAILURES = {
    "refusal": lambda request: httpx.Response(401, text=echo(request)),
    "throttled": lambda request: httpx.Response(429, text=echo(request)),
    "redirect": lambda request: httpx.Response(302, headers={"location": str(request.url.copy_with(host="x.example"))}),
    "error in place of data": lambda request: httpx.Response(200, json={"error": echo(request)}),
    "long refusal": lambda request: httpx.Response(403, text=f"{'x' * 250} {echo(request)} " * 9),
    "cut refusal": lambda request: httpx.Response(403, text=f"{' ' * 1990}{CANARY}{'y' * 2000}"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_failures_do_not_tell(client_of, caplog, failure):
    from atlas_assets.data_sources.http import validate_json

    with pytest.raises(SourceError) as caught:
        client_of(failure).get(
            URL,
            params={"k": SecretStr(CANARY), "api_token": CANARY},
            headers={"x-api-key": SecretStr(CANARY)},
            check=validate_json,
        )
    assert_no_canary(*everything_about(caught.value), caplog.text)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ReadTimeout, httpx.LocalProtocolError, OSError])
def test_errors_of_the_network_do_not_tell(client_of, caplog, kind):
    def fail(request):
        raise kind(f"cannot send {request.url} {CANARY}")

    with pytest.raises(SourceError) as caught:
        client_of(fail).get(URL, params={"k": SecretStr(CANARY)})
    assert_no_canary(*everything_about(caught.value), caplog.text)


def test_the_vendor_gets_the_key_and_the_record_does_not(client_of, vendor, caplog):
    server = vendor(httpx.Response(200, content=b"[]", headers={"etag": CANARY[:15]}))
    params = {"k": SecretStr(CANARY), "token": "another-canary-0123", "note": f"see {CANARY}", "day": "2018-12-31"}
    reply = client_of(server, secrets=[CANARY, CANARY[:15]]).get(URL, params=params)
    assert server.asked[0]["k"] == CANARY
    assert reply.request["params"] == {
        "k": "REDACTED",
        "token": "REDACTED",
        "note": "see REDACTED",
        "day": "2018-12-31",
    }
    assert_no_canary(reply, reply.headers, caplog.text)


def test_keys_in_a_configured_address_are_redacted(client_of, vendor):
    reply = client_of(vendor(httpx.Response(200))).get("https://user:hunter22@acme.example/f?apikey=x1&a=1&a=2#frag")
    assert reply.request == {
        "method": "GET",
        "url": "https://acme.example/f",
        "params": {"apikey": "REDACTED", "a": ["1", "2"]},
    }


def test_keys_do_not_travel_unencrypted(client_of, vendor):
    server = vendor(httpx.Response(200))
    with pytest.raises(PermanentError, match="unencrypted") as caught:
        client_of(server).get("http://api.acme.example/v1", params={"k": SecretStr(CANARY)})
    assert server.requests == []
    assert_no_canary(*everything_about(caught.value))
    client_of(server).get("http://127.0.0.1:9/v1", params={"k": SecretStr(CANARY)})
    client_of(server).get("http://api.acme.example/v1", params={"day": "2018-12-31"})
    assert len(server.requests) == 2


def test_every_spelling_is_hidden_and_short_values_leave_text_alone():
    redactor = Redactor([CANARY, "a", ""])
    for spelling in (
        CANARY,
        CANARY.upper(),
        str(httpx.QueryParams({"k": CANARY})),
        repr(CANARY),
        repr(CANARY.encode()),
    ):
        assert_no_canary(redactor.text(f"x {spelling} y"))
    assert redactor.text("a banana") == "a banana"
    assert Redactor().text("a banana") == "a banana"


@contextmanager
def server(*answers: bytes):
    """A server on this machine that sends raw bytes, then closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/rows"
    finally:
        thread.join(timeout=10)
        listener.close()


def test_the_http_libraries_do_not_tell_either(client_of, caplog):
    moved = f"HTTP/1.1 302 Found\r\nLocation: https://x.example/?k={CANARY[:7]}0123\r\nConnection: close\r\n\r\n"
    with (
        server(moved.encode()) as url,
        client_of(None, transport=httpx.HTTPTransport()) as client,
        pytest.raises(PermanentError, match="refused"),
    ):
        client.get(url, params={"k": SecretStr(f"{CANARY[:7]}0123")})
    assert "receive_response_headers" in caplog.text
    assert_no_canary(caplog.text)


def test_a_real_cut_body_is_tried_again(client_of):
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n1234567890"
    with server(cut, b"", whole) as url, client_of(None, transport=httpx.HTTPTransport()) as client:
        assert client.get(url).content == b"1234567890"


def test_log_filters_leave_with_their_client(client_of, vendor):
    gc.collect()
    before = list(logging.getLogger("httpx").filters)
    client = client_of(vendor(httpx.Response(200)))
    assert len(logging.getLogger("httpx").filters) == len(before) + 1
    del client
    gc.collect()
    assert logging.getLogger("httpx").filters == before


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.__name__)
def test_sources_do_not_tell(settings, caplog, kind, monkeypatch):
    from atlas_assets.settings import load_settings

    key = "cAnAry0123cAnAry0123"
    monkeypatch.setenv("ATLAS_DATA_SOURCES__EOD_HISTORICAL__API_KEY", key)
    monkeypatch.setenv("ATLAS_DATA_SOURCES__FRED__API_KEY", key)

    def refuse(request):
        return httpx.Response(403, text=f"{request.url} {request.url.query.decode() * 9}")

    source = create(kind, load_settings(), transport=httpx.MockTransport(refuse))
    with pytest.raises(PermanentError, match="HTTP 403") as caught:
        list(source.extract(next(source.queries(settings.now().date(), settings.now().date()))))
    assert_no_canary(*everything_about(caught.value), caplog.text, repr(source.settings))
