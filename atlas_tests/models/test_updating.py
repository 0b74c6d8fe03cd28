"""A fit that goes on from its saved state is the fit of all data; a history that changed is fitted anew."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from atlas_assets.models.dma_tables import DmaTable
from atlas_assets.models.tvp_var_tables import TvpVarTable
from atlas_assets.models.updating import Saved, advance, first_change, largest_difference

TVP_VAR = TvpVarTable(lags=2, forgetting_factor=0.98, covariance_decay=0.95, window_size=50)
DMA = DmaTable(
    target="b",
    lags=2,
    forgetting_factors=[0.97, 0.99],
    model_forgetting=0.98,
    variance_decay=0.94,
    window_size=40,
)
ESTIMATORS = {
    "TVP-VAR": TVP_VAR,
    "TVP-VAR, one lag": TvpVarTable(1, 0.99, 0.96, 60),
    "TVP-VAR, grid": TvpVarTable(1, 0.99, 0.96, 60, forgetting_grid=(0.95, 1.0), model_forgetting=0.97),
    "DMA": DMA,
}
ROWS = 120
CHANGES = pd.DataFrame(
    np.random.default_rng(4).normal(size=(ROWS, 2)) * [0.01, 0.02],
    index=pd.bdate_range("2020-01-01", periods=ROWS, name="session_date", unit="us"),
    columns=["b", "a"],
)

every = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


def by_file(saved: Saved) -> Saved:
    file = io.BytesIO()
    np.savez(file, **saved.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return Saved.of(dict(arrays))


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in table.columns if name != "value"]
    return table.sort_values(keys).reset_index(drop=True)


def begun(estimator, rows: int):
    return advance(CHANGES.iloc[:rows], estimator, saved=None, table=None)


@every
@pytest.mark.parametrize("edges", [[100, 101, 102, 120], [61, 119, 120], [90, 95, 115, 120]])
def test_days_one_after_another_make_the_table_of_one_fit_bit_for_bit(estimator, edges):
    done = begun(estimator, edges[0])
    for before, now in pairwise(edges):
        # As from the lake: by way of a file, rows in the order of their keys.
        done = advance(
            CHANGES.iloc[:now], estimator, saved=by_file(done.saved), table=in_order(done.table), why="never"
        )
        assert not done.is_refit
        assert done.how == f"updated {now - before} session{'s' * (now - before > 1)}"
        # Only the new sessions are written.
        assert set(done.written[estimator.time_column]) == set(CHANGES.index[before:now])
    whole = estimator.fit(CHANGES)
    pd.testing.assert_frame_equal(in_order(done.table), in_order(whole.rows), check_exact=True)
    for name, values in whole.state.items():
        np.testing.assert_array_equal(done.saved.state[name], values)


@every
def test_without_a_new_session_there_is_nothing_to_write(estimator):
    done = begun(estimator, 100)
    again = advance(CHANGES.iloc[:100], estimator, saved=done.saved, table=done.table)
    assert again.how == "up to date: no new session"
    assert again.written.empty
    pd.testing.assert_frame_equal(again.table, done.table)


def revised(changes: pd.DataFrame) -> pd.DataFrame:
    revision = changes.copy()
    revision.iloc[70, 1] *= 1.001
    return revision


def filled_in(changes: pd.DataFrame) -> pd.DataFrame:
    late = pd.DataFrame(0.01, index=[changes.index[30] + pd.Timedelta("1D")], columns=changes.columns)
    return pd.concat([changes, late]).sort_index()


CHANGED = {
    "a revision": (revised, 70, "history changed at {}"),
    "a session that came late": (filled_in, 31, "history changed at {}"),
    "a session that went": (lambda changes: changes.drop(changes.index[60]), 60, "history changed at {}"),
    "the end that went": (lambda changes: changes.iloc[:95], 95, "history ends before {}"),
}


@every
@pytest.mark.parametrize(("change", "place", "why"), CHANGED.values(), ids=CHANGED)
def test_another_history_is_fitted_anew(estimator, change, place, why):
    done = begun(estimator, 100)
    changes = change(CHANGES.iloc[:100])
    again = advance(changes, estimator, saved=done.saved, table=done.table)
    day = min(changes.index[place], CHANGES.index[place]) if place < len(changes) else CHANGES.index[place]
    assert again.how == f"refitted: {why.format(day.date())}"
    assert again.is_refit
    pd.testing.assert_frame_equal(again.written, estimator.fit(changes).rows, check_exact=True)


@every
def test_rounding_of_the_past_is_no_change_and_leaves_no_trace(estimator):
    """A dividend rescales the prices before it, whose returns then differ in the last bits."""
    done = begun(estimator, 100)
    prices = 100 * np.exp(CHANGES.cumsum())
    rescaled = np.log(prices * 0.9871).diff()
    rescaled.iloc[0] = CHANGES.iloc[0]
    assert (rescaled.iloc[:100] != CHANGES.iloc[:100]).any(axis=None)
    rescaled.iloc[100:] = CHANGES.iloc[100:]
    again = advance(rescaled, estimator, saved=by_file(done.saved), table=done.table)
    assert again.how == "updated 20 sessions"
    pd.testing.assert_frame_equal(in_order(again.table), in_order(estimator.fit(CHANGES).rows), check_exact=True)


def test_a_difference_beyond_rounding_is_found_where_it_is():
    assert first_change(CHANGES, CHANGES * (1 + 5e-11)) is None
    assert first_change(CHANGES, CHANGES * (1 + 2e-10)) is not None
    # A return of nearly nothing is held against what is usual of its column.
    small = CHANGES.copy()
    small.iloc[7, 1] = 1e-9
    assert first_change(small, small.replace(1e-9, 1.001e-9)) is None
    assert first_change(small, small.replace(1e-9, 1e-9 + 1e-11)) == "changed at 2020-01-10"
    assert first_change(CHANGES, CHANGES[["a", "b"]]) == "has other variables"


@every
def test_a_table_that_is_not_the_states_is_made_anew(estimator):
    done = begun(estimator, 100)
    for table in (None, done.table.iloc[1:], done.table.iloc[:0]):
        again = advance(CHANGES.iloc[:101], estimator, saved=done.saved, table=table)
        assert again.how == "refitted: the table is not the one that the state was saved with"


def test_what_is_no_saved_fit_is_refused():
    arrays = begun(DMA, 100).saved.arrays()
    del arrays["history.sessions"], arrays["rows"]
    with pytest.raises(ValueError, match=r"history.sessions, rows missing"):
        Saved.of(arrays)


def test_the_largest_difference_is_relative_to_the_kind():
    table = pd.DataFrame({"day": [1, 2, 1, 2], "parameter": ["p", "p", "q", "q"], "value": [1.0, 4.0, 1e-9, 0.0]})
    told = {"keys": ["day", "parameter"], "within": "day"}
    assert largest_difference(table, table, **told) == 0
    other = table.assign(value=[1.0, 4.0 + 4e-10, 1e-9, 0.0])
    assert largest_difference(other, table, **told) == pytest.approx(1e-10, rel=1e-4)
    assert largest_difference(table.assign(value=[1.0, 4.0, 1e-9, 1e-12]), table, **told) == pytest.approx(1e-3)
    assert largest_difference(table.iloc[:3], table, **told) == np.inf
    assert largest_difference(table, table.iloc[1:], **told) == np.inf


def test_every_column_of_numbers_is_compared_on_its_own_scale():
    table = pd.DataFrame({"day": [1, 2], "forecaster": "p", "forecast": [1e-3, 2e-3], "realised": [50.0, np.nan]})
    told = {"keys": ["day", "forecaster"], "within": "day"}
    assert largest_difference(table, table, **told) == 0
    other = table.assign(forecast=[1e-3, 2e-3 + 2e-9])
    assert largest_difference(other, table, **told) == pytest.approx(1e-6, rel=1e-4)
    # A number is not the same as none, whichever side has it.
    filled = table.assign(realised=[50.0, 50.0])
    assert largest_difference(filled, table, **told) == largest_difference(table, filled, **told) == np.inf
