"""The event log's files while they are kept open, and after."""

from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from atlas_assets.orchestration.event_log import INDEX, kept_open


@dg.asset
def something() -> dg.MaterializeResult:
    """An asset."""
    return dg.MaterializeResult(metadata={"rows": 1})


def _run(instance: dg.DagsterInstance, run_id: str) -> None:
    job = dg.Definitions(assets=[something]).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, run_id=run_id).success


def test_journals_stay_while_the_logs_are_kept_open_and_are_written_back_after(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        storage, run_id = instance.event_log_storage, str(uuid4())
        assert isinstance(storage, SqliteEventLogStorage)
        journals = [Path(f"{storage.path_for_shard(log)}-wal") for log in (INDEX, run_id)]
        with kept_open(instance, INDEX), kept_open(instance, run_id):
            _run(instance, run_id)
            assert all(journal.stat().st_size > 0 for journal in journals)
        assert not any(journal.exists() for journal in journals)
        assert instance.get_latest_materialization_event(something.key).run_id == run_id
        assert [entry.is_dagster_event for entry in instance.all_logs(run_id)].count(True) > 5


@pytest.mark.parametrize("log", [INDEX, "00000000-0000-0000-0000-000000000000"])
def test_a_log_elsewhere_is_left_alone(log):
    with dg.DagsterInstance.ephemeral() as instance, kept_open(instance, log):
        _run(instance, str(uuid4()))
        assert instance.get_latest_materialization_event(something.key)
