"""A reply's body: received whole, unpacked and bounded."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import httpx

from atlas_assets.data_sources.client.errors import PermanentError, SourceError, TransientError
from atlas_assets.data_sources.client.reply import excerpt, is_web_page

# What transports and decoders raise.
NETWORK_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, zlib.error)

_LARGEST_ERROR_BODY = 64 * 1024
# These have no body, whatever length they promise.
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True)
class Bounds:
    """How large a body may be and how long it may take.

    Attributes
    ----------
    max_bytes
        Content encoding undone.
    max_seconds
        Against vendors that drip.
    clock
        Monotonic seconds.
    """

    max_bytes: int
    max_seconds: float
    clock: Callable[[], float]


def whole_body(response: httpx.Response, bounds: Bounds) -> bytes:
    """The whole body, content encoding undone.

    Raises
    ------
    TransientError
        When it is cut or too slow.
    PermanentError
        When it is too large or in an encoding that was not asked for.
    """
    body = bytearray()
    preloaded = response.is_stream_consumed
    deadline = bounds.clock() + bounds.max_seconds
    for chunk in _decoded(response):
        body += chunk
        if len(body) > bounds.max_bytes:
            raise PermanentError(f"sent more than {bounds.max_bytes} bytes", advice="ask for a shorter window")
        if bounds.clock() > deadline:
            raise TransientError(f"took more than {bounds.max_seconds:.0f} s to send its reply")
    received = len(body) if preloaded else response.num_bytes_downloaded
    promised = response.headers.get("content-length", "")
    unpacked = preloaded and "content-encoding" in response.headers
    if response.status_code in _BODILESS or unpacked or not re.fullmatch("[0-9]{1,18}", promised):
        return bytes(body)
    if int(promised) != received:
        raise TransientError(f"sent {received} of {promised} bytes")
    return bytes(body)


def error_text(response: httpx.Response) -> str:
    """The start of an error's body, empty when it is a web page or cannot be read."""
    body = bytearray()
    try:
        for chunk in _decoded(response):
            body += chunk
            if len(body) > _LARGEST_ERROR_BODY:
                break
    except (*NETWORK_ERRORS, SourceError):
        return ""
    return "" if is_web_page(bytes(body)) else excerpt(body.decode("utf-8", "replace"))


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    """The body's chunks, content encoding undone; unlike httpx, a cut gzip stream is noticed."""
    if response.is_stream_consumed:
        yield response.content
        return
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        yield from _gunzipped(response.iter_raw())
    elif encoding in ("identity", ""):
        yield from response.iter_raw()
    else:
        raise PermanentError(f"sent content encoding {excerpt(encoding, 20)!r}, which was not asked for")


def _gunzipped(chunks: Iterable[bytes], step: int = 2**20) -> Iterator[bytes]:
    """The content of a gzip stream, which may have several members; an empty body has none."""
    decoder, received = zlib.decompressobj(wbits=31), False
    for chunk in chunks:
        while chunk:
            received = True
            if decoder.eof:
                decoder = zlib.decompressobj(wbits=31)
            yield decoder.decompress(chunk, step)
            chunk = decoder.unconsumed_tail or decoder.unused_data
    yield decoder.flush()
    if received and not decoder.eof:
        raise TransientError("sent a gzip stream that is cut")
