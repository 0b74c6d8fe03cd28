"""Every service of docker-compose.yml, started for real on a PostgreSQL of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from atlas_tests.deploy.stack import SECRETS, Stack, postgres_programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(postgres_programs() is None, reason="PostgreSQL is not installed: apt-get install postgresql"),
    # With several workers the services are still started once.
    pytest.mark.xdist_group("stack"),
]

LONG_RUNNING = ("code", "webserver", "daemon")
DAEMONS = {"SENSOR", "SCHEDULER", "BACKFILL", "ASSET", "QUEUED_RUN_COORDINATOR", "MONITORING", "FRESHNESS_DAEMON"}

USE_LAKE = """
import pyarrow as pa
from atlas_assets.lake import CommitInfo
from atlas_assets import open_lake

lake = open_lake()
assert lake.config.is_postgres
schema = pa.schema([("symbol", pa.string()), ("close_raw", pa.float64())])
rows = pa.table({"symbol": ["AAPL", "MSFT"], "close_raw": [1.5, 2.5]}, schema=schema)
commit = CommitInfo(run_id="deploy-test", asset="deploy/test")
lake.replace("gold.deploy_test", rows, schema=schema, keys=["symbol"], window=None, commit=commit)
print(lake.read("gold.deploy_test", symbols=["MSFT"])["close_raw"].tolist())
"""
LANDED_ROWS = """
from atlas_assets import open_lake

lake = open_lake()
names = {table.name for table in lake.tables()}
print(len(lake.read("raw.landing_daily_bars")) if "raw.landing_daily_bars" in names else 0)
"""
LOST_RUN = """
import json, sys
import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

place = {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": int(sys.argv[1])}), "dagster/max_retries": "0"}
with dg.DagsterInstance.get() as instance:
    run = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED, tags=place)
print(run.run_id)
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Stack]:
    """PostgreSQL with both databases, and nothing else yet."""
    stack = Stack()
    try:
        stack.start_postgres()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="module")
def stack(postgres: Stack) -> Stack:
    """All services, healthy, started in the order that compose would."""
    assert not any(postgres.is_healthy(service) for service in LONG_RUNNING), "a health check succeeds without service"
    postgres.run("migrate")
    assert not postgres.is_healthy("daemon"), "the daemon's health check succeeds before its first heartbeat"
    postgres.start("code")
    postgres.wait("code", lambda: postgres.is_healthy("code"), "code")
    for service in ("webserver", "daemon"):
        postgres.start(service)
    for service in ("webserver", "daemon"):
        postgres.wait(service, lambda name=service: postgres.is_healthy(name), *LONG_RUNNING)
    return postgres


def connect(stack: Stack, role: str, database: str) -> None:
    password = SECRETS["postgres_password" if role == "postgres" else f"{role}_password"]
    psycopg2.connect(
        host="127.0.0.1", port=stack.ports["postgres"], user=role, password=password, dbname=database
    ).close()


@pytest.mark.parametrize("role", ["dagster", "lake"])
def test_a_role_sees_its_own_database_only(postgres: Stack, role: str):
    connect(postgres, role, role)
    for other in {"dagster", "lake", "postgres"} - {role}:
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            connect(postgres, role, other)


def test_the_migration_can_run_again(stack: Stack):
    stack.run("migrate")


def test_the_webserver_shows_the_code_servers_assets(stack: Stack):
    query = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
        __typename ... on PythonError { message } ... on RepositoryLocation { repositories { assetNodes { id } } }
    } } } } }"""
    (entry,) = stack.graphql(query)["workspaceOrError"]["locationEntries"]
    assert entry["name"] == "atlas"
    assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation", entry
    assert sum(len(repository["assetNodes"]) for repository in entry["locationOrLoadError"]["repositories"]) > 0


def test_every_daemon_has_a_heartbeat(stack: Stack):
    query = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
    statuses = stack.graphql(query)["instance"]["daemonHealth"]["allDaemonStatuses"]
    required = {status["daemonType"]: status["healthy"] for status in statuses if status["required"]}
    assert set(required) >= DAEMONS
    assert all(required.values()), required


def test_the_lake_is_written_and_read_on_postgresql(stack: Stack):
    assert stack.run("code", ["python", "-c", USE_LAKE]).strip().endswith("[2.5]")
    names = list((stack.folder / "data" / "lake").iterdir())
    assert not [path for path in names if path.name.startswith("catalog")], "the lake has a catalog on disk"


def test_a_dropped_file_becomes_rows_of_the_lake(stack: Stack):
    """The whole way: the daemon's sensor, the queue, a run in the code server, the lake on PostgreSQL."""
    file = stack.folder / "data" / "landing" / "bars.csv"
    file.write_text("symbol,date,close\nAAPL,2024-01-02,185.64\nMSFT,2024-01-02,370.87\n", encoding="utf-8")
    query = "{ runsOrError { ... on Runs { results { runId status assets { key { path } } } } } }"
    landing = ["raw", "landing", "daily_bars"]

    def landed() -> bool:
        runs = stack.graphql(query)["runsOrError"]["results"]
        ours = [run for run in runs if landing in [asset["key"]["path"] for asset in run["assets"]]]
        failed = [run["runId"] for run in ours if run["status"] in {"FAILURE", "CANCELED"}]
        assert not failed, why_failed(stack, failed[0])
        return any(run["status"] == "SUCCESS" for run in ours)

    stack.wait("the run of the dropped file", landed, *LONG_RUNNING)
    assert stack.run("code", ["python", "-c", LANDED_ROWS]).split()[-1] == "2"
    assert not file.exists()
    assert list((stack.folder / "data" / "dagster" / "compute_logs").rglob("*.err"))


def test_a_run_that_the_code_server_does_not_have_is_ended(stack: Stack):
    run = stack.run("code", ["python", "-c", LOST_RUN, str(stack.ports["code"])]).split()[-1]
    query = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"

    def ended() -> bool:
        return stack.graphql(query, run=run)["runOrError"]["status"] == "FAILURE"

    stack.wait("the end of the lost run", ended, *LONG_RUNNING)


def why_failed(stack: Stack, run: str) -> str:
    query = """query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
        ... on MessageEvent { message } ... on ErrorEvent { error { message stack causes { message } } }
    } } } }"""
    events = stack.graphql(query, run=run)["logsForRun"]["events"]
    return "\n".join(str(event) for event in events if event.get("error")) or str(events[-3:])


def test_no_password_is_in_an_argument_an_environment_or_a_log(stack: Stack):
    stack.is_healthy("code")
    for service in LONG_RUNNING:
        process = Path("/proc") / str(stack.processes[service].pid)
        seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes() + stack.log(service).encode()
        assert b"ATLAS_DAGSTER_POSTGRES_URL" in seen
        for secret, value in SECRETS.items():
            assert value.encode() not in seen, f"{secret} is visible in {service}"


def test_a_dead_service_is_unhealthy_and_comes_back(stack: Stack):
    took = stack.stop("webserver")
    assert took < 10
    assert not stack.is_healthy("webserver")
    stack.start("webserver")
    stack.wait("webserver", lambda: stack.is_healthy("webserver"), "webserver")


def test_a_wrong_password_ends_the_migration_with_a_reason(stack: Stack):
    environment = stack.environment("migrate") | {"ATLAS_SECRETS": "/nonexistent"}
    result = subprocess.run(
        stack.command("migrate"), env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode != 0
    assert "no password supplied" in result.stdout + result.stderr
