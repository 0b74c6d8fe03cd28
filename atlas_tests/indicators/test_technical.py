import numpy as np
import pytest
import talib

from atlas_assets.indicators import technical
from atlas_assets.indicators.registry import INDICATORS

RNG = np.random.default_rng(5)
CLOSE = 100 * np.exp(np.cumsum(RNG.normal(0, 0.01, 300)))
HIGH, LOW = CLOSE * (1 + RNG.uniform(0, 0.02, 300)), CLOSE * (1 - RNG.uniform(0, 0.02, 300))

# The worked example of StockCharts' ChartSchool for RSI(14): first average gain .24, loss .10 on 14 changes.
RSI_CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245,
    45.8433, 46.0826, 45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028,
]  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (technical.sma(CLOSE, window=20), talib.SMA(CLOSE, 20)),
        (technical.ema(CLOSE, window=20), talib.EMA(CLOSE, 20)),
        (technical.rsi(CLOSE), talib.RSI(CLOSE, 14)),
        (technical.macd(CLOSE), talib.MACD(CLOSE, 12, 26, 9)),
        (technical.bollinger(CLOSE), talib.BBANDS(CLOSE, 20, 2, 2)),
        (technical.atr(HIGH, LOW, CLOSE), talib.ATR(HIGH, LOW, CLOSE, 14)),
    ],
    ids=["sma", "ema", "rsi", "macd", "bollinger", "atr"],
)
def test_values_and_warm_up_are_those_of_talib(ours, theirs):
    np.testing.assert_array_equal(np.array(ours), np.array(theirs))


VOLUME = RNG.uniform(1e5, 1e6, 300)
BARS = {"high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}
# Without RSI, MACD and the like, whose functions are tested above: by formula or by the textbook's loop.
TEXTBOOK = {
    "sma_200": lambda t: CLOSE[t - 199 : t + 1].mean(),
    "wma_20": lambda t: np.average(CLOSE[t - 19 : t + 1], weights=np.arange(1, 21)),
    "linear_regression_slope_20": lambda t: np.polyfit(np.arange(20), CLOSE[t - 19 : t + 1], 1)[0],
    "donchian_upper_20": lambda t: HIGH[t - 19 : t + 1].max(),
    "donchian_lower_20": lambda t: LOW[t - 19 : t + 1].min(),
    "aroon_up_25": lambda t: 100 * (25 - HIGH[t - 25 : t + 1][::-1].argmax()) / 25,
    "aroon_down_25": lambda t: 100 * (25 - LOW[t - 25 : t + 1][::-1].argmin()) / 25,
    "williams_r_14": lambda t: -100 * (top(t) - CLOSE[t]) / (top(t) - bottom(t)),
    "stochastic_k_14": lambda t: np.mean(
        [100 * (CLOSE[s] - bottom(s)) / (top(s) - bottom(s)) for s in range(t - 2, t + 1)]
    ),
    "cci_20": lambda t: (
        (TYPICAL[t] - TYPICAL[t - 19 : t + 1].mean())
        / (0.015 * np.abs(TYPICAL[t - 19 : t + 1] - TYPICAL[t - 19 : t + 1].mean()).mean())
    ),
    "roc_10": lambda t: 100 * (CLOSE[t] / CLOSE[t - 10] - 1),
    "mfi_14": lambda t: money_flow(np.arange(t - 13, t + 1)),
    "on_balance_volume": lambda t: VOLUME[0] + np.sum(np.sign(np.diff(CLOSE[: t + 1])) * VOLUME[1 : t + 1]),
    "natr_14": lambda t: 100 * technical.atr(HIGH, LOW, CLOSE)[t] / CLOSE[t],
}
TYPICAL = (HIGH + LOW + CLOSE) / 3


def top(t):
    return HIGH[t - 13 : t + 1].max()


def bottom(t):
    return LOW[t - 13 : t + 1].min()


def money_flow(rows):
    rises = TYPICAL[rows] > TYPICAL[rows - 1]
    flow = TYPICAL[rows] * VOLUME[rows]
    return 100 * flow[rises].sum() / flow.sum()


@pytest.mark.parametrize("name", TEXTBOOK)
@pytest.mark.parametrize("t", [200, 251, 299])
def test_what_talib_computes_is_what_the_description_says(name, t):
    (indicator,) = (one for one in INDICATORS if name in [output.name for output in one.outputs])
    result = np.atleast_2d(indicator.function(*(BARS[column] for column in indicator.inputs), **indicator.parameters))
    place = [output.name for output in indicator.outputs].index(name)
    np.testing.assert_allclose(result[place][t], TEXTBOOK[name](t), rtol=1e-8)


def test_rsi_of_the_textbook_example():
    np.testing.assert_allclose(technical.rsi(RSI_CLOSES)[-2:], [70.53, 66.32], atol=0.01)


def test_averages_equal_the_recursions_they_state():
    ema, rsi, atr = np.full(300, np.nan), np.full(300, np.nan), np.full(300, np.nan)
    ema[19] = CLOSE[:20].mean()
    for t in range(20, 300):
        ema[t] = ema[t - 1] + 2 / 21 * (CLOSE[t] - ema[t - 1])
    change = np.diff(CLOSE)
    up, down = np.maximum(change, 0)[:14].mean(), np.maximum(-change, 0)[:14].mean()
    rsi[14] = 100 * up / (up + down)
    for t in range(15, 300):
        up, down = (13 * up + max(change[t - 1], 0)) / 14, (13 * down + max(-change[t - 1], 0)) / 14
        rsi[t] = 100 * up / (up + down)
    true_range = np.maximum(HIGH[1:], CLOSE[:-1]) - np.minimum(LOW[1:], CLOSE[:-1])
    atr[14] = true_range[:14].mean()
    for t in range(15, 300):
        atr[t] = (13 * atr[t - 1] + true_range[t - 1]) / 14
    np.testing.assert_allclose(technical.ema(CLOSE, window=20), ema, rtol=1e-12)
    np.testing.assert_allclose(technical.rsi(CLOSE), rsi, rtol=1e-10)
    np.testing.assert_allclose(technical.atr(HIGH, LOW, CLOSE), atr, rtol=1e-12)


def test_bollinger_uses_the_population_deviation():
    bands = technical.bollinger(CLOSE)
    window = CLOSE[100:120]
    np.testing.assert_allclose(bands.upper[119], window.mean() + 2 * window.std(ddof=0), rtol=1e-10)


def test_realised_volatility_is_the_annualised_sample_deviation():
    returns = np.diff(np.log(CLOSE))
    expected = [np.nan] * 20 + [returns[t - 20 : t].std(ddof=1) * np.sqrt(365) for t in range(20, 300)]
    ours = technical.realised_volatility(CLOSE, periods_per_year=365)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_log_returns_compound_to_the_price_ratio():
    returns = technical.log_return(CLOSE)
    assert np.isnan(returns[0])
    np.testing.assert_allclose(np.exp(np.nansum(returns)), CLOSE[-1] / CLOSE[0])


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_missing_bar_gives_nan_and_is_skipped(missing):
    gap = CLOSE.copy()
    gap[[0, 57, 58]] = missing
    present = np.isfinite(gap)
    for function in (technical.rsi, technical.realised_volatility, technical.log_return):
        result = function(gap)
        assert np.isnan(result[~present]).all()
        np.testing.assert_array_equal(result[present], function(CLOSE[present]))


def test_a_bar_missing_any_input_is_skipped_in_all():
    high = HIGH.copy()
    high[30] = np.nan
    keep = np.arange(300) != 30
    np.testing.assert_array_equal(
        technical.atr(high, LOW, CLOSE)[keep], technical.atr(HIGH[keep], LOW[keep], CLOSE[keep])
    )


def test_a_price_that_is_not_positive_has_no_log_return():
    np.testing.assert_allclose(technical.log_return([1, -37.63, np.e]), [np.nan, np.nan, 1.0])


@pytest.mark.parametrize("close", [[], [1.0], [np.nan] * 60], ids=["empty", "one bar", "all missing"])
def test_too_few_bars_give_nan_of_the_same_shape(close):
    for function in (technical.rsi, technical.realised_volatility, technical.log_return):
        result = function(close)
        assert result.shape == (len(close),)
        assert np.isnan(result).all()
    assert np.isnan(np.array(technical.macd(close))).all()


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match="at least 2 bars"):
        technical.sma(CLOSE, window=1)
    with pytest.raises(ValueError, match="must be shorter"):
        technical.macd(CLOSE, fast=26, slow=12)
    with pytest.raises(ValueError, match="equally long"):
        technical.atr(HIGH, LOW[1:], CLOSE)
