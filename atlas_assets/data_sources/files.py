"""Daily bars in files that people drop: CSV, JSON (array or lines) or Parquet.

A file is taken whole or refused whole, with every reason a person needs to mend it. Columns may
come in any order and case: ``symbol`` (or ``ticker``), ``date`` and ``close`` are needed, ``open``,
``high``, ``low`` and ``volume`` are read when there, others are ignored.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = ("csv", "json", "parquet")
LARGEST_FILE = 256 * 1024 * 1024
REASONS_SHOWN = 5
ALIASES = {
    "symbol": ("symbol", "ticker"),
    "date": ("date", "session_date"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume",),
}
REQUIRED = ("symbol", "date", "close")
PRICES = ("open", "high", "low", "close")


class FileRefused(Exception):
    """A dropped file cannot be taken; the message says why and where."""


def read_daily_bars(content: bytes, *, file_name: str) -> pa.Table:
    """Rows of ``raw.landing_daily_bars`` (without the lake's own columns) from a dropped file.

    Parameters
    ----------
    content
        The file's bytes.
    file_name
        Its name; the ending says the format.

    Raises
    ------
    FileRefused
        When the format, the columns or any row is not valid.
    """
    import pandas as pd
    import pyarrow as pa

    frame = _named(_parsed(content, file_name.rsplit(".", 1)[-1].lower()))
    if frame.empty:
        raise FileRefused("The file holds no rows.")
    numbers = {name: pd.to_numeric(frame[name], errors="coerce") for name in (*PRICES, "volume")}
    dates = pd.to_datetime(frame["date"].astype("string"), errors="coerce", format="ISO8601", utc=True)
    bars = pd.DataFrame({"symbol": frame["symbol"], "date": dates.dt.tz_localize(None).dt.normalize(), **numbers})
    _refuse_bad_rows(frame, bars)
    return pa.table(
        {
            "file_name": pa.array([file_name] * len(bars)),
            "row_number": pa.array(range(1, len(bars) + 1), pa.int64()),
            "symbol": pa.array(bars["symbol"], pa.string()),
            "date": pa.array(bars["date"].dt.date, pa.date32()),
            **{name: pa.array(bars[name], pa.float64(), from_pandas=True) for name in (*PRICES, "volume")},
        }
    )


def _parsed(content: bytes, suffix: str) -> pd.DataFrame:
    """The file's rows; text formats keep every value as written."""
    import pandas as pd

    if suffix not in SUFFIXES:
        raise FileRefused(f"The ending .{suffix} is not one of {', '.join('.' + known for known in SUFFIXES)}.")
    if len(content) > LARGEST_FILE:
        raise FileRefused(f"The file is larger than {LARGEST_FILE // 2**20} MiB: split it.")
    try:
        if suffix == "parquet":
            return pd.read_parquet(io.BytesIO(content))
        text = content.decode("utf-8-sig")
        if suffix == "csv":
            return _csv_rows(text)
        return pd.DataFrame(_json_rows(text))
    except UnicodeDecodeError as error:
        raise FileRefused(f"The file is not UTF-8 text (byte {error.start}).") from None
    except (ValueError, OSError, RecursionError, csv.Error) as error:
        raise FileRefused(f"The file is not valid {suffix.upper()}: {' '.join(str(error).split())[:200]}.") from None


def _csv_rows(text: str) -> pd.DataFrame:
    import pandas as pd

    header, *rows = csv.reader(io.StringIO(text), strict=True) if text.strip() else [[]]
    rows = [row for row in rows if row]
    ragged = next((number for number, row in enumerate(rows, 1) if len(row) != len(header)), None)
    if ragged is not None:
        raise ValueError(f"row {ragged} has {len(rows[ragged - 1])} values, the header {len(header)}")
    return pd.DataFrame(rows, columns=header, dtype=object).replace("", None)


def _json_rows(text: str) -> list[dict[str, Any]]:
    stripped = text.lstrip()
    rows = (
        json.loads(text)
        if stripped.startswith("[")
        else [json.loads(line) for line in text.splitlines() if line.strip()]
    )
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("every row must be an object with named values")
    return rows


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns under their own names; optional ones that are not there are empty."""
    import pandas as pd

    given = {str(name).strip().lower(): name for name in reversed(list(frame.columns))}
    found = {
        ours: next((given[alias] for alias in aliases if alias in given), None) for ours, aliases in ALIASES.items()
    }
    missing = [name for name in REQUIRED if found[name] is None]
    if missing:
        there = ", ".join(str(name) for name in frame.columns)[:200]
        raise FileRefused(f"Missing column {', '.join(missing)}; the file has: {there or 'none'}.")
    return pd.DataFrame({ours: frame[theirs] if theirs is not None else None for ours, theirs in found.items()})


def _refuse_bad_rows(given: pd.DataFrame, bars: pd.DataFrame) -> None:
    import numpy as np

    symbol = given["symbol"]
    problems = {
        "symbol is empty": symbol.isna() | (symbol.astype(str).str.strip() == ""),
        "date is not a day such as 2018-12-31": bars["date"].isna(),
        "close is missing": given["close"].isna(),
        "the same symbol and date twice": bars.duplicated(["symbol", "date"]),
    }
    for name in (*PRICES, "volume"):
        problems[f"{name} is not a number"] = given[name].notna() & ~np.isfinite(bars[name])
        outside = bars[name] < 0 if name == "volume" else bars[name] <= 0
        problems[f"{name} is not positive" if name != "volume" else "volume is negative"] = outside
    problems["high is below open, low or close"] = bars["high"] < bars[["open", "low", "close"]].max(axis=1)
    problems["low is above open or close"] = bars["low"] > bars[["open", "close"]].min(axis=1)
    reasons = [
        f"row {position + 1}: {problem}"
        for problem, failing in problems.items()
        for position in np.flatnonzero(failing.to_numpy())[:REASONS_SHOWN]
    ]
    if reasons:
        count = int(np.logical_or.reduce([failing.to_numpy() for failing in problems.values()]).sum())
        raise FileRefused(f"{count} of {len(bars)} rows are not valid: {'; '.join(reasons[:REASONS_SHOWN])}.")
