# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A fit that goes on from its saved state while the history is what it was, and begins anew when it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

State: TypeAlias = Mapping[str, npt.NDArray[Any]]

# A dividend rescales all adjusted prices before it, which changes their returns by rounding only.
_SAME = 1e-10
_MODEL, _HISTORY = "model.", "history."
_COLUMN, _NUMBER = "column", "number"


@dataclass(frozen=True)
class Fitted:
    """Rows of a fit's table, and the estimator's state after the last session."""

    rows: pd.DataFrame
    state: State


class TableFit(Protocol):
    """An estimator whose filtered values make a table, one or more rows a session."""

    @property
    def time_column(self) -> str:
        """The column of the table that names the session."""
        ...

    @property
    def before_the_first(self) -> int:
        """Sessions of the history that its first row needs behind it."""
        ...

    def fit(self, changes: pd.DataFrame) -> Fitted:
        """All rows of the table, from a history of one row a session."""
        ...

    def update(self, state: State, changes: pd.DataFrame, *, seen: int) -> Fitted:
        """The rows of the sessions after the first ``seen``, which the state has seen.

        Where these change the rows of sessions before, the rows from the first such session on.
        """
        ...


@dataclass(frozen=True)
class Saved:
    """What a fit leaves for the next one.

    Attributes
    ----------
    state
        The estimator's.
    history
        What it was fitted to, one row a session.
    rows
        Rows of the table that it made of them.
    """

    state: State
    history: pd.DataFrame
    rows: int

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As plain arrays, from which :meth:`of` makes it again."""
        return {
            **{f"{_MODEL}{name}": values for name, values in self.state.items()},
            f"{_HISTORY}values": self.history.to_numpy(dtype=np.float64),
            f"{_HISTORY}sessions": self.history.index.to_numpy().astype("datetime64[D]"),
            f"{_HISTORY}columns": np.array([str(name) for name in self.history.columns]),
            "rows": np.array(self.rows),
        }

    @classmethod
    def of(cls, arrays: State) -> Saved:
        """Raises ``ValueError`` for arrays that are not what :meth:`arrays` gives."""
        import pandas as pd

        if missing := {"rows", *(f"{_HISTORY}{name}" for name in ("values", "sessions", "columns"))} - set(arrays):
            raise ValueError(f"These arrays are no saved fit: {', '.join(sorted(missing))} missing; fit it again.")
        history = pd.DataFrame(
            arrays[f"{_HISTORY}values"],
            index=pd.DatetimeIndex(arrays[f"{_HISTORY}sessions"]),
            columns=[str(name) for name in arrays[f"{_HISTORY}columns"]],
        )
        state = {name.removeprefix(_MODEL): values for name, values in arrays.items() if name.startswith(_MODEL)}
        return cls(state, history, int(arrays["rows"]))


@dataclass(frozen=True)
class Advance:
    """A fit brought up to the last session.

    Attributes
    ----------
    table
        All rows.
    written
        Those that are new or changed: from the first of these sessions on, or all.
    is_refit
        Whether it began anew.
    how
        What was done and why, such as "updated 1 session".
    saved
        What the next one goes on from.
    """

    table: pd.DataFrame
    written: pd.DataFrame
    is_refit: bool
    how: str
    saved: Saved


def advance(
    changes: pd.DataFrame,
    estimator: TableFit,
    *,
    saved: Saved | None,
    table: pd.DataFrame | None,
    why: str = "no state is saved",
) -> Advance:
    """Update where nothing but sessions at the end was added, else fit anew.

    An update goes on from the history as the saved state saw it, so that it is the fit of that history bit for bit.

    Parameters
    ----------
    changes
        The history now, one row a session.
    estimator
        With the parameters of the saved state.
    saved, table
        What the last fit left, and its rows; None where there are none.
    why
        Why there are none.
    """
    import pandas as pd

    if saved is not None:
        why = _why_not(saved, changes, estimator.time_column, table)
    if saved is None or table is None or why:
        fitted = estimator.fit(changes)
        return Advance(
            fitted.rows, fitted.rows, True, f"refitted: {why}", Saved(fitted.state, changes, len(fitted.rows))
        )
    seen, new = len(saved.history), len(changes) - len(saved.history)
    if not new:
        return Advance(table, table.iloc[:0], False, "up to date: no new session", saved)
    history = changes.copy()
    history.iloc[:seen] = saved.history.to_numpy()
    fitted = estimator.update(saved.state, history, seen=seen)
    kept = table[table[estimator.time_column] < fitted.rows[estimator.time_column].min()]
    whole = pd.concat([kept[fitted.rows.columns], fitted.rows], ignore_index=True)
    how = f"updated {new} session{'s' * (new > 1)}"
    return Advance(whole, fitted.rows, False, how, Saved(fitted.state, history, len(whole)))


def first_change(history: pd.DataFrame, now: pd.DataFrame) -> str | None:
    """Where a history is no longer the beginning of what there is now, by more than rounding; None where it still is.

    A value may differ by 1e-10 of itself or of its column's root mean square, whichever is larger.
    """
    if list(history.columns) != list(now.columns):
        return "has other variables"
    common = min(len(history), len(now))
    kept, found = history.to_numpy(), now.to_numpy()
    scale = np.maximum(np.abs(kept), np.sqrt(np.mean(kept**2, axis=0)))
    same = (np.abs(kept[:common] - found[:common]) <= _SAME * scale[:common]).all(axis=1)
    same &= history.index[:common] == now.index[:common]
    if not same.all():
        place = int(np.argmin(same))
        return f"changed at {min(history.index[place], now.index[place]):%Y-%m-%d}"
    return f"ends before {history.index[common]:%Y-%m-%d}" if common < len(history) else None


def _why_not(saved: Saved, changes: pd.DataFrame, time_column: str, table: pd.DataFrame | None) -> str:
    """Why the saved state is not the one to go on from; empty where it is."""
    if change := first_change(saved.history, changes):
        return f"history {change}"
    if table is None or len(table) != saved.rows or table[time_column].max() != saved.history.index[-1]:
        return "the table is not the one that the state was saved with"
    return ""


def largest_difference(rows: pd.DataFrame, others: pd.DataFrame, *, keys: Sequence[str], within: str) -> float:
    """Largest difference of a number, relative to the largest of its kind; infinite where one is missing.

    Parameters
    ----------
    rows, others
        Tables whose columns of numbers, but the keys, are compared.
    keys
        Columns that tell a row from others.
    within
        The key of the session: numbers of a column that share all other keys are of a kind.
    """
    both = _numbers(others, keys).merge(_numbers(rows, keys), on=[*keys, _COLUMN], how="outer", suffixes=("", "_other"))
    kind = [name for name in [*keys, _COLUMN] if name != within]
    difference = (both[_NUMBER] - both[f"{_NUMBER}_other"]).abs()
    scale = both.groupby(kind)[_NUMBER].transform(lambda values: values.abs().max())
    # A value that is always zero has no scale, and must be zero.
    relative = np.where(difference == 0, 0.0, difference / scale)
    return float(np.where(np.isfinite(relative), relative, np.inf).max(initial=0.0))


def _numbers(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """One row for each number that is not missing."""
    columns = [name for name in table.select_dtypes("number").columns if name not in keys]
    return table.melt([*keys], columns, var_name=_COLUMN, value_name=_NUMBER).dropna()
