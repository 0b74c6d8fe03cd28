"""Gold tables and fitted models: what is computed from silver."""

from atlas_assets.contracts.gold.clustering import (
    BehaviourDeviation,
    MarketStates,
    OrderFlowClusters,
    OrderFlowFeatures,
    Regimes,
)
from atlas_assets.contracts.gold.indicators import TechnicalIndicators, Vpin
from atlas_assets.contracts.gold.models import (
    Connectedness,
    DmaFit,
    DmaForecasts,
    EnsembleForecasts,
    TvpVarFit,
    TvpVarForecasts,
)
from atlas_assets.contracts.gold.risk_management import ValueAtRisk, VarBacktests
from atlas_assets.contracts.gold.sentiment import DailySentiment, DocumentScores, FearGreedIndex, InstrumentSentiment

__all__ = [
    "BehaviourDeviation",
    "Connectedness",
    "DailySentiment",
    "DmaFit",
    "DmaForecasts",
    "DocumentScores",
    "EnsembleForecasts",
    "FearGreedIndex",
    "InstrumentSentiment",
    "MarketStates",
    "OrderFlowClusters",
    "OrderFlowFeatures",
    "Regimes",
    "TechnicalIndicators",
    "TvpVarFit",
    "TvpVarForecasts",
    "ValueAtRisk",
    "VarBacktests",
    "Vpin",
]
