"""Compiled recursions of :mod:`hidden_markov` and :mod:`change_points`; the equations are in their docstrings.

Sums run row by row in one order, so that a row's bits depend neither on the rows after it nor on threads.
"""

# Numba decorators carry no static types.
# pyright: reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_VECTOR, _MATRIX, _CUBE = "float64[::1]", "float64[:, ::1]", "float64[:, :, ::1]"
_LOG_2_PI = np.log(2 * np.pi)


@numba.njit(f"{_MATRIX}({_MATRIX}, {_MATRIX}, {_CUBE})", cache=True)
def log_densities(x: FloatArray, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """Log density of rows ``x (T, d)`` in each state, (T, k); NaN where a covariance is not positive definite."""
    rows, d = x.shape
    k = mean.shape[0]
    result = np.empty((rows, k))
    factor, standardised = np.zeros((d, d)), np.empty(d)
    for state in range(k):
        constant = -0.5 * d * _LOG_2_PI
        for j in range(d):
            for i in range(j, d):
                total = covariance[state, i, j]
                for a in range(j):
                    total -= factor[i, a] * factor[j, a]
                if i == j:
                    factor[j, j] = np.sqrt(total) if total > 0 else np.nan
                    constant -= np.log(factor[j, j])
                else:
                    factor[i, j] = total / factor[j, j]
        for t in range(rows):
            square = 0.0
            for i in range(d):
                total = x[t, i] - mean[state, i]
                for a in range(i):
                    total -= factor[i, a] * standardised[a]
                standardised[i] = total / factor[i, i]
                square += standardised[i] * standardised[i]
            result[t, state] = constant - 0.5 * square
    return result


@numba.njit(f"Tuple(({_MATRIX}, {_MATRIX}, {_VECTOR}))({_MATRIX}, {_MATRIX}, {_VECTOR})", cache=True)
def forward(
    log_density: FloatArray, transition: FloatArray, initial: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Filtered and predicted probabilities (T, k), and each row's log likelihood (T,)."""
    rows, k = log_density.shape
    filtered, predicted, log_likelihood = np.empty((rows, k)), np.empty((rows, k)), np.empty(rows)
    for t in range(rows):
        peak = -np.inf
        for j in range(k):
            if t == 0:
                total = initial[j]
            else:
                total = 0.0
                for i in range(k):
                    total += filtered[t - 1, i] * transition[i, j]
            predicted[t, j] = total
            # In logs: a row of any size leaves finite probabilities.
            filtered[t, j] = np.log(total) + log_density[t, j] if total > 0 else -np.inf
            peak = max(peak, filtered[t, j])
        if peak == -np.inf:  # the row's square overflows in every state: it tells none from another
            filtered[t], log_likelihood[t] = predicted[t], peak
            continue
        total = 0.0
        for j in range(k):
            filtered[t, j] = np.exp(filtered[t, j] - peak)
            total += filtered[t, j]
        for j in range(k):
            filtered[t, j] /= total
        log_likelihood[t] = peak + np.log(total)
    return filtered, predicted, log_likelihood


@numba.njit(f"{_VECTOR}({_VECTOR}, {_MATRIX})", cache=True)
def predict(filtered: FloatArray, transition: FloatArray) -> FloatArray:
    """Probabilities (k,) of the next row's state, as ``forward`` sums them."""
    k = filtered.size
    predicted = np.zeros(k)
    for j in range(k):
        for i in range(k):
            predicted[j] += filtered[i] * transition[i, j]
    return predicted


@numba.njit(f"Tuple(({_MATRIX}, {_MATRIX}))({_MATRIX}, {_MATRIX}, {_MATRIX})", cache=True)
def backward(filtered: FloatArray, predicted: FloatArray, transition: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Smoothed probabilities (T, k) and expected numbers of transitions (k, k)."""
    rows, k = filtered.shape
    smoothed, moves = np.empty((rows, k)), np.zeros((k, k))
    smoothed[rows - 1] = filtered[rows - 1]
    for t in range(rows - 2, -1, -1):
        for i in range(k):
            total = 0.0
            for j in range(k):
                if predicted[t + 1, j] > 0:
                    move = filtered[t, i] * transition[i, j] * smoothed[t + 1, j] / predicted[t + 1, j]
                    moves[i, j] += move
                    total += move
            smoothed[t, i] = total
    return smoothed, moves


@numba.njit(
    f"Tuple(({_MATRIX}, {_CUBE}, {_MATRIX}, {_VECTOR}, float64, int64, boolean))"
    f"({_MATRIX}, {_MATRIX}, {_CUBE}, {_MATRIX}, {_VECTOR}, boolean, float64, int64, float64)",
    cache=True,
)
def baum_welch(  # noqa: C901 - index loops are what compiles to fast code
    x: FloatArray,
    start_mean: FloatArray,
    start_covariance: FloatArray,
    start_transition: FloatArray,
    start_initial: FloatArray,
    is_diagonal: bool,
    smallest_variance: float,
    max_iterations: int,
    tolerance: float,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, float, int, bool]:
    """Parameters after expectation maximisation, their log likelihood, iterations and convergence."""
    rows, d = x.shape
    k = start_mean.shape[0]
    mean, covariance = start_mean.copy(), start_covariance.copy()
    transition, initial = start_transition.copy(), start_initial.copy()
    previous = log_likelihood = -np.inf
    for iteration in range(max_iterations + 1):
        filtered, predicted, row_log_likelihood = forward(log_densities(x, mean, covariance), transition, initial)
        log_likelihood = row_log_likelihood.sum()
        gain = log_likelihood - previous
        if not np.isfinite(log_likelihood) or gain <= tolerance * max(abs(log_likelihood), 1.0):
            return mean, covariance, transition, initial, log_likelihood, iteration, np.isfinite(log_likelihood)
        if iteration == max_iterations:
            break
        previous = log_likelihood
        smoothed, moves = backward(filtered, predicted, transition)
        for i in range(k):
            initial[i] = smoothed[0, i]
            total = moves[i].sum()
            if total > 0:
                transition[i] = moves[i] / total
            weight = 0.0
            mean_sum, square_sum = np.zeros(d), np.zeros((d, d))
            for t in range(rows):
                weight += smoothed[t, i]
                for a in range(d):
                    mean_sum[a] += smoothed[t, i] * x[t, a]
            if weight <= 0:
                continue
            mean[i] = mean_sum / weight
            for t in range(rows):
                for a in range(d):
                    error = smoothed[t, i] * (x[t, a] - mean[i, a])
                    for b in range(a + 1):
                        if a == b or not is_diagonal:
                            square_sum[a, b] += error * (x[t, b] - mean[i, b])
            for a in range(d):
                for b in range(a + 1):
                    covariance[i, a, b] = square_sum[a, b] / weight
                    covariance[i, b, a] = covariance[i, a, b]
                # A state that shrinks onto a few equal rows would have an infinite likelihood.
                covariance[i, a, a] = max(covariance[i, a, a], smallest_variance)
    return mean, covariance, transition, initial, log_likelihood, max_iterations, False


@numba.njit(
    f"Tuple((int64[::1], float64))({_VECTOR}, {_VECTOR}, float64, int64, boolean, boolean, float64)", cache=True
)
def pelt(
    total: FloatArray,
    square: FloatArray,
    penalty: float,
    minimum_length: int,
    mean_changes: bool,
    variance_changes: bool,
    smallest_variance: float,
) -> tuple[IntArray, float]:
    """Start of the last segment of the cheapest segmentation of the first t rows, (T + 1,), and the cost of all.

    ``total`` and ``square`` are running sums that begin with 0. A variance that does not change is
    ``smallest_variance``.
    """
    rows = total.size - 1
    cost, last = np.full(rows + 1, np.inf), np.zeros(rows + 1, dtype=np.int64)
    cost[0] = -penalty
    candidates, doomed = np.zeros(rows + 1, dtype=np.int64), np.full(rows + 1, rows + 1, dtype=np.int64)
    values, count = np.empty(rows + 1), 0
    for t in range(minimum_length, rows + 1):
        newest = t - minimum_length
        if np.isfinite(cost[newest]):
            candidates[count] = newest
            count += 1
        for position in range(count):
            start = candidates[position]
            n = t - start
            squares = square[t] - square[start]
            if mean_changes:
                segment = total[t] - total[start]
                squares -= segment * segment / n
            variance = max(squares / n, smallest_variance) if variance_changes else smallest_variance
            values[position] = cost[start] + n * (_LOG_2_PI + np.log(variance)) + squares / variance
            if values[position] + penalty < cost[t]:
                cost[t], last[t] = values[position] + penalty, start
        kept = 0
        for position in range(count):
            start = candidates[position]
            # A start that is beaten here is beaten at every end that leaves room for a segment from here on.
            if values[position] > cost[t]:
                doomed[start] = min(doomed[start], t + minimum_length)
            if doomed[start] > t + 1:
                candidates[kept] = start
                kept += 1
        count = kept
    return last, cost[rows]


@numba.njit(
    f"Tuple(({_VECTOR}, int64[::1], {_VECTOR}, {_VECTOR}, int64[::1], {_VECTOR}, {_VECTOR}, {_VECTOR}))"
    f"({_VECTOR}, float64, {_VECTOR}, int64, float64, {_VECTOR}, int64, int64[::1], {_VECTOR}, {_VECTOR}, {_VECTOR})",
    cache=True,
)
def run_lengths(  # noqa: C901 - index loops are what compiles to fast code
    x: FloatArray,
    hazard: float,
    prior: FloatArray,
    recent: int,
    negligible: float,
    log_gamma_ratio: FloatArray,
    seen: int,
    first_length: IntArray,
    first_probability: FloatArray,
    first_mean: FloatArray,
    first_scale: FloatArray,
) -> tuple[FloatArray, IntArray, FloatArray, FloatArray, IntArray, FloatArray, FloatArray, FloatArray]:
    """Recent-change probability, likeliest run length, its mean, and log predictive density of each row.

    ``prior`` holds mean, weight, shape and scale; ``log_gamma_ratio[n]`` is the predictive's constant after n rows.
    The run lengths that are held possible after ``seen`` rows, their probabilities, means and scales come in as
    ``first_...`` and go out last.
    """
    rows, count = x.size, first_length.size
    recent_probability, mean_length = np.empty(rows), np.empty(rows)
    likeliest, log_predictive = np.empty(rows, dtype=np.int64), np.empty(rows)
    length, probability = np.zeros(count + rows + 1, dtype=np.int64), np.zeros(count + rows + 1)
    mean, scale, joint = np.zeros(count + rows + 1), np.zeros(count + rows + 1), np.zeros(count + rows + 1)
    length[:count], probability[:count] = first_length, first_probability
    mean[:count], scale[:count] = first_mean, first_scale
    log_continue, log_change = np.log1p(-hazard), np.log(hazard)
    for row in range(rows):
        t = seen + row
        # The newest hypothesis: this row is the first of its segment.
        length[count], mean[count], scale[count] = 0, prior[0], prior[3]
        peak = -np.inf
        for h in range(count + 1):
            weight, shape = prior[1] + length[h], prior[2] + 0.5 * length[h]
            spread = 2.0 * scale[h] * (weight + 1.0) / weight
            error = x[row] - mean[h]
            density = log_gamma_ratio[length[h]] - 0.5 * np.log(np.pi * spread)
            ratio = error * error / spread
            if np.isfinite(ratio):
                density -= (shape + 0.5) * np.log1p(ratio)
            elif spread < np.inf:  # the square overflows, its logarithm does not
                density -= (shape + 0.5) * (2 * np.log(abs(error)) - np.log(spread))
            if h == count:
                joint[h] = density + (log_change if t > 0 else 0.0)
            else:
                joint[h] = density + np.log(probability[h]) + log_continue
            peak = max(peak, joint[h])
            scale[h] += 0.5 * error * error * weight / (weight + 1.0)
            mean[h] += error / (weight + 1.0)
            length[h] += 1
        count += 1
        total = 0.0
        for h in range(count):
            probability[h] = np.exp(joint[h] - peak)
            total += probability[h]
        log_predictive[row] = peak + np.log(total)
        best, kept = 0.0, 0
        recent_probability[row], mean_length[row], likeliest[row] = 0.0, 0.0, 0
        for h in range(count):
            share = probability[h] / total
            mean_length[row] += share * length[h]
            if length[h] <= recent and length[h] <= t:
                recent_probability[row] += share
            if share > best:
                best, likeliest[row] = share, length[h]
            if share > negligible:
                length[kept], probability[kept] = length[h], share
                mean[kept], scale[kept] = mean[h], scale[h]
                kept += 1
        count = kept
    possible = (length[:count].copy(), probability[:count].copy(), mean[:count].copy(), scale[:count].copy())
    return recent_probability, likeliest, mean_length, log_predictive, *possible
