"""The three homes of the shared state; Redis is a real server on loopback."""

import socket
import subprocess
from datetime import UTC, datetime, timedelta
from shutil import which

import pytest
from pydantic import SecretStr

from atlas_assets.data_sources.client.limiter import VendorLimiter
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.state import MemoryState, open_state

REDIS_PASSWORD = "cAnAry-redis-0123"
NOON = datetime(2018, 12, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory):
    """The address of a server that lives as long as the tests."""
    program = which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    settings = f'bind 127.0.0.1\nport {port}\nrequirepass {REDIS_PASSWORD}\nsave ""\nappendonly no\ndir {folder}\n'
    server = subprocess.Popen([program, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server.stdin.write(settings)
    server.stdin.close()
    for line in server.stdout:
        if "Ready to accept connections" in line:
            break
    else:
        pytest.fail("redis-server did not start")
    yield f"redis://:{REDIS_PASSWORD}@127.0.0.1:{port}/0"
    server.terminate()
    server.wait(timeout=10)
    server.stdout.close()


@pytest.fixture
def address_of(tmp_path, request):
    """Where a state lives: a new folder, or an empty Redis."""

    def address(home: str) -> str:
        if home == "disk":
            return str(tmp_path / "state")
        import redis

        place = request.getfixturevalue("redis_address")
        with redis.Redis.from_url(place) as client:
            client.flushall()
        return place

    return address


@pytest.fixture(params=["memory", "disk", "redis"])
def state(request, address_of):
    """A state in each of its homes, on its real clock."""
    address = None if request.param == "memory" else SecretStr(address_of(request.param))
    with open_state(address) as opened:
        yield opened


class Calendar:
    """The present, which moves with simulated seconds."""

    def __init__(self, fake_time):
        self.fake_time = fake_time
        self.start = fake_time.seconds

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=self.fake_time.seconds - self.start)


@pytest.fixture
def calendar(fake_time) -> Calendar:
    return Calendar(fake_time)


@pytest.fixture
def memory(fake_time) -> MemoryState:
    return MemoryState(clock=fake_time.clock)


@pytest.fixture
def limiter_of(fake_time, memory, calendar):
    """Limiters of one vendor on simulated time, sharing what they know."""

    def make(rate_limit=1000, **options):
        defaults = {
            "state": memory,
            "sleep": fake_time.sleep,
            "now": calendar,
            "quota": Quota(),
            "rate_headers": RateHeaders(),
            "max_wait_seconds": 300.0,
        }
        return VendorLimiter("acme", rate_limit, **defaults | options)

    return make
