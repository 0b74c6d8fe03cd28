import numpy as np
import pandas as pd
import pytest

from atlas_assets.indicators import technical
from atlas_assets.indicators.registry import INDICATORS, Indicator, Output, technical_indicators

OUTPUTS = [
    "log_return", "sma_20", "sma_50", "ema_20", "rsi_14", "macd_12_26", "macd_signal_9", "macd_histogram",
    "bollinger_upper_20", "bollinger_middle_20", "bollinger_lower_20", "atr_14", "realised_volatility_20_ann",
    "sma_200", "ema_50", "wma_20", "dema_20", "tema_20", "kama_30", "linear_regression_slope_20", "parabolic_sar",
    "donchian_upper_20", "donchian_lower_20", "adx_14", "plus_di_14", "minus_di_14", "aroon_down_25",
    "aroon_up_25", "stochastic_k_14", "stochastic_d_14", "williams_r_14", "cci_20", "cmo_14", "roc_10", "trix_15",
    "ultimate_oscillator", "natr_14", "mfi_14", "on_balance_volume", "adosc_3_10",
]  # fmt: skip


def panel(instruments, *, bars=260):
    frames = []
    for instrument in instruments:
        rng = np.random.default_rng([*str(instrument).encode()])
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, bars)))
        frames.append(
            pd.DataFrame(
                {
                    "instrument_id": instrument,
                    "session_date": pd.date_range("2020-01-01", periods=bars),
                    "open": close,
                    "high": close * 1.01,
                    "low": close * 0.99,
                    "close": close,
                    "volume": 1000.0,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def test_default_outputs_one_row_per_instrument_and_session():
    result = technical_indicators(panel([1, 2, 3]))
    assert list(result.columns) == ["instrument_id", "session_date", *OUTPUTS]
    assert len(result) == 780
    assert not result.duplicated(["instrument_id", "session_date"]).any()


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda indicator: indicator.name)
def test_look_back_is_the_number_of_leading_missing_values(indicator):
    result = technical_indicators(panel([1]), indicators=[indicator])
    for output in indicator.outputs:
        missing = result[output.name].isna().to_numpy()
        assert missing[: indicator.look_back].all()
        assert not missing[indicator.look_back :].any()
        assert output.unit
        assert output.description


def test_each_instrument_is_computed_alone_as_by_the_functions():
    bars = panel([1, 2])
    result = technical_indicators(bars)
    for instrument in (1, 2):
        close = bars.loc[bars["instrument_id"] == instrument, "close"].to_numpy()
        ours = result[result["instrument_id"] == instrument]
        np.testing.assert_array_equal(ours["rsi_14"], technical.rsi(close))
        np.testing.assert_array_equal(ours["macd_signal_9"], technical.macd(close).signal)


def test_row_order_and_unrelated_instruments_change_nothing():
    bars = panel([1, 2, 3])
    expected = technical_indicators(bars)
    shuffled = bars.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(technical_indicators(shuffled), expected)
    alone = technical_indicators(bars[bars["instrument_id"] == 2])
    pd.testing.assert_frame_equal(alone, expected[expected["instrument_id"] == 2].reset_index(drop=True))


def test_text_ids_and_an_empty_panel():
    assert len(technical_indicators(panel(["BRK", "BRK/B"]))) == 520
    assert technical_indicators(panel([1])[:0]).shape == (0, 42)


@pytest.mark.parametrize("bars", [1, 2, 30])
def test_a_young_instrument_has_what_its_bars_suffice_for(bars):
    result = technical_indicators(panel([1], bars=bars))
    for indicator in INDICATORS:
        for output in indicator.outputs:
            assert result[output.name].notna().sum() == max(bars - indicator.look_back, 0)


def test_gaps_are_skipped_by_every_indicator():
    bars = panel([1])
    gap = bars.copy()
    gap.loc[[0, 57, 58], ["open", "high", "low", "close", "volume"]] = np.nan
    present = gap["close"].notna()
    result, expected = technical_indicators(gap), technical_indicators(bars[present])
    assert result.loc[~present, OUTPUTS].isna().all(axis=None)
    pd.testing.assert_frame_equal(result[present].reset_index(drop=True), expected)


def test_without_volume_the_indicators_of_prices_stay():
    result = technical_indicators(panel([1]).assign(volume=np.nan))
    of_volume = ["mfi_14", "on_balance_volume", "adosc_3_10"]
    assert result[of_volume].isna().all(axis=None)
    assert result.iloc[-1].drop(of_volume).notna().all()


def test_a_new_indicator_is_one_entry():
    momentum = Indicator(
        name="momentum_10",
        inputs=("close",),
        outputs=(Output("momentum_10", "fraction", "Log return over 10 bars"),),
        look_back=10,
        function=lambda close: np.concatenate([np.full(10, np.nan), np.log(close[10:] / close[:-10])]),
    )
    result = technical_indicators(panel([1]), indicators=[*INDICATORS, momentum])
    np.testing.assert_allclose(result["momentum_10"][10], result["log_return"][1:11].sum())


def test_an_unusable_panel_is_refused():
    bars = panel([1])
    with pytest.raises(ValueError, match=r"lacks the columns \['high'\]"):
        technical_indicators(bars.drop(columns="high"))
    with pytest.raises(ValueError, match="several rows"):
        technical_indicators(pd.concat([bars, bars[:1]]))
    with pytest.raises(ValueError, match="without instrument_id"):
        technical_indicators(bars.assign(instrument_id=np.nan))
    with pytest.raises(ValueError, match="same column"):
        technical_indicators(bars, indicators=[INDICATORS[0], INDICATORS[0]])
