"""Synthetic groups of weights, and the loss that codes of them are judged by."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from combiner_core.rec import (
    Coder,
    CountingSink,
    EntropyTables,
    GroupEncoder,
    IntegerPrior,
    MessageSink,
    Sink,
)
from combiner_core.rec.wire import FIRST_ACTIVE

EXPONENTS = (-2, -1, 0, 1, 2, 4)


class Example(NamedTuple):
    """A group and its targets."""

    index: int
    previous: int | None
    target: np.ndarray
    mean: np.ndarray
    log_variance: np.ndarray
    coded: np.ndarray
    all_scalar: bool = False

    @property
    def prior(self) -> IntegerPrior:
        """What a decoder is told."""
        return IntegerPrior(
            self.index, self.previous, self.mean, self.log_variance, self.coded, self.all_scalar
        )


class Recorder:
    """An encoder of groups with what it has spent in all."""

    def __init__(self, tables: EntropyTables, sink: Sink) -> None:
        self.sink, self._encoder = sink, GroupEncoder(tables, sink)
        self.side_bits = self.kl_bits = 0.0

    @classmethod
    def message(
        cls, coder: Coder, tables: EntropyTables, seed: int, payload_bytes: int
    ) -> Recorder:
        """Writes a message."""
        return cls(tables, MessageSink(coder, seed, payload_bytes))

    @classmethod
    def counting(cls, tables: EntropyTables, seed: int = 0) -> Recorder:
        """Counts bits."""
        return cls(tables, CountingSink(np.random.default_rng(seed)))

    def __getattr__(self, name: str) -> Any:
        """Of the sink."""
        return getattr(self.sink, name)

    @property
    def exponent_counts(self) -> np.ndarray:
        return self._encoder.exponent_counts

    def encode(self, example: Example) -> np.ndarray:
        coded = self._encoder.encode(example.prior, example.target)
        self.side_bits += coded.side_bits
        self.kl_bits += coded.kl_bits
        return coded.values


def pyramid(seed: int, shift: float = 0.0) -> list[Example]:
    """Seven groups on three grids, with halves of a chequerboard as they occur in images."""
    rng = np.random.default_rng(seed)
    groups: list[Example] = []
    for shape, typical in (((3, 5, 7), 9.0), ((2, 18, 26), 3.0), ((2, 37, 51), -2.0)):
        first = len(groups)
        rows, columns = np.indices(shape[1:])
        masks = [np.ones(shape[1:], bool)]
        if first:
            masks = [(rows + columns) % 2 == 0, (rows + columns) % 2 == 1, rows < 20]
        for mask in masks:
            values = typical + shift + rng.normal(0, 2, shape)
            log_variance = np.rint(8 * values).astype(np.int32)
            mean = rng.integers(-200, 200, shape).astype(np.int32)
            noise = rng.standard_normal(shape)
            target = mean / 16 + np.sqrt(1 + 2.0**values) * noise
            previous = None if len(groups) == first else len(groups) - 1
            coded = np.broadcast_to(mask, shape).copy()
            groups.append(
                Example(len(groups), previous, target.astype(np.float32), mean, log_variance, coded)
            )
    return groups


def blotches(seed: int, wrong_exponents: tuple[int, ...] = (0,)) -> tuple[Example, float, float]:
    """A group whose variances change from place to place, and are wrong by 2^j in tiles of 8 x 8.

    Also the bits and the loss (see `loss_bits`) of ideal codes under the right variances, which
    leave out the weights that no code has bits for.
    """
    rng = np.random.default_rng(seed)
    shape = (2, 96, 128)
    smooth = np.clip(rng.normal(-1, 2, (6, 8)), -8, 7).repeat(16, 0).repeat(16, 1)
    log_variance = np.rint(8 * smooth).astype(np.int32)[None].repeat(2, 0)
    wrong = rng.choice(wrong_exponents, (12, 16)).repeat(8, 0).repeat(8, 1)
    variance = np.exp2(log_variance / 8 + wrong)
    mean = rng.integers(-100, 100, shape).astype(np.int32)
    difference = np.sqrt(1 + variance) * rng.standard_normal(shape)
    variance[8 * np.log2(variance) < FIRST_ACTIVE] = 0
    excess = variance / (1 + variance) * (difference**2 / (1 + variance) - 1)
    ideal_bits = float((np.log2(1 + variance) + excess / math.log(2)).sum() / 2)
    distortion = variance / (1 + variance) + (difference / (1 + variance)) ** 2
    ideal_loss = ideal_bits + float(distortion.sum()) / (2 * math.log(2))
    target = (mean / 16 + difference).astype(np.float32)
    return (
        Example(0, None, target, mean, log_variance, np.ones(shape, bool)),
        ideal_bits,
        ideal_loss,
    )


def loss_bits(bits: float, decoded: np.ndarray, target: np.ndarray) -> float:
    """Rate plus distortion of a code, as in the negative evidence lower bound, in bits."""
    distortion = float(((decoded / 16 - target) ** 2).sum())
    return bits + distortion / (2 * math.log(2))
