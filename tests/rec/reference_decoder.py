"""The decoder of groups once more, in plain Python as the format describes it: slow and obvious."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from combiner_core.rec import EntropyTables, Grid, IntegerPrior, Plane

ONE = 1 << 22
GENERATORS = {
    4: (0o5, 0o2),
    8: (0o13, 0o4),
    16: (0o23, 0o4),
    32: (0o45, 0o10),
    64: (0o103, 0o24),
    128: (0o235, 0o126),
    256: (0o515, 0o362),
}
EDGES = [-10, -7.75, *(x / 2 for x in range(-13, 16)), 8, 10, 12, 14, 16, 18, 20]


class Ended(Exception):  # noqa: N818 - not an error
    """Bytes that are not there decide."""


@dataclass
class Model:
    """A binary decision."""

    probability: int
    seen: int
    limit: int

    def learn(self, bit: int) -> None:
        """Move towards what was seen."""
        target = ONE - 64 if bit else 64
        self.probability += (target - self.probability) * int(65536 / (self.seen + 1.6)) >> 16
        if self.seen < self.limit:
            self.seen += 1


def logit_of(probability: int) -> int:
    """In 1/256, of the middle of the 2^14th part that a probability is in."""
    share = ((probability >> 8) + 0.5) / (1 << 14)
    return math.floor(256 * math.log(share / (1 - share)) + 0.5)


def share_of(logit: int) -> int:
    """The probability of a logit in 1/256."""
    return min(max(math.floor(ONE / (1 + math.exp(-logit / 256)) + 0.5), 64), ONE - 64)


@dataclass
class Mixer:
    """What a probability is made of, for one of the first decisions and one bin."""

    factors: list[int]  # shared by all bins
    curve: list[int] = field(default_factory=lambda: [share_of(128 * k - 3072) for k in range(49)])

    def mixed(self, models: tuple[Model, Model]) -> tuple[int, int]:
        """Probability and logit that two contexts give."""
        total = sum(
            factor * logit_of(model.probability)
            for factor, model in zip(self.factors, models, strict=True)
        )
        logit = min(max(total + (1 << 23) >> 24, -3072), 3071)
        knot, beyond = divmod(logit + 3072, 128)
        below, above = self.curve[knot : knot + 2]
        return (share_of(logit) + below + ((above - below) * beyond >> 7)) >> 1, logit

    def learn(self, models: tuple[Model, Model], logit: int, bit: int) -> None:
        """Move factors and curve towards what was seen."""
        error = ONE * bit - share_of(logit)
        for part, model in enumerate(models):
            move = error * logit_of(model.probability) + 4096 >> 13
            self.factors[part] = min(max(self.factors[part] + move, -(1 << 27)), 1 << 27)
        target = ONE - 64 if bit else 64
        knot, beyond = divmod(logit + 3072, 128)
        for at, near in ((knot, 128 - beyond), (knot + 1, beyond)):
            self.curve[at] += (target - self.curve[at]) * near >> 13


@dataclass
class Message:
    """Bytes as a number of which a decision takes the one or the other part."""

    data: bytes
    position: int = 4
    width: int = (1 << 32) - 1
    number: int = field(init=False)
    unknown: int = field(init=False)

    def __post_init__(self) -> None:
        missing = max(0, 4 - len(self.data))
        self.number = int.from_bytes(self.data[:4] + bytes(missing), "big")
        self.unknown = 256**missing - 1

    def bit(self, share: int) -> int:
        """A decision whose ones have a share of 65536."""
        part = (self.width >> 16) * share
        if self.number + self.unknown < part:
            bit, self.width = 1, part
        elif self.number >= part:
            bit, self.number, self.width = 0, self.number - part, self.width - part
        else:
            raise Ended
        while self.width < 1 << 24:
            there = self.position < len(self.data)
            self.number = self.number << 8 | (self.data[self.position] if there else 0)
            self.unknown = min(self.unknown << 8 | (0 if there else 255), (1 << 32) - 1)
            self.number &= (1 << 32) - 1
            self.width, self.position = self.width << 8, self.position + 1
        return bit

    def decision(self, model: Model) -> int:
        """A decision of a model, which learns from it."""
        bit = self.bit(model.probability >> 6)
        model.learn(bit)
        return bit

    def mixed_decision(self, models: tuple[Model, Model], mixer: Mixer) -> int:
        """A decision of two models and what mixes them, which all learn from it."""
        probability, logit = mixer.mixed(models)
        bit = self.bit(probability >> 6)
        mixer.learn(models, logit, bit)
        for model in models:
            model.learn(bit)
        return bit


class ReferenceDecoder:
    """See `GroupDecoder`."""

    def __init__(self, tables: EntropyTables, payload: bytes, states: int) -> None:
        self.states = states
        self.tables, self.message, self.ended = tables, Message(payload), False
        self.models: dict[tuple[int, ...], Model] = {}
        self.factors = [[3 << 22, 1 << 22] for _ in range(4)]
        self.mixers: dict[tuple[int, int], Mixer] = {}
        self.grid: Grid | None = None
        self.known: dict[tuple[int, int, int], int] = {}
        self.parents: dict[tuple[int, int, int], int] = {}

    def decode(self, prior: IntegerPrior) -> np.ndarray:
        """The weights of a group."""
        if prior.grid is not self.grid:
            kept = self.grid is not None and prior.grid.parent is self.grid
            self.parents = self.known if kept else {}
            self.known, self.grid = {}, prior.grid
        values = np.where(prior.coded, prior.mean, 0).astype(np.int32)
        state = 0
        for number, plane in enumerate(prior.planes):
            for row, column in np.ndindex(prior.coded.shape[1:]):
                where = (number, row, column)
                if self.ended or not prior.coded[where]:
                    continue
                place = (
                    plane.channel,
                    plane.row + row * plane.row_step,
                    plane.column + column * plane.column_step,
                )
                k = 0 if prior.noise is None else int(prior.noise[where])
                e = min(max(int(prior.log_variance[where]) - 8 * k, -256), 384)
                try:
                    neighbours = self.neighbours(plane, place)
                    size, negative = self.size(prior.table, e, place, state & 1, neighbours)
                except Ended:
                    self.ended = True
                    continue
                distance = self.distance(e, state & 1, size)
                self.known[place] = min(distance, 8000)
                if prior.noise is not None:
                    distance = distance * round(4096 * 2 ** (k / 4)) + 2048 >> 12
                value = int(prior.mean[where]) + (-distance if negative else distance)
                values[where] = min(max(value, 1 - 2**31), 2**31 - 1)
                state = self.following(state, size % 2)
        return values

    def following(self, state: int, parity: int) -> int:
        """The next state."""
        if self.states == 1:
            return 0
        of_state, of_parity = GENERATORS[self.states]
        return (state >> 1) ^ (state & 1) * (of_state >> 1) ^ parity * (of_parity >> 1)

    def neighbours(self, plane: Plane, place: tuple[int, int, int]) -> int:
        """Which of left, above, and above on the right are not at their means."""
        channel, row, column = place
        above, left = row - plane.row_step, column - plane.column_step
        places = (row, left), (above, column), (above, column + plane.column_step)
        return sum(
            2**bit * (self.known.get((channel, *at), 0) > 0) for bit, at in enumerate(places)
        )

    def size(
        self, table: int, e: int, place: tuple[int, int, int], quantiser: int, neighbours: int
    ) -> tuple[int, int]:
        """Size and sign of the next weight."""
        bin_ = sum(e >= 16 * edge for edge in EDGES)
        around = self.activity_class(table, e, bin_, place)
        own, near = (table, bin_, around, quantiser), (bin_, around, quantiser, neighbours)
        if not self.decision(own, near, 0):
            return 0, 0
        negative = self.message.bit(1 << 15)
        for size in range(1, 15):
            if not self.decision(own, near, size):
                return size, negative
        digits = 0
        while digits < 20 and self.message.decision(self.escape(bin_, digits)):
            digits += 1
        rest = 1
        for _ in range(digits):
            rest = 2 * rest + self.message.bit(1 << 15)
        return rest + 14, negative

    def decision(self, own: tuple[int, ...], near: tuple[int, ...], number: int) -> int:
        """Whether the size is above a number."""
        model = self.model(*own, number)
        beside = self.models.setdefault(
            (-1, *near, number), Model(model.probability, 6, model.limit)
        )
        kind = min(number, 3)
        mixer = self.mixers.setdefault((near[0], kind), Mixer(self.factors[kind]))
        return self.message.mixed_decision((model, beside), mixer)

    def activity_class(self, table: int, e: int, bin_: int, place: tuple[int, int, int]) -> int:
        """How much there is around, of six classes."""
        if bin_ < 3:
            return 0
        taps, (channel, row, column) = self.tables.taps, place
        kind = channel % len(taps.places)
        deviation = math.floor(4096 * 2 ** (e / 32) + 0.5)
        weight, constant = (int(value) for value in taps.expected[table])
        activity = weight * deviation // 256 + 16 * constant
        assert self.grid is not None
        # of a level with other channels nothing around counts
        known = {} if self.grid.channels % len(taps.places) else self.known
        for tap, (other, down, right) in zip(
            taps.weights[table, kind].tolist(), taps.places[kind].tolist(), strict=True
        ):
            near = (channel - kind + other, row + down, column + right)
            activity += tap * known.get(near, 0)
        rows, columns = self.grid.stretch
        parent = self.parents.get((channel, row // rows, column // columns), 0)
        activity += int(taps.parents[table, kind]) * parent
        least = max(deviation, 2 * 4096)
        return sum(
            activity >= math.floor(2 ** (quarters / 4) * least + 0.5)
            for quarters in (-6, -4, -2, 0, 3)
        )

    def distance(self, e: int, quantiser: int, size: int) -> int:
        """Of the weight from its mean, in 1/16."""
        if not size:
            return 0
        bin_ = sum(e >= 16 * edge for edge in EDGES)
        multiple = ((2 * size - quantiser) * int(self.tables.steps[bin_]) + 8) // 16
        return max(1, multiple + int(self.tables.corrections[bin_, quantiser, min(size, 4)]))

    def model(self, *at: int) -> Model:
        """The model of a decision in a context."""
        probability, seen = self.tables.probabilities[at], self.tables.confidences[at]
        limit = 300 if at[-1] else 1000
        return self.models.setdefault(at, Model(int(probability) << 6, int(seen), limit))

    def escape(self, *at: int) -> Model:
        """The model of a decision about how long an escape is."""
        return self.models.setdefault(at, Model(ONE // 2, 4, 300))
