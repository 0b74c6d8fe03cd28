"""Shared state in Redis, for workers on many machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

import redis
from pydantic import SecretStr

from atlas_assets.data_sources.client.errors import PermanentError, StateUnavailable
from atlas_assets.data_sources.client.state import Document, Instant, SharedState

T = TypeVar("T")

_PREFIX = "atlas:"
# Nothing matters longer than a monthly quota.
_LIFETIME_SECONDS = 40 * 24 * 3600
_WEAKENING = frozenset({"ssl_cert_reqs", "ssl_check_hostname"})


class RedisState(SharedState):
    """State shared by every machine that reaches the same Redis; its server's clock counts.

    Parameters
    ----------
    address
        ``redis://`` or, encrypted and verified, ``rediss://``.

    Raises
    ------
    PermanentError
        When the address is none, or turns the verification of TLS off.
    """

    def __init__(self, address: SecretStr) -> None:
        self._redis = _client(address)

    def instant(self) -> Instant:
        """The server's clock twice."""
        seconds, micros = self._asked(lambda: cast("tuple[int, int]", self._redis.time()))
        return Instant(seconds + micros / 1e6, seconds + micros / 1e6)

    def read(self, key: str) -> Document:
        """A copy of the document."""
        return _decoded(self._asked(lambda: self._redis.get(_PREFIX + key)))

    def update(self, key: str, change: Callable[[Document], T]) -> T:
        """Change a document; when somebody else was faster, change the newer one."""
        name = _PREFIX + key

        def attempt(pipe: Any) -> T:
            before = pipe.get(name)
            document = _decoded(before)
            result = change(document)
            after = json.dumps(document)
            pipe.multi()
            if not document:
                pipe.delete(name)
            elif after != before:
                pipe.set(name, after, ex=_LIFETIME_SECONDS)
            return result

        return self._asked(
            lambda: cast("T", cast("Any", self._redis).transaction(attempt, name, value_from_callable=True))
        )

    def keys(self, prefix: str) -> list[str]:
        """The keys with that beginning, in order."""
        pattern = _PREFIX + "".join(f"\\{letter}" if letter in "*?[]\\^" else letter for letter in prefix) + "*"
        found = self._asked(lambda: list(self._redis.scan_iter(match=pattern)))
        return sorted(str(key).removeprefix(_PREFIX) for key in found)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _asked(self, ask: Callable[[], T]) -> T:
        """What Redis answers; its own exceptions may hold the address and go no further."""
        try:
            return ask()
        except (redis.RedisError, OSError, ValueError) as error:
            problem = type(error).__name__
        raise StateUnavailable(
            f"the shared state in Redis cannot be used ({problem})",
            advice="check that Redis runs and that its address and password in the settings are right",
        )


def _decoded(value: Any) -> Document:
    return json.loads(value) if value else {}


def _client(address: SecretStr) -> redis.Redis:
    options = {"decode_responses": True, "socket_timeout": 10.0, "socket_connect_timeout": 5.0}
    try:
        query = dict(parse_qsl(urlsplit(address.get_secret_value()).query))
        if not query.keys() & _WEAKENING:
            return redis.Redis.from_url(address.get_secret_value(), health_check_interval=30, **options)
        problem = "would turn the verification of its certificate off"
    except (ValueError, TypeError):
        problem = "is not a valid redis:// or rediss:// address"
    raise PermanentError(f"The address of Redis in the settings {problem}; correct it.")
