"""VPIN of trades as they come; the formulas are in :mod:`atlas_assets.indicators.vpin`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from atlas_assets.contracts.moments import seconds_of, without_zone
from atlas_assets.indicators.bulk_classification import (
    NO_DISTRIBUTION,
    Distribution,
    FloatArray,
    bulk_volume_classification,
)

PriceChange: TypeAlias = Literal["close_to_close", "last_minus_first"]
Time: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.datetime64]
"""Seconds since the epoch, or datetimes: UTC where they have no zone (as in numpy)."""

NO_ROWS = "VPIN needs a 1-d series with at least one trade or bar."
BAD_VOLUME = "VPIN needs volumes that are present, finite and not negative."
NO_VOLUME = "VPIN needs traded volume, but every volume is zero (an index or a currency rate has none)."

# Columns of bars.
START, OPEN, CLOSE, VOLUME, SPREAD = range(5)

_BLOCK = 1 << 16
_MOST_BUCKETS = 1 << 26
_TRAILING = -1.0


@dataclass(frozen=True)
class VPIN:
    """VPIN per volume bucket; every array has shape ``(n_buckets,)``.

    Attributes
    ----------
    bucket_end : end of the bar that completed the bucket, seconds since the epoch (UTC): when the row is known.
    buy_volume, sell_volume : volume classified as buys and sells, in the unit of the input volume.
    imbalance : ``|buy_volume - sell_volume|``.
    vpin : in [0, 1]; NaN for the first ``window - 1`` buckets.
    """

    bucket_end: FloatArray
    buy_volume: FloatArray
    sell_volume: FloatArray
    imbalance: FloatArray
    vpin: FloatArray


@dataclass(frozen=True)
class _State:
    """What a stream keeps between two chunks; :mod:`atlas_assets.indicators.vpin_kernels` says what stands where."""

    open_bar: FloatArray
    previous_close: FloatArray
    today: FloatArray
    past_days: FloatArray
    open_bucket: FloatArray
    recent_buckets: FloatArray


@dataclass(kw_only=True, eq=False)
class OnlineVPIN:
    """VPIN of one instrument's trades as they come: :func:`vpin_from_trades` chunk by chunk, to the last bit.

    A bar is complete when a trade of a later bar comes, so the last bar of a chunk stays open. The rows of all
    :meth:`update` and of :meth:`finish` are those of one call with all trades, wherever they are cut. What is kept
    does not grow: the open bar, the sums of ``trailing_days`` days, the open bucket and the last ``window - 1``.

    Parameters
    ----------
    bar_seconds, buckets_per_day, window, distribution, degrees_of_freedom, price_change, trailing_days
        As in :func:`vpin_from_trades`.
    sigma, bucket_volume : "trailing" or a number. The full sample is not known while trades come.

    Examples
    --------
    >>> stream = OnlineVPIN(sigma=0.5, bucket_volume=10.0, window=1)
    >>> stream.update([0.0, 30.0, 60.0], [100.0, 100.0, 100.0], [4.0, 6.0, 5.0]).buy_volume
    array([5.])
    >>> stream.finish().buy_volume
    array([], dtype=float64)
    """

    bar_seconds: float = 60.0
    buckets_per_day: int = 50
    window: int = 50
    distribution: Distribution = "normal"
    degrees_of_freedom: float = 0.25
    price_change: PriceChange = "close_to_close"
    sigma: Literal["trailing"] | float = "trailing"
    bucket_volume: Literal["trailing"] | float = "trailing"
    trailing_days: int = 20

    def __post_init__(self) -> None:
        from atlas_assets.indicators import vpin_kernels

        self._require_options()
        self._finished = False
        self._state = _State(
            open_bar=np.array(vpin_kernels.NO_BAR),
            previous_close=np.array(np.nan),
            today=np.array(vpin_kernels.NO_DAY),
            past_days=np.zeros((self.trailing_days, 4)),
            open_bucket=np.array(vpin_kernels.NO_BUCKET),
            recent_buckets=np.full((2, self.window - 1), np.nan),
        )

    def update(
        self,
        time: Time | Any,
        price: npt.ArrayLike | None = None,
        volume: npt.ArrayLike | None = None,
        spread: npt.ArrayLike | None = None,
    ) -> VPIN:
        """Rows that became complete with these trades, which follow those of the calls before; none is fine.

        Parameters
        ----------
        time, price, volume, spread : as in :func:`vpin_from_trades`. Or ``time`` alone is the chunk: a tuple
            (time, price, volume[, spread]), or a frame or mapping with columns of these names.

        Raises
        ------
        ValueError
            As :func:`vpin_from_trades`; the stream is then as it was before the call.
        """
        self._require_unfinished()
        if price is None or volume is None:
            time, price, volume, spread = _columns(time)
        require_spread(self.distribution, spread)
        bars, open_bar = gather(
            time, price, volume, spread, bar_seconds=self.bar_seconds, open_bar=self._state.open_bar
        )
        rows, state = self.pour(bars)
        self._state = replace(state, open_bar=open_bar)
        return rows

    def finish(self) -> VPIN:
        """Rows that the open bar completes when it is closed; the stream takes no more trades."""
        self._require_unfinished()
        if self._state.open_bar[2] < 0:
            raise ValueError(NO_ROWS)
        bars = closed(self._state.open_bar, self.bar_seconds)
        if bars.size == 0 and np.isnan(self._state.previous_close):
            raise ValueError(NO_VOLUME)
        rows, self._state = self.pour(bars)
        self._finished = True
        return rows

    def state(self) -> dict[str, FloatArray]:
        """All that is needed to go on, options included, as arrays of float64 (for ``numpy.savez`` and the like)."""
        options = [
            self.bar_seconds,
            self.buckets_per_day,
            self.window,
            get_args(Distribution).index(self.distribution),
            self.degrees_of_freedom,
            get_args(PriceChange).index(self.price_change),
            _TRAILING if self.sigma == "trailing" else self.sigma,
            _TRAILING if self.bucket_volume == "trailing" else self.bucket_volume,
            self.trailing_days,
            self._finished,
        ]
        kept: dict[str, FloatArray] = {name: array.copy() for name, array in vars(self._state).items()}
        return {"options": np.array(options, dtype=np.float64), **kept}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[np.float64]]) -> OnlineVPIN:
        """A stream that goes on where the one with this :meth:`state` stood.

        Raises
        ------
        ValueError
            If it is not the state of a stream.
        """
        kept = {name: np.array(state[name], dtype=np.float64) for name in state}
        options = kept.pop("options", np.empty(0))
        if options.shape != (10,) or kept.keys() != {field.name for field in fields(_State)}:
            raise ValueError("This is no state of OnlineVPIN: give from_state what state() returned, all of it.")
        stream = cls(
            bar_seconds=float(options[0]),
            buckets_per_day=int(options[1]),
            window=int(options[2]),
            distribution=get_args(Distribution)[int(options[3])],
            degrees_of_freedom=float(options[4]),
            price_change=get_args(PriceChange)[int(options[5])],
            sigma="trailing" if options[6] == _TRAILING else float(options[6]),
            bucket_volume="trailing" if options[7] == _TRAILING else float(options[7]),
            trailing_days=int(options[8]),
        )
        for name, array in vars(stream._state).items():
            if array.shape != kept[name].shape:
                raise ValueError(f"The state of OnlineVPIN is damaged: {name} has shape {kept[name].shape}.")
        stream._state, stream._finished = _State(**kept), bool(options[9])
        return stream

    def _require_options(self) -> None:
        if self.distribution not in get_args(Distribution):
            raise ValueError(NO_DISTRIBUTION.format(self.distribution))
        if self.price_change not in get_args(PriceChange):
            raise ValueError(
                f'VPIN needs price_change "close_to_close" or "last_minus_first", not {self.price_change!r}.'
            )
        if not self.bar_seconds > 0 or min(self.buckets_per_day, self.window, self.trailing_days) < 1:
            raise ValueError("VPIN needs positive bar_seconds, buckets_per_day, window and trailing_days.")
        for name, sample in (("sigma", self.sigma), ("bucket_volume", self.bucket_volume)):
            if isinstance(sample, str) and sample != "trailing":
                raise ValueError(
                    f'OnlineVPIN cannot know {name}="{sample}" while trades come: give "trailing" or a number.'
                )
        if self.bucket_volume != "trailing" and not float(self.bucket_volume) > 0:
            raise ValueError(f"VPIN needs a positive bucket volume, not {self.bucket_volume}.")
        if self.sigma != "trailing" and not float(self.sigma) >= 0:
            raise ValueError(f"VPIN needs a sigma that is not negative, not {self.sigma}.")

    def _require_unfinished(self) -> None:
        if self._finished:
            raise ValueError("This OnlineVPIN is finished: start another, or restore a state from before finish().")

    def pour(self, bars: FloatArray) -> tuple[VPIN, _State]:
        """Rows that bars (start, open, close, volume, spread) complete, and the state after them, which is not kept."""
        from atlas_assets.indicators import vpin_kernels

        kept = self._state
        if len(bars) == 0:
            return VPIN(*np.empty((5, 0))), kept
        start, _, closes, volumes, spreads = np.ascontiguousarray(bars.T)
        changes = price_changes(bars, self.price_change, previous_close=float(kept.previous_close))
        past_days, deviation, daily_volume = kept.past_days.copy(), np.empty(start.size), np.empty(start.size)
        today = vpin_kernels.estimate_from_days_before(
            start, changes, volumes, tuple(kept.today), past_days, deviation, daily_volume
        )
        buys = bulk_volume_classification(
            changes,
            volumes,
            sigma=deviation if self.sigma == "trailing" else self.sigma,
            distribution=self.distribution,
            degrees_of_freedom=self.degrees_of_freedom,
            spread=spreads,
        )
        size = daily_volume / self.buckets_per_day
        if self.bucket_volume != "trailing":
            size = np.full(start.size, float(self.bucket_volume))
        ready = np.isfinite(buys) & np.isfinite(size)
        volumes, buys, size = volumes[ready], buys[ready], size[ready]
        most = float((volumes / size).sum())
        if not most < _MOST_BUCKETS:
            raise ValueError(
                f"VPIN would fill {most:.3g} buckets at once: give a bucket_volume nearer the bars' own volumes, "
                "or leave out trades of volumes that cannot be."
            )
        buckets = np.empty((int(most) + 2, 3))
        count, open_bucket = vpin_kernels.fill_buckets(
            start[ready] + self.bar_seconds, volumes, buys, size, tuple(kept.open_bucket), buckets
        )
        rows, recent = self._rows(buckets[:count], kept.recent_buckets)
        return rows, _State(
            open_bar=kept.open_bar,
            previous_close=closes[-1:].reshape(()),
            today=np.array(today),
            past_days=past_days,
            open_bucket=np.array(open_bucket),
            recent_buckets=recent,
        )

    def _rows(self, buckets: FloatArray, recent: FloatArray) -> tuple[VPIN, FloatArray]:
        from atlas_assets.indicators.vpin_kernels import moving_ratio

        bucket_end, total, buys = np.ascontiguousarray(buckets.T)
        sells = total - buys
        imbalance = np.abs(buys - sells)
        windows = np.concatenate((recent, (imbalance, total)), axis=1)
        vpin = np.empty(total.size)
        moving_ratio(windows[0], windows[1], self.window, vpin)
        return VPIN(bucket_end, buys, sells, imbalance, vpin), windows[:, total.size :].copy()


def gather(
    time: Time,
    price: npt.ArrayLike,
    volume: npt.ArrayLike,
    spread: npt.ArrayLike | None,
    *,
    bar_seconds: float,
    open_bar: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Bars that end before the last trade, and the bar left open."""
    from atlas_assets.indicators import vpin_kernels

    times, prices, volumes = without_zone(time), np.asarray(price), np.asarray(volume)
    if not times.shape == prices.shape == volumes.shape or times.ndim != 1:
        raise ValueError("VPIN needs time, price and volume of equal length, one-dimensional.")
    if open_bar is None and times.size == 0:
        raise ValueError(NO_ROWS)
    if not bar_seconds > 0:
        raise ValueError(f"VPIN needs positive bar_seconds, not {bar_seconds}.")
    spreads = spread_of_rows(spread, times.shape)
    left_open = vpin_kernels.NO_BAR if open_bar is None else tuple(open_bar)
    room, bars = np.empty((min(times.size, _BLOCK), 5)), [np.empty((0, 5))]
    for first in range(0, times.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        columns = seconds_of(times[block]), prices[block], volumes[block]
        seconds, price_now, volume_now = (np.ascontiguousarray(column, dtype=np.float64) for column in columns)
        count, refused, left_open = vpin_kernels.gather_bars(
            seconds, price_now, volume_now, spreads[block], bar_seconds, left_open, room
        )
        if refused >= 0 and volume_now[refused] >= 0:
            raise ValueError(
                f"VPIN needs trades in time order; trade {first + refused} is not: sort them by time first."
            )
        bars.append(room[:count].copy())
        if refused >= 0 or not np.isfinite(left_open[5]) or not np.isfinite(bars[-1][:, VOLUME]).all():
            raise ValueError(BAD_VOLUME)
    return np.concatenate(bars), np.array(left_open)


def closed(open_bar: FloatArray, bar_seconds: float) -> FloatArray:
    """The open bar as a complete one, none if it has no volume."""
    origin, _, number, first, close, volume, spread = open_bar
    return np.array([[origin + number * bar_seconds, first, close, volume, spread]])[: int(volume > 0)]


def require_spread(distribution: Distribution, spread: npt.ArrayLike | None) -> None:
    """Refuse to classify by a spread that is not there."""
    if distribution == "spread" and spread is None:
        raise ValueError('VPIN with distribution="spread" needs the bid-ask spread, one number or one a row.')


def _columns(chunk: Any) -> tuple[Time, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike | None]:
    if hasattr(chunk, "keys"):
        columns = [chunk[name] for name in ("time", "price", "volume", "spread") if name in chunk]
    else:
        columns = list(chunk)
    if len(columns) not in (3, 4):
        raise ValueError("A chunk of trades needs time, price and volume, and a spread if there is one.")
    time, price, volume, *spread = columns
    return time, price, volume, spread[0] if spread else None


def price_changes(bars: FloatArray, price_change: PriceChange, *, previous_close: float) -> FloatArray:
    """Change of each bar's price; the first bar of all has none from close to close."""
    closes = bars[:, CLOSE]
    if price_change == "close_to_close":
        changes = np.diff(closes, prepend=closes[0] if np.isnan(previous_close) else previous_close)
    else:
        changes = closes - bars[:, OPEN]
    if not (usable := np.isfinite(changes)).all():
        where = bars[np.argmin(usable), START]
        raise ValueError(f"VPIN needs a price for every bar that has volume; the bar at {where:.3f} s has none.")
    return changes


def spread_of_rows(spread: npt.ArrayLike | None, shape: tuple[int, ...]) -> FloatArray:
    """The spread of each row; NaN where none is given."""
    spreads = np.asarray(np.nan if spread is None else spread, dtype=np.float64)
    if spreads.shape not in ((), shape):
        raise ValueError(f"VPIN needs a spread that is one number or one a row, not shape {spreads.shape} for {shape}.")
    return np.broadcast_to(spreads, shape)
