"""The network of the sandbox: an httpx transport that answers in-process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from atlas_assets.sandbox.replies import Handler, body_reply, http_date
from atlas_assets.sandbox.world import World

if TYPE_CHECKING:
    from atlas_assets.sandbox.faults import FaultPlan
    from atlas_assets.sandbox.newswire import Newswire
    from atlas_assets.sandbox.simulator import TradeSimulator

_HANDLERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "api.alternative.me": ("alternative_me", "AlternativeMeHandler"),
        "api.coingecko.com": ("coingecko", "CoinGeckoHandler"),
        "api.gdeltproject.org": ("gdelt", "GdeltHandler"),
        "api.imf.org": ("imf", "ImfHandler"),
        "api.stlouisfed.org": ("fred", "FredHandler"),
        "api.tiingo.com": ("tiingo", "TiingoHandler"),
        "api.x.com": ("x", "XHandler"),
        "data-api.binance.vision": ("binance", "BinanceHandler"),
        "data.alpaca.markets": ("alpaca", "AlpacaHandler"),
        "data.binance.vision": ("binance_dumps", "BinanceDumpsHandler"),
        "data.gdeltproject.org": ("gdelt_files", "GdeltFilesHandler"),
        "egg.5ch.net": ("fivech", "FivechHandler"),
        "eodhd.com": ("eodhd", "EodhdHandler"),
        "news.example": ("news", "NewsHandler"),
        "newsapi.org": ("newsapi", "NewsApiHandler"),
        "oauth.reddit.com": ("reddit", "RedditHandler"),
        "old.5ch.net": ("fivech", "FivechHandler"),
        "pro-api.coingecko.com": ("coingecko", "CoinGeckoHandler"),
        "www.reddit.com": ("reddit", "RedditHandler"),
    }
)
"""Module and class that answer for each host; hosts of one class share one handler."""


class SandboxTransport(httpx.BaseTransport):
    """Answers for the vendors in their own wire formats; any other host is out of reach.

    Same seed, clock and requests, same bytes. No wall clock is read, no file is written.

    Parameters
    ----------
    clock
        The present, with a time zone. Nothing later is ever served.
    seed
        Seed of everything synthetic.
    faults
        Misbehaviour on top; none by default.
    keys, limits
        Accepted keys by section, and rate limits and quotas by name; see `World`.

    Raises
    ------
    httpx.ConnectError
        On a request to an unknown host, as with no network.
    """

    def __init__(
        self,
        *,
        clock: datetime,
        seed: int = 0,
        faults: FaultPlan | None = None,
        keys: Mapping[str, str] | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        if clock.tzinfo is None:
            raise ValueError(f"clock is {clock}: give it a time zone.")
        self.world = World(clock.astimezone(UTC), seed, keys or {}, limits or {})
        self.faults = faults
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._lock = RLock()

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that answer."""
        return frozenset(_HANDLERS)

    @property
    def simulator(self) -> TradeSimulator:
        """The trades behind Binance's replies, with the known truth about them."""
        from atlas_assets.sandbox.simulator import TradeSimulator

        return TradeSimulator(clock=self.world.clock, seed=self.world.seed)

    @property
    def newswire(self) -> Newswire:
        """The articles behind the feeds, with the known truth about them."""
        from atlas_assets.sandbox.newswire import Newswire

        return Newswire(clock=self.world.clock, seed=self.world.seed)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; httpx calls this."""
        if request.url.host not in _HANDLERS:
            raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)
        response = self.faults.answer(request, self._reply) if self.faults else self._reply(request)
        response.request = request
        return response

    def _reply(self, request: httpx.Request) -> httpx.Response:
        """The true reply; one at a time, because the handlers count requests."""
        with self._lock:
            handler = self._handler(request.url.host)
            if request.method not in getattr(handler, "methods", ("GET",)):
                headers = {"Allow": "GET", "Date": http_date(self.world.clock)}
                return body_reply("Method Not Allowed", "text/html", status=405, headers=headers)
            return handler.reply(request)

    def _handler(self, host: str) -> Handler:
        """The host's handler, imported when it is first asked: importing the sandbox stays light."""
        name = _HANDLERS[host]
        if name not in self._handlers:
            module, handler = name
            self._handlers[name] = getattr(import_module(f"atlas_assets.sandbox.{module}"), handler)(self.world)
        return self._handlers[name]
