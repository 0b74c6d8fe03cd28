"""Indicators of bars and trades."""

from atlas_assets.contracts.columns import Contract, Date, Integer, Number, Text, Utc, column
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
    vpin_percentile: Number = column(
        "Rank of the VPIN among the trailing ones, itself among them", unit="fraction", gt=0, le=1, nullable=True
    )
    toxic_episode: Integer = column(
        "Number of the run of high percentiles that the bucket belongs to, as known at its end; 0 for none", ge=0
    )

    imbalance_within_volume = rule("buy_volume + sell_volume >= imbalance")

    class Config(Contract.Config):
        unique = ["instrument_id", "bucket_number"]
