"""A client whose time is simulated, sources that ask it, and the recorded replies."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.http import HttpClient
from atlas_assets.data_sources.registry import create, section_of
from atlas_assets.settings import Settings, load_settings

WIRE = Path(__file__).resolve().parents[2].parent / "shared" / "wire"


class FakeTime:
    """Seconds that pass only by sleeping."""

    def __init__(self):
        self.seconds = 1000.0
        self.naps = []

    def clock(self):
        return self.seconds

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.seconds += seconds


class Vendor:
    """Answers with the given responses in turn (the last one for ever) and remembers what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    @property
    def asked(self) -> list[dict[str, str]]:
        return [dict(request.url.params) for request in self.requests]


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def vendor() -> type[Vendor]:
    return Vendor


@pytest.fixture
def client_of(fake_time) -> Callable[..., HttpClient]:
    def make(handler, *, secrets=(), transport=None, **options) -> HttpClient:
        defaults = {
            "source": "acme",
            "rate_limit": 1000,
            "timeout_seconds": 5.0,
            "clock": fake_time.clock,
            "sleep": fake_time.sleep,
            "rng": random.Random(7),
            "now": lambda: datetime(2018, 12, 31, 12, tzinfo=UTC),
        }
        return HttpClient(
            transport=transport or httpx.MockTransport(handler),
            secrets=[SecretStr(secret) for secret in secrets],
            **defaults | options,
        )

    return make


@pytest.fixture
def settings(monkeypatch) -> Settings:
    monkeypatch.setenv("ATLAS_ENV", "sandbox")
    return load_settings()


@pytest.fixture
def source_of(settings, fake_time):
    """A source that asks the given handler instead of its vendor, at the sandbox's present unless told.

    Its section is the sandbox's, with some values ``changed``, or the one given.
    """

    def make(kind, handler, *, section=None, changed=None, **options):
        transport = handler if isinstance(handler, httpx.BaseTransport) else httpx.MockTransport(handler)
        section = section or section_of(kind.vendor, settings.data_sources)
        defaults = {"sleep": fake_time.sleep, "clock": fake_time.clock, "now": lambda: settings.clock}
        return create(kind, section.model_copy(update=changed or {}), transport=transport, **defaults | options)

    return make


@pytest.fixture
def sandbox_rows(source_of, settings):
    """What the sandbox's vendor tells of some days, each row once, in the order of the table's key."""
    from atlas_assets.contracts.schema import primary_key
    from atlas_assets.data_sources.parsing import unique_rows
    from atlas_assets.sandbox import SandboxTransport

    def load(kind, start, end, *, faults=None, changed=None, clock=None) -> list[dict]:
        clock = clock or settings.clock
        transport = SandboxTransport(clock=clock, faults=faults)
        source = source_of(kind, transport, changed=changed, now=lambda: clock, rng=random.Random(7))
        pages = [
            source.transform(reply.content, reply.query or query)
            for query in source.queries(start, end)
            for reply in source.extract(query)
        ]
        assert not [row for page in pages for row in page.rejected]
        if not pages:
            return []
        key = primary_key(kind.table.contract)
        rows = unique_rows(pa.concat_tables([page.rows for page in pages]), key)
        return rows.sort_by([(name, "ascending") for name in key]).to_pylist()

    return load


@pytest.fixture
def recorded() -> Callable[[str], bytes]:
    """The bytes of a recorded reply."""

    def read(name: str) -> bytes:
        if not (WIRE / name).is_file():
            pytest.skip(f"recorded reply {name} is not in ../shared/wire")
        return (WIRE / name).read_bytes()

    return read


@pytest.fixture
def json_reply() -> Callable[..., httpx.Response]:
    def make(payload, status=200, **headers) -> httpx.Response:
        content = json.dumps(payload).encode()
        return httpx.Response(status, content=content, headers={"content-type": "application/json", **headers})

    return make
