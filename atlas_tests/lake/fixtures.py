"""Lakes to test with, on each kind of catalog; a conftest imports these fixtures."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from atlas_assets.lake import Lake, LakeConfig

# Every character that a URL, a libpq string or an SQL literal could get wrong.
_PASSWORD = "p@ss'w\\ord/ :%?#"

MakeConfig = Callable[[], LakeConfig]


@pytest.fixture(scope="session")
def postgres_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``postgresql://user:password@host:port`` of a throw-away PostgreSQL cluster."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    programs = found[-1].parent
    # The server refuses to run as root, and pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="atlas-postgres-"))
    user = _unprivileged_user()
    password_file = folder / "password"
    password_file.write_text(_PASSWORD)
    if user:
        for path in (folder, password_file):
            shutil.chown(path, user)
    data = folder / "data"
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "user": user, "cwd": folder}
    initdb = [programs / "initdb", "-D", data, "-U", "atlas", "--auth=scram-sha-256", f"--pwfile={password_file}", "-N"]
    subprocess.run([*initdb, "--encoding=UTF8", "--locale=C.UTF-8"], check=True, stderr=subprocess.PIPE, **quiet)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "max_connections=200"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                programs / "postgres",
                "-D",
                data,
                "-p",
                str(port),
                *(word for option in options for word in ("-c", option)),
            ],
            stderr=log,
            **quiet,
        )
    try:
        _wait_until_ready(port, server, folder / "log")
        yield f"postgresql://atlas:{quote(_PASSWORD, safe='')}@127.0.0.1:{port}"
    finally:
        # SIGINT ends the sessions that kept engines still hold; SIGTERM would wait for them.
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of catalog in turn."""
    return request.param


@pytest.fixture(scope="session")
def extension_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of extensions for all lakes of the session."""
    return tmp_path_factory.mktemp("extensions")


@pytest.fixture
def make_config(
    catalog_kind: str, tmp_path: Path, extension_folder: Path, request: pytest.FixtureRequest
) -> MakeConfig:
    """Makes configurations of lakes that do not exist yet."""
    address = request.getfixturevalue("postgres_address") if catalog_kind == "postgres" else None

    def make() -> LakeConfig:
        name = f"lake_{secrets.token_hex(6)}"
        catalog = "sqlite" if address is None else f"{address}/{create_database(address, name)}"
        return LakeConfig(root=tmp_path / name, catalog=catalog, extensions=extension_folder, threads=1)

    return make


@pytest.fixture
def config(make_config: MakeConfig) -> LakeConfig:
    """A new lake's configuration."""
    return make_config()


@pytest.fixture
def lake(config: LakeConfig) -> Lake:
    """A new lake."""
    return Lake(config)


def create_database(address: str, name: str) -> str:
    """Create an empty database in the cluster; its name."""
    import psycopg2

    connection = psycopg2.connect(f"{address}/postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
    finally:
        connection.close()
    return name


def _unprivileged_user() -> str | None:
    if os.getuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg2

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="atlas", password=_PASSWORD, dbname="postgres").close()
            return
        except psycopg2.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The PostgreSQL server did not start:\n{log.read_text()}")
            time.sleep(0.05)
