"""Keep secrets out of everything that is written down."""

from __future__ import annotations

import json
import logging
import re
import weakref
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import httpx

REDACTED = "REDACTED"

SECRET_PARAMETERS = frozenset(
    [
        "access_token",
        "api-key",
        "api_key",
        "api_token",
        "apikey",
        "appid",
        "auth",
        "client_secret",
        "key",
        "password",
        "refresh_token",
        "secret",
        "signature",
        "token",
        "x_cg_demo_api_key",
        "x_cg_pro_api_key",
    ]
)

# Shorter values ("a") would turn ordinary words into holes; their parameters are redacted by name.
_SHORTEST_SECRET = 4

# These write reply headers at DEBUG, and a redirect may repeat the secret it was asked with.
_CHATTY_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class Redactor:
    """Replaces known secrets, in any of their usual spellings, by ``REDACTED``.

    Parameters
    ----------
    secrets
        Values to hide wherever they occur.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Hide one more value from now on."""
        if len(secret) < _SHORTEST_SECRET or secret in self._forms:
            return
        encoded = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
        escaped = {repr(secret)[1:-1], json.dumps(secret)[1:-1], repr(secret.encode())[2:-1]}
        self._forms |= {secret} | encoded | escaped
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    def holds(self, text: str) -> bool:
        """Whether the text shows a secret."""
        return bool(self._pattern and self._pattern.search(text))

    def address(self, url: httpx.URL) -> str:
        """Scheme, host and path, without user, query or fragment."""
        shown = url.copy_with(userinfo=b"") if url.userinfo else url
        return self.text(re.split("[?#]", str(shown), maxsplit=1)[0])

    def parameters(self, params: httpx.QueryParams) -> dict[str, str | list[str]]:
        """A query's parameters; those named like secrets and those holding one are redacted."""
        shown: dict[str, str | list[str]] = {}
        for name in params:
            secret = name.lower() in SECRET_PARAMETERS
            values = [REDACTED if secret else self.text(value) for value in params.get_list(name)]
            shown[self.text(name)] = values[0] if len(values) == 1 else values
        return shown

    def watch_logs(self, owner: object) -> None:
        """Scrub what the HTTP libraries log for as long as ``owner`` lives."""
        for name in _CHATTY_LOGGERS:
            logger = logging.getLogger(name)
            logger.addFilter(self._scrub)
            weakref.finalize(owner, logger.removeFilter, self._scrub).atexit = False

    def _scrub(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.text(record.getMessage()), ()
        return True
