"""A vendor's reply, and whether its body is the JSON that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, cast

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, SourceError, TransientError

# Where vendors put the text of an error; some send it with status 200.
ERROR_KEYS = ("error_message", "error", "errors", "Error Message", "msg", "message", "detail", "Note", "Information")

# HTTP statuses and Binance codes that ask to try again.
TRANSIENT_CODES = frozenset({408, 418, 425, 429, -1000, -1001, -1003, -1006, -1007, -1008})

_PERMANENT_TEXT = re.compile(
    r"invalid|unknown|not (found|registered|exist|allowed)|unauth|forbidden|denied|illegal|subscription|premium",
    re.IGNORECASE,
)

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as received.

    Attributes
    ----------
    content
        The body, content encoding undone.
    status
        HTTP status.
    headers
        The headers that matter, names in lower case.
    request
        Method, address and parameters, secrets redacted; ready for JSON.
    fetched_at
        When the reply was received (UTC, own clock).
    query
        The narrower query that it answers, where one query is answered by replies of several kinds.
    """

    content: bytes = field(repr=False)
    status: int
    headers: Mapping[str, str]
    request: Mapping[str, Any]
    fetched_at: datetime
    query: Any = None

    @property
    def media_type(self) -> str:
        """Media type without parameters, in lower case; empty when the vendor sent none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether the body is a web page, whatever was asked for."""
        return self.media_type in ("text/html", "application/xhtml+xml") or is_web_page(self.content)


def is_web_page(content: bytes) -> bool:
    """Whether the body starts like HTML."""
    return (
        content[:200]
        .lstrip(b"\xef\xbb\xbf \t\r\n")
        .lower()
        .startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
    )


def refuse_web_page(reply: Reply, wanted: str = "JSON") -> None:
    """Refuse a web page in place of what was asked for.

    Raises
    ------
    TransientError
        When it is one.
    """
    if reply.is_html:
        raise TransientError(f"answered with a web page instead of {wanted}")


def excerpt(text: str, length: int = 2000) -> str:
    """The text's first words on one line, printable; only whole words, since half a secret is not recognised as one."""
    words = "".join(character if character.isprintable() else " " for character in text[: length + 1]).split(" ")
    cut = len(text) > length
    return " ".join([word for word in words[: -1 if cut else None] if word] + ["…"] * cut)


def validate_json(reply: Reply, key: str | None = None) -> list[Any]:
    """The rows of a JSON reply, after making sure that it is one.

    Parameters
    ----------
    reply
        Reply with a status of success.
    key
        Where the rows are; None when the body itself is the list.

    Raises
    ------
    TransientError
        A web page, a cut body or an error that passes, all sent with a status of success.
    PermanentError
        An error that stays, or JSON of another shape.
    """
    refuse_web_page(reply)
    return json_rows(reply.content, key)


def json_rows(content: bytes, key: str | None = None) -> list[Any]:
    """The rows of a JSON body; see `validate_json`."""
    payload = _loaded(content)
    if isinstance(payload, dict):
        rows = cast("dict[str, Any]", payload).get(key) if key else None
    else:
        rows = None if key else payload
    if isinstance(rows, list) and not _error_text(payload):
        return cast("list[Any]", rows)
    raise _error_in(payload, key)


def json_object(content: bytes, key: str) -> dict[str, Any]:
    """The object of a JSON body, which must hold a key; see `validate_json`."""
    payload = _loaded(content)
    if isinstance(payload, dict) and key in payload:
        return cast("dict[str, Any]", payload)
    if _error_text(payload):
        raise _error_in(payload, key)
    raise MalformedReply(f"sent JSON that is not an object with {key!r}")


def _loaded(content: bytes) -> object:
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise TransientError("sent JSON that is cut or damaged") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _error_text(payload: object) -> str:
    """The text of an error body, empty when there is none."""
    if isinstance(payload, str):
        return excerpt(payload)
    if not isinstance(payload, dict):
        return ""
    body = cast("dict[str, Any]", payload)
    for place in (body, body.get("metadata")):
        if isinstance(place, dict):
            for key in ERROR_KEYS:
                if text := cast("dict[str, Any]", place).get(key):
                    return excerpt(str(text))
    return ""


def _error_in(payload: object, key: str | None) -> SourceError:
    """The error that a body sent with a status of success stands for."""
    text = _error_text(payload)
    if not text:
        wanted = "a list" if key is None else f"an object with a list {key!r}"
        return MalformedReply(f"sent JSON that is not {wanted}")
    body = cast("dict[str, Any]", payload) if isinstance(payload, dict) else {}
    code = body.get("error_code", body.get("code"))
    coded = type(code) is int
    passing = code in TRANSIENT_CODES or 500 <= code < 600 if coded else not _PERMANENT_TEXT.search(text)
    return (TransientError if passing else PermanentError)(f"answered with an error in place of data: {text}")
