"""Gold tables and fitted models: what is computed from silver."""

from atlas_assets.contracts.gold.clustering import BehaviourDeviation, MarketStates, OrderFlowClusters, Regimes
from atlas_assets.contracts.gold.indicators import TechnicalIndicators, Vpin
from atlas_assets.contracts.gold.models import DmaFit, DmaForecasts, TvpVarFit, TvpVarForecasts
from atlas_assets.contracts.gold.risk_management import ValueAtRisk, VarBacktests
from atlas_assets.contracts.gold.sentiment import DailySentiment

__all__ = [
    "BehaviourDeviation",
    "DailySentiment",
    "DmaFit",
    "DmaForecasts",
    "MarketStates",
    "OrderFlowClusters",
    "Regimes",
    "TechnicalIndicators",
    "TvpVarFit",
    "TvpVarForecasts",
    "ValueAtRisk",
    "VarBacktests",
    "Vpin",
]
