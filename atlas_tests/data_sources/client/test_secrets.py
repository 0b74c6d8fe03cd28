"""A key goes to its vendor and nowhere else: canaries are looked for wherever text is written."""

import gc
import logging
import socket
import ssl
import subprocess
import threading
import traceback
import warnings
from contextlib import contextmanager
from datetime import timedelta
from shutil import which

import httpx
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.errors import PermanentError, SourceError, StateUnavailable
from atlas_assets.data_sources.client.redaction import Redactor
from atlas_assets.data_sources.client.state import open_state
from atlas_assets.data_sources.client.tokens import bearer, client_credentials
from atlas_assets.data_sources.registry import create, section_of, sources

CANARY = "cAnAry/+key=Zqjx%4&é"
SPELLINGS = ("cAnAry", "canary", "Zqjx")
URL = "https://api.acme.example/v1/rows"


def assert_no_canary(*texts: object) -> None:
    for text in texts:
        for spelling in SPELLINGS:
            assert spelling not in str(text)


def everything_about(error: BaseException) -> list[object]:
    assert error.__cause__ is None
    assert error.__context__ is None
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    # The test's own frame, which is the first, knows the canary.
    trace.stack = traceback.StackSummary.from_list(trace.stack[1:])
    return [repr(error), error, error.args, vars(error), *traceback.format_exception(error), *trace.format()]


@pytest.fixture(autouse=True)
def _log_everything(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "redis", "atlas_assets"):
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
    from atlas_assets.data_sources.client.http import validate_json

    with pytest.raises(SourceError) as caught:
        client_of(failure).get(
            URL,
            params={"k": SecretStr(CANARY), "api_token": SecretStr(CANARY)},
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
    params = {"k": SecretStr(CANARY), "token": "another-canary-Zqjx", "note": f"see {CANARY}", "day": "2018-12-31"}
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
    moved = f"HTTP/1.1 302 Found\r\nLocation: https://x.example/?k={CANARY[:7]}Zqjx\r\nConnection: close\r\n\r\n"
    with (
        server(moved.encode()) as url,
        client_of(None, transport=httpx.HTTPTransport()) as client,
        pytest.raises(PermanentError, match="refused"),
    ):
        client.get(url, params={"k": SecretStr(f"{CANARY[:7]}Zqjx")})
    assert "receive_response_headers" in caplog.text
    assert_no_canary(caplog.text)


def test_a_real_cut_body_is_tried_again(client_of):
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n1234567890"
    with server(cut, b"", whole) as url, client_of(None, transport=httpx.HTTPTransport()) as client:
        assert client.get(url).content == b"1234567890"


ACCOUNT = {"client_id": SecretStr("cAnAry-id-Zqjx"), "client_secret": SecretStr("cAnAry/pw+Zqjx")}
TOKEN = "cAnAry-token-Zqjx"


def oauth_vendor(request: httpx.Request) -> httpx.Response:
    """Issues a token, and repeats all it was told in a refusal."""
    token = request.headers["authorization"].split()[1]
    told = f"{request.url} {dict(request.headers)} {request.content.decode()} {token}"
    if request.url.path == "/token":
        return httpx.Response(200, json={"access_token": TOKEN, "expires_in": 3600})
    return httpx.Response(int(request.url.path[1:]), text=told, headers={"x-ratelimit-told": told, "retry-after": "1"})


@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 429, 503])
@pytest.mark.parametrize("home", ["disk", "redis"])
def test_nothing_that_is_written_tells_but_the_token_itself(
    client_of, caplog, capfd, address_of, tmp_path, home, status
):
    texts = []
    with warnings.catch_warnings(record=True) as warned, open_state(SecretStr(address_of(home))) as state:
        warnings.simplefilter("always")
        client = client_of(oauth_vendor, state=state)
        source = client_credentials(client, "https://acme.example/token", **ACCOUNT, form={"scope": "all"})
        params = {"apikey": SecretStr(CANARY)}
        try:
            reply = source.use(
                lambda token: client.get(
                    f"https://acme.example/{status}", params=params, headers={"authorization": bearer(token)}
                )
            )
            texts += [reply, reply.request, reply.headers]
        except SourceError as error:
            texts += [repr(error), vars(error), *traceback.format_exception(error)]
        texts += [state.read(key) for key in state.keys("") if not key.startswith("memo:token:")]
        assert state.keys("limits:") == ["limits:acme"]
        texts += [repr(state), repr(vars(state)), repr(client), repr(source)]
    files = [file for file in tmp_path.rglob("*") if file.is_file() and not file.name.startswith("tokens.")]
    texts += [file.read_bytes() for file in files]
    assert_no_canary(*texts, *(warning.message for warning in warned), caplog.text, *capfd.readouterr())


@pytest.mark.parametrize("answer", ["refusal", "redirect", "network"])
def test_a_token_server_that_fails_does_not_tell(client_of, caplog, answer):
    def fail(request):
        told = f"{request.url} {dict(request.headers)} {request.content.decode()}"
        if answer == "network":
            raise httpx.ReadTimeout(told)
        status = 401 if answer == "refusal" else 307
        return httpx.Response(status, text=told, headers={"location": f"https://x.example/{told}"})

    client = client_of(fail)
    source = client_credentials(client, "https://acme.example/token", **ACCOUNT, form={"scope": "all"})
    with pytest.raises(SourceError) as caught:
        source.get()
    assert_no_canary(*everything_about(caught.value), caplog.text)


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody vouches for."""
    program = which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"]
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run([program, *new, *names, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


@contextmanager
def encrypted_server(context):
    """A server on this machine whose certificate is worth nothing; it counts what it is told."""
    listener, told = socket.create_server(("127.0.0.1", 0)), []
    listener.settimeout(0.2)
    over = threading.Event()

    def serve():
        while not over.is_set():
            try:
                connection, _ = listener.accept()
                with connection, context.wrap_socket(connection, server_side=True) as channel:
                    told.append(channel.recv(65536))
            except (TimeoutError, OSError):
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], told
    finally:
        over.set()
        thread.join(timeout=10)
        listener.close()


def test_a_server_that_nobody_vouches_for_is_told_nothing(client_of, certificate, fake_time):
    with encrypted_server(certificate) as (port, told):
        with (
            client_of(None, transport=httpx.HTTPTransport()) as client,
            pytest.raises(PermanentError, match="certificates"),
        ):
            client.get(f"https://localhost:{port}/rows", params={"k": SecretStr(CANARY)})
        with (
            open_state(SecretStr(f"rediss://:cAnAryZqjx@localhost:{port}/0")) as state,
            pytest.raises(StateUnavailable) as caught,
        ):
            state.read("n")
    assert [data for data in told if data] == []
    assert fake_time.naps == []
    assert_no_canary(*everything_about(caught.value))


def test_log_filters_leave_with_their_client(client_of, vendor):
    gc.collect()
    before = list(logging.getLogger("httpx").filters)
    client = client_of(vendor(httpx.Response(200)))
    assert len(logging.getLogger("httpx").filters) == len(before) + 1
    del client
    gc.collect()
    assert logging.getLogger("httpx").filters == before


@pytest.mark.parametrize("kind", [kind for kind in sources() if not kind.files_only], ids=lambda kind: kind.__name__)
def test_sources_do_not_tell(caplog, kind, monkeypatch):
    from atlas_assets.settings import load_settings

    for name in kind.vendor.required_secrets:
        monkeypatch.setenv(
            f"ATLAS_DATA_SOURCES__{kind.vendor.settings_key}__{name}".upper(), f"cAnAryZqjxcAnAryZqjx-{name}"
        )
    monkeypatch.setenv(
        "ATLAS_DATA_SOURCES__BINANCE_DUMPS__TRADES", '{"symbols": ["BTCUSDT"], "history_from": "2018-12-01"}'
    )
    settings = load_settings()
    section, today = section_of(kind.vendor, settings.data_sources), settings.now().date()

    def refuse(request):
        sent = f"{request.url} {request.headers} {request.content!r}"
        return httpx.Response(403, text=f"{sent} {request.url.query.decode() * 9}")

    source = create(kind, section, now=settings.now, transport=httpx.MockTransport(refuse), sleep=lambda seconds: None)
    # Some datasets are asked for today only, others only once a day is over.
    refusals = [error for day in (today, today - timedelta(days=4)) if (error := refusal_of(source, day))]
    assert refusals
    for error in refusals:
        assert_no_canary(*everything_about(error), caplog.text, repr(source.settings))


def refusal_of(source, day):
    try:
        list(source.extract(next(source.queries(day, day))))
    except SourceError as error:
        return error
    return None
