"""Trellis coder: a random code with a sliding window, searched by the Viterbi algorithm.

A weight reads its candidate at the index that the last L bits of the stream form. One bit
therefore takes part in many weights, the candidates of a whole stream number 2^bits, and still the
best of them is found with 2^L operations a weight. Random trellis source codes and trellis-coded
quantisation (Marcellin & Fischer 1990; Tseng et al. 2024, "QTIP") are built alike.

The path sought is that of the greatest log q/p: what is sent is the maximiser over the code (but
for a finite lookahead), and not a sample of q. Under the posterior of a target c
(`gaussians.TargetPosterior`), log q/p is -(w - c)^2 / 2 plus a constant: it is the code word
nearest to the targets. For (nearly) a sample see `astar`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.bit_allocation import Rates, bits_per_weight, max_total_bits
from combiner_core.rec.coder import Bits, Floats, Key, log_ratio_coefficients, to_bits
from combiner_core.rec.randomness import candidates, rotations, wrapped_column
from combiner_core.rec.wire import COLUMN_BITS

# Back pointers are single bytes.
MAX_WEIGHT_BITS = 8


@dataclass(frozen=True)
class TrellisCoder:
    """Coder with a window of `state_bits` bits; search costs grow as 2^state_bits.

    One commit settles about `commit_bits` bits, having searched `lookahead_bits` further; the last
    one goes to the end of the stream. Bits before the first are those of `past`, or else zeros. The
    randomness of a stream is that of block number `key.stream`.

    Raises ValueError for settings out of range.
    """

    state_bits: int = 14
    commit_bits: int = 512
    lookahead_bits: int = 64

    def __post_init__(self) -> None:
        if not MAX_WEIGHT_BITS <= self.state_bits <= COLUMN_BITS:
            raise ValueError(
                f"state_bits {self.state_bits} is outside {MAX_WEIGHT_BITS}..{COLUMN_BITS}"
            )
        if self.commit_bits < 1 or self.lookahead_bits < 0:
            raise ValueError("commit_bits must be positive and lookahead_bits not negative")

    @property
    def name(self) -> str:
        """Name of the coder."""
        return "trellis"

    def round_bits(self, bits: int) -> int:
        """The same number: a stream can have any length."""
        return bits

    def max_total_bits(self, rates: Rates) -> int:
        """Length up to which no weight can get more than MAX_WEIGHT_BITS new bits."""
        return max_total_bits(rates, MAX_WEIGHT_BITS)

    def encoder(
        self, rates: Rates, total_bits: int, key: Key, past: Bits | None = None
    ) -> TrellisEncoder:
        """Start a stream of `total_bits` that goes on from the bits `past`."""
        widths = bits_per_weight(rates, total_bits, MAX_WEIGHT_BITS)
        return TrellisEncoder(self, widths, key, _window_before(past, self.state_bits))

    def decode(
        self, bits: Bits, rates: Rates, total_bits: int, key: Key, past: Bits | None = None
    ) -> NDArray[np.float32]:
        """Values of the weights whose last bit is among `bits`, in prior units: (m,)."""
        if len(bits) > total_bits:
            raise ValueError(f"{len(bits)} bits are more than the {total_bits} of the stream")
        ends = np.cumsum(bits_per_weight(rates, total_bits, MAX_WEIGHT_BITS))
        ends = ends[: np.searchsorted(ends, len(bits), side="right")]
        stream = np.concatenate([_window_before(past, self.state_bits), bits])
        index = _windows(stream, ends, self.state_bits)
        return candidates(index, _rotations(key, len(ends)))


class TrellisEncoder:
    """State of one stream that a `TrellisCoder` is coding; see `StreamEncoder`.

    A step is a weight that reads new bits together with the weights after it that read none.
    """

    def __init__(
        self, coder: TrellisCoder, widths: NDArray[np.int64], key: Key, before: Bits
    ) -> None:
        # Imported here because receivers have no use for the compiler, which is slow to load.
        from combiner_core.rec import _kernels

        self._kernels = _kernels
        self._coder = coder
        self._rotation = _rotations(key, len(widths))
        steps = np.flatnonzero(widths)
        self._step_starts = np.append(steps, len(widths))
        self._step_bits = widths[steps]
        self._step_ends_bits = np.cumsum(self._step_bits)
        self._state = int(_windows(before, np.zeros(1, dtype=np.int64), coder.state_bits)[0])
        self._step = 0
        self._position = 0
        self._chunks: list[Bits] = []

    @property
    def position(self) -> int:
        """Number of weights whose values are settled."""
        return self._position

    @property
    def committed_bits(self) -> int:
        """Number of bits chosen so far."""
        return int(self._step_ends_bits[self._step - 1]) if self._step else 0

    @property
    def done(self) -> bool:
        """Whether all weights are settled."""
        return self._position == len(self._rotation)

    def commit(self, mean: Floats, std: Floats) -> NDArray[np.float32]:
        """Choose about `commit_bits` more bits; return the weights they settle, in prior units."""
        if self.done:
            raise ValueError("the stream is complete")
        if mean.shape != self._rotation.shape or std.shape != self._rotation.shape:
            raise ValueError(f"posteriors must have shape {self._rotation.shape}")
        last, searched = self._window()
        states = self._search(mean, std, searched)[: last - self._step]

        begin, end = self._position, int(self._step_starts[last])
        starts = self._step_starts[self._step : last + 1]
        # Weights before the first new bit of a stream read the state it starts from.
        index = np.full(end - begin, self._state, dtype=np.int64)
        index[starts[0] - begin :] = np.repeat(states, np.diff(starts))

        self._chunks.append(to_bits(states, self._step_bits[self._step : last]))
        self._step, self._position = last, end
        if len(states):
            self._state = int(states[-1])
        return candidates(index, self._rotation[begin:end])

    def bits(self) -> Bits:
        """All bits chosen so far: (committed_bits,)."""
        return np.concatenate([np.zeros(0, dtype=np.uint8), *self._chunks])

    def _window(self) -> tuple[int, int]:
        """The steps after the last to commit and after the last to search."""
        coder, ends_bits = self._coder, self._step_ends_bits
        commit_bits = self.committed_bits + coder.commit_bits
        search_bits = commit_bits + coder.lookahead_bits
        n_steps = len(ends_bits)
        if n_steps == 0 or search_bits >= ends_bits[-1]:
            return n_steps, n_steps
        last, searched = np.searchsorted(ends_bits, [commit_bits, search_bits]) + 1
        return int(last), int(searched)

    def _search(self, mean: Floats, std: Floats, searched: int) -> NDArray[np.int64]:
        """States of the best path from the current step up to step `searched`."""
        starts = self._step_starts[self._step : searched + 1]
        window = slice(int(starts[0]), int(starts[-1]))
        quadratic, linear = log_ratio_coefficients(mean, std, window)
        bits = self._step_bits[self._step : searched]
        n_states = 1 << self._coder.state_bits
        states = np.empty(len(bits), dtype=np.int64)
        self._kernels.best_path(
            wrapped_column(),
            self._rotation[window],
            quadratic,
            linear,
            bits,
            starts - starts[0],
            self._state,
            self._coder.state_bits,
            # for each search anew: there are thousands of streams in a large picture
            scores=np.empty((2, n_states), dtype=np.float32),
            best=np.empty(n_states // 2, dtype=np.float32),
            survivors=np.empty(int((n_states >> bits).sum()), dtype=np.uint8),
            states=states,
        )
        return states


def _rotations(key: Key, count: int) -> NDArray[np.int64]:
    return rotations(key.seed, np.array([key.stream]), np.arange(count))


def _window_before(past: Bits | None, state_bits: int) -> Bits:
    """The last `state_bits` bits of `past`, after zeros where it is shorter."""
    before = np.zeros(state_bits, dtype=np.uint8)
    if past is not None and len(past):
        tail = past[-state_bits:]
        before[state_bits - len(tail) :] = tail
    return before


def _windows(stream: Bits, starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Numbers formed by the `length` <= 16 bits from each of `starts`, high bits first."""
    # Three bytes hold any such window; two more keep the look-up of the last ones in range.
    octets = np.append(np.packbits(stream), np.zeros(2, dtype=np.uint8)).astype(np.int64)
    first = starts >> 3
    value: NDArray[np.int64] = octets[first] << 16 | octets[first + 1] << 8 | octets[first + 2]
    return value >> (24 - length - (starts & 7)) & ((1 << length) - 1)
