"""Randomness that sender and receiver share: candidate weights computed from integers alone.

Every candidate is a standard normal value, in prior units, read from one fixed column of 65,536
values that each weight rotates by an amount of its own. Nothing here depends on floating-point
rounding, so numpy, torch and compiled code, on any processor, see identical candidates.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from combiner_core.rec.wire import CANDIDATE_UNITS, COLUMN_BITS

if TYPE_CHECKING:
    import torch

COLUMN_SIZE = 1 << COLUMN_BITS

_MASK_32 = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9
_WEIGHT = 0xC2B2AE35
_BLOCK = 0x85EBCA6B
_OFFSET = 0x27220A95

Integers = TypeVar("Integers", int, NDArray[np.int64], "torch.Tensor")


def mix32(x: Integers) -> Integers:
    """Scramble the low 32 bits of `x`: a bijection on 0..2^32-1 ("lowbias32", Wellons 2018).

    Works on Python integers, int64 numpy arrays and int64 torch tensors of any shape; numba can
    compile it as it stands. Only the low 32 bits of `x` matter: products may wrap around 64 bits.

    >>> mix32(1)
    1753845952
    """
    x = x & _MASK_32
    x = x ^ (x >> 16)
    x = (x * 0x7FEB352D) & _MASK_32
    x = x ^ (x >> 15)
    x = (x * 0x846CA68B) & _MASK_32
    return x ^ (x >> 16)


def rotations(seed: int, block: Integers, weight: Integers) -> Integers:
    """Rotation, 0..65535, of the shared column for each weight of each block.

    `seed` is an unsigned 32-bit integer; `block` and `weight` are numbers of which the low 32
    bits count: both Python integers, or both int64 arrays, or tensors, that broadcast together.
    The result is of the same kind.
    """
    of_block = mix32(mix32(seed + _GOLDEN) + block * _BLOCK + 1)
    return mix32(of_block + weight * _WEIGHT + _OFFSET) & (COLUMN_SIZE - 1)


@functools.cache
def quantiles() -> NDArray[np.int16]:
    """The 65,536 mid-point quantiles of the standard normal times 4096, rounded: (65536,)."""
    upper = (np.arange(COLUMN_SIZE // 2, COLUMN_SIZE) + 0.5) / COLUMN_SIZE
    positive = np.floor(CANDIDATE_UNITS * ndtri(upper) + 0.5).astype(np.int16)
    return _read_only(np.concatenate([-positive[::-1], positive]))


@functools.cache
def column() -> NDArray[np.int16]:
    """The quantiles in their fixed pseudo-random order: (65536,)."""
    return _read_only(quantiles()[_hash_order(COLUMN_SIZE, _OFFSET)])


@functools.cache
def wrapped_column() -> NDArray[np.float32]:
    """The column twice in a row, as values: (131072,), so that every rotation is one slice."""
    values = column().astype(np.float32) / np.float32(CANDIDATE_UNITS)
    return _read_only(np.concatenate([values, values]))


def candidates(index: NDArray[np.int64], rotation: NDArray[np.int64]) -> NDArray[np.float32]:
    """Candidate values, in prior units, at `index` (taken modulo 65536) under each `rotation`."""
    values: NDArray[np.float32] = wrapped_column()[(index + rotation) & (COLUMN_SIZE - 1)]
    return values


def candidates_torch(index: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Like `candidates`, for int64 tensors: float32 values on the device of `index`."""
    return _column_torch(str(index.device))[(index + rotation) & (COLUMN_SIZE - 1)]


def permutation(count: int, key: int) -> NDArray[np.int64]:
    """Pseudo-random permutation of 0..count-1 fixed by `key`, an unsigned 32-bit integer: (count,).

    Weights are shuffled with it before they are coded: neighbours have correlated errors in the
    prior, which a code of sliding windows and a code of blocks both pay for.
    """
    return _hash_order(count, mix32(key + _GOLDEN))


def _hash_order(count: int, offset: int) -> NDArray[np.int64]:
    hashed = mix32(np.arange(count, dtype=np.int64) * _GOLDEN + offset)
    return np.argsort(hashed, kind="stable").astype(np.int64, copy=False)


@functools.cache
def _column_torch(device: str) -> torch.Tensor:
    import torch

    return torch.tensor(wrapped_column()[:COLUMN_SIZE], device=device)


_Array = TypeVar("_Array", NDArray[np.int16], NDArray[np.float32])


def _read_only(array: _Array) -> _Array:
    array.setflags(write=False)
    return array
