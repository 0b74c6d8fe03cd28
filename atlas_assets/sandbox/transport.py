"""The network of the sandbox: an httpx transport that answers in-process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from atlas_assets.sandbox.replies import Handler, body_reply, http_date

if TYPE_CHECKING:
    from atlas_assets.sandbox.faults import FaultPlan
    from atlas_assets.sandbox.newswire import Newswire
    from atlas_assets.sandbox.simulator import TradeSimulator

DEFAULT_API_KEYS: Mapping[str, str] = MappingProxyType(
    {"eod_historical": "sandbox-eodhd-key", "fred": "abcdef0123456789abcdef0123456789"}
)
"""Accepted keys by source, those of ``config/sandbox.yaml``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What each vendor allows before it answers 429 (or 402 for a day's calls)."""

    eodhd_requests_per_minute: int = 1_000
    eodhd_calls_per_day: int = 100_000
    fred_requests_per_minute: int = 120
    binance_weight_per_minute: int = 6_000
    alternative_me_requests_per_minute: int = 60


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
    api_keys
        Accepted keys by source (``eod_historical``, ``fred``), over `DEFAULT_API_KEYS`.
    limits
        The vendors' rate limits and quotas.

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
        api_keys: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        if clock.tzinfo is None:
            raise ValueError(f"clock is {clock}: give it a time zone.")
        self.clock = clock.astimezone(UTC)
        self.seed = seed
        self.faults = faults
        self._api_keys = {**DEFAULT_API_KEYS, **(api_keys or {})}
        self._limits = limits or Limits()
        self._handlers: dict[str, Handler] = {}
        self._lock = RLock()
        self._makers: dict[str, Callable[[], Handler]] = {
            "eodhd.com": self._make_eodhd,
            "api.stlouisfed.org": self._make_fred,
            "data-api.binance.vision": self._make_binance,
            "api.alternative.me": self._make_alternative_me,
            "news.example": self._make_news,
        }

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that answer."""
        return frozenset(self._makers)

    @property
    def simulator(self) -> TradeSimulator:
        """The trades behind Binance's replies, with the known truth about them."""
        from atlas_assets.sandbox.simulator import TradeSimulator

        return TradeSimulator(clock=self.clock, seed=self.seed)

    @property
    def newswire(self) -> Newswire:
        """The articles behind the feeds, with the known truth about them."""
        from atlas_assets.sandbox.newswire import Newswire

        return Newswire(clock=self.clock, seed=self.seed)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; httpx calls this."""
        if request.url.host not in self._makers:
            raise httpx.ConnectError("[Errno -2] Name or service not known", request=request)
        response = self.faults.answer(request, self._reply) if self.faults else self._reply(request)
        response.request = request
        return response

    def _reply(self, request: httpx.Request) -> httpx.Response:
        """The true reply; one at a time, because the handlers count requests."""
        if request.method != "GET":
            headers = {"Allow": "GET", "Date": http_date(self.clock)}
            return body_reply("Method Not Allowed", "text/html", status=405, headers=headers)
        host = request.url.host
        with self._lock:
            if host not in self._handlers:
                self._handlers[host] = self._makers[host]()
            return self._handlers[host].reply(request)

    # Handlers are imported when their vendor is first asked: importing the sandbox stays light.

    def _make_eodhd(self) -> Handler:
        from atlas_assets.sandbox.eodhd import EodhdHandler

        return EodhdHandler(
            clock=self.clock,
            api_key=self._api_keys["eod_historical"],
            requests_per_minute=self._limits.eodhd_requests_per_minute,
            calls_per_day=self._limits.eodhd_calls_per_day,
        )

    def _make_fred(self) -> Handler:
        from atlas_assets.sandbox.fred import FredHandler

        return FredHandler(
            clock=self.clock,
            api_key=self._api_keys["fred"],
            seed=self.seed,
            requests_per_minute=self._limits.fred_requests_per_minute,
        )

    def _make_binance(self) -> Handler:
        from atlas_assets.sandbox.binance import BinanceHandler

        return BinanceHandler(
            clock=self.clock, seed=self.seed, weight_per_minute=self._limits.binance_weight_per_minute
        )

    def _make_alternative_me(self) -> Handler:
        from atlas_assets.sandbox.alternative_me import AlternativeMeHandler

        return AlternativeMeHandler(
            clock=self.clock,
            seed=self.seed,
            requests_per_minute=self._limits.alternative_me_requests_per_minute,
        )

    def _make_news(self) -> Handler:
        from atlas_assets.sandbox.news import NewsHandler

        return NewsHandler(clock=self.clock, seed=self.seed)
