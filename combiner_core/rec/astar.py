"""Block coder: each block of weights is one index among prior samples, as in COMBINER.

Both sides have the same 2^b candidates of a block. The sender scores all of them by log q/p, adds
to each score a Gumbel variable of its own, independent of the others, and sends the number of the
greatest in b bits. There is no stopping rule: nothing is drawn candidate by candidate.

By the Gumbel-max trick the number has the law softmax(log q/p) over a fixed set: what is sent is
distributed as in minimal random coding (Havasi, Peharz & Hernandez-Lobato 2019, "Minimal random
code learning"), which is nearly a sample of q if b exceeds KL[q || p] somewhat.

The paper's A* coding (Flamich, Markou & Hernandez-Lobato 2022, "Fast relative entropy coding with
A* coding"; the authors' code draws a fixed number of candidates, too) and ordered random coding
(Theis & Yosri 2022, "Algorithms for the communication of samples") instead give the candidates
Gumbels in falling order, which makes small numbers likelier: that saves bits where an entropy coder
follows, and none for numbers of a fixed length.

The rule "greedy" adds nothing: it sends the candidate with the greatest log q/p, no sample of q.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.bit_allocation import Rates, blocks
from combiner_core.rec.coder import Bits, Floats, Key, log_ratio_coefficients, to_bits
from combiner_core.rec.randomness import candidates, rotations, wrapped_column
from combiner_core.rec.wire import COLUMN_BITS

# Blocks of stream s have numbers from s * 2^20 on, modulo 2^32.
_MAX_BLOCKS = 1 << 20
# All 2^16 candidates this far below the best have less than one chance in 10^8 between them.
_HOPELESS_NATS = 30.0


@dataclass(frozen=True)
class BlockCoder:
    """Coder of independent blocks with 2^block_bits candidates each.

    With rule "astar" the index is the argument of the maximum of log q/p plus independent Gumbel
    noise, so that the value follows the posterior closely while its KL divergence stays below
    block_bits; the noise is the sender's own, drawn from `noise_seed` and the key. With rule
    "greedy" there is no noise. One commit codes `commit_blocks` blocks. The randomness of block j
    of stream s is that of block number s * 2^20 + j modulo 2^32; a weight is counted from the start
    of its stream.

    Raises ValueError for settings out of range.
    """

    block_bits: int = 16
    rule: Literal["astar", "greedy"] = "astar"
    commit_blocks: int = 1
    noise_seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.block_bits <= COLUMN_BITS:
            raise ValueError(f"block_bits {self.block_bits} is outside 1..{COLUMN_BITS}")
        if self.rule not in ("astar", "greedy"):
            raise ValueError(f"unknown rule {self.rule!r}")
        if self.commit_blocks < 1 or self.noise_seed < 0:
            raise ValueError("commit_blocks must be positive and noise_seed not negative")

    @property
    def name(self) -> str:
        """Name of the rule."""
        return self.rule

    def round_bits(self, bits: int) -> int:
        """Largest multiple of `block_bits` that is at most `bits`."""
        return bits - bits % self.block_bits

    def max_total_bits(self, rates: Rates) -> int:
        """Length up to which streams can be coded, whatever the rates."""
        return _MAX_BLOCKS * self.block_bits if len(rates) else 0

    def encoder(
        self, rates: Rates, total_bits: int, key: Key, past: Bits | None = None
    ) -> BlockEncoder:
        """Start a stream of `total_bits`, a multiple of `block_bits`; `past` plays no part."""
        boundaries = self._boundaries(rates, total_bits)
        return BlockEncoder(self, boundaries, _rotations(boundaries, key), key)

    def decode(
        self, bits: Bits, rates: Rates, total_bits: int, key: Key, past: Bits | None = None
    ) -> NDArray[np.float32]:
        """Values of the weights of all blocks that are complete, in prior units: (m,)."""
        if len(bits) > total_bits:
            raise ValueError(f"{len(bits)} bits are more than the {total_bits} of the stream")
        boundaries = self._boundaries(rates, total_bits)
        n_blocks = len(bits) // self.block_bits
        digits = bits[: n_blocks * self.block_bits].reshape(n_blocks, self.block_bits)
        place_values = 1 << np.arange(self.block_bits - 1, -1, -1, dtype=np.int64)
        received = boundaries[: n_blocks + 1]
        index = np.repeat(digits.astype(np.int64) @ place_values, np.diff(received))
        return candidates(index, _rotations(received, key))

    def _boundaries(self, rates: Rates, total_bits: int) -> NDArray[np.int64]:
        n_blocks, rest = divmod(total_bits, self.block_bits)
        if rest:
            raise ValueError(f"{total_bits} bits are not whole blocks of {self.block_bits}")
        if n_blocks > _MAX_BLOCKS:
            raise ValueError(f"{n_blocks} blocks in a stream are more than {_MAX_BLOCKS}")
        return blocks(rates, n_blocks)


class BlockEncoder:
    """State of one stream that a `BlockCoder` is coding; see `StreamEncoder`."""

    def __init__(
        self,
        coder: BlockCoder,
        boundaries: NDArray[np.int64],
        rotation: NDArray[np.int64],
        key: Key,
    ) -> None:
        # Imported here because receivers have no use for the compiler, which is slow to load.
        from combiner_core.rec import _kernels

        self._kernels = _kernels
        self._coder = coder
        self._boundaries = boundaries
        self._rotation = rotation
        self._noise = np.random.default_rng([coder.noise_seed, key.seed, key.stream])
        self._indices: list[int] = []

    @property
    def position(self) -> int:
        """Number of weights whose values are settled."""
        return int(self._boundaries[len(self._indices)])

    @property
    def committed_bits(self) -> int:
        """Number of bits chosen so far."""
        return len(self._indices) * self._coder.block_bits

    @property
    def done(self) -> bool:
        """Whether all blocks are coded."""
        return len(self._indices) == len(self._boundaries) - 1

    def commit(self, mean: Floats, std: Floats) -> NDArray[np.float32]:
        """Code the next blocks; return the values of their weights, in prior units."""
        if self.done:
            raise ValueError("the stream is complete")
        if mean.shape != self._rotation.shape or std.shape != self._rotation.shape:
            raise ValueError(f"posteriors must have shape {self._rotation.shape}")
        first_block = len(self._indices)
        bounds = self._boundaries[first_block : first_block + self._coder.commit_blocks + 1]
        window = slice(int(bounds[0]), int(bounds[-1]))
        quadratic, linear = log_ratio_coefficients(mean, std, window)
        rotation = self._rotation[window]
        index = np.empty(len(rotation), dtype=np.int64)
        for begin, end in zip(bounds - bounds[0], bounds[1:] - bounds[0], strict=False):
            block = slice(int(begin), int(end))
            chosen = self._choose(rotation[block], quadratic[block], linear[block])
            index[block] = chosen
            self._indices.append(chosen)
        return candidates(index, rotation)

    def bits(self) -> Bits:
        """Indices chosen so far, most significant bit first: (committed_bits,)."""
        indices = np.array(self._indices, dtype=np.int64)
        return to_bits(indices, np.full(len(indices), self._coder.block_bits))

    def _choose(
        self,
        rotation: NDArray[np.int64],
        quadratic: NDArray[np.float32],
        linear: NDArray[np.float32],
    ) -> int:
        scores = np.empty(1 << self._coder.block_bits, dtype=np.float32)
        self._kernels.log_weights(wrapped_column(), rotation, quadratic, linear, scores)
        if self._coder.rule == "greedy":
            return int(scores.argmax())
        contenders = np.flatnonzero(scores > scores.max() - _HOPELESS_NATS)
        # Minus the logarithm of an exponential variable is a Gumbel variable.
        gumbel = -np.log(self._noise.standard_exponential(len(contenders)))
        return int(contenders[(scores[contenders] + gumbel).argmax()])


def _rotations(boundaries: NDArray[np.int64], key: Key) -> NDArray[np.int64]:
    """Rotations of the weights in the blocks between `boundaries`."""
    block = np.repeat(np.arange(len(boundaries) - 1), np.diff(boundaries))
    return rotations(key.seed, key.stream * _MAX_BLOCKS + block, np.arange(boundaries[-1]))
