"""What the models need from DuckDB beyond SQL: the lake's extensions, functions on texts, exchange calendars."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection, sqltype
from duckdb.func import PythonUDFType

from atlas_assets.contracts.calendars import exchange_days
from atlas_assets.lake.extensions import install_extension
from atlas_assets.sentiment.duplicates import Document, group_documents
from atlas_assets.sentiment.language import text_language
from atlas_assets.sentiment.mentions import company_terms, mention_candidates

_UNSEEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")


def plain_text(markup: str) -> str:
    """Text without markup, NFKC-normalised, with each run of white space folded into one blank.

    Markup goes before entities are resolved, so that ``1 &lt; 2`` is text and not a tag.
    """
    text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", markup)))
    return " ".join(unicodedata.normalize("NFKC", text).split())


def special_days(calendar: str) -> list[dict[str, Any]]:
    """The weekdays on which an exchange stays shut or closes early, as DuckDB takes structs."""
    return [one._asdict() for one in exchange_days(calendar)]


@cache
def _calendar() -> np.busdaycalendar:
    """Sessions of the New York Stock Exchange; before its list of holidays begins, every weekday is one."""
    return np.busdaycalendar(holidays=[one.day for one in exchange_days("XNYS") if one.closes_at is None])


def next_session(days: pa.ChunkedArray) -> pa.Array:
    """The first session in New York after each day; of a missing day a missing one."""
    known = days.combine_chunks().to_numpy(zero_copy_only=False).astype("datetime64[D]")
    following = np.full_like(known, "NaT")
    given = ~np.isnat(known)
    following[given] = np.busday_offset(known[given] + 1, 0, roll="forward", busdaycal=_calendar())
    return pa.array(following, pa.date32())


def languages(texts: pa.ChunkedArray) -> pa.Array:
    """The language of each text."""
    return pa.array([None if text is None else text_language(text) for text in texts.to_pylist()], pa.string())


def groups(documents: pa.ChunkedArray) -> pa.Array:
    """The groups of each list of documents, in its order."""
    columns = ("document_id", "duplicate_group", "flood_group")

    def of(row: pa.ListScalar) -> Iterable[tuple[str, ...]]:
        fields = row.values.flatten()
        named = dict(
            zip((field.name for field in row.values.type), (field.to_pylist() for field in fields), strict=True)
        )
        read = [Document(*values) for values in zip(*(named[name] for name in Document._fields), strict=True)]
        found = group_documents(read)
        return [(document.document_id, *one) for document, one in zip(read, found, strict=True)]

    return _lists(documents, of, columns, (pa.string(), pa.string(), pa.string()))


def candidates(texts: pa.ChunkedArray) -> pa.Array:
    """What may name an instrument in each text."""
    columns = ("method", "term", "evidence", "position")
    types = (pa.string(), pa.string(), pa.string(), pa.int64())
    return _lists(texts, lambda text: mention_candidates(text.as_py()), columns, types)


def _lists(
    rows: pa.ChunkedArray,
    of: Callable[[Any], Iterable[tuple[Any, ...]]],
    columns: tuple[str, ...],
    types: tuple[pa.DataType, ...],
) -> pa.Array:
    """A list of structs for each row, an empty one where it is missing."""
    offsets, found = [0], []
    for row in rows:
        if row.is_valid:
            found += of(row)
        offsets.append(len(found))
    values = zip(*found, strict=True) if found else ((),) * len(columns)
    arrays = [pa.array(one, kind) for one, kind in zip(values, types, strict=True)]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(arrays, names=columns))


class Plugin(BasePlugin):
    """Loaded by dbt-duckdb as the profile says."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Put the lake's extensions where the engine looks for them; nothing is downloaded."""
        folder = Path(config["extension_directory"]).absolute()
        lake = "".join(attached.path for attached in creds.attach or [])
        for name in ("ducklake", "sqlite_scanner" if "ducklake:sqlite:" in lake else "postgres_scanner"):
            install_extension(name, folder)

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register the functions on texts and on calendars."""
        conn.create_function("plain_text", plain_text)
        days = sqltype("STRUCT(day DATE, closes_at TIME)[]")
        conn.create_function("special_days", special_days, [sqltype("VARCHAR")], days)
        conn.create_function("next_session", next_session, [sqltype("DATE")], sqltype("DATE"), type="arrow")
        text, names = sqltype("VARCHAR"), sqltype("VARCHAR[]")
        conn.create_function("company_terms", company_terms, [text], names)
        conn.create_function("text_language", languages, [text], text, type=PythonUDFType.ARROW)
        found = sqltype("STRUCT(method VARCHAR, term VARCHAR, evidence VARCHAR, position BIGINT)[]")
        conn.create_function("mention_candidates", candidates, [text], found, type=PythonUDFType.ARROW)
        given = sqltype(
            "STRUCT(document_id VARCHAR, published_at BIGINT, text VARCHAR, author VARCHAR, duplicate_group VARCHAR,"
            " flood_group VARCHAR)[]"
        )
        grouped = sqltype("STRUCT(document_id VARCHAR, duplicate_group VARCHAR, flood_group VARCHAR)[]")
        conn.create_function("group_documents", groups, [given], grouped, type=PythonUDFType.ARROW)
