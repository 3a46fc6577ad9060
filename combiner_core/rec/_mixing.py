"""Compiled parts of inner loops: the probability of a decision, made of those of two contexts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import Int, inlined
from combiner_core.rec._range_coder import LEAST_PROBABILITY, PROBABILITY_BITS, adapt

# bits of a probability that its logit is looked up by; logits are in 1/256, up to 12 either way
LOGIT_BITS = 14
LOGIT_UNITS = 256
MOST_LOGIT = 12 * LOGIT_UNITS
# of factors; they must be fine, since most decisions are sure and teach little each
FACTOR_BITS = 24
# decisions with factors and curves of their own; the last ones are those of all further ones
MIXED_NODES = 4
# knots of a curve are half a logit apart
KNOT_BITS = 7
# the context of neighbours begins as the other one, as if it had seen so many weights
_FIRST_SEEN = 6
# factors move by 1/128 of error times logit, curves by 1/64 of the way
_FACTOR_SHIFT = 13
_CURVE_SHIFT = KNOT_BITS + 6
_MOST_FACTOR = 8 << FACTOR_BITS
_WITHIN_KNOTS = (1 << KNOT_BITS) - 1
_ONE = 1 << PROBABILITY_BITS


class Mixing(NamedTuple):
    """The contexts of neighbours, and what their probabilities are mixed with others by."""

    probability: NDArray[np.int32]  # of ones, given which neighbours are at their means
    seen: NDArray[np.int16]
    factors: NDArray[np.int32]  # of the logits of both contexts: (MIXED_NODES, 2)
    curves: NDArray[np.int32]  # probabilities of mixed logits: (bins, MIXED_NODES, knots)
    logits: NDArray[np.int16]  # of probabilities
    shares: NDArray[np.int32]  # probabilities of logits from -MOST_LOGIT on


class Mixed(NamedTuple):
    """A probability, and what it is made of."""

    probability: Int
    first: Int  # logit of the context of class and activity
    second: Int  # that of neighbours
    index: Int  # of what both give, among `Mixing.shares`


@inlined
def mixed(mixing: Mixing, own: Int, at: Int, variance_bin: Int, node: Int) -> Mixed:
    """The probability of a decision to which the other context gives `own`."""
    kind = min(node, MIXED_NODES - 1)
    shift = PROBABILITY_BITS - LOGIT_BITS
    near = mixing.probability[at, node] if mixing.seen[at, node] else own
    first, second = np.int64(mixing.logits[own >> shift]), np.int64(mixing.logits[near >> shift])
    total = mixing.factors[kind, 0] * first + mixing.factors[kind, 1] * second
    rounded = (total + (1 << (FACTOR_BITS - 1))) >> FACTOR_BITS
    index = min(max(rounded, -MOST_LOGIT), MOST_LOGIT - 1) + MOST_LOGIT
    knot, beyond = index >> KNOT_BITS, index & _WITHIN_KNOTS
    below = np.int64(mixing.curves[variance_bin, kind, knot])
    above = np.int64(mixing.curves[variance_bin, kind, knot + 1])
    curved = below + (((above - below) * beyond) >> KNOT_BITS)
    return Mixed((mixing.shares[index] + curved) >> 1, first, second, index)


@inlined
def learn(
    mixing: Mixing,
    own: Int,
    at: Int,
    variance_bin: Int,
    node: Int,
    bit: Int,
    decision: Mixed,
    rates: NDArray[np.int32],
    limit: Int,
) -> None:
    """Learn what a decision of such a probability was."""
    kind, index = min(node, MIXED_NODES - 1), decision.index
    error = (bit << PROBABILITY_BITS) - np.int64(mixing.shares[index])
    _turn(mixing.factors, kind, 0, error * decision.first)
    _turn(mixing.factors, kind, 1, error * decision.second)
    target = _ONE - LEAST_PROBABILITY if bit else LEAST_PROBABILITY
    knot, beyond = index >> KNOT_BITS, index & _WITHIN_KNOTS
    below = np.int64(mixing.curves[variance_bin, kind, knot])
    above = np.int64(mixing.curves[variance_bin, kind, knot + 1])
    step = (1 << KNOT_BITS) - beyond
    mixing.curves[variance_bin, kind, knot] = below + (((target - below) * step) >> _CURVE_SHIFT)
    above += ((target - above) * beyond) >> _CURVE_SHIFT
    mixing.curves[variance_bin, kind, knot + 1] = above
    if mixing.seen[at, node] == 0:
        mixing.seen[at, node] = _FIRST_SEEN
        mixing.probability[at, node] = own
    adapt(mixing.probability, mixing.seen, at, node, bit, rates, limit)


@inlined
def _turn(factors: NDArray[np.int32], kind: Int, part: Int, slope: Int) -> None:
    factor = factors[kind, part] + ((slope + (1 << (_FACTOR_SHIFT - 1))) >> _FACTOR_SHIFT)
    factors[kind, part] = min(max(factor, -_MOST_FACTOR), _MOST_FACTOR)
