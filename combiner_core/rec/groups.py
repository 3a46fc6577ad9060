"""Groups of weights under a conditional prior, coded into one message by an entropy-coded trellis.

A group is an array (P, h, w) of weights in units of the noise scale s; its prior N(mean, v) may
depend on the groups before. Each weight becomes a size, which the quantisers of a trellis turn into
its distance from the mean (`dependent_quantiser`). Sizes are written with adaptive probabilities
of contexts that v, what is decoded around, and the class of the group select. So the prior that the
code is made for is no longer the Gaussian of the networks: it is a heavy-tailed distribution for
each context, learned beforehand and from the signal itself.

In the variational view the code words are the weights' only values, the prior probability P of
each is what the models say, and the posterior is sought among point masses: the search minimises
the negative ELBO, -log P plus half the squared error in units of s^2, whose first part is what the
message really costs. The KL divergence of the best Gaussian posterior from the networks' Gaussian
prior, `IntegerPrior.kl_bits`, is what stands beside it.

Any prefix of a message decodes: weights which the bytes there do not determine stay at their
means, and so do all later ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.gaussians import NATS_PER_BIT
from combiner_core.rec._message_kernels import NODES, Trace, read, reconstruct, write
from combiner_core.rec._search_kernels import Path, search
from combiner_core.rec.adaptive_models import AdaptiveModels
from combiner_core.rec.dependent_quantiser import USUAL_STATES, predecessors
from combiner_core.rec.entropy_tables import EntropyTables
from combiner_core.rec.group_prior import IntegerPrior
from combiner_core.rec.magnitudes import Magnitudes
from combiner_core.rec.range_writer import RangeWriter, reading
from combiner_core.rec.variance_bins import bin_octaves
from combiner_core.rec.wire import VALUE_UNITS

# a squared error of 1/16^2 at lambda 1, in bits
_LOSS_BITS = 1 / (2 * VALUE_UNITS**2 * NATS_PER_BIT)
# log2 v below which differences of less than so many steps are surely coded as zero
_SURE_OCTAVES, _SURE_STEPS = 4.5, 0.3
# most bytes that a weight, each decision on its size, and an escape take
_WEIGHT_BYTES, _DECISION_BYTES, _ESCAPE_BYTES = 5, 3, 80
# weights after which the search is told what has been learned of the probabilities
_PART_WEIGHTS = 1 << 13


@dataclass(frozen=True, eq=False)
class CodedGroup:
    """What came of encoding a group.

    Attributes:
        values: weights in 1/16 of the noise scale, int32 (P, h, w), zero where not coded.
        spent_bits: information of each weight's code, float32 (P, h, w).
        sizes: what was coded, signed, int32 (P, h, w).
    """

    values: NDArray[np.int32]
    spent_bits: NDArray[np.float32]
    sizes: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TracedGroup:
    """What came of decoding a group, to be looked at.

    Attributes:
        values, spent_bits, sizes: as in `CodedGroup`; no bits for what the payload lacks.
        states: of the trellis before each weight, uint8 (P, h, w); the lowest bit says which of
            the two quantisers it had.
    """

    values: NDArray[np.int32]
    spent_bits: NDArray[np.float32]
    sizes: NDArray[np.int32]
    states: NDArray[np.uint8]


class GroupEncoder:
    """Codes groups one after the other.

    Args:
        tables: of the code.
        states: of the trellis, see `dependent_quantiser`.
        most_bytes: length of a message from which on no more groups are coded.

    Raises:
        ValueError: there is no trellis of so many states.
    """

    def __init__(
        self, tables: EntropyTables, states: int = USUAL_STATES, most_bytes: int | None = None
    ) -> None:
        self._most_bytes = most_bytes
        self._models = AdaptiveModels(tables, states)
        self._magnitudes = Magnitudes(tables.taps)
        self._before = predecessors(self._models.transitions)
        self._sure_bins = int(np.searchsorted(bin_octaves(), _SURE_OCTAVES))
        self._writer = RangeWriter()

    @property
    def bits(self) -> float:
        """Information in the message so far."""
        return self._writer.bits

    @property
    def full(self) -> bool:
        """Whether the message is so long that no more groups are coded."""
        return self._most_bytes is not None and self.bits >= 8 * self._most_bytes

    def encode(
        self, prior: IntegerPrior, target: NDArray[np.float32], lagrangian: float = 1.0
    ) -> CodedGroup:
        """Code a group; nothing is done, and the weights stay at their means, if it is full.

        Args:
            prior: of the group.
            target: weights that would have no distortion, in noise scales, float32 (P, h, w).
            lagrangian: how much more a squared error counts than in the ELBO.

        Raises:
            ValueError: targets of another shape or type or not finite.
        """
        distances = prior.distances(target)
        sizes = np.zeros(distances.shape, np.int32)
        changes = np.zeros(distances.shape, np.int64)
        spent = np.zeros(distances.shape, np.float32)
        if self.full:
            return CodedGroup(prior.default, spent, sizes)
        models, indices, coded = self._models, prior.indices, np.ascontiguousarray(prior.coded)
        look = models.look(prior.table)
        around = self._magnitudes.around(prior.grid, prior.planes, prior.table)
        loss = np.float32(lagrangian * _LOSS_BITS)
        state = 0
        for lines, count in _parts(coded):
            search(
                distances,
                look,
                around,
                *models.costs_bits(prior.table),
                self._before,
                loss,
                self._sure_bins,
                np.float32(_SURE_STEPS),
                indices,
                coded,
                lines,
                state,
                self._path(count),
                sizes,
            )
            first, stop = lines
            self._make_room(sizes.reshape(-1, prior.coded.shape[2])[first:stop], count)
            state = write(
                self._writer.out,
                self._writer.coder,
                self._writer.mark,
                look,
                around,
                models.state,
                models.logs_bits,
                indices,
                coded,
                lines,
                state,
                sizes,
                changes,
                spent,
            )
        return CodedGroup(prior.moved(changes), spent, sizes)

    def payload(self) -> bytes:
        """The message: as many bytes as determine all weights that are not at their means.

        Nothing can be coded after that.
        """
        return self._writer.message()

    def _path(self, count: int) -> Path:
        states = len(self._before)
        return Path(
            np.empty((count, states), np.uint8),
            np.empty((count, 4), np.int32),
            np.empty((count, 3), np.int64),
            np.empty((2, states), np.float32),
            np.empty(4, np.float32),
        )

    def _make_room(self, sizes: NDArray[np.int32], count: int) -> None:
        """Make the buffer long enough for more weights."""
        decisions = np.abs(sizes)
        escapes = int(np.count_nonzero(decisions >= NODES))
        needed = _WEIGHT_BYTES * count + _ESCAPE_BYTES * escapes
        needed += _DECISION_BYTES * int(np.minimum(decisions, NODES).sum(dtype=np.int64))
        self._writer.make_room(needed)


class GroupDecoder:
    """Decodes the groups of a payload, or of a prefix of one, in the order they were coded.

    Any bytes decode to something: damage is for checksums to find.

    Args:
        tables: those of the encoder.
        payload: result of `GroupEncoder.payload`, or its first bytes.
        states: of the encoder's trellis.

    Raises:
        ValueError: there is no trellis of so many states.
    """

    def __init__(self, tables: EntropyTables, payload: bytes, states: int = USUAL_STATES) -> None:
        self._models = AdaptiveModels(tables, states)
        self._magnitudes = Magnitudes(tables.taps)
        self._payload = np.frombuffer(payload, np.uint8)
        self._coder = reading(self._payload)
        self._ended = False

    def decode(self, prior: IntegerPrior) -> NDArray[np.int32]:
        """Decode a group; the result is `CodedGroup.values` of the encoder."""
        return self._decode(prior, _trace((0, 0, 0)))

    def trace(self, prior: IntegerPrior) -> TracedGroup:
        """Decode a group, and note what each weight took."""
        trace = _trace(prior.coded.shape)
        return TracedGroup(self._decode(prior, trace), trace.spent, trace.sizes, trace.states)

    def points(self, table: int, indices: NDArray[np.uint16], sizes: int) -> NDArray[np.int64]:
        """Distances from the mean that sizes 0, 1 and so on stand for.

        Args:
            table: class of the group.
            indices: of weights, see `IntegerPrior.indices` (n,).
            sizes: how many.

        Returns:
            In 1/16 of each weight's own noise scale, under either quantiser: (n, 2, sizes).
        """
        points = np.zeros((len(indices), 2, sizes), np.int64)
        reconstruct(self._models.look(table), np.ascontiguousarray(indices), points)
        return points

    def _decode(self, prior: IntegerPrior, trace: Trace) -> NDArray[np.int32]:
        if self._ended:
            return prior.default
        changes = np.zeros(prior.coded.shape, np.int64)
        self._ended = not read(
            self._payload,
            self._coder,
            self._models.look(prior.table),
            self._magnitudes.around(prior.grid, prior.planes, prior.table),
            self._models.state,
            prior.indices,
            np.ascontiguousarray(prior.coded),
            changes,
            trace,
        )
        return prior.moved(changes)


def _trace(shape: tuple[int, ...]) -> Trace:
    return Trace(*(np.zeros(shape, kind) for kind in (np.int32, np.uint8, np.float32)))


def _parts(coded: NDArray[np.bool_]) -> Iterator[tuple[tuple[int, int], int]]:
    """Rows of a group that are searched together, through all planes, and how many weights."""
    counts = np.cumsum(np.count_nonzero(coded, 2).reshape(-1))
    begin, done = 0, 0
    while begin < len(counts):
        end = int(np.searchsorted(counts, done + _PART_WEIGHTS, side="right"))
        end = min(max(end, begin + 1), len(counts))
        count = int(counts[end - 1]) - done
        yield (begin, end), count
        begin, done = end, done + count
