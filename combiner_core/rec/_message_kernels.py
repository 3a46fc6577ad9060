"""Compiled inner loops of the message: its writer and its reader."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import Int, Real, compiled, inlined
from combiner_core.rec import _contexts, _mixing, _range_coder
from combiner_core.rec._contexts import (
    MAX_MAGNITUDE,
    N_NEIGHBOURS,
    Around,
    Look,
    context,
    magnitude,
    neighbours,
)
from combiner_core.rec._mixing import Mixed, Mixing, learn, mixed
from combiner_core.rec._range_coder import (
    CODER_SHIFT,
    COST_SHIFT,
    HALF,
    adapt,
    bits_read,
    get,
    inverted,
    put,
)

# one decision more than the sizes that are coded one by one: the first is that between zero and not
NODES = 15
ESCAPE_NODES = 20


class Models(NamedTuple):
    """Adaptive probabilities of ones, and how much has been seen of each."""

    probability: NDArray[np.int32]
    seen: NDArray[np.int16]
    escape_probability: NDArray[np.int32]
    escape_seen: NDArray[np.int16]
    mixing: Mixing
    rates: NDArray[np.int32]
    zero_limit: int
    limit: int


class Trace(NamedTuple):
    """What a reader notes of each weight that it reads; of no places if it is not to."""

    sizes: NDArray[np.int32]  # signed
    states: NDArray[np.uint8]  # of the trellis before it
    spent: NDArray[np.float32]  # information in bits


class _At(NamedTuple):
    """Where the probabilities of a weight's decisions are."""

    own: Int  # context of class and activity
    near: Int  # context of neighbours
    variance_bin: Int


@inlined
def _at(
    look: Look,
    around: Around,
    plane: Int,
    place: Int,
    row: Int,
    column: Int,
    index: Int,
    quantiser: Int,
) -> _At:
    own = 2 * context(look, around, plane, place, row, column, index) + quantiser
    near = N_NEIGHBOURS * (own - 2 * look.first) + neighbours(around, plane, place)
    return _At(own, near, np.int64(look.bins[index]))


@inlined
def _put_decision(
    out: NDArray[np.uint8],
    coder: NDArray[np.int64],
    models: Models,
    at: _At,
    node: Int,
    bit: Int,
    costs: NDArray[np.float32],
) -> Real:
    """Write whether a size is above `node`; returns its information in bits."""
    own = models.probability[at.own, node]
    decision = mixed(models.mixing, own, at.near, at.variance_bin, node)
    put(out, coder, bit, decision.probability >> CODER_SHIFT)
    _learn(models, at, node, bit, decision)
    return costs[inverted(decision.probability, bit) >> COST_SHIFT]


@inlined
def _get_decision(
    data: NDArray[np.uint8], coder: NDArray[np.int64], models: Models, at: _At, node: Int
) -> Int:
    """Read whether a size is above `node`, or -1."""
    own = models.probability[at.own, node]
    decision = mixed(models.mixing, own, at.near, at.variance_bin, node)
    bit = get(data, coder, decision.probability >> CODER_SHIFT)
    if bit >= 0:
        _learn(models, at, node, bit, decision)
    return bit


@inlined
def _learn(models: Models, at: _At, node: Int, bit: Int, decision: Mixed) -> None:
    limit = models.limit if node else models.zero_limit
    own = models.probability[at.own, node]
    learn(models.mixing, own, at.near, at.variance_bin, node, bit, decision, models.rates, limit)
    adapt(models.probability, models.seen, at.own, node, bit, models.rates, limit)


@inlined
def _write_size(
    out: NDArray[np.uint8],
    coder: NDArray[np.int64],
    models: Models,
    at: _At,
    size: Int,
    costs: NDArray[np.float32],
) -> Real:
    """Write a size of at least one, after its sign; returns its information in bits."""
    spent: Real = np.float32(0)
    for node in range(1, NODES):
        bit = np.int64(size > node)
        spent += _put_decision(out, coder, models, at, node, bit, costs)
        if not bit:
            return spent
    rest, digits = size - NODES + 1, digits_of(size)
    escapes, seen = models.escape_probability, models.escape_seen
    for node in range(min(digits + 1, ESCAPE_NODES)):
        bit = np.int64(node < digits)
        probability = escapes[at.variance_bin, node]
        spent += costs[inverted(probability, bit) >> COST_SHIFT]
        put(out, coder, bit, probability >> CODER_SHIFT)
        adapt(escapes, seen, at.variance_bin, node, bit, models.rates, models.limit)
    for digit in range(digits - 1, -1, -1):
        put(out, coder, (rest >> digit) & 1, HALF)
    return spent + digits


@inlined
def digits_of(size: Int) -> Int:
    """Binary digits after the first of what escapes."""
    rest = size - NODES + 1
    digits = 0
    while rest >> (digits + 1):
        digits += 1
    return digits


@inlined
def _read_size(data: NDArray[np.uint8], coder: NDArray[np.int64], models: Models, at: _At) -> Int:
    """Read a size of at least one, or -1."""
    for node in range(1, NODES):
        bit = _get_decision(data, coder, models, at, node)
        if bit < 0:
            return -1
        if not bit:
            return node
    escapes, seen = models.escape_probability, models.escape_seen
    digits = 0
    while digits < ESCAPE_NODES:
        bit = get(data, coder, escapes[at.variance_bin, digits] >> CODER_SHIFT)
        if bit < 0:
            return -1
        adapt(escapes, seen, at.variance_bin, digits, bit, models.rates, models.limit)
        if not bit:
            break
        digits += 1
    rest = 1
    for _ in range(digits):
        bit = get(data, coder, HALF)
        if bit < 0:
            return -1
        rest = rest << 1 | bit
    return rest + NODES - 1


@compiled(_contexts, _mixing, _range_coder)
def write(
    out: NDArray[np.uint8],
    coder: NDArray[np.int64],
    mark: NDArray[np.int64],
    look: Look,
    around: Around,
    models: Models,
    costs: NDArray[np.float32],
    indices: NDArray[np.uint16],
    coded: NDArray[np.bool_],
    lines: tuple[int, int],
    state: int,
    sizes: NDArray[np.int32],
    changes: NDArray[np.int64],
    spent: NDArray[np.float32],
) -> Int:
    """Write signed sizes, and what they stand for to `changes`, bits to `spent`.

    The places of the sizes must be empty. `mark` is moved to the last weight that is not zero:
    place in the message, lower end and width of what stands for all up to it.

    Args:
        out, coder, mark: the message.
        look, around, models, indices, coded: of the group.
        costs: bits of probabilities.
        lines: the rows to write, as in the search.
        state: before them.
        sizes, changes, spent: of the group.

    Returns:
        The state after them.
    """
    for line in range(lines[0], lines[1]):
        plane, row = line // sizes.shape[1], line % sizes.shape[1]
        place = around.starts[plane] + row * around.steps[plane, 0]
        for column in range(sizes.shape[2]):
            if coded[plane, row, column]:
                index = indices[plane, row, column]
                quantiser = state & 1
                at = _at(look, around, plane, place, row, column, index, quantiser)
                signed = np.int64(sizes[plane, row, column])
                size = abs(signed)
                bit = np.int64(size > 0)
                bits = _put_decision(out, coder, models, at, 0, bit, costs)
                if bit:
                    put(out, coder, signed < 0, HALF)
                    bits += 1 + _write_size(out, coder, models, at, size, costs)
                    value = magnitude(look, at.variance_bin, quantiser, size)
                    around.magnitudes[place] = min(value, MAX_MAGNITUDE)
                    changes[plane, row, column] = -value if signed < 0 else value
                    mark[0], mark[1], mark[2] = coder[4] + coder[3], coder[0], coder[1]
                spent[plane, row, column] = bits
                state = look.transitions[state, size & 1]
            place += around.steps[plane, 1]
    return state


@compiled(_contexts, _mixing, _range_coder)
def read(
    data: NDArray[np.uint8],
    coder: NDArray[np.int64],
    look: Look,
    around: Around,
    models: Models,
    indices: NDArray[np.uint16],
    coded: NDArray[np.bool_],
    changes: NDArray[np.int64],
    trace: Trace,
) -> bool:
    """Read a group, up to the last weight that the bytes determine; whether that was all of it."""
    state = 0
    is_traced = trace.sizes.size > 0
    before_bits = bits_read(coder)
    for plane in range(changes.shape[0]):
        for row in range(changes.shape[1]):
            place = around.starts[plane] + row * around.steps[plane, 0]
            for column in range(changes.shape[2]):
                if coded[plane, row, column]:
                    index = indices[plane, row, column]
                    quantiser = state & 1
                    at = _at(look, around, plane, place, row, column, index, quantiser)
                    bit = _get_decision(data, coder, models, at, 0)
                    if bit < 0:
                        return False
                    if bit:
                        negative = get(data, coder, HALF)
                        if negative < 0:
                            return False
                        size = _read_size(data, coder, models, at)
                        if size < 0:
                            return False
                        value = magnitude(look, at.variance_bin, quantiser, size)
                        around.magnitudes[place] = min(value, MAX_MAGNITUDE)
                        changes[plane, row, column] = -value if negative else value
                        following = look.transitions[state, size & 1]
                    else:
                        size = 0
                        negative = 0
                        following = look.transitions[state, 0]
                    if is_traced:
                        trace.sizes[plane, row, column] = -size if negative else size
                        trace.states[plane, row, column] = state
                        after_bits = bits_read(coder)
                        trace.spent[plane, row, column] = after_bits - before_bits
                        before_bits = after_bits
                    state = following
                place += around.steps[plane, 1]
    return True


@compiled(_contexts)
def reconstruct(look: Look, indices: NDArray[np.uint16], points: NDArray[np.int64]) -> None:
    """What sizes 0, 1 and so on stand for under either quantiser, see `magnitude`.

    Args:
        look: of the class.
        indices: of weights (n,).
        points: where the result goes (n, 2, sizes).
    """
    for weight in range(points.shape[0]):
        variance_bin = np.int64(look.bins[indices[weight]])
        for quantiser in range(2):
            for size in range(points.shape[2]):
                points[weight, quantiser, size] = magnitude(look, variance_bin, quantiser, size)
