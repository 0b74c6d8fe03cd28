"""What becomes of a true reply when a fault befalls it."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, cast

import httpx

from atlas_assets.sandbox.faults import Fault, FaultKind
from atlas_assets.sandbox.faulty_rows import ROW_CHANGES, rows_of
from atlas_assets.sandbox.seeds import stream

Reply = Callable[[httpx.Request], httpx.Response]

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
    "data.alpaca.markets": '{"message":"internal server error occurred"}',
    "api.tiingo.com": '{"detail":"Error: temporary database unavailable"}',
    "data.binance.vision": "<Error><Code>InternalError</Code><Message>Please try again.</Message></Error>",
    "api.coingecko.com": '{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}',
    "pro-api.coingecko.com": '{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}',
    "api.imf.org": '{"errors":[{"code":500,"titles":{"en":"Internal server error"}}]}',
    "api.alternative.me": '{"name":"Fear and Greed Index","data":null,"metadata":{"error":"Internal error"}}',
    "api.gdeltproject.org": "Please limit requests to one every 5 seconds.",
    "api.x.com": '{"title":"Service Unavailable","detail":"Service Unavailable","type":"about:blank","status":503}',
    "egg.5ch.net": "<html><head><title>Error</title></head></html>",
    "newsapi.org": '{"status":"error","code":"unexpectedError","message":"Something went wrong on our side."}',
    "oauth.reddit.com": '{"message":"Internal Server Error","error":500}',
    "www.reddit.com": '{"message":"Internal Server Error","error":500}',
}
_XML_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<error>Internal error</error>\n'
_ITEM = re.compile(rb"<(item|entry)>.*?</\1>\s*", re.DOTALL)
_ELSEWHERE = "https://elsewhere.example"
_DROP_BYTES = 64
_LONGEST_SKEW_HOURS = 12
# Where a request says how far it has come, and by how much a page before lies back.
_POSITIONS = {"fromId": 1, "offset": 1, "startTime": 60_000}
_ROWS_SHIFTED = 3
_TOKENS = ("next_page_token", "next_token", "nextPageToken", "after", "next")


def faulty_reply(
    fault: Fault, request: httpx.Request, reply: Reply, *, tick: Callable[[], object] = lambda: None
) -> httpx.Response:
    """What a request gets instead of its true reply.

    Parameters
    ----------
    reply
        Gives the true reply to a request.
    tick
        Called between the drops of a slow drip.

    Raises
    ------
    httpx.ReadTimeout, httpx.ReadError
        For the kinds that give no reply.
    """
    if fault.kind in _RAISED:
        error, message = _RAISED[fault.kind]
        raise error(message, request=request)
    true = reply(request)
    if fault.kind in _REFUSALS:
        return _REFUSALS[fault.kind](fault, request, true)
    if not true.is_success:
        return true
    if fault.kind in _SPOILT_BODIES:
        return _SPOILT_BODIES[fault.kind](fault, request, true)
    if fault.kind is FaultKind.SLOW_DRIP:
        headers = _headers(true) | {"content-length": str(len(true.content))}
        return httpx.Response(true.status_code, headers=headers, stream=_Drip(true.content, tick))
    if fault.kind is FaultKind.SHIFTED_PAGE:
        return _shifted(request, true, reply)
    if fault.kind is FaultKind.PAGE_LOOP:
        return _looping(request, true, reply)
    return _with_body(true, _with_other_rows(fault, true.content))


class _Drip(httpx.SyncByteStream):
    """A body a few bytes at a time."""

    def __init__(self, body: bytes, tick: Callable[[], object]) -> None:
        self._body = body
        self._tick = tick

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), _DROP_BYTES):
            self._tick()
            yield self._body[start : start + _DROP_BYTES]


class _Whole(httpx.SyncByteStream):
    """A body that is not unpacked before the client does it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body


def _page(status: int, title: str, headers: dict[str, str]) -> httpx.Response:
    content = _PAGE.format(title if status == 200 else f"{status} {title}").encode()
    return httpx.Response(status, headers={"Content-Type": "text/html", **headers}, content=content)


def _date(true: httpx.Response, later: timedelta = timedelta(0)) -> str:
    return format_datetime(parsedate_to_datetime(true.headers["Date"]) + later, usegmt=True)


def _too_many(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    wait = timedelta(seconds=_RETRY_SECONDS)
    epoch = str(int((parsedate_to_datetime(true.headers["Date"]) + wait).timestamp()))
    told = {
        FaultKind.RATE_LIMITED_SECONDS: {"Retry-After": str(_RETRY_SECONDS)},
        FaultKind.RATE_LIMITED_DATE: {"Retry-After": _date(true, wait)},
        FaultKind.RATE_LIMITED_EPOCH: {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": epoch},
    }
    return _page(429, "Too Many Requests", {"Date": true.headers["Date"], **told.get(fault.kind, {})})


def _banned(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    return _page(418, "I'm a teapot", {"Date": true.headers["Date"], "Retry-After": str(_RETRY_SECONDS)})


def _server_error(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    status = list(_SERVER_ERRORS)[int(fault.detail * len(_SERVER_ERRORS))]
    return _page(status, _SERVER_ERRORS[status], {"Date": true.headers["Date"]})


def _no_calls_left(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    return _page(402, "Payment Required", {"Date": true.headers["Date"]})


def _redirected(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    location = f"{_ELSEWHERE}{request.url.path}"
    return _page(302, "Found", {"Date": true.headers["Date"], "Location": location})


_REFUSALS: dict[FaultKind, Callable[[Fault, httpx.Request, httpx.Response], httpx.Response]] = {
    FaultKind.RATE_LIMITED: _too_many,
    FaultKind.RATE_LIMITED_SECONDS: _too_many,
    FaultKind.RATE_LIMITED_DATE: _too_many,
    FaultKind.RATE_LIMITED_EPOCH: _too_many,
    FaultKind.RATE_LIMIT_STORM: _too_many,
    FaultKind.BANNED: _banned,
    FaultKind.SERVER_ERROR: _server_error,
    FaultKind.FLAPPING: _server_error,
    FaultKind.QUOTA_EXHAUSTED: _no_calls_left,
    FaultKind.REDIRECTED: _redirected,
}


def _half(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    return _with_body(true, true.content[: len(true.content) // 2])


def _half_packed(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    packed = gzip.compress(true.content, mtime=0)
    cut = packed[: len(packed) // 2]
    headers = _headers(true) | {"content-encoding": "gzip", "content-length": str(len(cut))}
    return httpx.Response(true.status_code, headers=headers, stream=_Whole(cut))


def _nothing(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    return _with_body(true, b"")


def _error(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    return _with_body(true, _ERROR_BODIES.get(request.url.host, _XML_ERROR).encode(), status=200)


def _html(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    return _page(200, "Checking your browser before accessing the site.", {"Date": true.headers["Date"]})


def _mislabelled(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    return httpx.Response(200, headers=_headers(true) | {"content-type": "text/html"}, content=true.content)


def _skewed(fault: Fault, request: httpx.Request, true: httpx.Response) -> httpx.Response:
    hours = (2 * fault.detail - 1) * _LONGEST_SKEW_HOURS
    headers = _headers(true) | {"date": _date(true, timedelta(hours=hours))}
    return httpx.Response(true.status_code, headers=headers, content=true.content)


_SPOILT_BODIES: dict[FaultKind, Callable[[Fault, httpx.Request, httpx.Response], httpx.Response]] = {
    FaultKind.TRUNCATED_BODY: _half,
    FaultKind.TRUNCATED_GZIP: _half_packed,
    FaultKind.EMPTY_BODY: _nothing,
    FaultKind.ERROR_BODY: _error,
    FaultKind.HTML_BODY: _html,
    FaultKind.WRONG_TYPE: _mislabelled,
    FaultKind.CLOCK_SKEW: _skewed,
}


def _headers(true: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in true.headers.items() if name != "content-length"}


def _with_body(true: httpx.Response, body: bytes, *, status: int | None = None) -> httpx.Response:
    return httpx.Response(status or true.status_code, headers=_headers(true), content=body)


def _shifted(request: httpx.Request, true: httpx.Response, reply: Reply) -> httpx.Response:
    """The page with the last rows of the page before at its head, as when rows were added before it meanwhile."""
    before = _earlier(request, reply, rows=_ROWS_SHIFTED)
    if before is None:
        return true
    document, earlier = json.loads(true.content), rows_of(json.loads(before.content))
    rows = rows_of(document)
    rows[:0] = earlier[:_ROWS_SHIFTED]
    return _with_body(true, json.dumps(document, separators=(",", ":")).encode())


def _looping(request: httpx.Request, true: httpx.Response, reply: Reply) -> httpx.Response:
    """The page before instead of this one; where pages have tokens, this page's own token as that of the next."""
    document: Any = _parsed(true.content)
    token = next(
        (request.url.params[name] for name in ("page_token", "pageToken", *_TOKENS) if name in request.url.params), None
    )
    name = next((name for name in _TOKENS if isinstance(document, dict) and document.get(name)), None)
    if token is not None and name is not None:
        return _with_body(true, json.dumps({**document, name: token}, separators=(",", ":")).encode())
    page = int(request.url.params.get("limit", "0"))
    before = _earlier(request, reply, rows=page) if page and len(rows_of(document)) == page else None
    return before or true


def _earlier(request: httpx.Request, reply: Reply, *, rows: int) -> httpx.Response | None:
    """The true reply to a request that begins so many rows before; None for one that cannot."""
    for name, step in _POSITIONS.items():
        text = request.url.params.get(name, "")
        if text.isdecimal() and (int(text) - rows * step) >= 0 and int(text) > 0:
            url = request.url.copy_set_param(name, int(text) - rows * step)
            before = reply(httpx.Request(request.method, url, headers=request.headers))
            return before if before.is_success and rows_of(_parsed(before.content)) else None
    return None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _with_other_rows(fault: Fault, body: bytes) -> bytes:
    """A JSON page or a feed with its rows changed; any other body as it is."""
    document = _parsed(body)
    change = ROW_CHANGES[fault.kind]
    if document is None:
        items = list(_ITEM.finditer(body))
        if not items:
            return body
        rows: list[Any] = [item.group() for item in items]
        change(rows, stream(fault.detail))
        return body[: items[0].start()] + b"".join(cast("list[bytes]", rows)) + body[items[-1].end() :]
    if fault.kind is FaultKind.MISSING_KEY:
        return json.dumps(_without_rows(document), separators=(",", ":")).encode()
    change(rows_of(document), stream(fault.detail))
    return json.dumps(document, separators=(",", ":")).encode()


def _without_rows(document: Any) -> Any:
    """An object that lacks its list of rows; a bare list becomes an empty object."""
    if not isinstance(document, dict):
        return {}
    rows = rows_of(document)
    return {name: value for name, value in cast("dict[str, Any]", document).items() if value is not rows}
