"""Dropped files read row by row: what is good is kept exactly, what is bad is set aside with its place and reason."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from atlas_assets.data_sources.fields import NEW_FIELD
from atlas_assets.data_sources.files import delimited, objects, reading, rows
from atlas_assets.data_sources.files.errors import FileRefused
from atlas_assets.data_sources.files.known import DAILY_BARS
from atlas_assets.data_sources.files.mapping import FileDataset
from atlas_assets.data_sources.files.reading import READERS, read_file

GOOD = b"Symbol,Date,Open,High,Low,Close,Volume,Comment\nNA,2018-12-31,1,2,0.5,1.5,10,x\nBRK/B,2018-12-31,,,,3,,\n"
TWO = [
    {"ticker": "A", "session_date": "2018-12-28", "close": 1.0},
    {"ticker": "1E5", "session_date": "2018-12-31", "close": 2},
]
POSITIONS = FileDataset.model_validate(
    {
        "name": "positions",
        "match": "positions/*.csv",
        "columns": {
            "account": {"kind": "text", "from": ["Account", "Acct"]},
            "quantity": {"kind": "integer", "bounds": {"ge": 0}},
            "weight": {"kind": "number", "nullable": True, "unit": "fraction"},
            "hedged": {"kind": "flag", "nullable": True},
            "opened": {"kind": "day", "nullable": True},
            "updated": {"kind": "instant", "nullable": True},
            "stamp": {"kind": "instant", "epoch": "ms", "nullable": True},
            "note": {"kind": "text", "nullable": True},
        },
        "key": ["account"],
        "rules": ["weight <= quantity"],
    }
)


def parquet(columns) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def read(content, name="x.csv", dataset=DAILY_BARS):
    return read_file(content, file_name=name, dataset=dataset)


def rejected(content, name="x.csv", dataset=DAILY_BARS) -> dict[int, str]:
    return {row.position: row.reason for row in read(content, name, dataset).rejected}


LINES = "\n".join(map(json.dumps, TWO)).encode()
TABLE = parquet({key: [row[key] for row in TWO] for key in TWO[0]})


@pytest.mark.parametrize(
    ("name", "content", "symbols"),
    [
        ("bars.csv", GOOD, ["NA", "BRK/B"]),
        ("bom.csv", b"\xef\xbb\xbf" + GOOD, ["NA", "BRK/B"]),
        ("BARS.CSV", GOOD, ["NA", "BRK/B"]),
        ("bars.csv.gz", gzip.compress(GOOD, mtime=0), ["NA", "BRK/B"]),
        ("bars.tsv", GOOD.replace(b",", b"\t"), ["NA", "BRK/B"]),
        ("array.json", json.dumps(TWO, indent=1).encode(), ["A", "1E5"]),
        ("lines.json", LINES, ["A", "1E5"]),
        ("lines.ndjson", LINES, ["A", "1E5"]),
        ("lines.jsonl.gz", gzip.compress(LINES, mtime=0), ["A", "1E5"]),
        ("bars.parquet", TABLE, ["A", "1E5"]),
    ],
)
def test_every_format(name, content, symbols):
    found = read(content, name)
    assert found.rows["symbol"].to_pylist() == symbols
    assert found.rows["row_number"].to_pylist() == [1, 2]
    assert found.rows["file_name"].to_pylist() == [name] * 2
    assert not found.rejected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"a,b\n1,2\n", "Missing column symbol, date, close; the file has: a, b."),
        ("x.csv", b"symbol,date,close,close\nA,2018-12-31,1,1\n", "The column close is there 2 times: keep one."),
        ("x.csv", b"symbol,date,close\nA,2018-13-01,1\n", "None of the 1 rows is valid: row 1: date is not a day"),
        ("x.csv", b"symbol,date,close\n", "The file holds no rows."),
        ("x.csv", b"", "The file is empty"),
        ("x.csv", b"\xff\xfe", "not UTF-8 text but UTF-16"),
        ("x.csv", b'"symbol\nA', "does not name the columns: a quote is opened and never closed"),
        ("x.json", b"[1, 2]", "every row must be an object"),
        ("x.json", b"{", "not valid JSON"),
        ("x.json", b"[{}", "not valid JSON: the element at character 1 does not end"),
        ("x.json", b"[{}] 5", "something follows the array"),
        ("x.json", b"[" * 100_000, "nested more than 32 levels deep"),
        ("x.json", b"5", "must be an array of objects, or one object a line"),
        ("x.json", b"[]", "The file holds no rows."),
        ("x.parquet", b"PAR1", "not valid PARQUET"),
        ("x.parquet", TABLE[:40] + TABLE[50:], "not valid PARQUET"),
        ("x.parquet", parquet({"symbol": [["A"]], "date": [1], "close": [1]}), "no single value: unnest it"),
        ("x.csv.gz", b"A" * 20, "not valid gzip"),
        ("x.csv.gz", gzip.compress(GOOD, mtime=0)[:-9], "not valid gzip: it is cut"),
        ("x.exe", b"MZ", "not one of .csv, .tsv, .json, .ndjson, .jsonl, .parquet."),
        ("csv", GOOD, "The ending . is not one"),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_sentence(name, content, said):
    with pytest.raises(FileRefused) as refused:
        read(content, name)
    assert said in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"B,2018-12-31", "it has 2 values, the header 3 (line 3, byte 33)"),
        (b"B,2018-12-31,nan", "close is not a number: 'nan' (line 3, byte 33)"),
        (b"B,2018-12-31,1e400", "close is not a finite number of 64 bits (line 3, byte 33)"),
        (b"B,2018-12-31,1e-400", "close is too small for 64 bits: '1e-400' (line 3, byte 33)"),
        (b"B,2018-12-31,", "close is missing (line 3, byte 33)"),
        (b" ,2018-12-31,1", "symbol is missing (line 3, byte 33)"),
        (b"B,31.12.2018,1", "date is not a day such as 2018-12-31: '31.12.2018' (line 3, byte 33)"),
        (b"B,9999-12-31,1", "date lies outside 1678-01-01 to 2261-12-31: 9999-12-31 (line 3, byte 33)"),
        (b"B,2018-12-31T09:30,1", "date is not a day such as 2018-12-31: '2018-12-31T09:30' (line 3, byte 33)"),
        (b"\xe9,2018-12-31,1", "byte 33 is not UTF-8 (line 3, byte 33)"),
        (b'"B,2018-12-31,1', "a quote is opened and never closed (line 3, byte 33)"),
        (b"B\0,2018-12-31,1", "symbol holds a NUL character (line 3, byte 33)"),
        (b"A,2018-12-31,2", "the same symbol and date as in a row before"),
    ],
)
def test_a_bad_row_is_set_aside_alone_with_its_place(line, reason):
    content = b"symbol,date,close\nA,2018-12-31,1\n" + line + b"\nC,2018-12-31,-37.63\n"
    found = read(content)
    assert [(row.position, row.reason) for row in found.rejected] == [(2, reason)]
    assert found.rows.select(["row_number", "symbol", "close"]).to_pylist() == [
        {"row_number": 1, "symbol": "A", "close": 1.0},
        {"row_number": 3, "symbol": "C", "close": -37.63},
    ]
    json.loads(found.rejected[0].content)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ("1,2,0.5,3,1", "high >= close"),
        ("1,2,3,1,1", "high >= low"),
        ("9,2,1,1,1", "high >= open"),
        ("1,2,1,1,-1", "volume: greater_than_or_equal_to(0)"),
    ],
)
def test_bars_that_contradict_themselves_are_set_aside(values, rule):
    content = f"symbol,date,open,high,low,close,volume\nA,2018-12-31,{values}\nB,2018-12-31,,,,1,\n".encode()
    assert rule in rejected(content)[1]


def test_a_json_element_is_set_aside_with_its_byte():
    content = '[{"symbol": "é", "date": "2018-12-31", "close": 1}, {"symbol": "B"}, NaN, 5]'.encode()
    assert rejected(content, "x.json") == {
        2: "date is missing (byte 53)",
        3: "NaN is not JSON (byte 70)",
        4: "every row must be an object with named values (byte 75)",
    }
    assert content[53:69] == b'{"symbol": "B"},'


def test_a_mapping_reads_every_kind():
    content = (
        b"Acct,quantity,weight,hedged,opened,updated,stamp,note,ignored\n"
        b"a,5,0.5,TRUE,20181231,2018-12-31T16:00:00-05:00,1546300800000,  ,x\n"
        b"b,7.0,,0,,,,,x\n"
        b"c,-1,,,,,,,x\n"
        b"d,1,2,,,,,,x\n"
        b"e,1.5,,,,,,,x\n"
        b"f,9223372036854775808,,,,,,,x\n"
        b"g,1,,maybe,,,,,x\n"
        b"h,1,,,,2018-12-31T16:00:00,,,x\n"
        b"i,1,,,,,1e300,,x\n"
        b"a,1,,,,,,,x\n"
    )
    found = read(content, "positions/x.csv", POSITIONS)
    first, second = found.rows.to_pylist()
    assert first == {
        "file_name": "positions/x.csv", "row_number": 1, "account": "a", "quantity": 5, "weight": 0.5, "hedged": True,
        "opened": date(2018, 12, 31), "updated": datetime(2018, 12, 31, 21, tzinfo=UTC),
        "stamp": datetime(2019, 1, 1, tzinfo=UTC), "note": "  ",
    }  # fmt: skip
    assert (second["quantity"], second["weight"], second["hedged"]) == (7, None, False)
    assert [(row.position, row.reason.split(" (line")[0]) for row in found.rejected] == [
        (3, "quantity: greater_than_or_equal_to(0)"),
        (4, "weight, quantity: weight <= quantity"),
        (5, "quantity is not a whole number of 64 bits: '1.5'"),
        (6, "quantity does not fit into 64 bits"),
        (7, "hedged is neither true nor false: 'maybe'"),
        (8, "updated is not an instant such as 2018-12-31T21:00:00Z: '2018-12-31T16:00:00'"),
        (9, "stamp lies outside 1678-01-01 to 2261-12-31"),
        (10, "the same account as in a row before"),
    ]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"name": "Bad Name", "columns": {"a": "text"}}, "lower-case letters"),
        ({"name": "a"}, "either columns or a source"),
        ({"name": "a", "columns": {"a": "text"}, "source": "raw.x_y"}, "either columns or a source"),
        ({"name": "a", "columns": {"row_number": "integer"}}, "row_number cannot name a column"),
        ({"name": "a", "columns": {"a": "text"}, "key": ["b"]}, "b in key or rules is not one of the columns"),
        ({"name": "a", "columns": {"a": "text"}, "rules": ["a < b"]}, "b in key or rules is not one of the columns"),
        ({"name": "a", "columns": {"a": "text"}, "rules": ["a <"]}, "is not a rule"),
        ({"name": "a", "columns": {"a": {"kind": "text", "nullable": True}}, "key": ["a"]}, "cannot be nullable"),
        ({"name": "a", "columns": {"a": {"kind": "text", "epoch": "s"}}}, "epoch belongs to a column of kind instant"),
        ({"name": "a", "columns": {"a": "date"}}, "Input should be"),
        ({"name": "daily_bars", "columns": {"a": "text"}}, "has its columns already"),
    ],
)
def test_a_wrong_mapping_says_so(declared, said):
    with pytest.raises(ValidationError, match=said):
        FileDataset.model_validate(declared)


def test_a_mapping_is_a_table_and_says_which_files_it_takes():
    table = POSITIONS.table
    assert (table.name, table.asset_key, table.key) == (
        "raw.landing_positions", ("raw", "landing", "positions"), ("object_id", "row_number")
    )  # fmt: skip
    assert list(table.contract.to_schema().columns)[:3] == ["file_name", "row_number", "account"]
    assert POSITIONS.table is FileDataset.model_validate(POSITIONS.model_dump(by_alias=True)).table
    assert POSITIONS.takes("Positions/2018/X.CSV")
    assert not POSITIONS.takes("x.csv")
    bars = FileDataset.model_validate({"name": "daily_bars", "match": "bars/*"})
    assert bars.table is DAILY_BARS.table
    assert not bars.takes("x.csv")


@pytest.mark.parametrize(
    ("module", "limit", "name", "content", "said"),
    [
        (reading, "LARGEST_FILE", "x.csv", GOOD, "larger than"),
        (reading, "LARGEST_FILE", "x.csv.gz", gzip.compress(GOOD * 50, mtime=0), "unpacks to more than"),
        (reading, "MOST_ROWS", "x.csv", GOOD, "more than 1 rows: split it"),
        (reading, "MOST_REJECTED", "x.csv", b"symbol,date,close\n" + b"A\n" * 3, "More than 1 rows are not valid"),
        (objects, "LARGEST_ARRAY", "x.json", json.dumps(TWO).encode(), "write one object a line instead"),
        (objects, "LARGEST_ROW", "x.json", json.dumps(TWO).encode(), "is longer than a row may be"),
        (rows, "LARGEST_ROW", "x.ndjson", LINES, "None of the 2 rows is valid: row 1: it is longer than"),
        (delimited, "LARGEST_ROW", "x.csv", GOOD, "does not name the columns: it is longer than"),
        (rows, "MOST_COLUMNS", "x.csv", GOOD, "has 8 columns, more than 1"),
    ],
)
def test_nothing_is_too_large_for_memory(monkeypatch, module, limit, name, content, said):
    monkeypatch.setattr(module, limit, 200 if name.endswith("gz") else 1)
    with pytest.raises(FileRefused, match=said):
        read(content, name)


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=300), name=st.sampled_from([*READERS, "csv.gz"]))
def test_any_bytes_are_read_or_refused(content, name):
    with suppress(FileRefused):
        assert read(content, f"x.{name}").rows.num_rows


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(["csv", "json", "ndjson", "parquet"]))
def test_any_damaged_file_is_read_or_refused(data, name):
    whole = {"csv": GOOD, "json": json.dumps(TWO).encode(), "ndjson": LINES, "parquet": TABLE}[name]
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FileRefused):
        assert read(bytes(damaged), f"x.{name}").rows.num_rows


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
CELLS = st.tuples(
    TEXTS.filter(lambda text: text.strip()),
    st.dates(date(1700, 1, 1), date(2200, 1, 1)),
    st.floats() | st.sampled_from([-37.63, 0.0, 5e-324, 1e308]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cells=st.lists(CELLS, min_size=1, max_size=8), name=st.sampled_from(["csv", "ndjson", "parquet"]))
def test_any_table_comes_back_exactly_or_is_set_aside(cells, name):
    if name == "csv":
        text = io.StringIO()
        csv.writer(text).writerows([["symbol", "date", "close"], *((a, b.isoformat(), repr(c)) for a, b, c in cells)])
        content = text.getvalue().encode()
    elif name == "ndjson":
        lines = [json.dumps({"symbol": a, "date": b.isoformat(), "close": c}, ensure_ascii=False) for a, b, c in cells]
        content = "\n".join(lines).encode()
    else:
        symbols, days, closes = zip(*cells, strict=True)
        content = parquet({"symbol": list(symbols), "date": list(days), "close": list(closes)})
    seen: set[tuple[str, date]] = set()
    good = {}
    for position, (symbol, day, close) in enumerate(cells, 1):
        if math.isfinite(close) and (symbol, day) not in seen:
            seen.add((symbol, day))
            good[position] = (symbol, day, close)
    try:
        found = read(content, f"x.{name}")
    except FileRefused:
        assert not good
        return
    assert {row["row_number"]: (row["symbol"], row["date"], row["close"]) for row in found.rows.to_pylist()} == good
    assert {row.position for row in found.rejected} == set(range(1, len(cells) + 1)) - good.keys()


def test_single_values_beside_the_columns_of_a_parquet_file_are_kept():
    beside = {
        "vwap": [1.5, float("nan")],
        "Trades": [0, None],
        "is_late": [False, True],
        "seen": [datetime(2018, 12, 28, 12, tzinfo=UTC), None],
        "lot": [Decimal("1.50"), Decimal("2.00")],
        "venue": ["A\x00", None],
        "legs": [[1], [2]],
        "empty": [None, None],
    }
    found = read(parquet({key: [row[key] for row in TWO] for key in TWO[0]} | beside), "x.parquet")
    assert found.rows.equals(read(TABLE, "x.parquet").rows)
    assert found.rejected == ()
    assert found.added.to_pydict() == {
        f"{NEW_FIELD}vwap": ["1.5", None],
        f"{NEW_FIELD}Trades": ["0", None],
        f"{NEW_FIELD}is_late": ['"false"', '"true"'],
        f"{NEW_FIELD}seen": ['"2018-12-28T12:00:00.000000Z"', None],
        f"{NEW_FIELD}lot": ['"1.50"', '"2.00"'],
        f"{NEW_FIELD}venue": ['"A\\u0000"', None],
    }


def test_an_empty_parquet_file_with_columns_beside_is_refused_as_any():
    sink = io.BytesIO()
    pq.write_table(pa.table({**{key: [row[key] for row in TWO] for key in TWO[0]}, "vwap": [1.5, 2.5]})[:0], sink)
    with pytest.raises(FileRefused, match="The file holds no rows"):
        read(sink.getvalue(), "x.parquet")


def test_much_text_beside_the_columns_of_a_parquet_file_is_left_out(monkeypatch):
    monkeypatch.setattr("atlas_assets.data_sources.files.parquet.LARGEST_FILE", 1000)
    columns = {key: [row[key] for row in TWO] for key in TWO[0]}
    found = read(parquet({**columns, "note": ["x" * 999] * 2, "vwap": [1.5, 2.5]}), "x.parquet")
    assert found.rows.num_rows == 2
    assert found.added.column_names == [f"{NEW_FIELD}vwap"]
