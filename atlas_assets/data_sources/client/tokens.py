"""OAuth tokens: fetched once for all workers, kept until they expire, fetched again when refused."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, TransientError
from atlas_assets.data_sources.client.memo import Memo
from atlas_assets.data_sources.client.reply import TRANSIENT_CODES
from atlas_assets.data_sources.client.state import SharedState

if TYPE_CHECKING:
    from atlas_assets.data_sources.client.http import HttpClient
    from atlas_assets.data_sources.client.reply import Reply

T = TypeVar("T")

_UNAUTHORISED = 401
# RFC 6749 recommends to tell the lifetime; a server that does not gets asked again soon.
_DEFAULT_LIFETIME_SECONDS = 600.0


@dataclass(frozen=True)
class Token:
    """An access token and the seconds for which it is good."""

    value: SecretStr
    expires_in: float


class TokenSource:
    """A token that all workers use.

    Parameters
    ----------
    name
        What it is for; another account needs another name.
    fetch
        Gets a new one from the vendor.
    state
        Its vault keeps the token: memory, a file of mode 0600, or Redis.
    margin_seconds
        How long before its end a token is renewed.
    sleep
        How to wait for the worker that fetches one.
    """

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Token],
        *,
        state: SharedState,
        margin_seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        def renewed() -> tuple[str, float]:
            token = fetch()
            # Half of a very short life, so that the token can be used at all.
            good_for = max(token.expires_in - margin_seconds, token.expires_in / 2)
            return token.value.get_secret_value(), good_for

        self._memo = Memo(f"token:{name}", renewed, state=state.vault, sleep=sleep)

    def get(self) -> SecretStr:
        """The token, fetched if need be."""
        return SecretStr(self._memo.get())

    def use(self, ask: Callable[[SecretStr], T]) -> T:
        """What ``ask`` returns with the token; when the vendor refuses it (401), once more with a new one.

        Raises
        ------
        PermanentError
            When the new token is refused, too.
        """
        token = self.get()
        try:
            return ask(token)
        except PermanentError as error:
            if error.status != _UNAUTHORISED:
                raise
        self._memo.drop(token.get_secret_value())
        return ask(self.get())


def bearer(token: SecretStr) -> SecretStr:
    """The ``Authorization`` header of a token."""
    return SecretStr(f"Bearer {token.get_secret_value()}")


def client_credentials(
    client: HttpClient,
    url: str,
    *,
    client_id: SecretStr,
    client_secret: SecretStr,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> TokenSource:
    """The token of OAuth 2's client credentials grant (RFC 6749, section 4.4).

    Parameters
    ----------
    client
        Asks; its state keeps the token.
    url
        The token server.
    client_id, client_secret
        Sent by HTTP Basic.
    headers, form
        Further headers and fields, such as ``scope``.
    """

    def fetch() -> Token:
        fields = {"grant_type": "client_credentials", **(form or {})}
        reply = client.post_form(url, fields, auth=(client_id, client_secret), headers=headers, check=_token)
        return _token(reply)

    account = hashlib.sha256(client_id.get_secret_value().encode()).hexdigest()[:16]
    return TokenSource(f"{client.source}:{account}", fetch, state=client.state, sleep=client.sleep)


def _token(reply: Reply) -> Token:
    """The token in a reply, which is not quoted in any error."""
    if reply.content and (reply.is_html or not _is_json(reply.content)):
        raise TransientError("the token server's reply is cut or a web page")
    try:
        body = json.loads(reply.content)
        if body.get("error") in TRANSIENT_CODES or body.get("error") in range(500, 600):
            raise TransientError(f"the token server answered with error {body['error']}")
        value, seconds = body["access_token"], float(body.get("expires_in", _DEFAULT_LIFETIME_SECONDS))
        if isinstance(value, str) and value.isprintable() and value and 0 < seconds < float("inf"):
            return Token(SecretStr(value), seconds)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        value = None
    raise MalformedReply("the token server's reply holds no access_token")


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True
