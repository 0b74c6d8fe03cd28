"""Seeded misbehaviour: what real vendors do on bad days, on top of a true reply.

Whether a request meets a fault, and which one, depends only on the seed, the request and how
often it was sent before: threads and the order of other requests change nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum
from hashlib import blake2b
from random import Random
from threading import Lock
from typing import Any, cast

import httpx

from atlas_assets.sandbox.seeds import stream


class FaultKind(Enum):
    """A way to misbehave."""

    RATE_LIMITED = "429 without Retry-After"
    RATE_LIMITED_SECONDS = "429 with Retry-After in seconds"
    RATE_LIMITED_DATE = "429 with Retry-After as a date"
    SERVER_ERROR = "500, 502 or 503"
    TIMEOUT = "no answer in time"
    CONNECTION_RESET = "connection reset by the peer"
    TRUNCATED_BODY = "200 with the second half of the body missing"
    ERROR_BODY = "200 with an error body"
    HTML_BODY = "200 with an HTML page"
    DUPLICATED_PAGE = "every row of the page twice"
    REORDERED_ROWS = "rows in another order"
    SILENT_REVISION = "one value of the page changed"


ALL_KINDS = frozenset(FaultKind)
DEFAULT_KINDS = ALL_KINDS - {FaultKind.SILENT_REVISION}
"""A silent revision changes what the right answer is; the others can all be overcome."""

_RAISED: dict[FaultKind, tuple[type[httpx.TransportError], str]] = {
    FaultKind.TIMEOUT: (httpx.ReadTimeout, "The read operation timed out"),
    FaultKind.CONNECTION_RESET: (httpx.ReadError, "[Errno 104] Connection reset by peer"),
}
_RETRY_SECONDS = 1
_SERVER_ERRORS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Temporarily Unavailable"}
_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"
_ERROR_BODIES = {
    "eodhd.com": '{"error":"Internal error. Please try again later.","code":500}',
    "api.stlouisfed.org": '{"error_code":500,"error_message":"Internal Server Error"}',
    "data-api.binance.vision": '{"code":-1001,"msg":"Internal error; unable to process your request."}',
    "api.alternative.me": '{"name":"Fear and Greed Index","data":null,"metadata":{"error":"Internal error"}}',
}
_XML_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<error>Internal error</error>\n'
_ITEM = re.compile(rb"<(item|entry)>.*?</\1>\s*", re.DOTALL)
_ROW_LISTS = ("observations", "data", "vintage_dates")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault drawn for one attempt: its kind, and a number in [0, 1) for its details."""

    kind: FaultKind
    detail: float


class FaultPlan:
    """Which requests meet which fault.

    Parameters
    ----------
    seed
        Same seed and same requests, same faults.
    rate
        Probability that an attempt meets a fault.
    kinds
        Kinds drawn from, each with the same probability.
    max_consecutive
        Most faults in a row for one request: a client with one attempt more gets through.

    Examples
    --------
    >>> FaultPlan(seed=7, rate=1.0, kinds={FaultKind.TIMEOUT}).draw("GET https://a.example/").kind
    <FaultKind.TIMEOUT: 'no answer in time'>
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        rate: float = 0.1,
        kinds: Collection[FaultKind] = DEFAULT_KINDS,
        max_consecutive: int = 3,
    ) -> None:
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"rate is {rate}: give a probability between 0 and 1.")
        self.seed = seed
        self.rate = rate
        self.kinds = tuple(kind for kind in FaultKind if kind in kinds)
        self.max_consecutive = max_consecutive
        self._attempts: dict[str, int] = {}
        self._in_a_row: dict[str, int] = {}
        self._lock = Lock()

    def draw(self, request: str) -> Fault | None:
        """The fault of the next attempt at a request, written as method and address; None for none."""
        with self._lock:
            attempt = self._attempts[request] = self._attempts.get(request, 0) + 1
            digest = blake2b(f"{self.seed}|{attempt}|{request}".encode(), digest_size=24).digest()
            happens, which, detail = (int.from_bytes(digest[part : part + 8], "big") / 2**64 for part in (0, 8, 16))
            in_a_row = self._in_a_row.get(request, 0)
            if not self.kinds or happens >= self.rate or in_a_row >= self.max_consecutive:
                self._in_a_row[request] = 0
                return None
            self._in_a_row[request] = in_a_row + 1
            return Fault(self.kinds[int(which * len(self.kinds))], detail)

    def answer(self, request: httpx.Request, reply: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """The reply to a request, or what becomes of it.

        Raises
        ------
        httpx.ReadTimeout, httpx.ReadError
            For the kinds that give no reply.
        """
        fault = self.draw(f"{request.method} {request.url}")
        if fault is None:
            return reply(request)
        if fault.kind in _RAISED:
            error, message = _RAISED[fault.kind]
            raise error(message, request=request)
        return _corrupted(fault, request, reply(request))


def _corrupted(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    """A true reply after a fault; one that is an error already keeps its rows."""
    date = {"Date": true.headers["Date"]}
    match fault.kind:
        case FaultKind.RATE_LIMITED:
            return _page(429, "Too Many Requests", date)
        case FaultKind.RATE_LIMITED_SECONDS:
            return _page(429, "Too Many Requests", date | {"Retry-After": str(_RETRY_SECONDS)})
        case FaultKind.RATE_LIMITED_DATE:
            moment = parsedate_to_datetime(date["Date"]) + timedelta(seconds=_RETRY_SECONDS)
            return _page(429, "Too Many Requests", date | {"Retry-After": format_datetime(moment, usegmt=True)})
        case FaultKind.SERVER_ERROR:
            status = list(_SERVER_ERRORS)[int(fault.detail * len(_SERVER_ERRORS))]
            return _page(status, _SERVER_ERRORS[status], date)
        case FaultKind.HTML_BODY:
            return _page(200, "Checking your browser before accessing the site.", date)
        case FaultKind.ERROR_BODY:
            return _with_body(true, _ERROR_BODIES.get(request.url.host, _XML_ERROR).encode(), status=200)
        case FaultKind.TRUNCATED_BODY:
            return _with_body(true, true.content[: len(true.content) // 2])
        case _:
            return _with_body(true, _with_other_rows(fault, true.content)) if true.is_success else true


def _page(status: int, title: str, headers: dict[str, str]) -> httpx.Response:
    content = _PAGE.format(title if status == 200 else f"{status} {title}").encode()
    return httpx.Response(status, headers={"Content-Type": "text/html", **headers}, content=content)


def _with_body(true: httpx.Response, body: bytes, *, status: int | None = None) -> httpx.Response:
    headers = {name: value for name, value in true.headers.items() if name != "content-length"}
    return httpx.Response(status or true.status_code, headers=headers, content=body)


def _with_other_rows(fault: Fault, body: bytes) -> bytes:
    """A JSON page or a feed with its rows changed; any other body as it is."""
    try:
        document = json.loads(body)
    except ValueError:
        items = list(_ITEM.finditer(body))
        if not items:
            return body
        rows = [item.group() for item in items]
        _change(rows, fault)
        return body[: items[0].start()] + b"".join(rows) + body[items[-1].end() :]
    _change(_rows_of(document), fault)
    return json.dumps(document, separators=(",", ":")).encode()


def _change(rows: list[Any], fault: Fault) -> None:
    draw = stream(fault.detail)
    match fault.kind:
        case FaultKind.DUPLICATED_PAGE:
            rows += rows
        case FaultKind.REORDERED_ROWS:
            rows.sort(key=lambda _: draw.random())
        case _ if rows:
            _revise(rows, draw)
        case _:
            pass


def _rows_of(document: Any) -> list[Any]:
    """The list that holds a document's rows; an empty one when there is none."""
    if isinstance(document, list):
        return cast("list[Any]", document)
    lists = [document[name] for name in _ROW_LISTS if isinstance(document.get(name), list)]
    return lists[0] if lists else []


def _revise(rows: list[Any], draw: Random) -> None:
    """Change one value of one row a little: the close of a bar or candle, a price, a value."""
    row: Any = rows[int(draw.random() * len(rows))]
    place = _revised_place(row)
    if place is None or row[place] == ".":
        return
    old, is_text = row[place], isinstance(row[place], str)
    digits = len(old.partition(".")[2]) if is_text else 4
    new = f"{float(old) * 0.999:.{digits}f}"
    if float(new) == float(old):
        new = f"{float(old) + 10**-digits:.{digits}f}"
    row[place] = new if is_text else float(new)


def _revised_place(row: Any) -> Any:
    """Where a row holds its price or value: an index, a key or None."""
    if isinstance(row, list):
        return 4
    return next((name for name in ("close", "value", "p") if isinstance(row, dict) and name in row), None)
