"""Which numbers of a series are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from atlas_assets.streaming.channels import Series


@dataclass(frozen=True)
class Gap:
    """Numbers of a series that were not received and could not be fetched, or were fetched after all.

    Attributes
    ----------
    series
        Whose numbers.
    first, last
        The numbers, both included.
    reason
        Why they are missing.
    at_ms
        When what follows them happened, in milliseconds since 1970; None where nothing has.
    is_filled
        Whether they have been fetched since.
    """

    series: Series
    first: int
    last: int
    reason: str
    at_ms: int | None
    is_filled: bool = False


def missing_before(last: int | None, number: int, *, step: int = 1) -> range | None:
    """The numbers between the last one that is known and the next: none when it follows, None when it is known.

    Parameters
    ----------
    last
        The largest number so far; None at the start of a series.
    number
        The number that came.
    step
        Distance of neighbours.

    Examples
    --------
    >>> missing_before(4, 7)
    range(5, 7)
    >>> missing_before(4, 5), missing_before(None, 5), missing_before(4, 4)
    (range(5, 5), range(5, 5), None)
    """
    if last is None:
        return range(number, number, step)
    return range(last + step, number, step) if number > last else None


def holes(wanted: range, found: Iterable[int]) -> Iterator[range]:
    """The runs of wanted numbers that were not found.

    Parameters
    ----------
    wanted
        The numbers asked for.
    found
        Those that came, ascending.

    Examples
    --------
    >>> list(holes(range(1, 8), [2, 3, 6]))
    [range(1, 2), range(4, 6), range(7, 8)]
    """
    expected = wanted.start
    for number in found:
        if number > expected:
            yield range(expected, number, wanted.step)
        expected = number + wanted.step
    if expected < wanted.stop:
        yield range(expected, wanted.stop, wanted.step)
