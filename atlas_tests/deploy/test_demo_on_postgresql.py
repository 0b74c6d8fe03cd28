"""The same lake with a PostgreSQL catalog, by one setting: the whole graph, and the same content table by table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_tests.demo_home import LONGEST
from atlas_tests.lake.fixtures import postgres_address

__all__ = ["postgres_address"]


def demo(home: Path, **settings: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "DAGSTER_"))}
    command = [Path(sys.executable).with_name("atlas"), "demo"]
    result = subprocess.run(
        command,
        env={**environment, "ATLAS_HOME": str(home), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]


# Their lines name the runs.
LEDGERS = {
    *("raw.objects", "raw.coverage", "raw.quarantine", "raw.quarantine_decisions", "raw.schema_changes"),
    "model.states",
}


@pytest.mark.slow
def test_both_catalogs_hold_the_same_content(tmp_path, monkeypatch, postgres_address):
    import psycopg2

    from atlas_assets import open_lake

    connection = psycopg2.connect(f"{postgres_address}/postgres")
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE whole_demo")
    connection.close()
    catalog = f"{postgres_address}/whole_demo".replace("postgresql://", "postgresql+psycopg2://")
    demo(tmp_path / "sqlite")
    demo(tmp_path / "postgresql", ATLAS_LAKE__CATALOG=catalog)

    monkeypatch.setenv("ATLAS_HOME", str(tmp_path / "sqlite"))
    embedded = open_lake()
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path / "postgresql"))
    monkeypatch.setenv("ATLAS_LAKE__CATALOG", catalog)
    served = open_lake()
    names = {table.name for table in embedded.tables()}
    assert names == {table.name for table in served.tables()}
    versions = {name: (embedded.version(name), served.version(name)) for name in names - LEDGERS}
    assert {"raw.eodhd_eod", "silver.daily_bars", "gold.value_at_risk"} <= versions.keys()
    assert {name for name, (one, other) in versions.items() if one != other} == set()
