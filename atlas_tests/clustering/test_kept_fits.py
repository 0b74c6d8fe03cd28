"""Fits that are kept, and tables that are the same with them and without."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from atlas_assets.clustering import state_tables, tables
from atlas_assets.clustering.kept_fits import KeptFits

STATES = {
    "states": 2,
    "window_size": 250,
    "refit_sessions": 40,
    "expected_run_length": 100.0,
    "recent_sessions": 5,
    "change_threshold": 0.5,
}
SYMBOLS = ["A", "B"]


def bars(sessions: int) -> pd.DataFrame:
    random = np.random.default_rng(4)
    calm = random.random((2, 400)) < 0.7
    closes = 100 * np.exp(np.where(calm, 0.004, 0.02) * random.normal(size=(2, 400))).cumprod(axis=1)
    parts = [
        pd.DataFrame(
            {
                "instrument_id": f"ins_{symbol}",
                "symbol": symbol,
                "session_date": pd.bdate_range("2020-01-01", periods=sessions),
                "close_total_return_adj": close[:sessions],
            }
        )
        for symbol, close in zip(SYMBOLS, closes, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def saved(fits: KeptFits) -> KeptFits:
    file = io.BytesIO()
    np.savez(file, **fits.arrays())
    file.seek(0)
    return KeptFits(dict(np.load(file, allow_pickle=False)))


MAKERS = {
    "regimes": (lambda rows, fits: tables.regimes(rows, symbols=SYMBOLS, window_size=250, fits=fits), 1, 1),
    "market states": (
        lambda rows, fits: state_tables.market_states(rows, symbols=SYMBOLS, fits=fits, **STATES),
        3,
        4,
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_later_sessions_take_the_fits_that_were_made(name):
    make, at_first, later = MAKERS[name]
    fits = KeptFits()
    make(bars(350), fits)
    assert (fits.kept, fits.made, fits.changed) == (0, 2 * at_first, True)
    again = saved(fits)
    found = make(bars(390), again)
    assert (again.kept, again.made) == (2 * at_first, 2 * (later - at_first))
    assert again.changed == (later > at_first)
    pd.testing.assert_frame_equal(found, make(bars(390), None), check_exact=True)


@pytest.mark.parametrize("name", MAKERS)
def test_another_sample_is_fitted_and_rounding_makes_none(name):
    make, at_first, _ = MAKERS[name]
    fits = KeptFits()
    make(bars(350), fits)
    rescaled = saved(fits)
    dividend = bars(350)
    dividend["close_total_return_adj"] *= 0.987
    make(dividend, rescaled)
    assert (rescaled.kept, rescaled.made, rescaled.changed) == (2 * at_first, 0, False)

    revised = saved(fits)
    other = bars(350)
    other.loc[100, "close_total_return_adj"] *= 1.001
    found = make(other, revised)
    assert revised.made == at_first  # all of that instrument
    pd.testing.assert_frame_equal(found, make(other, None), check_exact=True)


def test_fits_that_nobody_asks_for_are_dropped():
    fits = KeptFits()
    tables.regimes(bars(350), symbols=SYMBOLS, window_size=250, fits=fits)
    fewer = saved(fits)
    tables.regimes(bars(350), symbols=["B"], window_size=250, fits=fewer)
    assert (fewer.kept, fewer.made, fewer.changed) == (1, 0, True)
    assert {name.partition(".")[0] for name in fewer.arrays()} == {"0"}


def test_what_holds_no_samples_is_refused():
    with pytest.raises(ValueError, match="one has no sample; fit anew"):
        KeptFits({"0.mean": np.zeros(2)})
    assert KeptFits().newest is None
