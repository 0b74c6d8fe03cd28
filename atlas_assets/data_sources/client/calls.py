"""Requests as they are sent, secrets disclosed; what shows of them is redacted."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from atlas_assets.data_sources.client.errors import PermanentError
from atlas_assets.data_sources.client.redaction import SECRET_PARAMETERS, Redactor

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Value = str | int | SecretStr


@dataclass(frozen=True)
class Call:
    """A request; it holds secrets, so it shows nothing of itself.

    Attributes
    ----------
    method, url, headers, content
        What is sent.
    accept
        Statuses that are replies although they are no success.
    """

    method: str
    url: httpx.URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    accept: Collection[int] = ()

    @cached_property
    def params(self) -> httpx.QueryParams:
        """The parameters of the address; taking them apart is dear, so it is done once."""
        return self.url.params


@dataclass(frozen=True)
class Caller:
    """Makes a vendor's requests.

    Attributes
    ----------
    source
        The vendor.
    redactor
        Learns each secret that is disclosed.
    """

    source: str
    redactor: Redactor

    def get(
        self,
        url: str,
        params: Mapping[str, Value],
        headers: Mapping[str, str | SecretStr],
        accept: Collection[int],
    ) -> Call:
        """A GET request."""
        return self._learnt(Call("GET", self._target(url, params), self._headers(headers), accept=accept))

    def form(
        self,
        url: str,
        data: Mapping[str, Value],
        auth: tuple[str | SecretStr, str | SecretStr] | None,
        headers: Mapping[str, str | SecretStr],
    ) -> Call:
        """A form that is posted, with name and password (HTTP Basic) if given."""
        sent = dict(headers) | {"content-type": "application/x-www-form-urlencoded"}
        if auth is not None:
            pair = ":".join(self._disclosed(part if isinstance(part, SecretStr) else SecretStr(part)) for part in auth)
            sent["authorization"] = SecretStr(f"Basic {base64.b64encode(pair.encode()).decode()}")
        content = urlencode({name: self._disclosed(value) for name, value in data.items()}).encode()
        return self._learnt(Call("POST", self._target(url, {}), self._headers(sent), content))

    def would_disclose(self, call: Call) -> bool:
        """Whether a secret would travel unencrypted to another machine."""
        if call.url.scheme == "https" or call.url.host in LOOPBACK:
            return False
        return self.redactor.holds(f"{call.url} {' '.join(call.headers.values())} {call.content.decode()}")

    def _target(self, url: str, params: Mapping[str, Value]) -> httpx.URL:
        try:
            sent = {name: self._disclosed(value) for name, value in params.items()}
            if sent and "?" in url:
                sent = httpx.URL(url).params.merge(sent)
            target = httpx.URL(url, params=sent) if sent else httpx.URL(url)
        except httpx.InvalidURL:
            target = httpx.URL()
        if target.scheme not in ("http", "https") or not target.host:
            raise PermanentError(
                f"{self.source}: an address in the settings is not a valid http or https URL; correct it."
            )
        return target

    def _learnt(self, call: Call) -> Call:
        """The call, once the redactor knows the secrets in its address."""
        for name, value in call.params.multi_items():
            if name.lower() in SECRET_PARAMETERS:
                self.redactor.learn(value)
        return call

    def _headers(self, headers: Mapping[str, str | SecretStr]) -> dict[str, str]:
        sent = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "atlas-quanta"}
        sent |= {name.lower(): self._disclosed(value) for name, value in headers.items()}
        if "range" in sent:
            # A range counts bytes of what is sent, and half a gzip stream cannot be unpacked.
            sent["accept-encoding"] = "identity"
        return sent

    def _disclosed(self, value: Value) -> str:
        """The value as it is sent; a secret is hidden from now on, also without the scheme before it."""
        if not isinstance(value, SecretStr):
            return str(value)
        secret = value.get_secret_value()
        self.redactor.learn(secret)
        self.redactor.learn(secret.rpartition(" ")[2])
        return secret
