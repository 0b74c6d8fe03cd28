"""What planning costs: as many queries as there are datasets, however many partitions these have."""

from __future__ import annotations

import dagster as dg
import pytest
import sqlalchemy

from atlas_assets.lake import Lake
from atlas_assets.orchestration import planning
from atlas_assets.orchestration.planning import missing_loads
from atlas_assets.orchestration.resources import configured_lake

DATASETS = [dg.AssetKey(["raw", "vendor", f"dataset_{number}"]) for number in range(30)]
MOST_STATEMENTS = 2 * len(DATASETS)


@pytest.fixture
def statements():
    """The SQL that goes to Dagster's storage."""
    sent = []

    def note(connection, cursor, statement, *_):
        if not statement.startswith("PRAGMA"):
            sent.append(statement)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    yield sent
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", note)


@pytest.fixture
def queries(atlas_home, monkeypatch) -> list:
    """What the lake is asked, in whose settings the datasets are."""
    asked, sql = [], Lake.sql
    monkeypatch.setattr(Lake, "sql", lambda lake, *said: (asked.append(said), sql(lake, *said))[1])
    some = planning._sources()["raw", "eodhd", "eod"]
    monkeypatch.setattr(planning, "_sources", lambda: {tuple(key.path): some for key in DATASETS})
    return asked


@pytest.mark.parametrize("first", ["2018-12-22", "2005-04-24"], ids=["ten days", "five thousand days"])
def test_thirty_datasets_are_planned_with_few_queries(statements, queries, first):
    days = dg.DailyPartitionsDefinition(first, end_date="2019-01-01")
    assert len(days.get_partition_keys()) in {10, 5_000}
    with dg.DagsterInstance.ephemeral() as instance:
        for key in DATASETS:
            # What was never loaded at all needs no ledger.
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="2018-12-31"))
        statements.clear()
        loads = [missing_loads(key, days, instance, configured_lake()) for key in DATASETS]
    # Nothing is in the ledger: everything is due, in one run for each.
    assert [(one.first, one.last) for (one,) in loads] == [(first, "2018-12-31")] * len(DATASETS)
    assert len(queries) == len(DATASETS)
    assert 0 < len(statements) <= MOST_STATEMENTS
    print(f"\n{len(days.get_partition_keys())} partitions: {len(statements)} statements, {len(queries)} queries")
