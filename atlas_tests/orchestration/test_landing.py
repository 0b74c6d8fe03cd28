"""Files that people drop: taken whole, or set aside with the reason, whatever else lies there."""

from __future__ import annotations

import io
import os
from contextlib import suppress

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_assets.data_sources.files import FileRefused, read_daily_bars
from atlas_assets.orchestration.landing import Landed, Refused, fingerprint, reject, take, waiting_files

GOOD = "Symbol,Date,Open,High,Low,Close,Volume,Comment\nNA,2018-12-31,1,2,0.5,1.5,10,x\nBRK/B,2018-12-31,,,,3,,\n"
LONG_AGO = 1_000_000_000


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


FRAME = pd.DataFrame({"ticker": ["A", "1E5"], "session_date": ["2018-12-28", "2018-12-31"], "close": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("name", "content", "symbols"),
    [
        ("bars.csv", GOOD.encode(), ["NA", "BRK/B"]),
        ("bom.csv", b"\xef\xbb\xbf" + GOOD.encode(), ["NA", "BRK/B"]),
        ("array.json", FRAME.to_json(orient="records").encode(), ["A", "1E5"]),
        ("lines.json", FRAME.to_json(orient="records", lines=True).encode(), ["A", "1E5"]),
        ("bars.parquet", parquet(FRAME), ["A", "1E5"]),
        ("BARS.CSV", GOOD.encode(), ["NA", "BRK/B"]),
    ],
)
def test_every_format(name, content, symbols):
    rows = read_daily_bars(content, file_name=name)
    assert rows.column("symbol").to_pylist() == symbols
    assert rows.column("row_number").to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"a,b\n1,2\n", "Missing column symbol, date, close; the file has: a, b"),
        ("x.csv", b"symbol,date,close\nA,2018-13-01,1\n", "row 1: date is not a day"),
        ("x.csv", b"symbol,date,close\nA,2018-12-31,1\nB,2018-12-31,nan\n", "1 of 2 rows are not valid: row 2: close"),
        ("x.csv", b"symbol,date,close\nA,2018-12-31,inf\n", "close is not a number"),
        ("x.csv", b"symbol,date,close\nA,2018-12-31,-1\n", "close is not positive"),
        ("x.csv", b"symbol,date,close\nA,2018-12-31,\n", "close is missing"),
        ("x.csv", b"symbol,date,close\n,2018-12-31,1\n", "symbol is empty"),
        ("x.csv", b"symbol,date,close\nA,2018-12-31,1\nA,2018-12-31,2\n", "the same symbol and date twice"),
        ("x.csv", b"symbol,date,high,close\nA,2018-12-31,1,2\n", "high is below"),
        ("x.csv", b"symbol,date,close,volume\nA,2018-12-31,1,-5\n", "volume is negative"),
        ("x.csv", b"symbol,date,close\nA,2018-12-31,1,2,3\n", "row 1 has 5 values, the header 3"),
        ("x.csv", b"symbol,date,close\n", "holds no rows"),
        ("x.csv", b"", "Missing column"),
        ("x.csv", b"\xff\xfe", "not UTF-8"),
        ("x.json", b"[1, 2]", "every row must be an object"),
        ("x.json", b"{", "not valid JSON"),
        ("x.json", b"[" * 100_000, "not valid JSON"),
        ("x.parquet", b"PAR1", "not valid PARQUET"),
        ("x.exe", b"MZ", "not one of .csv, .json, .parquet"),
    ],
)
def test_every_refusal_says_why(name, content, said):
    with pytest.raises(FileRefused) as refused:
        read_daily_bars(content, file_name=name)
    assert said in str(refused.value)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from(["csv", "json", "parquet"]))
def test_no_bytes_do_anything_else_than_be_refused(content, suffix):
    with suppress(FileRefused):
        read_daily_bars(content, file_name=f"x.{suffix}")


def test_only_settled_regular_files_wait(tmp_path):
    (tmp_path / "old.csv").write_text("x")
    os.utime(tmp_path / "old.csv", (LONG_AGO, LONG_AGO))
    (tmp_path / "new.csv").write_text("x")
    os.utime(tmp_path / "new.csv", (LONG_AGO + 100, LONG_AGO + 100))
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "rejected").mkdir()
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    assert [file.name for file in waiting_files(tmp_path, now_seconds=LONG_AGO + 100.5)] == ["old.csv"]
    assert waiting_files(tmp_path / "nowhere", now_seconds=0) == []


def test_the_same_files_have_the_same_fingerprint(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("x")
    before = fingerprint([file])
    assert fingerprint([file]) == before
    file.write_text("xy")
    assert fingerprint([file]) != before


def test_two_rejected_files_of_one_name_both_stay(tmp_path):
    for text in ("first", "second"):
        (tmp_path / "bad.csv").write_text(text)
        reject(tmp_path / "bad.csv", f"{text} reason")
    kept = sorted(file.name for file in (tmp_path / "rejected").iterdir())
    assert kept == ["bad.2.csv", "bad.2.csv.reason.txt", "bad.csv", "bad.csv.reason.txt"]
    assert (tmp_path / "rejected" / "bad.csv.reason.txt").read_text() == "first reason\n"


def test_a_bad_file_does_not_stop_a_good_one(atlas_home):
    from atlas_assets.orchestration.resources import configured_lake, configured_settings

    bad, good = atlas_home / "bad.csv", atlas_home / "good.csv"
    bad.write_text("a,b\n1,2\n")
    good.write_text(GOOD)
    outcomes = list(take([bad, good], lake=configured_lake(), now=configured_settings().now(), run_id="test"))
    assert [type(outcome) for outcome in outcomes] == [Refused, Landed]
    landed = outcomes[1]
    assert isinstance(landed, Landed)
    assert configured_lake().objects.get(landed.record.path) == GOOD.encode()
