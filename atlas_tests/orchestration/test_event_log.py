"""The event log's files while they are kept open, and after."""

from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from atlas_assets.orchestration.event_log import kept_open

INDEX = "index"


@dg.asset
def something() -> dg.MaterializeResult:
    """An asset."""
    return dg.MaterializeResult(metadata={"rows": 1})


def _run(instance: dg.DagsterInstance, run_id: str) -> None:
    job = dg.Definitions(assets=[something]).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, run_id=run_id).success


def test_each_log_is_opened_once_while_they_are_kept_and_its_journal_is_written_back_after(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        storage, run_id = instance.event_log_storage, str(uuid4())
        assert isinstance(storage, SqliteEventLogStorage)
        connect, shards = storage._connect, []
        storage._connect = lambda shard: shards.append(shard) or connect(shard)
        journals = [Path(f"{storage.path_for_shard(log)}-wal") for log in (INDEX, run_id)]
        with kept_open(instance):
            _run(instance, run_id)
            assert all(journal.stat().st_size > 0 for journal in journals)
            assert sorted(shards) == sorted((INDEX, run_id))
        assert not any(journal.exists() for journal in journals)
        assert instance.get_latest_materialization_event(something.key).run_id == run_id
        assert [entry.is_dagster_event for entry in instance.all_logs(run_id)].count(True) > 5


def test_a_failed_run_leaves_the_logs_as_they_were(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        with pytest.raises(ZeroDivisionError), kept_open(instance):
            raise ZeroDivisionError
        _run(instance, run_id := str(uuid4()))
        assert instance.get_latest_materialization_event(something.key).run_id == run_id


def test_logs_elsewhere_are_left_alone():
    with dg.DagsterInstance.ephemeral() as instance, kept_open(instance):
        _run(instance, str(uuid4()))
        assert instance.get_latest_materialization_event(something.key)
