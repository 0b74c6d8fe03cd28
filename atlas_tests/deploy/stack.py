"""Starts the services of docker-compose.yml without containers.

Commands, environments and health checks are those of the compose file and the image. Only what a container
would give is replaced: host names, ports and paths. Where the tests run as root, a service runs, as in its
container, as user 10001 without any right to write outside its own folders.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from atlas_tests.deploy.composition import ROOT, image_environment, image_instruction, read_compose

# Every character that a URL, a password file or an SQL literal could get wrong.
SECRETS = {
    "postgres_password": "supe r'user",
    "dagster_password": "da:g\\st'er %?#@/",
    "lake_password": "la\\ke:p'w %?#@/",
    "eod_historical_api_key": "eodhd-key-of-the-test",
    "fred_api_key": "fedcba9876543210fedcba9876543210",
}
_UID = 10001
# Root's own files stay readable (the Python of a developer's machine may lie among them), but not writable.
_AS_ATLAS = (
    "setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups", "--no-new-privs",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search",
)  # fmt: skip


def postgres_programs() -> Path | None:
    """The folder of the newest PostgreSQL server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


class Stack:
    """The services, in one folder of their own."""

    def __init__(self) -> None:
        self.compose = read_compose()
        self.folder = Path(tempfile.mkdtemp(prefix="atlas-stack-"))
        self.folder.chmod(0o755)
        self.ports = {name: _free_port() for name in ("postgres", "code", "webserver")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for service, described in self.compose["services"].items():
            self._own_folder(f"tmp-{service}")
            for secret in described["secrets"]:
                self._write(f"secrets-{service}/{secret}", SECRETS[secret])
        for name in ("dagster.yaml", "workspace.yaml"):
            self._write(f"deploy/{name}", self.translate((ROOT / "deploy" / name).read_text(encoding="utf-8"), "code"))
        for name in ("entrypoint.sh", "databases.sql"):
            shutil.copy(ROOT / "deploy" / name, self.folder / "deploy")
        for name in ("lake", "landing", "state", "dagster"):
            self._own_folder(f"data/{name}")

    def translate(self, text: str, service: str) -> str:
        """A text of the compose file or the image, with this machine's places instead of the container's."""
        places = {
            "/opt/atlas/deploy": f"{self.folder}/deploy",
            "/opt/atlas": str(ROOT),
            "/opt/venv/bin": str(Path(sys.executable).parent),
            "/var/lib/atlas": f"{self.folder}/data",
            "/run/secrets": f"{self.folder}/secrets-{service}",
            "/tmp": f"{self.folder}/tmp-{service}",
            "0.0.0.0": "127.0.0.1",
            "postgres:5432": f"127.0.0.1:{self.ports['postgres']}",
            "host: code": "host: 127.0.0.1",
            "5432": str(self.ports["postgres"]),
            "4000": str(self.ports["code"]),
            "3000": str(self.ports["webserver"]),
        }
        return re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], text)

    def environment(self, service: str) -> dict[str, str]:
        """What the container would see, and nothing of this machine."""
        given = self.compose["services"][service].get("environment", {})
        image = {} if service == "postgres" else image_environment()
        variables = {name: self.translate(value, service) for name, value in (image | given).items()}
        # No vendor is ever asked by a test.
        variables |= {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
        return variables | {"ATLAS_SECRETS": f"{self.folder}/secrets-{service}"}

    def command(self, service: str) -> list[str]:
        """The entrypoint of the image and the service's own command."""
        entrypoint = json.loads(image_instruction("ENTRYPOINT"))
        return [self.translate(word, service) for word in [*entrypoint, *self.compose["services"][service]["command"]]]

    def start(self, service: str) -> None:
        """Start a service and return at once."""
        self._start(service, self._as_user(self.command(service)), self.environment(service))

    def run(self, service: str, command: Sequence[str] | None = None, timeout: float = 600) -> str:
        """Run a command (the service's own unless given) to its end, where the service would; its output."""
        entrypoint = self.command(service)[:1]
        words = self.command(service) if command is None else [*entrypoint, *command]
        result = self._finish(service, self._as_user(words), timeout)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def is_healthy(self, service: str) -> bool:
        """Whether the service's health check succeeds; like Docker's it does not pass through the entrypoint."""
        kind, *check = self.compose["services"][service]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [self.translate(word, service) for word in check]
        timeout = float(self.compose["services"][service]["healthcheck"]["timeout"].removesuffix("s"))
        try:
            return self._finish(service, self._as_user(words), timeout).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def wait(self, what: str, holds: Callable[[], object], *services: str, timeout: float = 600) -> None:
        """Wait until something holds, as long as the services run."""
        deadline = time.monotonic() + timeout
        while not holds():
            for service in services:
                code = self.processes[service].poll()
                assert code is None, f"{service} ended with {code}:\n{self.log(service)}"
            logs = "\n".join(self.log(service) for service in services)
            assert time.monotonic() < deadline, f"{what} did not come about in {timeout} s:\n{logs}"
            time.sleep(0.5)

    def log(self, service: str) -> str:
        """What a service has written so far."""
        return (self.folder / f"{service}.log").read_text(encoding="utf-8", errors="replace")

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the webserver."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        address = f"http://127.0.0.1:{self.ports['webserver']}/graphql"
        request = Request(address, body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as reply:
            answer = json.load(reply)
        assert "errors" not in answer, answer
        return answer["data"]

    def start_postgres(self) -> None:
        """A new cluster with the databases that the image's first start would create."""
        programs = postgres_programs()
        assert programs is not None
        service = self.compose["services"]["postgres"]
        data, password = (
            self._own_folder("postgres", _postgres_user()),
            self.folder / "secrets-postgres" / "postgres_password",
        )
        environment = self.environment("postgres") | {"PATH": f"{programs}:/usr/bin:/bin"}
        initdb = [
            "initdb", "-D", f"{data}/data", "-U", "postgres", f"--pwfile={password}", "--auth-host=scram-sha-256",
            "--auth-local=trust", *service["environment"]["POSTGRES_INITDB_ARGS"].split(),
        ]  # fmt: skip
        quick = {"env": environment, "user": _postgres_user(), "cwd": data, "timeout": 400, "check": True}
        subprocess.run(initdb, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **quick)
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={data}", f"port={self.ports['postgres']}"]
        server = ["postgres", "-D", f"{data}/data", *(word for option in options for word in ("-c", option))]
        self._start("postgres", server, environment, user=_postgres_user())
        self.wait("PostgreSQL", lambda: self.is_healthy("postgres"), "postgres")
        script = f"{self.folder}/deploy/databases.sql"
        psql = ["psql", "-h", str(data), "-p", str(self.ports["postgres"]), "-U", "postgres", "-d", "postgres"]
        subprocess.run([*psql, "-q", "-v", "ON_ERROR_STOP=1", "-f", script], stdin=subprocess.DEVNULL, **quick)

    def stop(self, service: str) -> float:
        """End a service as `docker stop` does; the seconds that it took."""
        process = self.processes.pop(service)
        sent = getattr(signal, self.compose["services"][service].get("stop_signal", "SIGTERM"))
        began = time.monotonic()
        if process.poll() is None:
            process.send_signal(sent)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        took = time.monotonic() - began
        # A container's end takes its children with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return took

    def close(self) -> None:
        """End everything, newest first."""
        for service in reversed(list(self.processes)):
            self.stop(service)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(
        self, service: str, command: Sequence[str], environment: dict[str, str], user: str | None = None
    ) -> None:
        with (self.folder / f"{service}.log").open("ab") as log:
            self.processes[service] = subprocess.Popen(
                command,
                env=environment,
                user=user,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _finish(self, service: str, command: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
        environment = self.environment(service)
        if service == "postgres":
            environment |= {"PATH": f"{postgres_programs()}:/usr/bin:/bin"}
        return subprocess.run(
            command,
            env=environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def _as_user(self, command: Sequence[str]) -> list[str]:
        return [*(_AS_ATLAS if os.getuid() == 0 else ()), *command]

    def _own_folder(self, name: str, user: str | int | None = _UID) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0 and user is not None:
            shutil.chown(folder, user)
        return folder

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o444)


def _postgres_user() -> str | None:
    """The server refuses to run as root."""
    if os.getuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
