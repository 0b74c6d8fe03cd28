import numpy as np
import pytest
import talib

from atlas_assets.indicators import technical

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
