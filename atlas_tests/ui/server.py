"""`atlas ui` as a person runs it: started in a home of its own, asked over HTTP, ended with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import atlas_assets as atlas
from atlas_assets.lake import Lake
from atlas_tests.conftest import REPOSITORY

Result = TypeVar("Result")

ATLAS = Path(sys.executable).with_name("atlas")
POLL_SECONDS = 0.3
DEMO_SECONDS, START_SECONDS, STOP_SECONDS, RUN_SECONDS = 1200, 300, 90, 400
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}

# Four days of one-minute candles and trades instead of a month: the same graph in half the time.
FEW_DAYS = {
    "ATLAS_DATA_SOURCES__BINANCE__HISTORY_FROM": "2018-12-28",
    "ATLAS_DATA_SOURCES__BINANCE__PARTITIONS_FROM": "2018-12-28",
    "ATLAS_MODELS__ORDER_FLOW_CLUSTERS__TRAINING_BUCKETS": "100",
    "ATLAS_MODELS__BEHAVIOUR_DEVIATION__TRAINING_BUCKETS": "100",
}

RUNS = """
query Runs($limit: Int!) { runsOrError(limit: $limit) { ... on Runs { results {
  runId status creationTime startTime endTime assetSelection { path }
} } } }
"""


def waited_for(what: str, answer: Callable[[], Result | None], *, seconds: float) -> Result:
    """The first answer that is neither None nor false.

    Raises
    ------
    TimeoutError
        When there is none in time.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = answer()
        if found is not None and found is not False:
            return found
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{what}: not within {seconds} s")


class Home:
    """A folder with lake, Dagster instance and landing folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.landing = folder / "landing"
        self.plots = folder / "data" / "plots"
        self.landing.mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make the folder the home."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "DAGSTER_"))}
        dagster_home = self.folder / "data" / "dagster"
        return kept | FEW_DAYS | {"ATLAS_HOME": str(self.folder), "DAGSTER_HOME": str(dagster_home)}

    def fill(self) -> float:
        """Run `atlas demo`; the seconds it took."""
        started = time.monotonic()
        demo = subprocess.run(
            [ATLAS, "demo"],
            env=self.environment,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEMO_SECONDS,
        )
        assert demo.returncode == 0, demo.stdout[-3000:] + demo.stderr[-3000:]
        return time.monotonic() - started

    def lake(self) -> Lake:
        """The lake, beside the processes that also use it."""
        return atlas.open_lake(home=self.folder)

    def processes(self) -> list[str]:
        """Every process that runs in this home, by the variable that all of them inherit."""
        mark = f"\0ATLAS_HOME={self.folder}\0".encode()
        return [_command(folder) for folder in Path("/proc").glob("[0-9]*") if mark in _environment(folder)]


class AtlasUi:
    """A running `atlas ui`."""

    def __init__(self, home: Home, *, port: int, process: subprocess.Popen[bytes], start_seconds: float) -> None:
        self.home, self.port, self.process, self.start_seconds = home, port, process, start_seconds
        self.address = f"http://127.0.0.1:{port}"

    def ask(self, query: str, **variables: Any) -> Any:
        """What GraphQL answers."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.address}/graphql", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            answer = json.load(reply)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def runs(self) -> list[dict[str, Any]]:
        """The last runs, the newest first."""
        return self.ask(RUNS, limit=50)["runsOrError"]["results"]

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run of which this is the id or its beginning, after its end."""
        return waited_for(
            f"end of run {run_id}",
            lambda: next(
                (run for run in self.runs() if run["runId"].startswith(run_id) and run["status"] in ENDED), None
            ),
            seconds=RUN_SECONDS,
        )

    def interrupt(self) -> float:
        """Press Ctrl-C, which a terminal sends to the whole group; the seconds until nothing is left."""
        started = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=STOP_SECONDS)
        waited_for("end of every process", lambda: not self.home.processes(), seconds=STOP_SECONDS)
        return time.monotonic() - started


@contextmanager
def running_ui(home: Home) -> Iterator[AtlasUi]:
    """`atlas ui` in a home, answering; ended whatever happens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.monotonic()
    with (home.folder / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            [ATLAS, "ui", "--port", str(port)],
            env=home.environment,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # A shell's background job ignores Ctrl-C and its children inherit that.
            preexec_fn=_heed_interrupts,
        )
    try:
        waited_for("answer of the UI", lambda: _is_up(port, process), seconds=START_SECONDS)
        yield AtlasUi(home, port=port, process=process, start_seconds=time.monotonic() - started)
    finally:
        _end(process)


def port_is_open(port: int) -> bool:
    """Whether anybody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_up(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"atlas ui ended with {process.returncode}"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as reply:
            return "dagster_webserver_version" in json.load(reply)
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    for sent, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        until = time.monotonic() + patience
        while _group_lives(process) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
    process.wait(timeout=10)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # reaps the leader, which would count as alive
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _environment(folder: Path) -> bytes:
    try:
        return b"\0" + (folder / "environ").read_bytes() + b"\0"
    except OSError:
        return b""


def _command(folder: Path) -> str:
    try:
        return f"{folder.name}: {(folder / 'cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}"
    except OSError:
        return folder.name
