"""Files dropped under a prefix of a real S3 server."""

import fsspec

from atlas_assets.data_sources.files.known import DAILY_BARS
from atlas_assets.orchestration.inboxes import waiting_for
from atlas_assets.orchestration.landing import Landing
from atlas_assets.settings import load_settings
from atlas_tests.orchestration.desk import configure
from atlas_tests.orchestration.test_landing import GOOD, POSITIONS
from atlas_tests.s3 import BUCKET, s3_server


def test_files_below_a_prefix_are_taken_and_bad_ones_set_aside_with_the_reason(desk, monkeypatch):
    with s3_server(monkeypatch):
        store = fsspec.filesystem("s3")
        root = f"{BUCKET}/in"
        configure(monkeypatch, desk.home, locations=[f"s3://{root}"], datasets=[POSITIONS])
        store.pipe_file(f"{root}/positions/1.csv", b"account,quantity\na,5\nb,-1\n")
        store.pipe_file(f"{root}/deep/what 1.bin", b"\x00\x01")
        store.pipe_file(f"{BUCKET}/other.csv", b"not ours")
        told = desk.take()["raw.landing_positions"]
        assert (told["files_taken"], told["rows_taken"], told["rows_quarantined"]) == (1, 1, 1)
        store.invalidate_cache()
        assert sorted(store.find(BUCKET)) == [
            f"{root}/rejected/deep/what 1.bin",
            f"{root}/rejected/deep/what 1.bin.reason.txt",
            f"{root}/taken/positions/1.csv",
            f"{BUCKET}/other.csv",
        ]
        assert b"The ending .bin is not one of" in store.cat_file(f"{root}/rejected/deep/what 1.bin.reason.txt")
        assert [(row["account"], row["file_name"]) for row in desk.rows("raw.landing_positions")] == [
            ("a", "positions/1.csv")
        ]
        assert desk.take()["raw.landing_positions"]["files_taken"] == 0


def test_a_store_that_does_not_answer_any_more_sends_no_good_file_back(desk, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    configure(monkeypatch, desk.home, locations=[f"s3://{BUCKET}/in"])
    with s3_server(monkeypatch):
        fsspec.filesystem("s3").pipe_file(f"{BUCKET}/in/good.csv", GOOD.encode())
        waiting = waiting_for(load_settings(), now_seconds=0)[DAILY_BARS.table]
    landing = Landing(DAILY_BARS.table, lake=desk.lake, now=desk.now, run_id="test")
    assert list(landing.batches(waiting)) == []
    assert (landing.tally.left, landing.tally.rejected) == (1, 0)
    (message,) = landing.tally.messages
    assert message.startswith(
        "good.csv stays because it cannot be taken now: EndpointConnectionError: Could not connect"
    )
