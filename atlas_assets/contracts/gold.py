"""Gold tables and fitted models: what is computed from silver."""

from atlas_assets.contracts.columns import Contract, Date, Flag, Integer, Number, Text, Utc, column
from atlas_assets.contracts.rules import rule


class TechnicalIndicators(Contract):
    """Technical indicators of every instrument, from raw daily bars. One row per (instrument_id, session_date).

    Warm-up rows are missing exactly where TA-Lib leaves them missing.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    session_date: Date = column("Session date; values use data up to its close")
    close_split_adj: Number = column(
        "Closing price the indicators were computed from, adjusted for the splits known", unit="quote currency", gt=0
    )
    log_return: Number = column("Close-to-close log return", unit="fraction", ge=-3, le=3, nullable=True)
    sma_20: Number = column("Simple moving average, 20 sessions", unit="quote currency", gt=0, nullable=True)
    sma_50: Number = column("Simple moving average, 50 sessions", unit="quote currency", gt=0, nullable=True)
    ema_20: Number = column(
        "Exponential moving average, 20 sessions, seeded by the SMA", unit="quote currency", gt=0, nullable=True
    )
    rsi_14: Number = column("Relative strength index, Wilder, 14 sessions", unit="0-100", ge=0, le=100, nullable=True)
    macd_12_26: Number = column("MACD line: EMA 12 minus EMA 26", unit="quote currency", nullable=True)
    macd_signal_9: Number = column("Signal line: EMA 9 of the MACD line", unit="quote currency", nullable=True)
    macd_histogram: Number = column("MACD line minus signal line", unit="quote currency", nullable=True)
    bollinger_upper_20: Number = column(
        "Upper Bollinger band, 20 sessions, 2 standard deviations", unit="quote currency", nullable=True
    )
    bollinger_middle_20: Number = column("Middle Bollinger band, 20 sessions", unit="quote currency", nullable=True)
    bollinger_lower_20: Number = column(
        "Lower Bollinger band, 20 sessions, 2 standard deviations", unit="quote currency", nullable=True
    )
    atr_14: Number = column("Average true range, Wilder, 14 sessions", unit="quote currency", ge=0, nullable=True)
    realised_volatility_20_ann: Number = column(
        "Realised volatility of log returns, 20 sessions, annualised", unit="fraction a year", ge=0, nullable=True
    )
    sma_200: Number = column("Simple moving average, 200 sessions", unit="quote currency", gt=0, nullable=True)
    ema_50: Number = column(
        "Exponential moving average, 50 sessions, seeded by the SMA", unit="quote currency", gt=0, nullable=True
    )
    wma_20: Number = column(
        "Moving average of linearly rising weights, 20 sessions", unit="quote currency", gt=0, nullable=True
    )
    dema_20: Number = column("Double exponential moving average, 20 sessions", unit="quote currency", nullable=True)
    tema_20: Number = column("Triple exponential moving average, 20 sessions", unit="quote currency", nullable=True)
    kama_30: Number = column(
        "Kaufman's adaptive moving average, 30 sessions", unit="quote currency", gt=0, nullable=True
    )
    linear_regression_slope_20: Number = column(
        "Slope of the line through the last 20 closes", unit="quote currency a session", nullable=True
    )
    parabolic_sar: Number = column("Parabolic stop and reverse, Wilder", unit="quote currency", nullable=True)
    donchian_upper_20: Number = column("Highest high, 20 sessions", unit="quote currency", gt=0, nullable=True)
    donchian_lower_20: Number = column("Lowest low, 20 sessions", unit="quote currency", gt=0, nullable=True)
    adx_14: Number = column("Average directional index, Wilder, 14 sessions", unit="0-100", nullable=True)
    plus_di_14: Number = column("Positive directional indicator, Wilder, 14 sessions", unit="0-100", nullable=True)
    minus_di_14: Number = column("Negative directional indicator, Wilder, 14 sessions", unit="0-100", nullable=True)
    aroon_down_25: Number = column("Recency of the lowest low, 25 sessions", unit="0-100", ge=0, le=100, nullable=True)
    aroon_up_25: Number = column("Recency of the highest high, 25 sessions", unit="0-100", ge=0, le=100, nullable=True)
    stochastic_k_14: Number = column(
        "Place of the close in the range of 14 sessions, average of 3", unit="0-100", nullable=True
    )
    stochastic_d_14: Number = column("Average of the last 3 of these", unit="0-100", nullable=True)
    williams_r_14: Number = column(
        "Place of the close below the highest high, 14 sessions", unit="-100 to 0", nullable=True
    )
    cci_20: Number = column("Commodity channel index, 20 sessions", unit="mean deviations / 0.015", nullable=True)
    cmo_14: Number = column(
        "Chande's momentum oscillator, 14 sessions, smoothed as Wilder does", unit="-100 to 100", nullable=True
    )
    roc_10: Number = column("Change of the close over 10 sessions", unit="percent", ge=-100, nullable=True)
    trix_15: Number = column("Change of the close smoothed thrice, 15 sessions", unit="percent", nullable=True)
    ultimate_oscillator: Number = column("Ultimate oscillator, 7, 14 and 28 sessions", unit="0-100", nullable=True)
    natr_14: Number = column(
        "Average true range as a share of the close, 14 sessions", unit="percent", ge=0, nullable=True
    )
    mfi_14: Number = column("Money flow index, 14 sessions; missing without volume", unit="0-100", nullable=True)
    on_balance_volume: Number = column(
        "Volume added on rises and taken away on falls, from the first session", unit="units", nullable=True
    )
    adosc_3_10: Number = column("Chaikin's oscillator of accumulation and distribution", unit="units", nullable=True)

    upper_band_above_middle = rule("bollinger_upper_20 >= bollinger_middle_20")
    lower_band_below_middle = rule("bollinger_lower_20 <= bollinger_middle_20")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date"]


class Vpin(Contract):
    """Volume-synchronised probability of informed trading. One row per (instrument_id, bucket_number)."""

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    bucket_number: Integer = column("Volume bucket, from 0", ge=0)
    bucket_end: Utc = column("Time at which the bucket filled (UTC)")
    buy_volume: Number = column("Volume classified as bought", unit="base units", ge=0)
    sell_volume: Number = column("Volume classified as sold", unit="base units", ge=0)
    imbalance: Number = column("Absolute difference of the two", unit="base units", ge=0)
    vpin: Number = column("VPIN over the trailing buckets", unit="fraction", ge=0, le=1, nullable=True)

    imbalance_within_volume = rule("buy_volume + sell_volume >= imbalance")

    class Config(Contract.Config):
        unique = ["instrument_id", "bucket_number"]


class Regimes(Contract):
    """Volatility regimes from a Markov-switching model. One row per (instrument_id, session_date).

    Probabilities are filtered: they use data up to the session only. Parameters come from the
    training sample, marked ``in_sample``.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    session_date: Date = column("Session date")
    log_return: Number = column("Close-to-close log return", unit="fraction")
    turbulent_probability: Number = column(
        "Filtered probability of the high-variance state", unit="fraction", ge=0, le=1
    )
    regime: Text = column("More probable state", isin=["calm", "turbulent"])
    in_sample: Flag = column("Whether the session belongs to the training sample")

    turbulent_when_more_probable = rule("regime != 'turbulent' or turbulent_probability >= 0.5")
    calm_when_more_probable = rule("regime != 'calm' or turbulent_probability <= 0.5")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date"]


class DailySentiment(Contract):
    """News sentiment by day. One row per session_date."""

    session_date: Date = column("UTC day of publication")
    document_count: Integer = column("Documents scored, identical ones once", ge=1)
    sentiment_mean: Number = column("Mean compound score", unit="-1 to 1", ge=-1, le=1)
    sentiment_std: Number = column("Standard deviation of the scores (ddof 0)", unit="-1 to 1", ge=0, le=1)
    positive_share: Number = column("Share of documents with a score of at least 0.05", unit="fraction", ge=0, le=1)
    negative_share: Number = column("Share of documents with a score of at most -0.05", unit="fraction", ge=0, le=1)

    shares_within_whole = rule("positive_share + negative_share <= 1")

    class Config(Contract.Config):
        unique = ["session_date"]


class TvpVarFit(Contract):
    """Fitted TVP-VAR: filtered coefficients and innovation covariance.

    One row per (session_date, equation, parameter).
    """

    session_date: Date = column("Session after whose close the parameter was known")
    equation: Text = column("Variable on the left-hand side")
    parameter: Text = column("intercept, lag<k>.<variable> or covariance.<variable>")
    value: Number = column("Value of the parameter")

    class Config(Contract.Config):
        unique = ["session_date", "equation", "parameter"]


class TvpVarForecasts(Contract):
    """TVP-VAR forecasts. One row per (origin_date, variable, horizon).

    Past origins carry the one-step forecast and what came; the last origin carries the path ahead.
    """

    origin_date: Date = column("Last session the forecast knows")
    variable: Text = column("Variable forecast")
    horizon: Integer = column("Sessions ahead", ge=1)
    forecast: Number = column("Mean forecast", unit="fraction")
    standard_error: Number = column("Forecast standard deviation", unit="fraction", ge=0)
    realised: Number = column("What came; missing while it is ahead", unit="fraction", nullable=True)

    class Config(Contract.Config):
        unique = ["origin_date", "variable", "horizon"]


class DmaFit(Contract):
    """Fitted dynamic model averaging: what it says of the next session. One row per (origin_date, parameter)."""

    origin_date: Date = column("Last session the parameter knows")
    parameter: Text = column("forecast, variance, expected_size or inclusion.<regressor>")
    value: Number = column("Value of the parameter")

    class Config(Contract.Config):
        unique = ["origin_date", "parameter"]


class DmaForecasts(Contract):
    """Forecasts of one instrument's next return by dynamic model averaging. One row per origin_date."""

    origin_date: Date = column("Last session the forecast knows")
    variable: Text = column("Variable forecast")
    forecast: Number = column("Mean forecast", unit="fraction")
    standard_error: Number = column("Forecast standard deviation", unit="fraction", ge=0)
    expected_size: Number = column("Expected number of regressors", ge=0)
    realised: Number = column("What came; missing while it is ahead", unit="fraction", nullable=True)

    class Config(Contract.Config):
        unique = ["origin_date"]


class ValueAtRisk(Contract):
    """One-day value at risk and expected shortfall.

    One row per (instrument_id, session_date, method, tail_probability). Both are returns (negative
    numbers) for the session, from data up to the session before.
    """

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    session_date: Date = column("Session the forecast is for")
    method: Text = column("historical or parametric", isin=["historical", "parametric"])
    tail_probability: Number = column("Probability of a worse return", unit="fraction", gt=0, lt=1)
    value_at_risk: Number = column("Return that is undercut with that probability", unit="fraction")
    expected_shortfall: Number = column("Mean return beyond it", unit="fraction")
    log_return: Number = column("Return that came", unit="fraction")
    is_breach: Flag = column("Whether the return undercut the value at risk")

    shortfall_beyond_value_at_risk = rule("expected_shortfall <= value_at_risk")
    breach_is_undercut = rule("is_breach == (log_return < value_at_risk)")

    class Config(Contract.Config):
        unique = ["instrument_id", "session_date", "method", "tail_probability"]


class VarBacktests(Contract):
    """Kupiec's test of each value-at-risk series. One row per (instrument_id, method, tail_probability)."""

    instrument_id: Text = column("Surrogate instrument id")
    symbol: Text = column("Ticker")
    method: Text = column("historical or parametric", isin=["historical", "parametric"])
    tail_probability: Number = column("Probability of a worse return", unit="fraction", gt=0, lt=1)
    observations: Integer = column("Sessions tested", ge=1)
    breaches: Integer = column("Sessions with a return below the value at risk", ge=0)
    expected_breaches: Number = column("Sessions expected below it", ge=0)
    kupiec_statistic: Number = column("Likelihood ratio of unconditional coverage", ge=0)
    kupiec_p_value: Number = column("Its p-value, chi-squared with one degree of freedom", unit="fraction", ge=0, le=1)

    breaches_among_observations = rule("breaches <= observations")
    expected_among_observations = rule("expected_breaches <= observations")

    class Config(Contract.Config):
        unique = ["instrument_id", "method", "tail_probability"]
