"""One exchange with a server: send, follow redirects within the host, receive the whole body."""

from __future__ import annotations

import re
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

from atlas_assets.data_sources.errors import PermanentError, QuotaExhausted, SourceError, TransientError
from atlas_assets.data_sources.pacing import retry_after_seconds
from atlas_assets.data_sources.reply import excerpt, is_web_page

# What transports and decoders raise.
NETWORK_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, zlib.error)

TRANSIENT_STATUSES = frozenset({408, 418, 425, 429, *range(500, 600)})
LARGEST_ERROR_BODY = 64 * 1024
MOST_REDIRECTS = 5

ADVICE = {
    400: "check the parameters and the key in the settings",
    401: "check the key in the settings",
    403: "check that the plan covers this data and that the vendor admits this address",
    404: "check the symbol or series in the settings",
    418: "the address is banned for a while: lower rate_limit and run again later",
    429: "lower rate_limit in the settings or run again later",
    451: "the vendor does not serve this country: set base_url to a host that does",
}

CORRECT_ADDRESS = "correct the address in the settings"


@dataclass(frozen=True)
class Exchange:
    """How to talk to a server.

    Attributes
    ----------
    transport
        Sends requests.
    timeout
        Seconds for connect, read, write and pool.
    max_bytes
        Bound on a body, content encoding undone.
    max_reply_seconds
        Bound on receiving one body.
    clock, now
        Monotonic seconds, and the present (UTC).
    """

    transport: httpx.BaseTransport
    timeout: Mapping[str, float | None]
    max_bytes: int
    max_reply_seconds: float
    clock: Callable[[], float]
    now: Callable[[], datetime]

    def get(
        self, url: httpx.URL, headers: Mapping[str, str], *, before_each: Callable[[], None]
    ) -> tuple[httpx.Response, bytes]:
        """The closed response and its body; ``before_each`` runs before each request.

        Raises
        ------
        SourceError
            For a status that is no success, a redirect elsewhere and a body that is cut, too large or too slow.
        """
        for _ in range(MOST_REDIRECTS + 1):
            before_each()
            sent = httpx.Headers(headers, encoding="utf-8")
            request = httpx.Request("GET", url, headers=sent, extensions={"timeout": dict(self.timeout)})
            response = self.transport.handle_request(request)
            try:
                if response.is_success:
                    return response, self._body(response)
                if not response.has_redirect_location:
                    raise self._refusal(response)
                url = _redirected(url, response.headers["location"])
            finally:
                response.close()
        raise PermanentError(f"redirected more than {MOST_REDIRECTS} times", advice=CORRECT_ADDRESS)

    def _body(self, response: httpx.Response) -> bytes:
        """The whole body."""
        body = bytearray()
        preloaded = response.is_stream_consumed
        deadline = self.clock() + self.max_reply_seconds
        for chunk in _decoded(response):
            body += chunk
            if len(body) > self.max_bytes:
                raise PermanentError(f"sent more than {self.max_bytes} bytes", advice="ask for a shorter window")
            if self.clock() > deadline:
                raise TransientError(f"took more than {self.max_reply_seconds:.0f} s to send its reply")
        received = len(body) if preloaded else response.num_bytes_downloaded
        promised = response.headers.get("content-length", "")
        unpacked = preloaded and "content-encoding" in response.headers
        if re.fullmatch("[0-9]{1,18}", promised) and int(promised) != received and not unpacked:
            raise TransientError(f"sent {received} of {promised} bytes")
        return bytes(body)

    def _refusal(self, response: httpx.Response) -> SourceError:
        """The error that a status stands for, with what the vendor said about it."""
        status = response.status_code
        text = _error_text(response)
        what = f"HTTP {status}{f': {text}' if text else ''}"
        if status == httpx.codes.PAYMENT_REQUIRED:
            return QuotaExhausted(what)
        if status in TRANSIENT_STATUSES:
            wait = retry_after_seconds(response.headers, self.now())
            return TransientError(what, advice=ADVICE.get(status), retry_after=wait)
        return PermanentError(what, advice=ADVICE.get(status))


def network_error(error: Exception) -> SourceError:
    """The error of the transport, without the request that it carries."""
    what = f"{type(error).__name__}: {excerpt(str(error))}".rstrip(": ")
    if _is_certificate_error(error):
        return PermanentError(what, advice="check the address and this machine's certificates")
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)):
        return PermanentError(what, advice="correct the address and the key in the settings")
    return TransientError(what, advice="check the network, then run again")


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _redirected(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads, as long as it stays with the server that was asked."""
    target = url.join(location)
    if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
        raise PermanentError(f"redirected to {target.scheme}://{target.host}, which is refused", advice=CORRECT_ADDRESS)
    return target


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
    decoder = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        while chunk:
            yield decoder.decompress(chunk, step)
            chunk = decoder.unconsumed_tail
    yield decoder.flush()
    if not decoder.eof:
        raise TransientError("sent a gzip stream that is cut")


def _error_text(response: httpx.Response) -> str:
    """The start of an error's body, empty when it is a web page or cannot be read."""
    body = bytearray()
    try:
        for chunk in _decoded(response):
            body += chunk
            if len(body) > LARGEST_ERROR_BODY:
                break
    except (*NETWORK_ERRORS, SourceError):
        return ""
    return "" if is_web_page(bytes(body)) else excerpt(body.decode("utf-8", "replace"))
