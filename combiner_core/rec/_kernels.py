"""Compiled inner loops of the encoders. Receivers need none of this."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

# Sums may be contracted but never reordered; infinities and NaN do not occur.
_FASTMATH = {"contract", "nnan", "ninf", "nsz"}
# Scores of this many states or candidates at a time stay in the first-level cache.
_TILE = 2048
_RENORMALISE_STEPS = 32
_UNREACHABLE = np.float32(-1e30)

_Function = TypeVar("_Function", bound=Callable[..., object])


def _compiled(function: _Function) -> _Function:
    try:
        compiled = numba.njit(nogil=True, cache=True, fastmath=_FASTMATH)(function)
    except RuntimeError:  # no directory to keep machine code in: compile anew in each process
        compiled = numba.njit(nogil=True, fastmath=_FASTMATH)(function)
    return cast(_Function, compiled)


@_compiled
def log_weights(
    column: NDArray[np.float32],
    rotation: NDArray[np.int64],
    quadratic: NDArray[np.float32],
    linear: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    """Write log q/p of every candidate of a block, up to a constant, in nats, to `scores`.

    Candidate i of weight d is z = column[rotation[d] + i], and adds z (quadratic[d] z + linear[d]).
    """
    count = scores.shape[0]
    for first in range(0, count, _TILE):
        tile = scores[first : min(first + _TILE, count)]
        tile[:] = np.float32(0)
        for d in range(rotation.shape[0]):
            _add_weight(tile, column[rotation[d] + first :], quadratic[d], linear[d])


@_compiled
def best_path(
    column: NDArray[np.float32],
    rotation: NDArray[np.int64],
    quadratic: NDArray[np.float32],
    linear: NDArray[np.float32],
    step_bits: NDArray[np.int64],
    step_starts: NDArray[np.int64],
    start: int,
    state_bits: int,
    scores: NDArray[np.float32],
    best: NDArray[np.float32],
    survivors: NDArray[np.uint8],
    states: NDArray[np.int64],
) -> None:
    """Viterbi search: write the states of the path with the greatest log q/p to `states`.

    A state is the last `state_bits` bits of the stream. Step i appends step_bits[i] > 0 new bits,
    then weights step_starts[i] to step_starts[i + 1] - 1 read their candidates at the state, as
    in `log_weights`. Work space: `scores` (2, 2^state_bits), `best` half a row of it, `survivors`
    the sum over steps of 2^(state_bits - step_bits[i]). `states` has one entry a step.
    """
    n_states = 1 << state_bits
    old, new = scores[0], scores[1]
    old[:] = _UNREACHABLE
    old[start] = np.float32(0)
    offset = 0
    for i in range(step_bits.shape[0]):
        # State s follows the states whose low bits are s >> k, one for each value of the k bits
        # that leave the window: keep the best of them, then let the new bits branch.
        k = step_bits[i]
        n_merged = n_states >> k
        length = min(n_merged, max(_TILE >> k, 1))
        for first in range(0, n_merged, length):
            kept = survivors[offset + first : offset + first + length]
            _merge(old, first, n_merged, best, kept)
            tile = new[first << k : (first + length) << k]
            _branch(best, tile, k)
            for d in range(step_starts[i], step_starts[i + 1]):
                source = column[rotation[d] + (first << k) :]
                _add_weight(tile, source, quadratic[d], linear[d])
        offset += n_merged
        old, new = new, old
        if i % _RENORMALISE_STEPS == _RENORMALISE_STEPS - 1:
            old -= old.max()  # single precision must resolve differences late in a window too
    state = np.int64(old.argmax())
    for i in range(step_bits.shape[0] - 1, -1, -1):
        states[i] = state
        offset -= n_states >> step_bits[i]
        merged = state >> step_bits[i]
        leaving = np.int64(survivors[offset + merged])
        state = (leaving << (state_bits - step_bits[i])) | merged


@_compiled
def tile_costs(
    difference: NDArray[np.float32],
    log_variance: NDArray[np.int16],
    coded: NDArray[np.bool_],
    tile: tuple[int, int],
    rates_bits: NDArray[np.float32],
    precisions: NDArray[np.float32],
    reaches: NDArray[np.float32],
    excess_bits: np.float32,
    costs: NDArray[np.float32],
) -> None:
    """Add to costs[r, c, j] those of the weights of tile (r, c) under exponent j, in bits.

    A weight whose difference from its mean is d, of log-variance k counted from the first row of
    the tables, costs rates_bits[k, j] + d^2 precisions[k, j], and by how much d is beyond
    reaches[k, j], squared, times excess_bits.
    """
    for channel in range(difference.shape[0]):
        for row in range(difference.shape[1]):
            for column in range(difference.shape[2]):
                if coded[channel, row, column]:
                    k = log_variance[channel, row, column]
                    size = abs(difference[channel, row, column])
                    cost = costs[row // tile[0], column // tile[1]]
                    for j in range(cost.shape[0]):
                        excess = max(size - reaches[k, j], np.float32(0))
                        cost[j] += (
                            rates_bits[k, j]
                            + size * size * precisions[k, j]
                            + excess * excess * excess_bits
                        )


@_compiled
def _add_weight(
    scores: NDArray[np.float32],
    source: NDArray[np.float32],
    quadratic: np.float32,
    linear: np.float32,
) -> None:
    for i in range(scores.shape[0]):
        z = source[i]
        scores[i] += z * (quadratic * z + linear)


@_compiled
def _merge(
    scores: NDArray[np.float32],
    first: int,
    n_merged: int,
    best: NDArray[np.float32],
    kept: NDArray[np.uint8],
) -> None:
    """Best of scores[p], scores[n_merged + p], ... for p from `first` on, and which it was."""
    length = kept.shape[0]
    zero = scores[first : first + length]
    one = scores[n_merged + first : n_merged + first + length]
    for j in range(length):
        kept[j] = np.uint8(one[j] > zero[j])
        best[j] = max(one[j], zero[j])
    for leaving in range(2, scores.shape[0] // n_merged):
        other = scores[leaving * n_merged + first : leaving * n_merged + first + length]
        for j in range(length):
            kept[j] = np.uint8(leaving) if other[j] > best[j] else kept[j]
            best[j] = max(best[j], other[j])


@_compiled
def _branch(best: NDArray[np.float32], scores: NDArray[np.float32], new_bits: int) -> None:
    """Give each merged state's score to the 2^new_bits states that follow it."""
    # The frequent cases are written out: they become vector instructions.
    if new_bits == 1:
        for j in range(scores.shape[0] >> 1):
            scores[2 * j] = best[j]
            scores[2 * j + 1] = best[j]
    elif new_bits == 2:
        for j in range(scores.shape[0] >> 2):
            scores[4 * j] = best[j]
            scores[4 * j + 1] = best[j]
            scores[4 * j + 2] = best[j]
            scores[4 * j + 3] = best[j]
    else:
        for j in range(scores.shape[0] >> new_bits):
            for branch in range(1 << new_bits):
                scores[(j << new_bits) + branch] = best[j]
