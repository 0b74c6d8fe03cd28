"""The newest fit of each instrument, from which a later pass goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from atlas_assets.clustering.kept_fits import Fit

_INSTRUMENT, _NUMBER, _SINCE, _BEHIND = "instrument", "number", "since", "behind"


@dataclass(frozen=True)
class LastFit:
    """A fit of one instrument.

    Attributes
    ----------
    number
        How many training samples were before its own.
    since
        Time of the first row that it judged, microseconds since the epoch.
    behind
        How many rows earlier fits judged.
    arrays
        The fit.
    """

    number: int
    since: int
    behind: int
    arrays: Fit


class LastFits:
    """The newest fits of an earlier pass, and those of this one.

    Parameters
    ----------
    arrays
        What :meth:`arrays` of the pass before gave; nothing is known if None.

    Attributes
    ----------
    kept, made
        How many of the newest fits are those of the pass before, and how many fits were made.
    refused
        Why a sample was not fitted, of the last such one; empty if all were.

    Raises
    ------
    ValueError
        For arrays that are not of last fits.
    """

    def __init__(self, arrays: Fit | None = None) -> None:
        parts: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for name, values in (arrays or {}).items():
            place, _, part = name.partition(".")
            parts.setdefault(place, {})[part] = values
        if any(not {_INSTRUMENT, _NUMBER, _SINCE, _BEHIND} <= set(fit) for fit in parts.values()):
            raise ValueError("These arrays are no last fits: one has no instrument or no place; fit anew.")
        self._known = {
            str(fit.pop(_INSTRUMENT)): LastFit(
                number=int(fit.pop(_NUMBER)), since=int(fit.pop(_SINCE)), behind=int(fit.pop(_BEHIND)), arrays=fit
            )
            for fit in parts.values()
        }
        self._before = set(self._known)
        self._newest: dict[str, LastFit] = {}
        self.kept = self.made = 0
        self.refused = ""

    @property
    def known(self) -> dict[str, LastFit]:
        """The fits of the pass before, by instrument."""
        return dict(self._known)

    def forget(self, instruments: Iterable[str]) -> None:
        """Make these instruments' fits anew: their past is no longer what was fitted."""
        for instrument in instruments:
            self._known.pop(instrument, None)

    def keep(self, instrument: str, fit: LastFit, *, made: int) -> None:
        """The fit that the instrument's rows are judged by from now on, and how many were made in this pass."""
        self._newest[instrument] = fit
        self.kept, self.made = self.kept + (self._known.get(instrument) is fit), self.made + made

    @property
    def changed(self) -> bool:
        """Whether the newest fits are others than those of the pass before."""
        return bool(self.made) or set(self._newest) != self._before

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The newest fit of every instrument of this pass, as plain arrays."""
        return {
            f"{place}.{name}": values
            for place, (instrument, fit) in enumerate(self._newest.items())
            for name, values in {
                _INSTRUMENT: np.array(instrument),
                _NUMBER: np.array(fit.number),
                _SINCE: np.array(fit.since),
                _BEHIND: np.array(fit.behind),
                **fit.arrays,
            }.items()
        }
