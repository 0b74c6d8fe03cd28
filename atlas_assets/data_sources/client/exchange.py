"""One exchange with a server: send, follow redirects within the host, receive the whole body."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

from atlas_assets.data_sources.client.body import Bounds, error_text, whole_body
from atlas_assets.data_sources.client.calls import Call
from atlas_assets.data_sources.client.errors import PermanentError, QuotaExhausted, SourceError, TransientError
from atlas_assets.data_sources.client.limits import Quota, RateHeaders
from atlas_assets.data_sources.client.pacing import retry_after_seconds
from atlas_assets.data_sources.client.reply import excerpt

TRANSIENT_STATUSES = frozenset({408, 418, 425, 429, *range(500, 600)})
THROTTLED = 429
MOST_REDIRECTS = 5

ADVICE = {
    400: "check the parameters and the key in the settings",
    401: "check the key in the settings",
    # Some vendors also answer so to a wrong key.
    403: "check the key, that the plan covers this data, and that the vendor admits this address",
    404: "check the symbol or series in the settings",
    418: "the address is banned for a while: lower rate_limit and run again later",
    429: "lower rate_limit in the settings or run again later",
    451: "the vendor does not serve this country: set base_url to a host that does",
}

CORRECT_ADDRESS = "correct the address in the settings"


@dataclass(frozen=True)
class Exchange:
    """How to talk to a vendor's server.

    Attributes
    ----------
    transport
        Sends requests.
    timeout
        Seconds for connect, read, write and pool.
    bounds
        On each body.
    quota, rate_headers
        How the vendor says that the quota is used up, and when to come back.
    now
        The present (UTC).
    """

    transport: httpx.BaseTransport
    timeout: Mapping[str, float | None]
    bounds: Bounds
    quota: Quota
    rate_headers: RateHeaders
    now: Callable[[], datetime]

    def send(
        self, call: Call, *, before_each: Callable[[], None], after_each: Callable[[httpx.Headers], None]
    ) -> tuple[httpx.Response, bytes]:
        """The closed response and its body.

        Parameters
        ----------
        call
            What to send.
        before_each, after_each
            Run before each request, and with the headers of each response.

        Raises
        ------
        SourceError
            For a status that is no success, a redirect elsewhere and a body that is cut, too large or too slow.
        """
        url = call.url
        for _ in range(MOST_REDIRECTS + 1):
            before_each()
            response = self.transport.handle_request(self._request(call, url))
            try:
                after_each(response.headers)
                if response.is_success or response.status_code in call.accept:
                    return response, whole_body(response, self.bounds)
                if not response.has_redirect_location:
                    raise self._refusal(response)
                if call.method != "GET":
                    raise PermanentError("redirected a form, which is refused", advice=CORRECT_ADDRESS)
                url = _redirected(url, response.headers["location"])
            finally:
                response.close()
        raise PermanentError(f"redirected more than {MOST_REDIRECTS} times", advice=CORRECT_ADDRESS)

    def _request(self, call: Call, url: httpx.URL) -> httpx.Request:
        return httpx.Request(
            call.method,
            url,
            headers=httpx.Headers(call.headers, encoding="utf-8"),
            content=call.content or None,
            extensions={"timeout": dict(self.timeout)},
        )

    def _refusal(self, response: httpx.Response) -> SourceError:
        """The error that a status stands for, with what the vendor said about it."""
        status = response.status_code
        text = error_text(response)
        what = f"HTTP {status}{f': {text}' if text else ''}"
        if self.quota.is_used_up(status, text):
            return QuotaExhausted(what, status=status)
        if status not in TRANSIENT_STATUSES:
            return PermanentError(what, advice=ADVICE.get(status), status=status)
        wait = retry_after_seconds(response.headers, self.now())
        if wait is None and status == THROTTLED:
            wait = self.rate_headers.reset_seconds(response.headers, self.now())
        return TransientError(what, advice=ADVICE.get(status), retry_after=wait, status=status)


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
