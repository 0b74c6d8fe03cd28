import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from atlas_assets.risk_management.var import (
    acerbi_szekely,
    backtest,
    christoffersen_test,
    historical_var,
    kupiec_test,
    parametric_var,
)

RETURNS = np.random.default_rng(11).standard_t(4, 400) * 0.01
METHODS = {
    "historical": historical_var,
    "rolling": parametric_var,
    "ewma": lambda returns, **options: parametric_var(returns, volatility="ewma", **options),
}


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_historical_var_is_the_linear_quantile_of_the_returns_before(level):
    result = historical_var(RETURNS, window=60, level=level)
    assert np.isnan(result.value_at_risk[:60]).all()
    for t in (60, 61, 399):
        past = RETURNS[t - 60 : t]
        var = np.quantile(past, level, method="linear")
        assert_allclose(result.value_at_risk[t], var, rtol=1e-12)
        assert_allclose(result.expected_shortfall[t], past[past <= var].mean(), rtol=1e-12)


@given(
    returns=st.lists(st.sampled_from([-0.03, -0.01, -0.0, 0.0, 0.01, 0.1]) | st.floats(-1, 1), max_size=40),
    missing=st.sets(st.integers(0, 39)),
    window=st.integers(2, 12),
    level=st.sampled_from([0.01, 0.1, 0.25, 0.49]),
)
def test_historical_var_equals_the_sorted_windows_even_with_ties_and_gaps(returns, missing, window, level):
    values = np.array([np.nan if t in missing else value for t, value in enumerate(returns)])
    result = historical_var(values, window=window, level=level)
    for t in range(len(values)):
        past = [value for value in values[:t] if not np.isnan(value)][-window:]
        if len(past) < window:
            assert np.isnan(result.value_at_risk[t])
            assert np.isnan(result.expected_shortfall[t])
            continue
        var = np.quantile(past, level, method="linear")
        assert_allclose(result.value_at_risk[t], var, rtol=1e-12, atol=1e-16)
        # A quantile that rounds to one side of a return decides whether that return is beyond it.
        beyond = [value for value in past if value <= result.value_at_risk[t]]
        assert_allclose(result.expected_shortfall[t], np.mean(beyond), rtol=1e-12, atol=1e-16)
        assert result.expected_shortfall[t] <= result.value_at_risk[t]


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_parametric_var_is_the_normal_tail(level):
    z, tail = stats.norm.ppf(level), stats.norm.pdf(stats.norm.ppf(level)) / level
    rolling = parametric_var(RETURNS, window=60, level=level)
    ewma = parametric_var(RETURNS, window=60, level=level, volatility="ewma", decay=0.9)
    variance = np.mean(RETURNS[:60] ** 2)
    for t in range(400):
        if t >= 60:
            mean, deviation = RETURNS[t - 60 : t].mean(), RETURNS[t - 60 : t].std(ddof=1)
            assert_allclose(rolling.value_at_risk[t], mean + z * deviation, rtol=1e-10)
            assert_allclose(rolling.expected_shortfall[t], mean - tail * deviation, rtol=1e-10)
            assert_allclose(ewma.value_at_risk[t], z * np.sqrt(variance), rtol=1e-10)
            assert_allclose(ewma.expected_shortfall[t], -tail * np.sqrt(variance), rtol=1e-10)
        variance = 0.9 * variance + 0.1 * RETURNS[t] ** 2
    assert np.isnan(ewma.value_at_risk[:60]).all()


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-4, 0.5, 100.0]))
def test_identities(method, seed, scale):
    returns = np.random.default_rng(seed).normal(0, 0.01, 80)
    at_5, at_1 = (method(returns, window=40, level=level) for level in (0.05, 0.01))
    known = slice(40, None)
    assert (at_5.expected_shortfall[known] <= at_5.value_at_risk[known]).all()
    assert (at_1.value_at_risk[known] <= at_5.value_at_risk[known]).all()
    scaled = method(returns * scale, window=40, level=0.05)
    assert_allclose(scaled.value_at_risk, at_5.value_at_risk * scale, rtol=1e-9)
    assert_allclose(scaled.expected_shortfall, at_5.expected_shortfall * scale, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_missing_returns_are_skipped_and_tomorrow_is_an_appended_nan(method):
    complete = method(np.append(RETURNS, np.nan), window=60, level=0.05).value_at_risk
    assert np.isfinite(complete[-1])
    gaps = np.insert(RETURNS, 100, np.nan)
    result = method(gaps, window=60, level=0.05).value_at_risk
    assert_array_equal(np.delete(result, 100), complete[:-1])
    assert result[100] == complete[100]


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_short_series_has_no_var(method):
    assert np.isnan(method(RETURNS[:59], window=60, level=0.05).value_at_risk).all()
    assert method([], window=60, level=0.05).value_at_risk.shape == (0,)


def test_kupiec_statistic_and_p_value():
    # LR of 57 hits in 1043 days at 5 %: .46147.
    result = kupiec_test(57, 1043, 0.05)
    assert_allclose(result.statistic, 0.46147, atol=5e-6)
    assert_allclose(result.p_value, stats.chi2.sf(result.statistic, 1), rtol=1e-12)
    assert kupiec_test(5, 100, 0.05).statistic == pytest.approx(0, abs=1e-12)


def test_kupiec_is_finite_at_the_ends():
    assert_allclose(kupiec_test(0, 250, 0.01).statistic, -500 * np.log(0.99))
    assert_allclose(kupiec_test(250, 250, 0.01).statistic, -500 * np.log(0.01))
    assert kupiec_test(0, 250, 0.01).p_value > 0


# Kupiec (1995), table 2: hits at which a test of 5 % size does not reject.
NON_REJECTION = {
    (0.01, 255): (1, 6), (0.01, 510): (2, 10), (0.01, 1000): (5, 16),
    (0.025, 255): (3, 11), (0.025, 510): (7, 20), (0.025, 1000): (16, 35),
    (0.05, 255): (7, 20), (0.05, 510): (17, 35), (0.05, 1000): (38, 64),
    (0.075, 255): (12, 27), (0.075, 510): (28, 50), (0.075, 1000): (60, 91),
    (0.1, 255): (17, 35), (0.1, 510): (39, 64), (0.1, 1000): (82, 119),
}  # fmt: skip


@pytest.mark.parametrize(("level", "days"), NON_REJECTION)
def test_kupiec_non_rejection_region(level, days):
    kept = [hits for hits in range(days // 2) if kupiec_test(hits, days, level).p_value >= 0.05]
    assert (kept[0], kept[-1]) == NON_REJECTION[level, days]


@pytest.mark.parametrize("transitions", [[[0, 0], [0, 0]], [[10, 0], [0, 0]], [[0, 0], [0, 9]], [[90, 5], [5, 0]]])
def test_independence_is_finite_with_empty_cells(transitions):
    result = christoffersen_test(transitions)
    assert 0 <= result.statistic < np.inf
    assert 0 <= result.p_value <= 1


def test_a_hit_is_strictly_below_and_missing_rows_are_dropped():
    result = backtest([-1.0, -2.0, np.nan, -3.0, 0.0], [-1.0, -1.0, -1.0, -1.0, np.nan], level=0.05)
    assert (result.observations, result.hits) == (3, 2)
    assert_array_equal(result.transitions, [[0, 1], [0, 1]])


def test_usage_errors_are_sentences():
    with pytest.raises(ValueError, match="tail level"):
        historical_var(RETURNS, window=60, level=0.95)
    with pytest.raises(ValueError, match='"rolling" or "ewma"'):
        parametric_var(RETURNS, window=60, level=0.05, volatility="garch")
    with pytest.raises(ValueError, match="at least one row"):
        backtest([np.nan], [np.nan], level=0.05)
    with pytest.raises(ValueError, match="hits <= observations"):
        kupiec_test(3, 2, 0.05)


@pytest.mark.recorded
@pytest.mark.parametrize("level", [0.01, 0.05])
def test_reproduces_the_sp500_series(quant, level):
    # S&P 500 returns of R package rugarch, window of 250 days; R's quantile type 7.
    returns = pd.read_csv(quant / "rugarch_sp500ret.csv")["ret"]
    reference = pd.read_csv(quant / "ref_sp500_var_series.csv")
    suffix = f"_{100 * level:02.0f}"
    options = {"window": 250, "level": level}
    ewma = parametric_var(returns, volatility="ewma", **options)
    for ours, name in (
        (historical_var(returns, **options).value_at_risk, "HS250"),
        (parametric_var(returns, **options).value_at_risk, "N250"),
        (ewma.value_at_risk, "EWMA94"),
    ):
        assert_allclose(ours[250:], reference[name + suffix], atol=1e-14)
    assert_allclose(ewma.expected_shortfall[250:], reference["EWMA94_ES" + suffix[1:]], atol=1e-14)


@pytest.mark.recorded
def test_reproduces_the_sp500_backtests(quant):
    # Likelihood ratios in logs; rugarch's VaRTest underflows on the 5 % series.
    reference = pd.read_csv(quant / "ref_sp500_var_series.csv")
    historical = backtest(reference["ret"], reference["HS250_01"], level=0.01)
    assert historical.hits == 86
    assert_array_equal(historical.transitions, [[5105, 81], [81, 5]])
    tests = (historical.unconditional, historical.independence, historical.conditional)
    assert_allclose([test.statistic for test in tests], [17.808481, 5.827719, 23.636200], atol=1e-6)
    normal = backtest(reference["ret"], reference["N250_01"], level=0.01)
    assert normal.hits == 109
    assert_allclose([normal.unconditional.statistic, normal.independence.statistic], [46.372339, 6.807463], atol=1e-6)
    z = acerbi_szekely(reference["ret"], reference["EWMA94_05"], reference["EWMA94_ES05"], level=0.05)
    assert_allclose(z, [-0.155977, -0.201357], atol=1e-6)
