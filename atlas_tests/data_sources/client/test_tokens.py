"""A token is fetched once for everybody, kept out of the lake and renewed when it is refused or old."""

import stat
import subprocess
import sys
import threading

import httpx
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.disk_state import DiskState
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.client.memo import Memo
from atlas_assets.data_sources.client.tokens import Token, TokenSource, bearer, client_credentials
from atlas_tests.conftest import REPOSITORY

TOKENS = "https://www.acme.example/api/v1/access_token"
URL = "https://oauth.acme.example/r/stocks/new"
ACCOUNT = {"client_id": SecretStr("some-id"), "client_secret": SecretStr("some-secret")}


class Issuer:
    """Issues token after token."""

    def __init__(self, expires_in=3600.0):
        self.issued = 0
        self.expires_in = expires_in

    def __call__(self) -> Token:
        self.issued += 1
        return Token(SecretStr(f"token-{self.issued}"), self.expires_in)


def value(token) -> str:
    return token.get_secret_value()


def test_a_token_is_shared_until_shortly_before_its_end(memory, fake_time):
    issuer = Issuer()
    tokens = [TokenSource("acme", issuer, state=memory, sleep=fake_time.sleep) for _ in range(3)]
    assert {value(source.get()) for source in tokens} == {"token-1"}
    fake_time.seconds += 3539
    assert value(tokens[0].get()) == "token-1"
    fake_time.seconds += 1
    assert {value(source.get()) for source in tokens} == {"token-2"}


def test_a_token_shorter_than_the_margin_is_used_all_the_same(memory, fake_time):
    source = TokenSource("acme", Issuer(expires_in=10), state=memory, sleep=fake_time.sleep)
    assert [value(source.get()) for _ in range(3)] == ["token-1"] * 3
    fake_time.seconds += 5
    assert value(source.get()) == "token-2"


def test_another_account_has_another_token(client_of, vendor, memory):
    server = vendor(*(httpx.Response(200, json={"access_token": name, "expires_in": 3600}) for name in "abc"))
    client = client_of(server, state=memory)
    first = client_credentials(client, TOKENS, **ACCOUNT)
    second = client_credentials(client, TOKENS, **ACCOUNT | {"client_id": SecretStr("another-id")})
    assert [value(source.get()) for source in (first, second, first, second)] == ["a", "b", "a", "b"]


def test_the_token_is_asked_for_as_the_standard_says(client_of, vendor, fake_time):
    server = vendor(
        httpx.Response(200, json={"access_token": "abc", "token_type": "bearer", "expires_in": 3600, "scope": "*"})
    )
    source = client_credentials(
        client_of(server), TOKENS, **ACCOUNT, headers={"user-agent": "linux:atlas:1"}, form={"scope": "read"}
    )
    assert value(bearer(source.get())) == "Bearer abc"
    (sent,) = server.requests
    assert (sent.method, str(sent.url)) == ("POST", TOKENS)
    assert sent.content == b"grant_type=client_credentials&scope=read"
    assert sent.headers["authorization"] == "Basic c29tZS1pZDpzb21lLXNlY3JldA=="
    assert sent.headers["user-agent"] == "linux:atlas:1"
    assert fake_time.naps == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b'{"access_token": 7}', b'{"access_token": ""}', b'{"access_token": "a\\nb"}']
    + [b'{"access_token": "cAnAry", "expires_in": %s}' % life for life in (b'"soon"', b"-1", b"null", b"Infinity")],
)
def test_replies_without_a_token_are_refused_and_not_quoted(client_of, vendor, body):
    source = client_credentials(client_of(vendor(httpx.Response(200, content=body))), TOKENS, **ACCOUNT)
    with pytest.raises(MalformedReply, match="no access_token") as caught:
        source.get()
    assert "cAnAry" not in repr(caught.value)
    assert caught.value.__context__ is None


def test_a_refused_token_is_fetched_once_more(client_of, memory):
    issuer, seen = Issuer(), []

    def answer(request):
        seen.append(request.headers["authorization"])
        return httpx.Response(200 if seen[-1] == "Bearer token-2" else 401, content=b"ok")

    client, source = client_of(answer), TokenSource("acme", issuer, state=memory)
    reply = source.use(lambda token: client.get(URL, headers={"authorization": bearer(token)}))
    assert reply.content == b"ok"
    assert seen == ["Bearer token-1", "Bearer token-2"]
    assert value(source.get()) == "token-2"


@pytest.mark.parametrize(("status", "issued"), [(401, 2), (403, 1), (404, 1)])
def test_it_is_fetched_no_more_than_once_and_only_when_the_token_is_refused(client_of, vendor, memory, status, issued):
    issuer, client = Issuer(), client_of(vendor(httpx.Response(status)))
    source = TokenSource("acme", issuer, state=memory)
    with pytest.raises(PermanentError, match=f"HTTP {status}"):
        source.use(lambda token: client.get(URL, headers={"authorization": bearer(token)}))
    assert issuer.issued == issued


def test_a_token_that_somebody_renewed_is_not_dropped(memory):
    issuer = Issuer()
    source, other = (TokenSource("acme", issuer, state=memory) for _ in range(2))

    def refused_meanwhile(token):
        if value(token) == "token-1":
            other._memo.drop("token-1")
            other.get()
            raise PermanentError("HTTP 401", status=401)
        return value(token)

    assert source.use(refused_meanwhile) == "token-2"
    assert issuer.issued == 2


def test_one_thread_fetches_and_the_others_wait(state):
    started, fetched = threading.Barrier(6), []

    def fetch():
        fetched.append(1)
        threading.Event().wait(0.1)
        return "value", 60.0

    def get():
        memo = Memo("slow", fetch, state=state)
        started.wait()
        got.append(memo.get())

    got: list[str] = []
    threads = [threading.Thread(target=get) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["value"] * 6
    assert len(fetched) == 1


def test_a_value_that_came_meanwhile_is_not_fetched_again(memory, monkeypatch):
    Memo("a", lambda: (1, 60.0), state=memory).get()
    read, late = memory.read, [{}]
    monkeypatch.setattr(memory, "read", lambda key: late.pop() if late else read(key))
    assert Memo("a", lambda: (2, 60.0), state=memory, sleep=lambda seconds: None).get() == 1


FETCHER = """
import sys, time
from pathlib import Path
from pydantic import SecretStr
from atlas_assets.data_sources.client.disk_state import DiskState
from atlas_assets.data_sources.client.tokens import Token, TokenSource
folder = Path(sys.argv[1])
def fetch():
    with open(folder / "fetched", "a") as log:
        log.write("x")
    time.sleep(0.3)
    return Token(SecretStr("cAnAry-token"), 3600)
print("ready", flush=True)
sys.stdin.readline()
assert TokenSource("acme", fetch, state=DiskState(folder / "state")).get().get_secret_value() == "cAnAry-token"
"""


def test_one_process_fetches_for_all_and_only_the_owner_may_read_the_token(tmp_path):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", FETCHER, str(tmp_path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    assert (tmp_path / "fetched").read_text() == "x"
    holders = {file.name for file in (tmp_path / "state").iterdir() if b"cAnAry" in file.read_bytes()}
    assert holders
    assert all(name.startswith("tokens.sqlite3") for name in holders)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in (tmp_path / "state").iterdir())
    with DiskState(tmp_path / "state") as state:
        assert value(TokenSource("acme", Issuer(), state=state).get()) == "cAnAry-token"


def test_a_fetcher_that_died_is_replaced_and_one_that_failed_at_once(memory, fake_time):
    memory.update("memo:a", lambda document: document.update(lease=memory.time() + 60))
    assert Memo("a", lambda: (1, 60), state=memory, sleep=fake_time.sleep).get() == 1
    assert sum(fake_time.naps) == pytest.approx(60, abs=0.1)

    def fail():
        raise TransientError("down")

    with pytest.raises(TransientError):
        Memo("b", fail, state=memory, sleep=fake_time.sleep).get()
    naps = len(fake_time.naps)
    assert Memo("b", lambda: ([1, {"a": None}], 60), state=memory, sleep=fake_time.sleep).get() == [1, {"a": None}]
    assert len(fake_time.naps) == naps
