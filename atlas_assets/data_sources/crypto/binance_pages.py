"""Binance's pages as tables, without a Python loop over their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Arrow's JSON reader divides a body into blocks of this size; of one block, threads are only a burden.
ONE_BLOCK = 2**20

KLINE_FIELDS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_buy_base_volume",
    "taker_buy_quote_volume",
    "unused",
)

KLINE_INTEGERS = frozenset({"open_time", "close_time", "trades"})

BEST_MATCH = "M"
TRADE_FIELDS = {
    "agg_trade_id": "a",
    "price": "p",
    "quantity": "q",
    "first_trade_id": "f",
    "last_trade_id": "l",
    "transact_time": "T",
    "is_buyer_maker": "m",
    "is_best_match": BEST_MATCH,
}


def candle_table(content: bytes) -> pa.Table | None:
    """Candles by the table's names, None where a body is not wholly as documented.

    A number beyond 64 bits, which this reader would round, is one of the things that are left to the JSON reader.
    """
    import orjson
    import pyarrow as pa

    try:
        rows = orjson.loads(content)
        columns = [
            # A number would be taken for another kind of number, were its kind not inferred.
            pa.array(values, None if field in KLINE_INTEGERS else pa.string())
            for field, values in zip(KLINE_FIELDS, zip(*rows, strict=True), strict=True)
        ]
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return None
    kinds = [pa.int64() if field in KLINE_INTEGERS else pa.string() for field in KLINE_FIELDS]
    is_documented = isinstance(rows, list) and [column.type for column in columns] == kinds
    return pa.table(columns, names=KLINE_FIELDS) if is_documented else None


def trade_table(content: bytes) -> pa.Table | None:
    """Aggregate trades by the vendor's keys, None where a body is not wholly as documented.

    Arrow reads a line an object and makes no Python object a value. What it refuses, or counts differently, is
    left to the JSON reader and its row by row reasons.
    """
    import pyarrow as pa
    import pyarrow.json as pj

    is_compact = content.startswith(b"[{") and content.endswith(b"}]") and b"\n" not in content
    # Arrow does not look whether text is UTF-8.
    if not is_compact or not content.isascii():
        return None
    types = {"p": pa.string(), "q": pa.string(), "m": pa.bool_(), BEST_MATCH: pa.bool_()}
    schema = pa.schema([(key, types.get(key, pa.int64())) for key in TRADE_FIELDS.values()])
    lines = content[1:-1].replace(b"},{", b"}\n{")
    try:
        table = pj.read_json(
            pa.BufferReader(lines),
            read_options=pj.ReadOptions(use_threads=len(lines) > ONE_BLOCK),
            parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
    except pa.ArrowException:
        return None
    return table if table.num_rows == lines.count(b"\n") + 1 else None
