"""Configuration, locks, connections and what dbt is told."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from atlas_assets.lake import CommitInfo, Lake, LakeConfig, LakeError, failpoints
from atlas_assets.lake.extensions import install_extension


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, atlas_assets.lake; "
        "print([m for m in ('duckdb', 'pandas', 'pyarrow', 'dagster') if m in sys.modules]); "
        "import atlas_assets.lake.lake; print([m for m in ('pandas', 'pyarrow', 'dagster') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_a_postgres_address_becomes_a_connection_string() -> None:
    config = LakeConfig(
        Path("x"), catalog="postgresql+psycopg2://us%40er:p%27w%5C%20d@db.example:5433/lake?sslmode=require"
    )
    assert config.conninfo == (
        r"host='db.example' port='5433' user='us@er' password='p\'w\\ d' dbname='lake' "
        "connect_timeout='10' sslmode='require'"
    )
    assert "p%27w" not in repr(config)
    assert config.redact(f"cannot connect to {config.conninfo} or {config.catalog}").count("***") == 2


def test_an_unreachable_catalog_is_said_without_its_password(tmp_path: Path, extension_folder: Path) -> None:
    catalog = "postgresql://atlas:sec%27ret@127.0.0.1:1/lake"
    lake = Lake(LakeConfig(tmp_path, catalog=catalog, extensions=extension_folder))
    for use in (lake.current_snapshot, lambda: lake.commit_lock(timeout=1).__enter__()):
        with pytest.raises(LakeError) as caught:
            use()
        assert "ret" not in str(caught.value).replace("retry", "")


def test_dbt_attaches_the_same_lake(lake: Lake) -> None:
    lake.record([], commit=CommitInfo("run", "asset"))
    told = lake.attach_options()
    assert (told["alias"], told["is_ducklake"]) == ("lake", True)
    connection = duckdb.connect(
        config={"extension_directory": told["extension_directory"], "autoinstall_known_extensions": False}
    )
    connection.execute("LOAD ducklake")
    connection.execute("LOAD postgres_scanner" if lake.config.is_postgres else "LOAD sqlite_scanner")
    options = ", ".join(f"{name} {value!r}" for name, value in told["options"].items())
    path = told["path"].replace("'", "''")
    connection.execute(f"ATTACH '{path}' AS lake ({options})")
    with lake.commit_lock(timeout=10):
        connection.execute("CREATE SCHEMA lake.silver")
        connection.execute("CREATE TABLE lake.silver.by_dbt AS SELECT 1 AS x")
        connection.execute("INSERT INTO lake.silver.by_dbt VALUES (2)")
    connection.close()
    assert lake.read("silver.by_dbt")["x"].tolist() == [1, 2]
    assert lake.version("silver.by_dbt") == lake.version("silver.by_dbt", recompute=True)
    assert [info.name for info in lake.tables()] == [
        "model.states",
        "raw.coverage",
        "raw.objects",
        "raw.quarantine",
        "raw.quarantine_decisions",
        "raw.schema_changes",
        "silver.by_dbt",
    ]


def test_the_lock_excludes_other_threads_and_other_lakes_objects(config: LakeConfig) -> None:
    lake, other = Lake(config), Lake(config)
    entered: list[str] = []

    def wait() -> None:
        with other.commit_lock(timeout=20):
            entered.append("other")

    with lake.commit_lock(timeout=5), lake.commit_lock(timeout=5):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
        assert entered == []
    thread.join(20)
    assert entered == ["other"]


def test_a_lost_lock_stops_the_commit(lake: Lake, catalog_kind: str) -> None:
    if catalog_kind == "sqlite":
        pytest.skip("A file lock is lost only with its process.")
    lake.record([], commit=CommitInfo("run", "asset"))
    snapshot = lake.current_snapshot()
    import psycopg2
    import pyarrow as pa

    schema = pa.schema([("x", pa.int64())])
    data, commit = pa.table({"x": [1]}), CommitInfo("run", "asset")
    with lake.commit_lock(timeout=5):
        session = psycopg2.connect(lake.config.conninfo)
        with session.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        session.close()
        with pytest.raises(LakeError, match="lock was lost"):
            lake.replace("gold.x", data, schema=schema, keys=["x"], window=None, commit=commit)
    assert lake.current_snapshot() == snapshot


def test_reads_survive_a_restart_of_the_catalogs_server(lake: Lake, catalog_kind: str) -> None:
    if catalog_kind == "sqlite":
        pytest.skip("SQLite has no server.")
    import psycopg2

    before = lake.current_snapshot()
    session = psycopg2.connect(lake.config.conninfo)
    with session.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    session.close()
    assert lake.current_snapshot() == before


def test_an_extension_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    file = install_extension("ducklake", tmp_path)
    assert file.stat().st_size > 1_000_000
    assert install_extension("ducklake", tmp_path) == file
    assert list(file.parent.iterdir()) == [file]
    with pytest.raises(LakeError, match="duckdb-extension-absent"):
        install_extension("absent", tmp_path)


def test_failpoints_are_off_and_named() -> None:
    for point in failpoints.POINTS:
        failpoints.hit(point)
    with pytest.raises(ValueError, match="not a failpoint"):
        failpoints.arm("typo")
