"""Thousands of replies, three in ten of them spoilt, through ingestion into a real lake: what is true in the end."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from atlas_assets.contracts.schema import arrow_schema
from atlas_assets.data_sources.coverage import State, gaps
from atlas_assets.lake import Lake, LakeConfig
from atlas_assets.orchestration.coverage import painted
from atlas_assets.orchestration.tables import all_tables, table
from atlas_assets.sandbox.faults import PASSING_KINDS, FaultPlan
from atlas_tests.faults.operator import Operator, night_after
from atlas_tests.faults.vendors import (
    CANARIES,
    FIRST,
    JUNK_ROW,
    UNKNOWN_SYMBOL,
    Vendors,
    rows_of,
    sections,
    truth,
)

SMALL = {"symbols": 60, "pairs": 20, "traded": 1, "series": 20}
LARGE = {"symbols": 150, "pairs": 80, "traded": 8, "series": 70}


@pytest.fixture
def debug_log(tmp_path):
    """Everything that anybody logs, at the finest level, into a file of the home."""
    file = tmp_path / "debug.log"
    handler = logging.FileHandler(file, encoding="utf-8")
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield file
    root.removeHandler(handler)
    root.setLevel(before)
    handler.close()


def nights_of(home: Path, size: dict[str, int], nights: int, plan: FaultPlan | None) -> Operator:
    """Load night after night, and once more when everything can be final."""
    lake = Lake(LakeConfig(root=home / "lake"))
    vendors = Vendors(datetime(2018, 12, 4, tzinfo=UTC))
    operator = Operator(lake, vendors, sections(**size), plan)
    last = FIRST + timedelta(days=nights - 1)
    days = [FIRST + timedelta(days=number) for number in range(nights)]
    for day, after in [*((day, day) for day in days), (last, last + timedelta(days=3))]:
        vendors.now = night_after(after, vendors.now)
        operator.night(day)
        assert_every_gap_is_visible(operator, day)
    return operator


def assert_every_gap_is_visible(operator: Operator, last: date) -> None:
    """Where the ledger says that a day is there all its rows are; where rows are missing it says so."""
    for name in operator.sections:
        ledger = painted(operator.lake, *table(name).asset_key[1:])
        found = rows_of(operator.lake, name)
        assert ledger.keys() == set(instruments_of(operator.sections[name]))
        for instrument, spans in ledger.items():
            for span in spans:
                if span.state is not State.MISSING:
                    expected = truth(name, instrument, span.first, min(span.last, last))
                    assert expected <= found.get(instrument, set()), (name, instrument, span)


def instruments_of(section) -> list[str]:
    return [getattr(one, "id", one) for one in getattr(section, "symbols", None) or section.series]


def assert_exactly_the_truth(operator: Operator, last: date) -> None:
    for name, section in operator.sections.items():
        found = rows_of(operator.lake, name)
        assert found.keys() == set(instruments_of(section))
        for instrument, rows in found.items():
            assert rows == truth(name, instrument, FIRST, last)
        counted = operator.lake.sql(f"SELECT count(*) AS rows FROM lake.{name}").column(0)[0].as_py()
        assert counted == sum(len(rows) for rows in found.values())
        ledger = painted(operator.lake, *table(name).asset_key[1:])
        for instrument in instruments_of(section):
            assert gaps(ledger[instrument], FIRST, last) == []
            assert {span.state for span in ledger[instrument]} == {State.FINAL}


def assert_quarantine_is_accounted_for(operator: Operator) -> None:
    """Each row set aside is the one that is none, at its place in the stored reply; and all of them are set aside."""
    lake = operator.lake
    objects = lake.sql("SELECT object_id, path, rows FROM lake.raw.objects WHERE source = 'eodhd'").to_pylist()
    replies = {one["object_id"]: json.loads(lake.objects.get(one["path"])) for one in objects if one["rows"]}
    quarantined = lake.sql("SELECT source, object_id, position, reason FROM lake.raw.quarantine").to_pylist()
    seen = set()
    for line in quarantined:
        assert line["source"] == "eodhd"
        assert replies[line["object_id"]][line["position"] - 1] == JUNK_ROW
        assert line["reason"]
        seen.add((line["object_id"], line["position"]))
    assert len(seen) == len(quarantined)
    held = {(one, place + 1) for one, rows in replies.items() for place, row in enumerate(rows) if row == JUNK_ROW}
    assert held == seen
    assert seen


def assert_no_secret_in_anything_written(home: Path, operator: Operator) -> None:
    for file in home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            written = zstandard.decompress(content) if file.suffix == ".zst" else content
            for canary in CANARIES:
                assert canary.encode() not in written, file
    for info in operator.lake.tables():
        text = operator.lake.sql(f"SELECT string_agg(t::VARCHAR, ' ') FROM lake.{info.name} AS t").column(0)[0].as_py()
        assert not any(canary in (text or "") for canary in CANARIES), info.name
    for snapshot in operator.lake.snapshots(limit=10_000):
        assert not any(canary in f"{snapshot}" for canary in CANARIES)
    assert not any(canary in error for canary in CANARIES for error in operator.errors)


def run(home: Path, size: dict[str, int], nights: int, *, seed: int) -> Operator:
    """The nights, and what is true after them."""
    operator = nights_of(home, size, nights, FaultPlan(seed=seed, rate=0.3, kinds=PASSING_KINDS))
    last = FIRST + timedelta(days=nights - 1)
    assert_exactly_the_truth(operator, last)
    assert_quarantine_is_accounted_for(operator)
    assert_no_secret_in_anything_written(home, operator)
    assert operator.answer.hosts == set(operator.sent) == {"eodhd.com", "api.stlouisfed.org", "data-api.binance.vision"}
    # There were gaps on the way.
    assert any(tally.failures for tally in operator.tallies)
    # Of ten requests three meet a fault. Each is sent again, and what a failed query had got so far is asked for anew.
    assert 1.2 < operator.sent.total() / sum(tally.replies for tally in operator.tallies) < 2.0
    # Nothing is left to do: no request is sent any more.
    sent = operator.sent.total()
    operator.night(last)
    assert operator.sent.total() == sent
    return operator


def test_five_hundred(tmp_path, debug_log):
    assert run(tmp_path, SMALL, 3, seed=11).sent.total() >= 500


def test_a_symbol_that_is_gone_does_not_hold_up_the_others(tmp_path, debug_log):
    """Its gap is seen in the ledger, with the vendor's words but without the key that they quote."""
    lake = Lake(LakeConfig(root=tmp_path / "lake"))
    vendors = Vendors(datetime(2018, 12, 10, 5, 30, tzinfo=UTC))
    wanted = sections(symbols=3, pairs=1, traded=1, series=1)
    section = wanted["raw.eodhd_eod"]
    section = section.model_copy(update={"symbols": [*section.symbols, UNKNOWN_SYMBOL]})
    operator = Operator(lake, vendors, {"raw.eodhd_eod": section})
    operator.night(date(2018, 12, 7))
    ledger = painted(lake, "eodhd", "eod")
    (gap,) = gaps(ledger[UNKNOWN_SYMBOL], FIRST, date(2018, 12, 7))
    assert "Ticker Not Found" in gap.reason
    assert len(rows_of(lake, "raw.eodhd_eod")) == 3
    assert operator.tallies[0].failure() is None
    assert_no_secret_in_anything_written(tmp_path, operator)


@pytest.mark.slow
def test_ten_thousand(tmp_path, debug_log):
    operator = run(tmp_path, LARGE, 22, seed=12)
    print(f"\nreplies={operator.sent.total()} runs={len(operator.tallies)} failed_runs={len(operator.errors)}")
    assert operator.sent.total() >= 10_000
    assert_silver_is_good(operator.lake, tmp_path / "target")
    assert_no_secret_in_anything_written(tmp_path, operator)


def assert_silver_is_good(lake: Lake, target: Path) -> None:
    """What dbt makes of raw keeps its contract: not one bad row."""
    from atlas_assets.contracts.judgement import judge
    from atlas_assets.orchestration.dbt.silver import dbt_environment
    from atlas_tests.dbt.conftest import SILVER, Workbench

    for one in all_tables():
        if one.layer == "raw":
            lake.create_table(one.name, arrow_schema(one.contract))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dbt_environment(lake, run_id="silver").items():
            patch.setenv(name, value)
        Workbench(lake, target).dbt("run")
    with lake.reader() as connection:
        for one in SILVER:
            verdict = judge(connection, one.name, one.contract)
            assert (verdict.shape, verdict.truth) == ((), ()), one.name
        (bars,) = connection.execute("SELECT count(*) FROM silver.daily_bars WHERE source = 'eodhd'").fetchone()
    assert bars == lake.sql("SELECT count(*) FROM lake.raw.eodhd_eod").column(0)[0].as_py()
