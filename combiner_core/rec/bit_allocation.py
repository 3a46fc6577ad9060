"""Bit allocation, where the bits of a stream go: exact integer functions of the weights' rates.

Sender and receiver compute it apart and must agree to the last bit, so rates come in as integers
(the expected information of each weight, in any fixed-point unit), and no floating point is used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LIMIT = 1 << 31

Rates = NDArray[np.integer]


def bits_per_weight(rates: Rates, total_bits: int, max_bits: int) -> NDArray[np.int64]:
    """Share `total_bits` among weights in proportion to their rates: (n,), summing to the total.

    With C the running sum of the n rates, weight d gets floor(B C_d / C_n) - floor(B C_{d-1} / C_n)
    new bits of B. A weight can get none: it then shares the bits of those before it.

    Raises ValueError for rates that are not positive integers summing to less than 2^31, a total
    outside 0..2^31-1, or a weight that would get more than `max_bits`.
    """
    cumulative = _cumulative(rates, total_bits)
    if not len(cumulative):
        return cumulative
    bits: NDArray[np.int64] = np.diff(total_bits * cumulative // cumulative[-1], prepend=0)
    if bits.max() > max_bits:
        raise ValueError(f"{total_bits} bits give one weight {bits.max()} bits, over {max_bits}")
    return bits


def max_total_bits(rates: Rates, max_bits: int) -> int:
    """Largest total for which no weight can get more than `max_bits` (a bound that is safe)."""
    cumulative = _cumulative(rates, 0)
    if not len(cumulative):
        return 0
    # A weight of rate r gets at most ceil(B r / C_n) bits.
    return min(max_bits * int(cumulative[-1]) // int(np.max(rates)), _LIMIT - 1)


def blocks(rates: Rates, n_blocks: int) -> NDArray[np.int64]:
    """Cut weights into runs of about equal rate: boundaries (n_blocks + 1,), from 0 to n.

    Block j holds weights boundaries[j] to boundaries[j + 1] - 1, those for which the middle of
    the weight's share of the running sum falls in the j-th of `n_blocks` equal parts. A block can
    be empty, beside a weight of high rate.

    Raises ValueError like `bits_per_weight`, and when there are weights but no block.
    """
    cumulative = _cumulative(rates, n_blocks)
    if len(cumulative) and not n_blocks:
        raise ValueError("weights need at least one block")
    if not len(cumulative):
        return np.zeros(n_blocks + 1, dtype=np.int64)
    doubled_middle = 2 * cumulative - rates
    block_of_weight = n_blocks * doubled_middle // (2 * cumulative[-1])
    return np.searchsorted(block_of_weight, np.arange(n_blocks + 1)).astype(np.int64)


def _cumulative(rates: Rates, total: int) -> NDArray[np.int64]:
    if rates.ndim != 1 or not np.issubdtype(rates.dtype, np.integer):
        raise ValueError("rates must be a vector of integers")
    if not 0 <= total < _LIMIT:
        raise ValueError(f"a total of {total} is outside 0..2^31-1")
    if not len(rates):
        if total:
            raise ValueError(f"{total} bits or blocks have no weight to go to")
        return np.zeros(0, dtype=np.int64)
    if rates.min() <= 0:
        raise ValueError("rates must be positive: a weight of rate zero is not coded")
    # Checked before the sum, which could wrap around otherwise.
    if rates.max() >= _LIMIT or (cumulative := np.cumsum(rates, dtype=np.int64))[-1] >= _LIMIT:
        raise ValueError("rates must sum to less than 2^31")
    return cumulative
