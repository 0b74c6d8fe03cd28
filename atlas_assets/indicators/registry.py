"""The registry of indicators.

To add an indicator, append one :class:`~atlas_assets.indicators.panel.Indicator` to ``INDICATORS``: the panel function,
the data dictionary and the no-look-ahead test pick it up from here.
"""

# pandas carries no static types.
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING

from atlas_assets.indicators import technical
from atlas_assets.indicators.panel import Indicator, Output, compute

if TYPE_CHECKING:
    import pandas as pd

INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        name="log_return",
        inputs=("close",),
        outputs=(Output("log_return", "fraction", "Log return since the previous available close"),),
        look_back=1,
        function=technical.log_return,
    ),
    Indicator(
        name="sma_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20}),
        outputs=(Output("sma_20", "price", "Simple moving average of the last 20 closes"),),
        look_back=19,
        function=technical.sma,
    ),
    Indicator(
        name="sma_50",
        inputs=("close",),
        parameters=MappingProxyType({"window": 50}),
        outputs=(Output("sma_50", "price", "Simple moving average of the last 50 closes"),),
        look_back=49,
        function=technical.sma,
    ),
    Indicator(
        name="ema_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20}),
        outputs=(Output("ema_20", "price", "Exponential moving average of closes, span 20"),),
        look_back=19,
        function=technical.ema,
    ),
    Indicator(
        name="rsi_14",
        inputs=("close",),
        parameters=MappingProxyType({"window": 14}),
        outputs=(Output("rsi_14", "0 to 100", "Wilder's relative strength index over 14 bars"),),
        look_back=14,
        function=technical.rsi,
    ),
    Indicator(
        name="macd",
        inputs=("close",),
        parameters=MappingProxyType({"fast": 12, "slow": 26, "signal": 9}),
        outputs=(
            Output("macd_12_26", "price", "EMA of span 12 minus EMA of span 26"),
            Output("macd_signal_9", "price", "EMA of span 9 of the MACD line"),
            Output("macd_histogram", "price", "MACD line minus its signal line"),
        ),
        look_back=33,
        function=technical.macd,
    ),
    Indicator(
        name="bollinger_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20, "width": 2.0}),
        outputs=(
            Output("bollinger_upper_20", "price", "Average of 20 closes plus 2 population deviations"),
            Output("bollinger_middle_20", "price", "Average of 20 closes"),
            Output("bollinger_lower_20", "price", "Average of 20 closes minus 2 population deviations"),
        ),
        look_back=19,
        function=technical.bollinger,
    ),
    Indicator(
        name="atr_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"window": 14}),
        outputs=(Output("atr_14", "price", "Wilder's average true range over 14 bars"),),
        look_back=14,
        function=technical.atr,
    ),
    Indicator(
        name="realised_volatility_20",
        inputs=("close",),
        parameters=MappingProxyType({"window": 20, "periods_per_year": 252}),
        outputs=(
            Output("realised_volatility_20_ann", "fraction a year", "Annualised deviation of the last 20 log returns"),
        ),
        look_back=20,
        function=technical.realised_volatility,
    ),
    Indicator(
        name="sma_200",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 200}),
        outputs=(Output("sma_200", "price", "Simple moving average of the last 200 closes"),),
        look_back=199,
        function=technical.of_talib("SMA"),
    ),
    Indicator(
        name="ema_50",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 50}),
        outputs=(Output("ema_50", "price", "Exponential moving average of closes, span 50"),),
        look_back=49,
        function=technical.of_talib("EMA"),
    ),
    Indicator(
        name="wma_20",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 20}),
        outputs=(Output("wma_20", "price", "Moving average of 20 closes with linearly rising weights"),),
        look_back=19,
        function=technical.of_talib("WMA"),
    ),
    Indicator(
        name="dema_20",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 20}),
        outputs=(Output("dema_20", "price", "Double exponential moving average of closes, span 20"),),
        look_back=38,
        function=technical.of_talib("DEMA"),
    ),
    Indicator(
        name="tema_20",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 20}),
        outputs=(Output("tema_20", "price", "Triple exponential moving average of closes, span 20"),),
        look_back=57,
        function=technical.of_talib("TEMA"),
    ),
    Indicator(
        name="kama_30",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 30}),
        outputs=(Output("kama_30", "price", "Kaufman's adaptive moving average, 30 bars"),),
        look_back=30,
        function=technical.of_talib("KAMA"),
    ),
    Indicator(
        name="linear_regression_slope_20",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 20}),
        outputs=(
            Output("linear_regression_slope_20", "price a bar", "Slope of the line fitted to the last 20 closes"),
        ),
        look_back=19,
        function=technical.of_talib("LINEARREG_SLOPE"),
    ),
    Indicator(
        name="parabolic_sar",
        inputs=("high", "low"),
        parameters=MappingProxyType({"acceleration": 0.02, "maximum": 0.2}),
        outputs=(Output("parabolic_sar", "price", "Wilder's parabolic stop and reverse"),),
        look_back=1,
        function=technical.of_talib("SAR"),
    ),
    Indicator(
        name="donchian_upper_20",
        inputs=("high",),
        parameters=MappingProxyType({"timeperiod": 20}),
        outputs=(Output("donchian_upper_20", "price", "Highest high of the last 20 bars"),),
        look_back=19,
        function=technical.of_talib("MAX"),
    ),
    Indicator(
        name="donchian_lower_20",
        inputs=("low",),
        parameters=MappingProxyType({"timeperiod": 20}),
        outputs=(Output("donchian_lower_20", "price", "Lowest low of the last 20 bars"),),
        look_back=19,
        function=technical.of_talib("MIN"),
    ),
    Indicator(
        name="adx_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"timeperiod": 14}),
        outputs=(Output("adx_14", "0 to 100", "Wilder's average directional index over 14 bars"),),
        look_back=27,
        function=technical.of_talib("ADX"),
    ),
    Indicator(
        name="plus_di_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"timeperiod": 14}),
        outputs=(Output("plus_di_14", "0 to 100", "Wilder's positive directional indicator over 14 bars"),),
        look_back=14,
        function=technical.of_talib("PLUS_DI"),
    ),
    Indicator(
        name="minus_di_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"timeperiod": 14}),
        outputs=(Output("minus_di_14", "0 to 100", "Wilder's negative directional indicator over 14 bars"),),
        look_back=14,
        function=technical.of_talib("MINUS_DI"),
    ),
    Indicator(
        name="aroon_25",
        inputs=("high", "low"),
        parameters=MappingProxyType({"timeperiod": 25}),
        outputs=(
            Output("aroon_down_25", "0 to 100", "Recency of the lowest low of 25 bars"),
            Output("aroon_up_25", "0 to 100", "Recency of the highest high of 25 bars"),
        ),
        look_back=25,
        function=technical.of_talib("AROON", outputs=2),
    ),
    Indicator(
        name="stochastic_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType(
            {"fastk_period": 14, "slowk_period": 3, "slowk_matype": 0, "slowd_period": 3, "slowd_matype": 0}
        ),
        outputs=(
            Output("stochastic_k_14", "0 to 100", "Place of the close in the range of 14 bars, average of 3"),
            Output("stochastic_d_14", "0 to 100", "Average of the last 3 of these"),
        ),
        look_back=17,
        function=technical.of_talib("STOCH", outputs=2),
    ),
    Indicator(
        name="williams_r_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"timeperiod": 14}),
        outputs=(Output("williams_r_14", "-100 to 0", "Place of the close below the highest high of 14 bars"),),
        look_back=13,
        function=technical.of_talib("WILLR"),
    ),
    Indicator(
        name="cci_20",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"timeperiod": 20}),
        outputs=(Output("cci_20", "mean deviations / 0.015", "Commodity channel index over 20 bars"),),
        look_back=19,
        function=technical.of_talib("CCI"),
    ),
    Indicator(
        name="cmo_14",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 14}),
        outputs=(
            Output("cmo_14", "-100 to 100", "Chande's momentum oscillator over 14 bars, smoothed as Wilder does"),
        ),
        look_back=14,
        function=technical.of_talib("CMO"),
    ),
    Indicator(
        name="roc_10",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 10}),
        outputs=(Output("roc_10", "percent", "Change of the close over 10 bars"),),
        look_back=10,
        function=technical.of_talib("ROC"),
    ),
    Indicator(
        name="trix_15",
        inputs=("close",),
        parameters=MappingProxyType({"timeperiod": 15}),
        outputs=(Output("trix_15", "percent", "Change of the close smoothed thrice, span 15"),),
        look_back=43,
        function=technical.of_talib("TRIX"),
    ),
    Indicator(
        name="ultimate_oscillator",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"timeperiod1": 7, "timeperiod2": 14, "timeperiod3": 28}),
        outputs=(Output("ultimate_oscillator", "0 to 100", "Williams's ultimate oscillator over 7, 14 and 28 bars"),),
        look_back=28,
        function=technical.of_talib("ULTOSC"),
    ),
    Indicator(
        name="natr_14",
        inputs=("high", "low", "close"),
        parameters=MappingProxyType({"timeperiod": 14}),
        outputs=(Output("natr_14", "percent", "Average true range over 14 bars as a share of the close"),),
        look_back=14,
        function=technical.of_talib("NATR"),
    ),
    Indicator(
        name="mfi_14",
        inputs=("high", "low", "close", "volume"),
        parameters=MappingProxyType({"timeperiod": 14}),
        outputs=(Output("mfi_14", "0 to 100", "Money flow index over 14 bars"),),
        look_back=14,
        function=technical.of_talib("MFI"),
    ),
    Indicator(
        name="obv",
        inputs=("close", "volume"),
        outputs=(
            Output("on_balance_volume", "volume", "Volume added on rises and taken away on falls, from the first bar"),
        ),
        look_back=0,
        function=technical.of_talib("OBV"),
    ),
    Indicator(
        name="adosc_3_10",
        inputs=("high", "low", "close", "volume"),
        parameters=MappingProxyType({"fastperiod": 3, "slowperiod": 10}),
        outputs=(Output("adosc_3_10", "volume", "Chaikin's oscillator of the accumulation and distribution line"),),
        look_back=9,
        function=technical.of_talib("ADOSC"),
    ),
)


def technical_indicators(panel: pd.DataFrame, *, indicators: Iterable[Indicator] | None = None) -> pd.DataFrame:
    """Technical indicators of every instrument of a panel, all of ``INDICATORS`` by default; see ``compute``."""
    return compute(panel, INDICATORS if indicators is None else tuple(indicators))
