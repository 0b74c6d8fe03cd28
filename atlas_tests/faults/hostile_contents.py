"""What hostile files hold: text, JSON, Parquet and archives, each with what must become of it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TICKERS = (
    *("../../etc/passwd", "a'); DROP TABLE raw.landing_daily_bars; --", "CON", "NA", "NULL", "nan", "None", "1E5"),
    *(
        "x" * 300,
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1)",
        "BRK/B",
        "BRK",
        "a\tb",
        "\u202egpj.exe",
        "\u0627\u0628",
    ),
    *("\ud55c\uad6d", "e\u0301", "\u00e9", "\U0001f680", "%s%n", "${HOME}", "$(reboot)", "`id`", "a\\b", 'say "hi"'),
    *("a,b", "line\nbreak", "true", "0", "-0", "2018-12-31", "<script>alert(1)</script>", "\u200b", "{{ 1 }}", "a;b"),
    *(
        "\ufeffBOM",
        "null\u2028sep",
        "C:\\CON\\PRN",
        "..",
        ".",
        "/",
        "~root",
        "-rf",
        "*",
        "' OR 1=1 --",
        "\u0130",
        "\u00df",
    ),
)
PRICES = (1.0, -37.63, 0.0, 1e308, -1e308, 5e-324, 123456.789, 0.1, 9007199254740993.0)

TAKEN, PARTLY, REFUSED, STAYS, EITHER = "taken", "partly", "refused", "stays", "either"
Good = tuple[str, date, float]


@dataclass(frozen=True)
class Expected:
    """What must become of a file.

    Attributes
    ----------
    fate
        Taken whole, partly (some rows set aside), refused, left where it is, or either taken or refused.
    good
        Its good rows by their position; None where they cannot be known.
    """

    fate: str
    good: dict[int, Good] | None = None


def bars(rng: random.Random, rows: int = 5) -> list[Good]:
    """Good rows; no two have the same symbol and day."""
    start = date(2000, 1, 3) + timedelta(days=rng.randrange(5000))
    return [(rng.choice(TICKERS), start + timedelta(days=number), rng.choice(PRICES)) for number in range(rows)]


def numbered(rows: list[Good], *, first: int = 1) -> dict[int, Good]:
    """Rows by position."""
    return dict(enumerate(rows, first))


def csv_text(rows: list[Good], *, end: str = "\n", header: list[str] | None = None) -> str:
    """A CSV of good rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(header or ["symbol", "date", "close"])
    writer.writerows([symbol, day.isoformat(), repr(close)] for symbol, day, close in rows)
    return text.getvalue()


def records(rows: list[Good]) -> list[dict[str, Any]]:
    """JSON objects of good rows."""
    return [{"symbol": symbol, "date": day.isoformat(), "close": close} for symbol, day, close in rows]


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    """A Parquet file of columns."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def parquet_bars(rows: list[Good], **options: Any) -> bytes:
    """A Parquet file of good rows."""
    symbols, days, closes = zip(*rows, strict=True)
    return parquet({"symbol": list(symbols), "date": list(days), "close": list(closes)}, **options)


def texts(rng: random.Random) -> Iterator[tuple[str, bytes, Expected]]:
    """CSV."""

    def whole(content: bytes, rows: list[Good], name: str) -> tuple[str, bytes, Expected]:
        return f"{name}.csv", content, Expected(TAKEN, numbered(rows))

    for number, ticker in enumerate(TICKERS):
        rows = [(ticker, date(2018, 1, 1) + timedelta(days=number), PRICES[number % len(PRICES)])]
        yield whole(csv_text(rows).encode(), rows, "ticker")
    for end in ("\n", "\r\n"):
        rows = bars(rng)
        yield whole(b"\xef\xbb\xbf" + csv_text(rows, end=end).encode(), rows, "bom")
    rows = [("A", date(2018, 1, 1), 1.0), ("B", date(2018, 1, 2), -37.63)]
    yield whole(csv_text(rows, end="\r").encode(), rows, "old_mac")
    yield whole(csv_text(rows).encode() + b"\n\n\n", rows, "blank_lines")
    yield whole(csv_text(rows).encode()[:-1], rows, "no_last_line_end")

    def spoiled(name: str, *bad: bytes) -> tuple[str, bytes, Expected]:
        first, last = bars(rng, 3), bars(rng, 4)
        last = [(symbol, day + timedelta(days=10_000), close) for symbol, day, close in last]
        lines = csv_text(first).encode() + b"".join(line + b"\n" for line in bad)
        lines += csv_text(last).encode().split(b"\n", 1)[1]
        return f"{name}.csv", lines, Expected(PARTLY, numbered(first) | numbered(last, first=4 + len(bad)))

    yield spoiled("ragged", b"A,2018-01-01", b"A,2018-01-01,1,2,3", b"A")
    yield spoiled("open_quote", b'"A,2018-01-01,1')
    yield spoiled("quote_inside", b'"A"B,2018-01-01,1')
    yield spoiled("latin_1", b"caf\xe9,2018-01-01,1")
    yield spoiled("shift_jis", "日経,2018-01-01,1".encode("cp932"))
    yield spoiled("nul", b"A\0B,2018-01-01,1")
    yield spoiled("surrogates", b"\xed\xa0\x80,2018-01-01,1")
    yield spoiled("long_field", b"A" * 140_000 + b",2018-01-01,1")
    yield spoiled("long_line", b"A" * 1_100_000 + b",2018-01-01,1")
    yield spoiled("long_text", b"A" * 100_001 + b",2018-01-01,1")
    yield spoiled("no_symbol", b",2018-01-01,1", b"   ,2018-01-01,1")
    numbers = (
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1e309",
        "1e-400",
        "1e999999999",
        "0x10",
        "1_000",
        "1,5",
        "",
        "NA",
        "\u0663",
        "=1+1",
        "--1",
    )
    yield spoiled("numbers", *(f'A,2018-01-01,"{number}"'.encode() for number in numbers))
    days = (
        "2018-13-01",
        "2018-02-29",
        "01/02/2018",
        "",
        "0000-00-00",
        "9999-12-31",
        "2018-01-01T12:00",
        "now",
        "1e5",
        "\u0662\u0660\u0661\u0668-01-01",
    )
    yield spoiled("days", *(f"A,{day},1".encode() for day in days))
    rows = bars(rng, 3)
    again = csv_text(rows).encode() + csv_text(rows).encode().split(b"\n", 1)[1]
    yield "twice.csv", again, Expected(PARTLY, numbered(rows))
    ruled = b"symbol,date,open,high,low,close,volume\nA,2018-01-01,1,2,0.5,1.5,10\n"
    ruled += b"B,2018-01-01,1,2,3,1.5,1\nC,2018-01-01,1,2,0,1,-5\n"
    yield "rules.csv", ruled, Expected(PARTLY, {1: ("A", date(2018, 1, 1), 1.5)})

    def refused(name: str, content: bytes) -> tuple[str, bytes, Expected]:
        return name, content, Expected(REFUSED)

    good = csv_text(bars(rng))
    yield refused("utf_16.csv", good.encode("utf-16"))
    yield refused("utf_32.csv", good.encode("utf-32"))
    yield refused("empty.csv", b"")
    yield refused("only_bom.csv", b"\xef\xbb\xbf")
    yield refused("header_only.csv", b"symbol,date,close\n")
    yield refused("no_close.csv", b"symbol,date\nA,2018-01-01\n")
    yield refused("two_closes.csv", b"symbol,date,close,Close\nA,2018-01-01,1,2\n")
    yield refused("no_names.csv", b",,,,\n1,2,3,4,5\n")
    yield refused("long_name.csv", b"s" * 300 + b",date,close\nA,2018-01-01,1\n")
    yield refused("all_bad.csv", b"symbol,date,close\nA,2018-01-01,x\n")
    yield refused("nul_only.csv", b"\0" * 1000)
    yield refused("quotes.csv", b'"' * 5000)
    yield refused("open_header.csv", b'symbol,"date,close\nA,2018-01-01,1\n')
    yield refused("page.csv", b"<!DOCTYPE html><html><body>not found</body></html>")
    yield refused("program.exe", b"MZ\x90\0")
    yield refused("no_ending", good.encode())
    yield refused("columns.csv", b",".join(b"c%d" % number for number in range(20_000)) + b"\n")


def jsons(rng: random.Random) -> Iterator[tuple[str, bytes, Expected]]:
    """JSON and JSON lines."""
    for number, ticker in enumerate(TICKERS):
        rows = [(ticker, date(2017, 1, 1) + timedelta(days=number), PRICES[number % len(PRICES)])]
        text = json.dumps(records(rows), ensure_ascii=bool(number % 2))
        yield "ticker.json", text.encode(), Expected(TAKEN, numbered(rows))
    rows = bars(rng, 6)
    lines = "\n".join(map(json.dumps, records(rows)))
    yield "lines.ndjson", lines.encode(), Expected(TAKEN, numbered(rows))
    yield "lines.jsonl", b"\xef\xbb\xbf" + lines.encode() + b"\n\n", Expected(TAKEN, numbered(rows))

    bad = (
        '{"symbol": "A", "date": "2018-01-01", "close": NaN}',
        '{"symbol": "A", "date": "2018-01-01", "close": Infinity}',
        '{"symbol": "A", "date": "2018-01-01", "close": 1e999}',
        '{"symbol": "A", "date": "2018-01-01", "close": 1e-400}',
        '{"symbol": "A", "date": "2018-01-01", "close": true}',
        '{"symbol": "A", "date": "2018-01-01", "close": [1]}',
        '{"symbol": 5, "date": "2018-01-01", "close": 1}',
        '{"symbol": {"a": 1}, "date": "2018-01-01", "close": 1}',
        '{"symbol": "\\ud800", "date": "2018-01-01", "close": 1}',
        '{"symbol": "A\\u0000", "date": "2018-01-01", "close": 1}',
        '{"symbol": "A", "close": 1}',
        '{"symbol": "A", "symbol": "B", "date": "2018-01-01", "close": 1}',
        "[1, 2]",
        "5",
        '"text"',
        "null",
        "{}",
        '{"symbol": "A", "date": "2018-01-01", "close": ' + "9" * 5000 + "}",
        '{"symbol": "A", "Symbol": "B", "date": "2018-01-01", "close": 1}',
        "{'symbol': 'A'}",
        '{"symbol": "A", date: 1}',
        '{"symbol": "A", "date": 20180101, "close": 1}',
        '{"symbol": "A", "date": "2018-01-01", "close": "1,5"}',
        "tru",
    )
    first, last = json.dumps(records(bars(rng, 1))[0]), json.dumps(records(bars(rng, 1))[0])
    ends = {1: _row(first), 3: _row(last)}
    for text in bad:
        yield "bad_element.json", f"[{first}, {text}, {last}]".encode(), Expected(PARTLY, _apart(ends))
        yield "bad_line.ndjson", f"{first}\n{text}\n{last}\n".encode(), Expected(PARTLY, _apart(ends))
    cut = f'{first}\n{{"symbol": "A", "da'.encode()
    yield "cut_line.ndjson", cut, Expected(PARTLY, {1: _row(first)})
    yield (
        "odd_bytes.ndjson",
        f"{first}\n".encode() + b'{"symbol": "\xff", "date": "2018-01-01", "close": 1}',
        Expected(PARTLY, {1: _row(first)}),
    )
    yield (
        "big.json",
        b'[{"symbol": "A", "date": "2018-01-01", "close": 123456789012345678901234567890}]',
        Expected(TAKEN, {1: ("A", date(2018, 1, 1), 123456789012345678901234567890.0)}),
    )
    for name, text in {
        "cut": f"[{first}, {last}",
        "cut_text": f'[{first}, {{"symbol": "A',
        "rest": f"[{first}] [{last}]",
        "empty": "",
        "blank": "  \n ",
        "empty_array": "[]",
        "comma": "[,]",
        "deep": "[" * 100_000,
        "deep_objects": '{"a":' * 100_000,
        "deep_closed": "[" * 50_000 + "]" * 50_000,
        "deep_value": '[{"symbol":' + "[" * 50_000 + "]" * 50_000 + "}]",
        "deep_line": '{"symbol":' + "[" * 50_000 + "]" * 50_000 + "}",
        "pretty_object": json.dumps(records(bars(rng, 1))[0], indent=1),
        "wrapped": json.dumps({"data": records(bars(rng, 2))}),
        "numbers": "[1, 2, 3]",
        "large_element": '[{"symbol": "' + "A" * 1_200_000 + '"}]',
        "html": "<html></html>",
    }.items():
        yield f"{name}.json", text.encode(), Expected(REFUSED)
    yield "utf_16.json", lines.encode("utf-16"), Expected(REFUSED)


def _row(text: str) -> Good:
    found = json.loads(text)
    return found["symbol"], date.fromisoformat(found["date"]), found["close"]


def _apart(rows: dict[int, Good]) -> dict[int, Good]:
    """The rows; where both have one key, the first."""
    (one, first), (other, last) = rows.items()
    return {one: first} if first[:2] == last[:2] else {one: first, other: last}


def parquets(rng: random.Random) -> Iterator[tuple[str, bytes, Expected]]:
    """Parquet."""
    for options in ({}, {"compression": "zstd"}, {"use_dictionary": False}, {"version": "1.0"}, {"row_group_size": 2}):
        rows = bars(rng, 8)
        yield "bars.parquet", parquet_bars(rows, **options), Expected(TAKEN, numbered(rows))
    rows = [(ticker, date(2016, 1, 1) + timedelta(days=number), 1.0) for number, ticker in enumerate(TICKERS)]
    yield "tickers.parquet", parquet_bars(rows), Expected(TAKEN, numbered(rows))
    two = {"symbol": ["A", "B"], "date": [date(2018, 1, 1)] * 2, "close": [1.0, 2.0]}
    good = {1: ("A", date(2018, 1, 1), 1.0), 2: ("B", date(2018, 1, 1), 2.0)}
    kinds = {
        "dictionary": {"symbol": pa.array(["A", "B"]).dictionary_encode()},
        "large_text": {"symbol": pa.array(["A", "B"], pa.large_string())},
        "decimal": {"close": pa.array([1, 2]).cast(pa.decimal128(21, 2))},
        "integer": {"close": pa.array([1, 2], pa.int8())},
        "float32": {"close": pa.array([1, 2], pa.float32())},
        "timestamp": {"date": pa.array([date(2018, 1, 1)] * 2).cast(pa.timestamp("ns"))},
        "date64": {"date": pa.array([date(2018, 1, 1)] * 2).cast(pa.date64())},
        "text_numbers": {"close": ["1.0", "2.0"]},
    }
    for name, other in kinds.items():
        yield f"{name}.parquet", parquet(two | other), Expected(TAKEN, good)
    spoiled = {
        "not_finite": {"close": [1.0, float("nan")]},
        "infinite": {"close": [1.0, float("inf")]},
        "no_symbol": {"symbol": ["A", None]},
        "no_close": {"close": [1.0, None]},
        "noon": {"date": pa.array([0, 43_200_000], pa.timestamp("ms"))},
        "far": {"date": pa.array([0, 2**50], pa.timestamp("ms"))},
        "same": {"symbol": ["A", "A"]},
    }
    for name, other in spoiled.items():
        day = date(1970, 1, 1) if name in ("noon", "far") else date(2018, 1, 1)
        yield f"{name}.parquet", parquet(two | other), Expected(PARTLY, {1: ("A", day, 1.0)})
    wrong = {
        "lists": {"close": [[1.0], [2.0]]},
        "structs": {"symbol": [{"a": 1}, {"a": 2}]},
        "bytes": {"symbol": [b"A", b"B"]},
        "booleans": {"close": [True, False]},
        "numbers": {"symbol": [1, 2]},
        "days": {"date": [1, 2]},
        "no_values": {"close": pa.nulls(2)},
    }
    for name, other in wrong.items():
        yield f"{name}.parquet", parquet(two | other), Expected(REFUSED)
    yield "no_column.parquet", parquet({"a": [1]}), Expected(REFUSED)
    yield "no_rows.parquet", parquet({name: pa.array([], pa.string()) for name in two}), Expected(REFUSED)
    yield "long_text.parquet", parquet(two | {"symbol": ["A" * 2_000_000, "B"]}), Expected(PARTLY, {2: good[2]})
    whole = parquet_bars(bars(rng, 50))
    for cut in (4, 8, 12, len(whole) // 2, len(whole) - 1):
        yield "cut.parquet", whole[:cut], Expected(REFUSED)
    yield "no_head.parquet", b"XXXX" + whole[4:], Expected(REFUSED)
    yield "encrypted.parquet", b"PARE" + whole[4:-4] + b"PARE", Expected(REFUSED)
    for length in (0, 2**31 - 1, 2**32 - 1, len(whole)):
        yield "footer.parquet", whole[:-8] + length.to_bytes(4, "little") + b"PAR1", Expected(REFUSED)
    yield "marks.parquet", b"PAR1" * 1000, Expected(REFUSED)
    yield "rows.parquet", parquet(
        {"symbol": pa.repeat("A", 2_100_000), "date": pa.repeat(date(2018, 1, 1), 2_100_000),
         "close": pa.repeat(1.0, 2_100_000)}
    ), Expected(REFUSED)  # fmt: skip


def archives(rng: random.Random) -> Iterator[tuple[str, bytes, Expected]]:
    """Compressed files."""
    rows = bars(rng)
    text = csv_text(rows).encode()
    yield "bars.csv.gz", gzip.compress(text), Expected(TAKEN, numbered(rows))
    yield "parts.csv.gz", gzip.compress(text[:30]) + gzip.compress(text[30:]), Expected(TAKEN, numbered(rows))
    yield (
        "lines.ndjson.gz",
        gzip.compress("\n".join(map(json.dumps, records(rows))).encode()),
        Expected(TAKEN, numbered(rows)),
    )
    packed = gzip.compress(text)
    yield "cut.csv.gz", packed[:-10], Expected(REFUSED)
    yield "damaged.csv.gz", packed[:20] + b"\xff\xff\xff" + packed[23:], Expected(REFUSED)
    yield "no_gzip.csv.gz", text, Expected(REFUSED)
    yield "packed.csv", packed, Expected(REFUSED)
    yield "twice.csv.gz", gzip.compress(packed), Expected(REFUSED)
    yield "unnamed.gz", packed, Expected(REFUSED)
    for name in ("../../../evil.csv", "/etc/evil.csv", "..\\evil.csv"):
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, text)
        yield "slip.zip", sink.getvalue(), Expected(REFUSED)
        yield "slip.csv", sink.getvalue(), Expected(REFUSED)


def heavy_files() -> Iterator[tuple[str, bytes, Expected]]:
    """Files that take seconds to make or to refuse."""
    yield "bomb.csv.gz", gzip.compress(bytes(300 * 2**20), 1), Expected(REFUSED)
    row = b"A,2018-01-01,1\n"
    yield "rows.csv.gz", gzip.compress(b"symbol,date,close\n" + row * 15_000_000, 1), Expected(REFUSED)
    yield "columns.csv", b",".join(b"c%d" % number for number in range(1_000_000)) + b"\n", Expected(REFUSED)
    yield "elements.json", b"[" + b"[]," * 20_000_000 + b"[]]", Expected(REFUSED)
    yield "nested_lines.ndjson", (b"[" * 900_000 + b"\n") * 20, Expected(REFUSED)
    yield "quotes.csv", b"symbol,date,close\n" + b'"\n' * 3_000_000, Expected(REFUSED)
    yield "digits.csv", b"symbol,date,close\nA,2018-01-01," + b"9" * 130_000 + b"x\n", Expected(REFUSED)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.csv", bytes(200 * 2**20))
    yield "bomb.zip", sink.getvalue(), Expected(REFUSED)
    big = pa.array(["A" * 50_000])
    yield "repeated.parquet", parquet(
        {"symbol": pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 1_000_000), big),
         "date": pa.repeat(date(2018, 1, 1), 1_000_000), "close": pa.repeat(1.0, 1_000_000)}
    ), Expected(REFUSED)  # fmt: skip
