"""What a vendor adds is kept and noted; what it renames or retypes stops the dataset with a plan, and only that one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any

import dagster as dg
import httpx
import pytest

from atlas_assets.contracts.judgement import judge
from atlas_assets.data_sources.client.http import HttpClient
from atlas_assets.data_sources.fields import column_name
from atlas_assets.data_sources.registry import section_of, source_of
from atlas_assets.defs.sources.assets import raw_asset
from atlas_assets.orchestration.doctor import examine_schemas
from atlas_assets.orchestration.resources import LakeResource, VendorResource, configured_lake, configured_settings
from atlas_assets.orchestration.tables import table
from atlas_assets.sandbox import SandboxTransport
from atlas_tests.orchestration.desk import BARS

EOD, DUMP, FEAR = "raw.eodhd_eod", "raw.binance_dumps_klines", "raw.alternative_me_fear_greed"
MINUTES = "raw.tiingo_intraday"
# By the sandbox's clock the last days are not final, so that they are asked for again.
FIRST, LAST = date(2018, 12, 27), date(2018, 12, 31)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Waits between attempts take no time."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)


@pytest.fixture
def altered(monkeypatch):
    """Make the sandbox's replies to addresses with a part be what a function makes of them."""
    handle = SandboxTransport.handle_request

    def alter(part: str, change: Callable[[bytes], bytes]) -> None:
        def changed(transport, request):
            response = handle(transport, request)
            response.read()
            if part not in str(request.url) or response.status_code != 200:
                return response
            kept = {name: value for name, value in response.headers.items() if name in ("date", "content-type")}
            return httpx.Response(200, headers=kept, content=change(response.content))

        monkeypatch.setattr(SandboxTransport, "handle_request", changed)

    return alter


def rows_changed(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        rows = json.loads(content)
        for row in rows:
            change(row)
        return json.dumps(rows).encode()

    return changed


def renamed(row: dict[str, Any]) -> None:
    row["close_price"] = row.pop("close")


def load(name: str, first: date = FIRST, last: date = LAST) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Run the asset for some days: the metadata of its materialisation, and that of its failure."""
    source = source_of(name)
    asset = raw_asset(source, section_of(source.vendor, configured_settings().data_sources))
    keys = [key for key in asset.partitions_def.get_partition_keys() if first.isoformat() <= key <= last.isoformat()]
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [asset],
            resources={"lake": LakeResource(), "vendors": VendorResource()},
            instance=instance,
            raise_on_error=False,
            tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
            run_config={"ops": {asset.op.name: {"config": {"refetch": True}}}},
        )
    made = [event.materialization.metadata for event in result.get_asset_materialization_events()]
    failed = [event.event_specific_data for event in result.all_events if event.is_step_failure]
    retries = [event for event in result.all_events if event.is_step_up_for_retry]
    assert not retries
    told = {key: value.value for key, value in made[-1].items()} if made else {}
    if not failed:
        return told, None
    said = failed[0].user_failure_data
    return told, {"description": said.description, **{key: value.value for key, value in said.metadata.items()}}


def changes() -> list[dict[str, Any]]:
    return configured_lake().sql("SELECT * FROM lake.raw.schema_changes ORDER BY change, field").to_pylist()


def test_what_a_vendor_adds_gets_a_column_and_is_noted(atlas_home, altered):
    load(EOD, date(2018, 12, 20), date(2018, 12, 26))
    before = configured_lake().read_arrow(EOD)
    load(EOD)
    first = {row["object_id"] for row in configured_lake().read_arrow(EOD).to_pylist()}
    altered("/eod/", rows_changed(lambda row: row.update(vwap=row["close"] + 0.5, Venue={"mic": "XNYS"}, note=None)))
    told, failed = load(EOD)
    assert failed is None
    assert told["new_columns"].keys() == {"vwap", "venue"}
    after = configured_lake().read_arrow(EOD)
    rows = [row for row in after.to_pylist() if row["partition_date"] >= FIRST]
    assert rows
    assert all(row["vwap"] == row["close"] + 0.5 and row["venue"] == '{"mic": "XNYS"}' for row in rows)
    untouched = [row for row in after.to_pylist() if row["partition_date"] < FIRST]
    assert [{**row, "vwap": None, "venue": None} for row in before.to_pylist()] == untouched
    (venue, vwap) = changes()
    assert (vwap["field"], vwap["column_name"], vwap["change"]) == ("vwap", "vwap", "added")
    assert (venue["field"], venue["column_name"]) == ("Venue", "venue")
    assert vwap["object_id"] in {row["object_id"] for row in rows} - first
    # The contract holds, and the next load without the field is one like any.
    with configured_lake().reader() as connection:
        assert judge(connection, EOD, table(EOD).contract).shape == ()
    altered("/eod/", bytes)
    told, failed = load(EOD)
    assert (failed, told.get("new_columns")) == (None, None)
    assert {row["vwap"] for row in configured_lake().read_arrow(EOD).to_pylist()} == {None}
    assert len(changes()) == 2
    assert [one.ok for one in examine_schemas(configured_settings())] == [True, True]


def test_a_field_that_changes_its_mind_keeps_both(atlas_home, altered):
    altered("/eod/", rows_changed(lambda row: row.update(grade=1)))
    load(EOD)
    altered("/eod/", rows_changed(lambda row: row.update(grade="A")))
    load(EOD)
    rows = configured_lake().read_arrow(EOD).to_pylist()
    assert {(row["grade"], row["grade_text"]) for row in rows} == {(None, "A")}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (renamed, ["Lost: close.", "New: close_price (number).", "If close_price is close renamed, read close from"]),
        (lambda row: row.pop("volume"), ["Lost: volume.", "If the vendor dropped volume for good"]),
        (lambda row: row.update(close=str(row["close"])), ["Of another type: close (close holds string, not double)"]),
    ],
    ids=["renamed", "lost", "retyped"],
)
def test_another_format_stops_the_dataset_with_a_plan(atlas_home, altered, change, told):
    load(EOD)
    version = configured_lake().version(EOD)
    altered("/eod/", rows_changed(change))
    _, failed = load(EOD)
    assert failed is not None
    assert all(part in failed["plan"] for part in told)
    assert failed["plan"] in failed["description"]
    assert configured_lake().version(EOD) == version
    lines = changes()
    assert {line["change"] for line in lines} == {"refused"}
    stored = configured_lake().sql("SELECT object_id FROM lake.raw.objects WHERE rows = 0").column(0).to_pylist()
    assert {line["object_id"] for line in lines} <= {*stored}
    (finding,) = examine_schemas(configured_settings())
    assert not finding.ok
    assert told[0] in finding.detail
    assert any(line["object_id"][:12] in finding.detail for line in lines)
    # Others go on.
    assert load(FEAR)[1] is None
    # As documented again, the dataset goes on too.
    altered("/eod/", bytes)
    assert load(EOD)[1] is None


def volume_renamed(row: dict[str, Any]) -> None:
    row["volume_traded"] = row.pop("volume")


def test_a_field_that_may_be_missing_is_probably_renamed_and_nothing_stops(atlas_home, altered):
    load(MINUTES)
    altered("/iex/", rows_changed(volume_renamed))
    told, failed = load(MINUTES)
    assert failed is None
    assert (told["new_columns"].keys(), told["probably_renamed"]) == ({"volume_traded"}, {"volume": "volume_traded"})
    rows = configured_lake().read_arrow(MINUTES).to_pylist()
    changed = [row for row in rows if row["partition_date"] >= FIRST]
    assert changed
    assert all(row["volume"] is None and row["volume_traded"] > 0 for row in changed)
    added, renaming = changes()
    assert (added["change"], added["field"]) == ("added", "volume_traded")
    assert (renaming["change"], renaming["field"], renaming["column_name"]) == ("renamed", "volume", "volume_traded")
    assert renaming["object_id"] in {row["object_id"] for row in changed}
    assert renaming["plan"].startswith("volume is in no record, and volume_traded (kept as raw.tiingo_intraday.volume_")
    # It is told in each load's metadata, and once in the ledger.
    assert load(MINUTES)[0]["probably_renamed"] == {"volume": "volume_traded"}
    assert len(changes()) == 2
    found = examine_schemas(configured_settings())
    assert [(one.ok, one.detail.split()[0]) for one in found] == [(True, "added"), (True, "renamed")]
    # The old field is there again.
    altered("/iex/", bytes)
    told, _ = load(MINUTES)
    assert "probably_renamed" not in told
    assert [one.detail.split()[0] for one in examine_schemas(configured_settings())] == ["added"]


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(volume_traded=1.0),
        lambda row: row.update(volume=None, volume_traded=1.0),
        lambda row: row.update(venue=row.pop("volume")),
        lambda row: row.update(volume_note=str(row.pop("volume"))),
    ],
    ids=["still there", "there without a value", "not alike", "of another type"],
)
def test_a_field_more_is_no_renaming(atlas_home, altered, change):
    altered("/iex/", rows_changed(change))
    told, failed = load(MINUTES)
    assert failed is None
    assert len(told["new_columns"]) == 1
    assert "probably_renamed" not in told
    assert {line["change"] for line in changes()} == {"added"}


def test_a_field_that_some_replies_still_have_is_not_renamed(atlas_home, altered, monkeypatch):
    monkeypatch.setenv("ATLAS_DATA_SOURCES__TIINGO__INTRADAY__SYMBOLS", '["SPY", "QQQ"]')
    altered("/iex/SPY", rows_changed(volume_renamed))
    told, failed = load(MINUTES)
    assert failed is None
    assert set(configured_lake().read_arrow(MINUTES)["symbol"].to_pylist()) == {"SPY", "QQQ"}
    assert told["new_columns"].keys() == {"volume_traded"}
    assert "probably_renamed" not in told


def test_a_bad_row_among_good_ones_is_set_aside_alone(atlas_home, altered):
    seen = []

    def spoil(row: dict[str, Any]) -> None:
        seen.append(row)
        if len(seen) == 2:
            renamed(row)

    altered("/eod/", rows_changed(spoil))
    told, failed = load(EOD)
    assert failed is None
    assert (told["rows_quarantined"], changes()) == (1, [])


def test_one_odd_reply_among_good_ones_is_a_gap_like_any(atlas_home, altered):
    altered("/eod/GSPC", rows_changed(renamed))
    told, failed = load(EOD)
    assert failed is None
    assert told["instruments_missing"] == 1
    assert "close_price" in told["format_changed"]["GSPC.INDX"]
    assert set(configured_lake().read_arrow(EOD)["symbol"].to_pylist()) == {"IXIC.INDX"}
    assert {line["change"] for line in changes()} == {"refused"}


HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def archived(header: str, change: Callable[[list[str]], list[str]]) -> Callable[[bytes], bytes]:
    """Put a header above an archive's rows and change them."""

    def changed(content: bytes) -> bytes:
        if not content.startswith(b"PK"):
            return content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = archive.namelist()
            lines = archive.read(name).decode().splitlines()
        body = "\n".join([header, *(",".join(change(line.split(","))) for line in lines)]) + "\n"
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), body)
        return target.getvalue()

    return changed


@pytest.fixture
def unchecked(monkeypatch):
    """Archives are changed after their checksum was published."""
    from atlas_assets.data_sources.crypto import binance_dumps

    monkeypatch.setattr(binance_dumps, "_verify", lambda reply, expected: None)


def test_a_column_more_in_a_csv(atlas_home, altered, unchecked):
    day = date(2018, 12, 29)
    altered(".zip", archived(HEADER + ",average", lambda row: [*row, "1.5"]))
    told, failed = load(DUMP, day, day)
    assert failed is None
    assert told["new_columns"].keys() == {"average"}
    assert {row["average"] for row in configured_lake().read_arrow(DUMP).to_pylist()} == {"1.5"}
    assert [line["field"] for line in changes()] == ["average"]


@pytest.mark.parametrize(
    ("header", "change", "told"),
    [
        (
            HEADER.replace("close,", "closing,"),
            lambda row: row,
            "Lost: close. New: closing (text). If closing is close",
        ),
        (HEADER, lambda row: ["n/a", *row[1:]], "Of another type:"),
    ],
    ids=["renamed", "retyped"],
)
def test_another_csv_stops_the_dataset(atlas_home, altered, unchecked, header, change, told):
    day = date(2018, 12, 29)
    altered(".zip", archived(header, change))
    _, failed = load(DUMP, day, day)
    assert failed is not None
    assert told in failed["plan"]
    assert configured_lake().read_arrow(DUMP).num_rows == 0
    assert {line["change"] for line in changes()} == {"refused"}


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("vwap", "vwap"),
        ("adjOpen", "adj_open"),
        ("close", "close_as_sent"),
        ("52w high", "field_52w_high"),
        ("…", "unnamed"),
    ],
)
def test_a_column_is_named_after_its_field(field, column):
    assert column_name(field, table(EOD).columns) == column


BARS_FILE = "symbol,date,open,high,low,close,volume{more}\nACME,2018-12-28,1,3,1,2,100{cells}\n"


def test_a_column_more_in_a_dropped_file(desk):
    desk.drop("old.csv", BARS_FILE.format(more="", cells=""))
    desk.take()
    desk.drop("new.csv", BARS_FILE.format(more=",Adj Close,note", cells=",1.5,"))
    desk.drop("new.ndjson", '{"symbol": "B", "date": "2018-12-28", "close": 2, "Adj Close": 7}\n')
    told = desk.take()[BARS]
    assert told["files_taken"] == 2
    assert [*told["new_columns"].value] == ["adj_close"]
    rows = {row["file_name"]: row["adj_close"] for row in desk.rows()}
    assert rows == {"old.csv": None, "new.csv": "1.5", "new.ndjson": "7"}
    assert [(line["field"], line["change"]) for line in changes()] == [("Adj Close", "added")]
    # Files without it are taken as before, and the asset's own run finds nothing wrong.
    desk.drop("later.csv", BARS_FILE.format(more="", cells="").replace("ACME", "C"))
    _, check = desk.run()
    assert check.passed


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            BARS_FILE.format(more="", cells="").replace("close", "closing"),
            "Missing column close; the file has: symbol, date, open, high, low, closing, volume. "
            "Plan: if closing is close renamed, write close in the file or add closing to its names (from).",
        ),
        (BARS_FILE.format(more="", cells="").replace(",2,", ",two,"), "None of the 1 rows is valid"),
    ],
    ids=["renamed", "retyped"],
)
def test_a_dropped_file_of_another_format_is_sent_back(desk, content, reason):
    desk.drop("old.csv", BARS_FILE.format(more="", cells=""))
    version = desk.take()[BARS]["version"]
    desk.drop("new.csv", content)
    told = desk.take()[BARS]
    assert (told["files_rejected"], told["version"]) == (1, version)
    assert desk.reason("new.csv").startswith(reason)
