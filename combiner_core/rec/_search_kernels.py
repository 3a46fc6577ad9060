"""The compiled inner loop of the search for a path through the trellis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import Int, Real, compiled, inlined
from combiner_core.rec import _contexts, _message_kernels
from combiner_core.rec._contexts import MAX_MAGNITUDE, Around, Look, context, magnitude
from combiner_core.rec._message_kernels import ESCAPE_NODES, NODES, digits_of

_STEP_UNITS = 16
_RENORMALISE_STEPS = 64
_FAR = np.float32(1e30)


class Path(NamedTuple):
    """Work space of a search over n weights, however it is filled.

    One byte says for each weight and state which parity leads there, four sizes what they are.
    """

    choices: NDArray[np.uint8]  # (n, states)
    candidates: NDArray[np.int32]  # (n, 4), by quantiser and parity
    weights: NDArray[np.int64]  # (n, 3): position in the arrays, place on the grid, bin
    scores: NDArray[np.float32]  # (2, states)
    branches: NDArray[np.float32]  # (4,), by quantiser and parity


@compiled(_contexts, _message_kernels)
def search(
    distances: NDArray[np.float32],
    look: Look,
    around: Around,
    costs: NDArray[np.float32],
    escape_costs: NDArray[np.float32],
    before: NDArray[np.int64],
    loss: np.float32,
    sure_bins: int,
    sure_steps: np.float32,
    indices: NDArray[np.uint16],
    coded: NDArray[np.bool_],
    lines: tuple[int, int],
    start: int,
    path: Path,
    sizes: NDArray[np.int32],
) -> None:
    """Viterbi search for the sizes whose bits and squared errors times `loss` are the least.

    Rates are those of the models as they are, under the contexts that the best path so far gives.

    Args:
        distances: of targets from the means, in 1/16.
        look, around: of the group; its places are empty before and after.
        costs, escape_costs: see `size_costs`.
        before: of each state the two states before it, by an even and by an odd size: (states, 2).
        loss: bits that a squared error of 1/16^2 is worth.
        sure_bins, sure_steps: a distance of less than so many steps is zero in bins below these.
        indices, coded: of the group.
        lines: the rows to search, from the first one to before the second one, counted through
            all planes.
        start: state before them.
        path: for their coded weights.
        sizes: where the result goes, signed.
    """
    old, new = path.scores[0], path.scores[1]
    old[:] = _FAR
    old[start] = np.float32(0)
    n_states = before.shape[0]
    number = 0
    position = lines[0] * sizes.shape[2] - 1
    for line in range(lines[0], lines[1]):
        plane, row = line // sizes.shape[1], line % sizes.shape[1]
        place = around.starts[plane] + row * around.steps[plane, 0] - around.steps[plane, 1]
        first = number
        for column in range(sizes.shape[2]):
            place += around.steps[plane, 1]
            position += 1
            if not coded[plane, row, column]:
                continue
            index = indices[plane, row, column]
            variance_bin = np.int64(look.bins[index])
            distance = abs(distances[plane, row, column])
            at = context(look, around, plane, place, row, column, index) - look.first
            path.weights[number, 0] = position
            path.weights[number, 1] = place
            path.weights[number, 2] = variance_bin
            step = np.float32(look.steps[variance_bin]) / np.float32(_STEP_UNITS)
            if variance_bin < sure_bins and distance < sure_steps * step:
                lost = loss * distance * distance
                even = costs[2 * at, 0] + lost
                odd = costs[2 * at + 1, 0] + lost
                for state in range(n_states):
                    last = before[state, 0]
                    new[state] = old[last] + (odd if last & 1 else even)
                    path.choices[number, state] = 0
                for option in range(4):
                    path.candidates[number, option] = 0
            else:
                _weigh(path, number, look, costs, escape_costs, at, distance, step, loss)
                best = _step(path, number, before, old, new)
                around.magnitudes[place] = _chosen(path, number, before, look, best)[1]
            old, new = new, old
            number += 1
            if number % _RENORMALISE_STEPS == 0:
                old -= old[_least(old)]
        # what the best path so far makes of the row, for the contexts of the next ones
        state = _least(old)
        for i in range(number - 1, first - 1, -1):
            _, value, state = _chosen(path, i, before, look, state)
            around.magnitudes[path.weights[i, 1]] = value
    flat_sizes, flat_distances = sizes.reshape(-1), distances.reshape(-1)
    state = _least(old)
    for i in range(number - 1, -1, -1):
        size, _, state = _chosen(path, i, before, look, state)
        at = path.weights[i, 0]
        flat_sizes[at] = -size if flat_distances[at] < 0 else size
        around.magnitudes[path.weights[i, 1]] = 0


@inlined
def _weigh(
    path: Path,
    number: Int,
    look: Look,
    costs: NDArray[np.float32],
    escape_costs: NDArray[np.float32],
    at: Int,
    distance: Real,
    step: Real,
    loss: Real,
) -> None:
    """Find the best sizes of either parity under either quantiser, and what they cost."""
    variance_bin = path.weights[number, 2]
    for quantiser in range(2):
        row = 2 * at + quantiser
        option = 2 * quantiser
        path.branches[option] = costs[row, 0] + loss * distance * distance
        path.branches[option + 1] = _FAR
        path.candidates[number, option] = 0
        path.candidates[number, option + 1] = 1
        near = np.int64((distance / step + quantiser) * np.float32(0.5))
        first = near - 1 if near > 1 else np.int64(1)
        for size in range(first, near + 2):
            error = distance - magnitude(look, variance_bin, quantiser, size)
            cost = costs[row, min(size, NODES)] + loss * error * error
            if size >= NODES:
                cost += escape_costs[variance_bin, min(digits_of(size), ESCAPE_NODES)]
            option = 2 * quantiser + (size & 1)
            if cost < path.branches[option]:
                path.branches[option] = cost
                path.candidates[number, option] = size


@inlined
def _step(
    path: Path,
    number: Int,
    before: NDArray[np.int64],
    old: NDArray[np.float32],
    new: NDArray[np.float32],
) -> Int:
    """Choose the better way into every state; returns the best state."""
    best = 0
    for state in range(before.shape[0]):
        even, odd = before[state, 0], before[state, 1]
        with_even = old[even] + path.branches[2 * (even & 1)]
        with_odd = old[odd] + path.branches[2 * (odd & 1) + 1]
        path.choices[number, state] = with_odd < with_even
        new[state] = min(with_even, with_odd)
        if new[state] < new[best]:
            best = state
    return best


@inlined
def _chosen(
    path: Path, number: Int, before: NDArray[np.int64], look: Look, state: Int
) -> tuple[Int, Int, Int]:
    """Size and magnitude of a weight on the path into a state, and the state before."""
    parity = np.int64(path.choices[number, state])
    last = before[state, parity]
    quantiser = last & 1
    size = np.int64(path.candidates[number, 2 * quantiser + parity])
    value = magnitude(look, path.weights[number, 2], quantiser, size)
    return size, min(value, MAX_MAGNITUDE), last


@inlined
def _least(scores: NDArray[np.float32]) -> Int:
    best = 0
    for state in range(scores.shape[0]):
        if scores[state] < scores[best]:
            best = state
    return best
