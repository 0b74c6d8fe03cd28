"""CoinGecko: who it is, how it is asked, and what it says when it refuses."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field, SecretStr

from atlas_assets.data_sources.base import BaseDataSource, Query
from atlas_assets.data_sources.client.errors import MalformedReply, PermanentError, SourceError, TransientError
from atlas_assets.data_sources.client.limits import Quota
from atlas_assets.data_sources.client.reply import TRANSIENT_CODES, Reply, excerpt, refuse_web_page
from atlas_assets.data_sources.settings import SourceSettings
from atlas_assets.data_sources.vendor import Vendor

if TYPE_CHECKING:
    from atlas_assets.data_sources.client.http import HttpClient

# Host and header go with the kind of key; a key at the other host is refused.
HOSTS = {"demo": "https://api.coingecko.com/api/v3", "pro": "https://pro-api.coingecko.com/api/v3"}
HEADERS = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}
DEMO_REACH = timedelta(days=365)

# Statuses whose bodies say more than they do.
REFUSALS = (400, 401, 403, 404, 422)
NO_KEY = "set ATLAS_DATA_SOURCES__COINGECKO__API_KEY or ATLAS_DATA_SOURCES__COINGECKO__API_KEY_FILE"
ADVICE = {
    10002: NO_KEY,
    10005: "this needs a larger plan: take one, or leave the dataset or symbol out",
    10010: "the key is of a paid plan: set key_kind to pro",
    10011: "the key is of the demo plan: set key_kind to demo",
    10012: "the plan does not reach so far back: let history_from be later, or take a larger plan",
    1020: "CoinGecko's firewall refuses this address: ask from another one",
    404: "check the coin ids in the settings; they are CoinGecko's own, such as bitcoin",
}

CHART_ARRAYS = {"price": "prices", "market_cap": "market_caps", "total_volume": "total_volumes"}

CoinId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$")]


class CoinGeckoSettings(SourceSettings):
    """CoinGecko: prices of coins, by its own coin ids."""

    api_key: SecretStr | None = None
    key_kind: Literal["demo", "pro"] = Field(default="demo", description="host and header go with it")
    coins: list[CoinId] = Field(min_length=1, description="CoinGecko's ids, such as bitcoin; symbols are not unique")
    vs_currency: str = Field(default="usd", pattern=r"^[a-z]{2,10}$")
    spacing: Literal["hourly", "daily"] = Field(default="daily", description="of the market chart's points")
    candle: Literal["30m", "4h", "4d"] = Field(default="4h", description="the shorter, the less history there is")

    def needed_secrets(self) -> tuple[str, ...]:
        """The key whose kind the settings name; without either, CoinGecko still answers a little."""
        return ("api_key",) if "key_kind" in self.model_fields_set else ()


COINGECKO = Vendor(
    name="coingecko",
    title="CoinGecko",
    domain="crypto",
    settings=CoinGeckoSettings,
    base_url=HOSTS["demo"],
    access="Demo key (free, the last 365 days) or a paid plan's key; without any, a shared limit by address.",
    limits="Demo: 30 requests a minute and 10,000 a month; every request counts, also failed ones. Paid: 250 and more.",
    terms=(
        'Show "Data provided by CoinGecko" wherever the data is shown. The demo plan is for non-commercial use; '
        "commercial use begins with a paid plan."
    ),
    conventions=(
        "Stamps are UTC milliseconds as sent, not all on the grid; a candle's stamp is its end. Volume is that of the "
        "last 24 hours. Prices are floating-point numbers. The newest point is of the moment and is left out."
    ),
    quota=Quota(calls=10_000, period="month", statuses=()),
)


class CoinQuery(Query):
    """One coin.

    Attributes
    ----------
    step
        Distance of points, or length of a candle.
    whole_history
        Whether all that the plan reaches is asked for.
    """

    coin_id: CoinId
    vs_currency: str = "usd"
    step: str = "daily"
    whole_history: bool = False

    @property
    def instrument(self) -> str:
        """The coin."""
        return self.coin_id


class CoinGeckoSource(BaseDataSource[CoinGeckoSettings, CoinQuery]):
    """What the datasets of CoinGecko share."""

    vendor = COINGECKO
    instrument_column = "coin_id"

    def __init__(self, settings: CoinGeckoSettings, client: HttpClient) -> None:
        super().__init__(settings, client)
        if settings.base_url is None:
            self.base_url = HOSTS[settings.key_kind]

    def queries(self, start: date, end: date) -> Iterator[CoinQuery]:
        """One query for each coin."""
        for coin in self.settings.coins:
            yield CoinQuery(
                start=start,
                end=end,
                as_of=self.client.now(),
                coin_id=coin,
                vs_currency=self.settings.vs_currency,
                step=self.step,
                whole_history=start <= self.settings.history_from,
            )

    @property
    @abstractmethod
    def step(self) -> str:
        """Distance of points, or length of a candle."""

    def ask(self, path: str, params: Mapping[str, str | int]) -> Reply:
        """A reply of the plan's host, with the plan's header."""
        kind = self.settings.key_kind
        given = kind == "pro" or "api_key" in self.settings.secrets()
        headers = {HEADERS[kind]: self.secret("api_key")} if given else {}
        return self.client.get(f"{self.base_url}{path}", params=params, headers=headers, accept=REFUSALS, check=_check)


def payload_of(content: bytes) -> Any:
    """The body's JSON; an error in place of data is raised."""
    try:
        payload = json.loads(content)
    except (ValueError, RecursionError):
        raise TransientError("sent JSON that is cut or damaged") from None
    if refusal := _refusal(payload):
        raise refusal
    return payload


def _check(reply: Reply) -> None:
    """Refuse what is no data, with what the vendor says about it and the advice that goes with it."""
    if reply.is_html and reply.status in REFUSALS:
        raise PermanentError(f"HTTP {reply.status} with a web page", advice=ADVICE[1020], status=reply.status)
    refuse_web_page(reply)
    payload = payload_of(reply.content)
    if reply.status in REFUSALS:
        raise PermanentError(f"HTTP {reply.status}", advice=ADVICE.get(reply.status), status=reply.status)
    if not isinstance(payload, list) and not (
        isinstance(payload, dict) and payload.keys() >= set(CHART_ARRAYS.values())
    ):
        raise MalformedReply("sent JSON that is neither a chart nor candles")


def _refusal(payload: object) -> SourceError | None:
    """The error in one of CoinGecko's three shapes, None in data."""
    body = cast("dict[str, Any]", payload) if isinstance(payload, dict) else {}
    error = body.get("error")
    status = error.get("status") if isinstance(error, dict) else body.get("status")
    if isinstance(status, dict):
        code, message = status.get("error_code"), status.get("error_message")
    elif error:
        code, message = None, error
    else:
        return None
    what = excerpt(f"answered with an error in place of data: {message}" + (f" ({code})" if code else ""))
    if type(code) is int and (code in TRANSIENT_CODES or 500 <= code < 600):
        return TransientError(what)
    advice = ADVICE.get(code) if type(code) is int else None
    return PermanentError(what, advice=advice or (ADVICE[404] if "not found" in str(message).lower() else None))
