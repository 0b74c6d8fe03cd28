"""Upkeep: tables in many files are merged, by the run that made them so."""

from types import SimpleNamespace

import pytest

from atlas_assets.lake import Lake, LakeConfig, LakeError
from atlas_assets.lake.compaction import tables_of_many_files
from atlas_assets.orchestration import upkeep
from atlas_assets.orchestration.dbt import silver
from atlas_tests.lake.test_writing import TABLE, rows, write


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(LakeConfig(root=tmp_path / "lake"))


def many_files(lake: Lake, more_than: int) -> list[str]:
    with lake.reader() as connection:
        return tables_of_many_files(connection, more_than=more_than)


def test_a_table_of_many_files_is_merged_and_no_other(lake: Lake, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_FILES", 3)
    for days in (20, 21, 22):
        write(lake, rows(days, A=1.0, B=2.0))
    version = lake.version(TABLE)
    upkeep.keep_few_files(lake)
    assert many_files(lake, 2) == [TABLE]
    snapshot = lake.current_snapshot()
    assert write(lake, rows(23, A=1.0, B=2.0)).snapshot_id == snapshot + 1
    upkeep.keep_few_files(lake)
    assert not many_files(lake, 1)
    assert lake.version(TABLE, as_of=snapshot) == version
    assert lake.read_arrow(TABLE).num_rows == 46


def test_a_table_that_cannot_be_merged_now_waits(lake: Lake, monkeypatch, caplog):
    monkeypatch.setattr(upkeep, "MOST_FILES", 1)
    for days in (5, 6):
        write(lake, rows(days, A=1.0))

    def refuse(self, table):
        raise LakeError(f"{table} was not written.")

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "compact", refuse)
        upkeep.keep_few_files(lake)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"{TABLE} was not written."
    ]
    upkeep.keep_few_files(lake)
    assert not many_files(lake, 1)


def test_a_build_of_silver_merges(lake: Lake, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_FILES", 1)
    monkeypatch.setattr(silver, "_create_what_nobody_fills", lambda lake: None)
    for days in (5, 6):
        write(lake, rows(days, A=1.0))
    dbt = SimpleNamespace(cli=lambda *arguments, **options: SimpleNamespace(stream=lambda: iter(())))
    assert list(silver.run_silver(SimpleNamespace(run=SimpleNamespace(run_id="run-1")), lake, dbt)) == []
    assert not many_files(lake, 1)
