"""Silver tables: cleaned, typed, one row per fact, with the four clocks."""

from atlas_assets.contracts.silver.intraday import IntradayBars, Trades
from atlas_assets.contracts.silver.macro import MacroObservations, MacroSeries, ReleaseCalendar
from atlas_assets.contracts.silver.market import (
    CorporateActions,
    DailyBars,
    DailyBarsBySource,
    Instruments,
    TickerHistory,
)
from atlas_assets.contracts.silver.quality import Quarantine, Reconciliation
from atlas_assets.contracts.silver.sentiment import (
    DocumentGroups,
    DocumentMentions,
    Documents,
    FearGreed,
    InstrumentTerms,
)
from atlas_assets.contracts.silver.sessions import Sessions

__all__ = [
    "CorporateActions",
    "DailyBars",
    "DailyBarsBySource",
    "DocumentGroups",
    "DocumentMentions",
    "Documents",
    "FearGreed",
    "InstrumentTerms",
    "Instruments",
    "IntradayBars",
    "MacroObservations",
    "MacroSeries",
    "Quarantine",
    "Reconciliation",
    "ReleaseCalendar",
    "Sessions",
    "TickerHistory",
    "Trades",
]
