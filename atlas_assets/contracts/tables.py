"""Every table of the lake: its name, its asset and where its schema is written.

Cheap to import (no pandas): definitions load from this list, schemas only when a run needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas_assets.contracts.columns import Contract


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    Attributes
    ----------
    name
        ``schema.table`` in the lake.
    asset_key
        ``(layer, domain, noun)`` of the asset that writes it.
    model
        Name of the contract's class in ``contracts.<module>``.
    may_be_empty
        Whether no rows at all is nothing to wonder about.
    """

    name: str
    asset_key: tuple[str, str, str]
    model: str
    may_be_empty: bool = False

    @property
    def layer(self) -> str:
        """``raw``, ``silver``, ``gold`` or ``model``."""
        return self.asset_key[0]

    @property
    def contract(self) -> type[Contract]:
        """The Pandera model; importing it costs about a second once."""
        module = "gold" if self.layer == "model" else self.layer
        return getattr(import_module(f"atlas_assets.contracts.{module}"), self.model)


TABLES = (
    Table("raw.eodhd_eod", ("raw", "eodhd", "eod"), "EodhdEod"),
    Table("raw.fred_observations", ("raw", "fred", "observations"), "FredObservations"),
    Table("raw.binance_klines", ("raw", "binance", "klines"), "BinanceKlines"),
    Table("raw.binance_agg_trades", ("raw", "binance", "agg_trades"), "BinanceAggTrades"),
    Table("raw.alternative_me_fear_greed", ("raw", "alternative_me", "fear_greed"), "AlternativeMeFearGreed"),
    Table("raw.rss_articles", ("raw", "rss", "articles"), "RssArticles"),
    Table("raw.landing_daily_bars", ("raw", "landing", "daily_bars"), "LandingDailyBars", may_be_empty=True),
    Table("silver.instruments", ("silver", "market", "instruments"), "Instruments"),
    Table("silver.daily_bars", ("silver", "market", "daily_bars"), "DailyBars"),
    Table("silver.trades", ("silver", "market", "trades"), "Trades"),
    Table("silver.macro_observations", ("silver", "macro", "macro_observations"), "MacroObservations"),
    Table("silver.documents", ("silver", "sentiment", "documents"), "Documents"),
    Table("silver.fear_greed", ("silver", "sentiment", "fear_greed"), "FearGreed"),
    Table("gold.technical_indicators", ("gold", "indicators", "technical_indicators"), "TechnicalIndicators"),
    Table("gold.vpin", ("gold", "indicators", "vpin"), "Vpin"),
    Table("gold.regimes", ("gold", "clustering", "regimes"), "Regimes"),
    Table("gold.daily_sentiment", ("gold", "sentiment", "daily_sentiment"), "DailySentiment"),
    Table("model.tvp_var_fit", ("model", "tvp_var", "fit"), "TvpVarFit"),
    Table("gold.tvp_var_forecasts", ("gold", "models", "tvp_var_forecasts"), "TvpVarForecasts"),
    Table("gold.value_at_risk", ("gold", "risk_management", "value_at_risk"), "ValueAtRisk"),
    Table("gold.var_backtests", ("gold", "risk_management", "var_backtests"), "VarBacktests"),
)


@cache
def _by_name() -> dict[str, Table]:
    return {table.name: table for table in TABLES}


def table(name: str) -> Table:
    """The table of that name.

    Raises
    ------
    KeyError
        When the lake has no such table.
    """
    return _by_name()[name]
