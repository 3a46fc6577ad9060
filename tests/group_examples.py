"""Synthetic groups of weights, and the loss that codes of them are judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from combiner_core.rec import EntropyTables, Grid, IntegerPrior, Plane, Taps
from combiner_core.rec.dependent_quantiser import USUAL_STATES
from combiner_core.rec.groups import CodedGroup, GroupDecoder, GroupEncoder

CHANNELS, CLASSES = 3, 4


class Example(NamedTuple):
    """A group and its targets."""

    prior: IntegerPrior
    target: np.ndarray


def some_taps(seed: int = 3) -> Taps:
    """Six neighbours of every weight, with weights that differ from class to class."""
    rng = np.random.default_rng(seed)
    around = [(-1, 0), (0, -1), (0, 1), (1, 0), (-2, 2)]
    places = [[*((c, *place) for place in around), ((c + 1) % CHANNELS, 0, 0)] for c in range(3)]
    return Taps(
        np.array(places, np.int8),
        rng.integers(0, 90, (CLASSES, CHANNELS, 6)).astype(np.int16),
        rng.integers(0, 60, (CLASSES, CHANNELS)).astype(np.int16),
        rng.integers(0, 200, (CLASSES, 2)).astype(np.int16),
    )


def some_tables(seed: int = 3) -> EntropyTables:
    """Untrained, with some noise on the probabilities and points off the steps."""
    rng = np.random.default_rng(seed)
    tables = EntropyTables.untrained(some_taps(seed))
    noisy = tables.probabilities * rng.uniform(0.5, 1.1, tables.probabilities.shape)
    confidences = rng.integers(0, 256, noisy.shape).astype(np.uint8)
    corrections = rng.integers(-9, 9, tables.corrections.shape).astype(np.int16)
    return EntropyTables(
        tables.steps,
        corrections,
        tables.taps,
        np.maximum(noisy, 1).astype(np.uint16),
        confidences,
    )


def encoded(
    tables: EntropyTables,
    examples: Sequence[Example],
    lagrangian: float = 1.0,
    states: int = USUAL_STATES,
) -> tuple[bytes, list[CodedGroup]]:
    """The message of some groups, and what became of each."""
    encoder = GroupEncoder(tables, states)
    groups = [encoder.encode(*example, lagrangian) for example in examples]
    return encoder.payload(), groups


def decoded(
    tables: EntropyTables,
    examples: Sequence[Example],
    payload: bytes,
    states: int = USUAL_STATES,
) -> list[np.ndarray]:
    """What a message, or its beginning, says."""
    decoder = GroupDecoder(tables, payload, states)
    return [decoder.decode(example.prior) for example in examples]


def example(
    rng: np.random.Generator,
    grid: Grid,
    planes: Sequence[Plane],
    shape: tuple[int, int],
    octaves: float,
    table: int = 0,
    share: float = 1.0,
    noisy: bool = False,
) -> Example:
    """A group whose variances are about 2^octaves; whatever is outside its grid does not exist."""
    full = (len(planes), *shape)
    values = octaves + rng.normal(0, 2, full)
    coded = rng.random(full) < share
    for plane, part in zip(planes, coded, strict=True):
        part[max(0, -(-(grid.height - plane.row) // plane.row_step)) :] = False
        part[:, max(0, -(-(grid.width - plane.column) // plane.column_step)) :] = False
    mean = rng.integers(-200, 200, full).astype(np.int32)
    noise = rng.integers(-9, 9, full) if noisy else None
    errors = np.sqrt(2.0**values) * rng.standard_t(5, full)
    target = (mean / 16 + errors).astype(np.float32)
    log_variance = np.rint(16 * values).astype(np.int16)
    prior = IntegerPrior(grid, tuple(planes), table, mean, log_variance, coded, noise)
    return Example(prior, target)


def pyramid(seed: int, shift: float = 0.0) -> list[Example]:
    """Groups on three grids: whole channels, halves of a chequerboard, planes of stride two."""
    rng = np.random.default_rng(seed)
    coarse = Grid(3, 5, 7)
    middle = Grid(3, 10, 13, coarse, (2, 2))
    fine = Grid(3, 19, 13, middle, (2, 1))
    groups = [
        example(rng, coarse, [Plane(0), Plane(1), Plane(2)], (5, 7), 7 + shift),
        example(rng, middle, [Plane(0), Plane(2)], (10, 13), 3 + shift, 1, share=0.5),
        example(rng, middle, [Plane(1)], (10, 13), 2 + shift, 2, noisy=True),
    ]
    folded = [Plane(c, r, s, 2, 2) for c, r, s in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (2, 1, 0))]
    groups.append(example(rng, fine, folded, (10, 7), -1 + shift, 3))
    strips = [Plane(2, 0, 0, 2, 2), Plane(1, 4, 2, 2, 2)]
    groups.append(example(rng, fine, strips, (9, 6), -4 + shift, 1, noisy=True))
    return groups


def gaussian(seed: int, octaves: float, degrees: float = math.inf) -> Example:
    """A group of 2 x 96 x 128 weights of one variance, Gaussian or with heavier tails."""
    rng = np.random.default_rng(seed)
    shape = (2, 96, 128)
    normal = rng.standard_normal(shape) if math.isinf(degrees) else rng.standard_t(degrees, shape)
    grid = Grid(CHANNELS, *shape[1:])
    log_variance = np.full(shape, round(16 * octaves), np.int16)
    prior = IntegerPrior(
        grid,
        (Plane(0), Plane(1)),
        0,
        np.zeros(shape, np.int32),
        log_variance,
        np.ones(shape, bool),
    )
    return Example(prior, (2.0 ** (octaves / 2) * normal).astype(np.float32))


def loss_bits(payload: bytes, groups: Sequence[CodedGroup], examples: Sequence[Example]) -> float:
    """Rate plus distortion of a code, as in the negative evidence lower bound, in bits."""
    distortion = sum(
        float(((group.values / 16 - example.target)[example.prior.coded] ** 2).sum())
        for group, example in zip(groups, examples, strict=True)
    )
    return 8 * len(payload) + distortion / (2 * math.log(2))
