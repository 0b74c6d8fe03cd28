"""Files that people drop: good rows taken once, bad ones set aside, what is no such file sent back with the reason."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from datetime import timedelta
from pathlib import Path

import dagster as dg
import fsspec
import pandas as pd
import pytest

from atlas_assets.data_sources.files import reading
from atlas_assets.data_sources.files.known import DAILY_BARS
from atlas_assets.lake.objects import ObjectStore
from atlas_assets.orchestration.inboxes import declared_tables, routes, waiting_for
from atlas_assets.orchestration.landing import Landing
from atlas_assets.orchestration.tables import all_tables, table_of
from atlas_assets.settings import SettingsError, load_settings
from atlas_tests.orchestration.desk import BARS, LONG_AGO, configure

GOOD = "Symbol,Date,Open,High,Low,Close,Volume,Comment\nNA,2018-12-31,1,2,0.5,1.5,10,x\nBRK/B,2018-12-31,,,,-37.63,,\n"
MIXED = "symbol,date,close\nA,2018-12-31,1\nB,2018-12-31,n/a\n=cmd|' /C calc'!A0,2018-12-31,3\n"
POSITIONS = {
    "name": "positions",
    "columns": {"account": "text", "quantity": {"kind": "number", "unit": "shares", "bounds": {"ge": 0}}},
    "key": ["account"],
}


def raising(error):
    def fail(*arguments, **options):
        raise error

    return fail


def test_good_rows_are_taken_bad_ones_set_aside_and_bad_files_sent_back(desk):
    desk.drop("good.csv", GOOD)
    desk.drop("mixed.csv", MIXED)
    desk.drop("bad.csv", "a,b\n1,2\n")
    told, _ = desk.run()
    counts = {name: told[name] for name in told if name.startswith(("files_", "rows_"))}
    assert counts == {
        "files_taken": 2, "files_rejected": 1, "files_left": 0, "rows_taken": 4, "rows_quarantined": 1,
        "rows_added": 4, "rows_removed": 0,
    }  # fmt: skip
    assert sorted((row["file_name"], row["row_number"], row["symbol"], row["close"]) for row in desk.rows()) == [
        ("good.csv", 1, "NA", 1.5),
        ("good.csv", 2, "BRK/B", -37.63),
        ("mixed.csv", 1, "A", 1.0),
        ("mixed.csv", 3, "=cmd|' /C calc'!A0", 3.0),
    ]
    (line,) = desk.rows("raw.quarantine")
    assert (line["source"], line["dataset"], line["position"]) == ("landing", "daily_bars", 2)
    assert line["reason"] == "close is not a number: 'n/a' (line 3, byte 33)"
    assert json.loads(line["content"])["symbol"] == "B"
    objects = {row["object_id"]: json.loads(row["request"])["file"] for row in desk.rows("raw.objects")}
    assert objects[line["object_id"]] == "mixed.csv"
    assert os.listdir(desk.landing) == ["rejected"]
    assert desk.reason("bad.csv") == "Missing column symbol, date, close; the file has: a, b.\n"


def test_the_check_warns_of_rows_set_aside_and_shows_some(desk):
    desk.drop("mixed.csv", MIXED)
    _, check = desk.run()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    (shown,) = check.metadata["quarantined_rows"].value
    assert (shown["file"], shown["row"]) == ("mixed.csv", 2)
    desk.drop("good.csv", GOOD)
    assert desk.run()[1].passed


def test_an_export_runs_no_formula_and_loses_nothing(desk, tmp_path, monkeypatch):
    from atlas_assets import cli

    desk.drop("mixed.csv", MIXED)
    desk.take()
    for suffix, symbol in (("csv", "'=cmd|' /C calc'!A0"), ("parquet", "=cmd|' /C calc'!A0")):
        file = tmp_path / f"export.{suffix}"
        monkeypatch.setattr("sys.argv", ["atlas", "read", BARS, "--format", suffix, "--output", str(file)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert not left.value.code
        exported = (pd.read_csv(file) if suffix == "csv" else pd.read_parquet(file)).sort_values("close")
        assert exported["symbol"].tolist() == ["A", symbol]
        assert exported["close"].tolist() == [1.0, 3.0]


def test_what_was_stored_is_what_was_dropped(desk):
    desk.drop("good.csv", GOOD)
    desk.take()
    (record,) = desk.rows("raw.objects")
    assert desk.lake.objects.get(record["path"]) == GOOD.encode()
    assert {row["object_id"] for row in desk.rows()} == {record["object_id"]}


def test_the_same_bytes_again_change_nothing(desk, monkeypatch):
    desk.drop("mixed.csv", MIXED)
    before = desk.take()[BARS]
    rows, lines = desk.rows(), desk.rows("raw.quarantine")
    from atlas_assets.settings import Settings

    for name, later in (("mixed.csv", 0), ("deep/er.csv", 400)):
        monkeypatch.setattr(Settings, "now", lambda settings, later=later: settings.clock + timedelta(days=later))
        desk.drop(name, MIXED)
        desk.drop(f"twin of {Path(name).name}", MIXED)
        told = desk.take()[BARS]
        assert told["files_taken"] == 2
        assert told["version"] == before["version"]
        assert (desk.rows(), desk.rows("raw.quarantine")) == (rows, lines)


def test_nothing_dropped_makes_an_empty_table(desk):
    assert desk.take()[BARS]["files_taken"] == 0
    assert desk.rows() == []


def test_a_run_of_many_files_commits_a_few_times(desk):
    for day in range(1, 31):
        desk.drop(f"{day}.csv", f"symbol,date,close\nA,2018-12-{day:02d},{day}\n")
    desk.take()
    assert len(desk.rows()) == 30
    assert len(desk.lake.snapshots(BARS)) <= 3


def test_files_stay_until_their_rows_are_committed(desk):
    from atlas_assets.orchestration.resources import configured_settings

    desk.drop("good.csv", GOOD)
    landing = Landing(DAILY_BARS.table, lake=desk.lake, now=desk.now, run_id="test")
    batches = landing.batches(waiting_for(configured_settings(), now_seconds=LONG_AGO + 10)[DAILY_BARS.table])
    assert next(batches).rows.num_rows == 2
    assert (desk.landing / "good.csv").exists()
    assert next(batches, None) is None
    assert not (desk.landing / "good.csv").exists()


def test_a_machine_short_of_memory_or_disk_sends_no_good_file_back(desk, monkeypatch):
    desk.drop("good.csv", GOOD)
    for error, (owner, name) in (
        (MemoryError(), (reading, "read_file")),
        (OSError(errno.ENOSPC, "No space left on device"), (ObjectStore, "put")),
        (FileNotFoundError(errno.ENOENT, "The specified bucket does not exist"), (ObjectStore, "put")),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, raising(error))
            assert desk.take()[BARS]["files_left"] == 1
    assert desk.take()[BARS]["files_taken"] == 1


def test_a_passing_failure_of_the_store_leaves_the_file(desk, monkeypatch):
    store = fsspec.filesystem("memory")
    store.store.clear()
    configure(monkeypatch, desk.home, locations=["memory://inbox"])
    store.pipe_file("/inbox/good.csv", GOOD.encode())

    for error, said in (
        (OSError(errno.EBUSY, "Please reduce your request rate."), "Please reduce your request rate."),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset by peer"),
        (TimeoutError(), "TimeoutError"),
        (ArithmeticError("a client's own"), "ArithmeticError: a client's own"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(type(store), "cat_file", raising(error))
            told = desk.take()[BARS]
        assert (told["files_left"], told["files_rejected"], told["files_taken"]) == (1, 0, 0)
        assert desk.messages == [f"good.csv stays because it cannot be taken now: {said}"]
    assert store.find("/inbox") == ["/inbox/good.csv"]
    assert desk.take()[BARS]["files_taken"] == 1


def test_files_that_stay_are_asked_for_again(desk, monkeypatch):
    from atlas_assets.definitions import defs
    from atlas_assets.defs.landing import assets

    sensor = defs().get_repository_def().get_sensor_def("landing_sensor")
    desk.drop("a.csv", GOOD)
    keys = []
    with dg.DagsterInstance.ephemeral() as instance:
        for seconds in (0, 1, assets.RETRY_SECONDS):
            monkeypatch.setattr(assets.time, "time", lambda seconds=seconds: 2 * LONG_AGO + seconds)
            context = dg.build_sensor_context(instance, sensor_name=sensor.name)
            (request,) = sensor.evaluate_tick(context).run_requests
            keys.append(request.run_key)
    assert keys[0] == keys[1] != keys[2]


def test_a_dataset_of_the_settings_has_its_own_table(desk, monkeypatch):
    configure(monkeypatch, desk.home, locations=["landing"], datasets=[POSITIONS])
    assert table_of(("raw", "landing", "positions")) in all_tables()
    desk.drop("positions/monday.csv", "Account,Quantity\na,5\nb,-1\na,6\n")
    desk.drop("bars.csv", GOOD)
    told = desk.take()
    assert [told[name]["rows_taken"] for name in ("raw.landing_positions", BARS)] == [1, 2]
    (row,) = desk.rows("raw.landing_positions")
    assert (row["file_name"], row["account"], row["quantity"]) == ("positions/monday.csv", "a", 5.0)
    reasons = [line["reason"] for line in desk.rows("raw.quarantine") if line["dataset"] == "positions"]
    assert reasons == ["quantity: greater_than_or_equal_to(0)", "the same account as in a row before"]


def test_a_declared_table_is_an_asset_and_a_sensor_asks_for_it_when_files_wait(desk, monkeypatch):
    configure(monkeypatch, desk.home, locations=["landing", "memory://inbox"], datasets=[POSITIONS])
    from atlas_assets.definitions import defs

    definitions = defs()
    graph, repository = definitions.resolve_asset_graph(), definitions.get_repository_def()
    key = dg.AssetKey(["raw", "landing", "positions"])
    checks = {check.name for check in graph.get_check_keys_for_assets({key})}
    assert checks == {"contract_shape", "contract_truth", "row_count_surprise", "quarantined_rows"}
    assert graph.get(key).owners
    assert repository.has_sensor_def("remote_landing_sensor")
    sensor = repository.get_sensor_def("landing_sensor")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, repository_def=repository, sensor_name=sensor.name)
        assert not sensor.evaluate_tick(context).run_requests
        desk.drop("positions/a.csv", "account,quantity\na,5\n")
        (first,) = sensor.evaluate_tick(context).run_requests
        assert first.asset_selection == [key]
        desk.drop("b.csv", GOOD)
        (second,) = sensor.evaluate_tick(context).run_requests
        assert len(second.asset_selection) == 2
        assert first.run_key != second.run_key


def test_files_of_a_bucket_are_taken(desk, monkeypatch):
    store = fsspec.filesystem("memory")
    store.store.clear()
    configure(monkeypatch, desk.home, locations=["memory://inbox"])
    store.pipe_file("/inbox/good.csv", GOOD.encode())
    store.pipe_file("/inbox/bad.csv", b"a,b\n")
    told = desk.take()[BARS]
    assert (told["files_taken"], told["files_rejected"], len(desk.rows())) == (1, 1, 2)
    assert sorted(store.find("/inbox")) == [
        "/inbox/rejected/bad.csv", "/inbox/rejected/bad.csv.reason.txt", "/inbox/taken/good.csv"
    ]  # fmt: skip


def test_a_file_that_no_dataset_takes_is_sent_back(desk, monkeypatch):
    configure(monkeypatch, desk.home, datasets=[{"name": "daily_bars", "match": "bars/*"}])
    desk.drop("other.csv", GOOD)
    desk.drop("bars/a.csv", GOOD)
    assert desk.take()[BARS]["rows_taken"] == 2
    assert desk.reason("other.csv") == "No dataset of the settings takes a file of this name or folder.\n"


@pytest.mark.parametrize(
    ("landing", "said"),
    [
        ({"datasets": [POSITIONS, POSITIONS]}, "two datasets have the name positions"),
        ({"datasets": [{"name": "x", "source": "raw.eodhd_eod"}]}, "is not an enabled source of files"),
        ({"datasets": [{"name": "x", "columns": {"a": "float"}}]}, "datasets.0.columns.a.kind"),
    ],
)
def test_wrong_settings_say_so(desk, monkeypatch, landing, said):
    configure(monkeypatch, desk.home, **landing)
    with pytest.raises(SettingsError, match=said):
        routes(load_settings())


def test_one_folder_can_come_from_the_environment(desk, monkeypatch):
    monkeypatch.setenv("ATLAS_LANDING__FOLDER", "elsewhere")
    assert load_settings().landing.folders == (Path("elsewhere"),)
    monkeypatch.setenv("ATLAS_LANDING__FOLDER", "s3://bucket/in")
    assert (load_settings().landing.folders, load_settings().landing.urls) == ((), ("s3://bucket/in",))


def test_a_disabled_source_takes_nothing(desk):
    settings = load_settings()
    assert [route.table for route in routes(settings)] == declared_tables(settings)


def test_every_number_of_the_tally_is_shown():
    from atlas_assets.orchestration.landing import Tally

    counted = {field.name for field in dataclasses.fields(Tally)} - {"sample", "messages"}
    assert len(Tally().metadata()) == len(counted)
