"""Parameters of models and indicators, with their bounds and units."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from atlas_assets.data_sources.settings import Section


class TvpVarSettings(Section):
    """Time-varying parameter VAR."""

    forgetting_factor: float = Field(default=0.99, gt=0.8, le=1, description="of the state covariance, lambda")
    forgetting_grid: list[Annotated[float, Field(gt=0.8, le=1)]] = Field(
        default=[], max_length=9, description="other lambdas: one model each, averaged by their predictive likelihoods"
    )
    model_forgetting: float = Field(default=0.99, gt=0.8, le=1, description="of the probabilities of a grid, alpha")
    covariance_decay: float = Field(default=0.96, gt=0.5, le=1, description="of the EWMA innovation covariance, kappa")
    window_size: int = Field(default=250, ge=50, description="sessions of the training sample behind the prior")
    lags: int = Field(default=1, ge=1, le=10)
    horizon: int = Field(default=10, ge=1, le=250, description="sessions forecast ahead")
    symbols: list[str] = Field(default=["GSPC", "IXIC"], description="instruments whose log returns enter")
    series: list[str] = Field(default=["VIXCLS", "DCOILWTICO"], description="macro series whose log changes enter")
    series_source: str = Field(default="fred", description="source of these series: others may name theirs alike")


class DmaSettings(Section):
    """Dynamic model averaging of forecasts of one instrument's return."""

    forgetting_factors: list[Annotated[float, Field(gt=0.8, le=1)]] = Field(
        default=[0.98, 0.99, 1.0], min_length=1, description="of the coefficients, a grid of lambda"
    )
    model_forgetting: float = Field(default=0.99, gt=0.8, le=1, description="of the models' probabilities, alpha")
    variance_decay: float = Field(default=0.95, gt=0.5, le=1, description="of the EWMA observation variance, kappa")
    window_size: int = Field(default=250, ge=20, description="sessions of the training sample behind the prior")
    lags: int = Field(default=2, ge=1, le=4)
    target: str = Field(default="GSPC", description="instrument whose log return is forecast")
    symbols: list[str] = Field(default=["GSPC", "IXIC"], description="instruments whose lagged returns are regressors")
    series: list[str] = Field(default=["VIXCLS", "DCOILWTICO"], description="macro series whose lagged changes are")
    series_source: str = Field(default="fred", description="source of these series: others may name theirs alike")

    @model_validator(mode="after")
    def _target_is_among_the_symbols(self) -> Self:
        if self.target not in self.symbols:
            raise ValueError(f"the target {self.target} must be one of the symbols {self.symbols}")
        return self


class ConnectednessSettings(Section):
    """Connectedness of the TVP-VAR's variables."""

    horizon: int = Field(default=10, ge=1, le=250, description="sessions of the forecast errors that are decomposed")
    method: Literal["generalized", "cholesky"] = Field(
        default="generalized", description="cholesky depends on the order of models.tvp_var's variables"
    )


class EnsembleSettings(Section):
    """Combination of one-step forecasts of the return that models.dma forecasts."""

    method: Literal["equal", "inverse_error", "stacking", "bayesian", "dynamic"] = Field(
        default="dynamic", description="how weights follow from past errors"
    )
    forgetting: float = Field(default=0.99, gt=0.8, le=1, description="of the weights, where the method is dynamic")
    training: int = Field(default=60, ge=1, description="first origins, of equal weights")
    trailing_sessions: int = Field(default=120, ge=2, description="sessions of the trailing mean, a forecaster")
    coverage: float = Field(default=0.9, ge=0.5, le=0.99, description="of the intervals, a fraction")
    interval: Literal["split", "rolling", "adaptive"] = Field(
        default="adaptive", description="kind of conformal interval"
    )
    calibration: int = Field(default=250, ge=99, description="past errors that an interval looks at")


class OrderFlowFeatureSettings(Section):
    """Order-flow features of time buckets."""

    bucket_seconds: int = Field(default=900, ge=1, le=86_400, description="length of a time bucket, s; divides a day")
    size_quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=(0.5, 0.9), description="of earlier days' trade sizes, between small, medium and large trades"
    )
    trailing_days: int = Field(default=20, ge=1, description="traded days behind these quantiles")

    @model_validator(mode="after")
    def _buckets_divide_a_day(self) -> Self:
        if 86_400 % self.bucket_seconds:
            raise ValueError(f"bucket_seconds must divide a day of 86400 s, which {self.bucket_seconds} does not")
        return self

    @model_validator(mode="after")
    def _quantiles_increase(self) -> Self:
        if not self.size_quantiles[0] < self.size_quantiles[1]:
            raise ValueError(f"size_quantiles must increase, not be {self.size_quantiles}")
        return self


class OrderFlowSettings(Section):
    """The training samples that time buckets are judged by."""

    training_buckets: int = Field(default=672, ge=50, description="buckets of a training sample, those before a fit")
    refit_buckets: int = Field(default=336, ge=1, description="buckets from one fit to the next")
    comparison_hours: float = Field(
        default=3.0, gt=0, le=24, description="width of the time of day whose buckets are compared, h; 24 is all"
    )


class OrderFlowClusterSettings(OrderFlowSettings):
    """Clusters of order flow."""

    method: Literal["kmeans", "gaussian_mixture", "hdbscan"] = "kmeans"
    clusters: int = Field(default=5, ge=2, le=12, description="number of clusters; HDBSCAN finds its own")
    minimum_cluster_size: int = Field(default=20, ge=2, description="buckets, of HDBSCAN")


class BehaviourDeviationSettings(OrderFlowSettings):
    """Distance of order flow from its usual behaviour."""

    estimator: Literal["median_mad", "minimum_covariance_determinant"] = "median_mad"
    significance_level: float = Field(
        default=0.01, gt=0, lt=0.5, description="empirical p-value up to which a bucket is unusual"
    )

    @model_validator(mode="after")
    def _level_can_be_reached(self) -> Self:
        if self.significance_level * (1 + self.training_buckets) < 1:
            raise ValueError(
                f"a significance_level of {self.significance_level} needs training_buckets of at least "
                f"{1 / self.significance_level:.0f}, not {self.training_buckets}"
            )
        return self


class RegimeSettings(Section):
    """Markov-switching volatility regimes."""

    window_size: int = Field(default=2500, ge=250, description="sessions of the training sample")
    symbols: list[str] = Field(default=["GSPC", "IXIC"])


class MarketStateSettings(Section):
    """Hidden Markov states and change points of daily returns."""

    states: int = Field(default=3, ge=2, le=4, description="number of hidden states")
    window_size: int = Field(default=1500, ge=250, description="sessions of the training sample, the last before a fit")
    refit_sessions: int = Field(default=500, ge=1, description="sessions from one fit to the next")
    expected_run_length: float = Field(default=250.0, gt=1, description="sessions from one change to the next, mean")
    recent_sessions: int = Field(default=10, ge=1, description="sessions within which a change is recent")
    change_threshold: float = Field(default=0.5, gt=0, lt=1, description="probability that tells a recent change")
    symbols: list[str] = Field(default=["GSPC", "IXIC"])


class ValueAtRiskSettings(Section):
    """Value at risk and expected shortfall."""

    window_size: int = Field(default=250, ge=50, description="trailing sessions")
    tail_probabilities: list[Annotated[float, Field(gt=0, lt=0.5)]] = Field(default=[0.01, 0.05], min_length=1)


class VpinSettings(Section):
    """Volume-synchronised probability of informed trading."""

    bar_seconds: float = Field(default=60.0, gt=0)
    buckets_per_day: int = Field(default=50, ge=1)
    window: int = Field(default=50, ge=1, description="buckets averaged")
    percentile_window: int = Field(default=500, ge=20, description="trailing buckets that a VPIN is ranked among")
    toxic_percentile: float = Field(default=0.95, gt=0.5, lt=1, description="percentile of a toxic bucket, a fraction")
    toxic_buckets: int = Field(default=5, ge=1, description="buckets in a row that make a toxic episode")


class DocumentScoreSettings(Section):
    """Scores of the texts of documents."""

    engine: Literal["ensemble", "transformer"] = Field(
        default="ensemble", description="ensemble: the lexicons of finance and of Japanese; transformer: your own model"
    )
    model_folder: str | None = Field(default=None, description="folder of the transformer's model, on every machine")
    max_characters: int = Field(default=2_000, ge=100, le=100_000, description="of a text's beginning that are read")

    @model_validator(mode="after")
    def _a_transformer_has_a_folder(self) -> Self:
        if (self.engine == "transformer") != (self.model_folder is not None):
            raise ValueError('the engine "transformer" needs a model_folder, and no other engine has one')
        return self


class SentimentSettings(Section):
    """Sentiment of days and instruments from the scores of documents."""

    threshold: float = Field(
        default=0.35, gt=0, le=1, description="score from which on a document is positive, below minus which negative"
    )


class _RankedSettings(Section):
    """Components that are ranked among their own past."""

    look_back: int = Field(default=365, ge=2, description="sessions among which a value is ranked")
    minimum_history: int = Field(default=60, ge=1, description="values that must be among them")

    @model_validator(mode="after")
    def _history_within_look_back(self) -> Self:
        if self.minimum_history > self.look_back:
            raise ValueError(
                f"the minimum_history of {self.minimum_history} must be within the look_back of {self.look_back}"
            )
        return self


class StockFearGreedSettings(_RankedSettings):
    """Fear and greed of stocks."""

    symbol: str = Field(default="GSPC", description="the market's leading instrument, whose sessions are the index's")
    bond_symbol: str = Field(default="", description="instrument of safe bonds; if empty, bonds are from their yield")
    bond_yield_series: str = Field(default="DGS10", description="series of the yield of ten-year bonds, percent")
    volatility_series: str = Field(default="VIXCLS", description="series of implied volatility")
    risky_yield_series: str = Field(default="BAA", description="series of the yield of risky bonds, percent")
    safe_yield_series: str = Field(default="AAA", description="series of the yield of safe bonds, percent")
    momentum_window: int = Field(default=125, ge=5, description="sessions of the mean that the close is held against")
    high_low_window: int = Field(default=252, ge=20, description="sessions of a high or a low")
    volatility_window: int = Field(default=50, ge=5, description="sessions of the mean of implied volatility")
    safe_haven_window: int = Field(default=20, ge=1, description="sessions of the returns of stocks and bonds")
    sentiment_days: int = Field(default=7, ge=1, description="UTC days of news and posts")
    minimum_instruments: int = Field(default=20, ge=1, description="equities that price strength and breadth need")
    look_back: int = Field(default=252, ge=2, description="sessions among which a value is ranked")
    minimum_components: int = Field(default=3, ge=1, le=8, description="of a session that has an index")

    @property
    def series(self) -> list[str]:
        """Every series that enters."""
        return [self.volatility_series, self.bond_yield_series, self.risky_yield_series, self.safe_yield_series]


class CryptoFearGreedSettings(_RankedSettings):
    """Fear and greed of crypto."""

    symbol: str = Field(default="BTCUSDT", description="the leading pair; dominance is among the pairs of its venue")
    momentum_window: int = Field(default=30, ge=2, description="days of the mean that the close is held against")
    volatility_window: int = Field(default=30, ge=2, description="days of realised volatility")
    volatility_mean_window: int = Field(default=90, ge=2, description="days of the mean it is held against")
    sentiment_days: int = Field(default=7, ge=1, description="UTC days of news and posts")
    minimum_components: int = Field(default=3, ge=1, le=5, description="of a day that has an index")


class FearGreedSettings(Section):
    """Own index of fear and greed."""

    series_source: str = Field(default="fred", description="source of the series: others may name theirs alike")
    stocks: StockFearGreedSettings = StockFearGreedSettings()
    crypto: CryptoFearGreedSettings = CryptoFearGreedSettings()


class Models(Section):
    """Parameters of models and indicators."""

    tvp_var: TvpVarSettings = TvpVarSettings()
    dma: DmaSettings = DmaSettings()
    connectedness: ConnectednessSettings = ConnectednessSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    regimes: RegimeSettings = RegimeSettings()
    market_states: MarketStateSettings = MarketStateSettings()
    order_flow_features: OrderFlowFeatureSettings = OrderFlowFeatureSettings()
    order_flow_clusters: OrderFlowClusterSettings = OrderFlowClusterSettings()
    behaviour_deviation: BehaviourDeviationSettings = BehaviourDeviationSettings()
    value_at_risk: ValueAtRiskSettings = ValueAtRiskSettings()
    vpin: VpinSettings = VpinSettings()
    document_scores: DocumentScoreSettings = DocumentScoreSettings()
    sentiment: SentimentSettings = SentimentSettings()
    fear_greed: FearGreedSettings = FearGreedSettings()
