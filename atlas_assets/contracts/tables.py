"""Every silver, gold and model table of the lake: its name, its asset and where its schema is written.

Raw tables are declared beside the source that fills them (`contracts.raw`). Cheap to import (no pandas):
definitions load from this list, schemas only when a run needs them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlas_assets.contracts.columns import Contract


@dataclass(frozen=True, eq=False)
class Table(ABC):
    """A table of the lake.

    Attributes
    ----------
    name
        ``schema.table`` in the lake.
    asset_key
        ``(layer, domain, noun)`` of the asset that writes it.
    may_be_empty
        Whether no rows at all is nothing to wonder about.
    """

    name: str
    asset_key: tuple[str, str, str]
    may_be_empty: bool = False

    @property
    def layer(self) -> str:
        """``raw``, ``silver``, ``gold`` or ``model``."""
        return self.asset_key[0]

    @property
    @abstractmethod
    def contract(self) -> type[Contract]:
        """The Pandera model; importing it costs about a second once."""


@dataclass(frozen=True, eq=False)
class DerivedTable(Table):
    """A table that is computed from others.

    Attributes
    ----------
    model
        Name of the contract's class in ``contracts.silver`` or ``contracts.gold``.
    """

    model: str = ""

    @property
    def contract(self) -> type[Contract]:
        """The Pandera model; importing it costs about a second once."""
        module = "gold" if self.layer == "model" else self.layer
        return getattr(import_module(f"atlas_assets.contracts.{module}"), self.model)


def _derived(name: str, asset_key: tuple[str, str, str], model: str, **more: bool) -> DerivedTable:
    return DerivedTable(name, asset_key, model=model, **more)


DERIVED_TABLES: tuple[Table, ...] = (
    _derived("silver.ticker_history", ("silver", "market", "ticker_history"), "TickerHistory"),
    _derived(
        "silver.corporate_actions", ("silver", "market", "corporate_actions"), "CorporateActions", may_be_empty=True
    ),
    _derived("silver.daily_bars_by_source", ("silver", "market", "daily_bars_by_source"), "DailyBarsBySource"),
    _derived("silver.sessions", ("silver", "market", "sessions"), "Sessions"),
    _derived("silver.quarantine", ("silver", "quality", "quarantine"), "Quarantine", may_be_empty=True),
    _derived("silver.reconciliation", ("silver", "quality", "reconciliation"), "Reconciliation"),
    _derived("silver.instruments", ("silver", "market", "instruments"), "Instruments"),
    _derived("silver.daily_bars", ("silver", "market", "daily_bars"), "DailyBars"),
    _derived("silver.trades", ("silver", "market", "trades"), "Trades"),
    _derived("silver.intraday_bars", ("silver", "market", "intraday_bars"), "IntradayBars", may_be_empty=True),
    _derived("silver.macro_observations", ("silver", "macro", "macro_observations"), "MacroObservations"),
    _derived("silver.macro_series", ("silver", "macro", "macro_series"), "MacroSeries"),
    _derived("silver.release_calendar", ("silver", "macro", "release_calendar"), "ReleaseCalendar"),
    _derived("silver.documents", ("silver", "sentiment", "documents"), "Documents"),
    _derived("silver.document_groups", ("silver", "sentiment", "document_groups"), "DocumentGroups"),
    _derived("silver.instrument_terms", ("silver", "sentiment", "instrument_terms"), "InstrumentTerms"),
    _derived("silver.document_mentions", ("silver", "sentiment", "document_mentions"), "DocumentMentions"),
    _derived("silver.fear_greed", ("silver", "sentiment", "fear_greed"), "FearGreed"),
    _derived("gold.technical_indicators", ("gold", "indicators", "technical_indicators"), "TechnicalIndicators"),
    _derived("gold.vpin", ("gold", "indicators", "vpin"), "Vpin"),
    _derived("gold.regimes", ("gold", "clustering", "regimes"), "Regimes"),
    _derived("gold.market_states", ("gold", "clustering", "market_states"), "MarketStates"),
    _derived("gold.order_flow_features", ("gold", "clustering", "order_flow_features"), "OrderFlowFeatures"),
    _derived("gold.order_flow_clusters", ("gold", "clustering", "order_flow_clusters"), "OrderFlowClusters"),
    _derived("gold.behaviour_deviation", ("gold", "clustering", "behaviour_deviation"), "BehaviourDeviation"),
    _derived("gold.document_scores", ("gold", "sentiment", "document_scores"), "DocumentScores"),
    _derived("gold.daily_sentiment", ("gold", "sentiment", "daily_sentiment"), "DailySentiment"),
    _derived(
        "gold.instrument_sentiment",
        ("gold", "sentiment", "instrument_sentiment"),
        "InstrumentSentiment",
        may_be_empty=True,
    ),
    _derived("gold.fear_greed_index", ("gold", "sentiment", "fear_greed_index"), "FearGreedIndex", may_be_empty=True),
    _derived("model.tvp_var_fit", ("model", "tvp_var", "fit"), "TvpVarFit"),
    _derived("gold.tvp_var_forecasts", ("gold", "models", "tvp_var_forecasts"), "TvpVarForecasts"),
    _derived("model.dma_fit", ("model", "dma", "fit"), "DmaFit"),
    _derived("gold.dma_forecasts", ("gold", "models", "dma_forecasts"), "DmaForecasts"),
    _derived("gold.connectedness", ("gold", "models", "connectedness"), "Connectedness"),
    _derived("gold.ensemble_forecasts", ("gold", "models", "ensemble_forecasts"), "EnsembleForecasts"),
    _derived("gold.value_at_risk", ("gold", "risk_management", "value_at_risk"), "ValueAtRisk"),
    _derived("gold.var_backtests", ("gold", "risk_management", "var_backtests"), "VarBacktests"),
)
