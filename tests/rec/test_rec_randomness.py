"""The shared randomness is a specification: these values never change."""

import hashlib
from itertools import pairwise

import numba
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.rec import permutation
from combiner_core.rec.randomness import (
    candidates,
    candidates_torch,
    column,
    mix32,
    quantiles,
    rotations,
    wrapped_column,
)

U32 = st.integers(0, 2**32 - 1)


def sha256(array: np.ndarray) -> str:
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def test_tables_have_their_golden_hashes():
    assert quantiles().dtype == column().dtype == np.int16
    assert sha256(quantiles()).startswith("1ea009ce409dac97")
    assert sha256(column()).startswith("8d4596968a834a15")


def test_tables_are_antisymmetric_sorted_and_permuted():
    table = quantiles().astype(int)
    assert (table == -table[::-1]).all()
    assert (np.diff(table) >= 0).all()
    assert (np.sort(column()) == quantiles()).all()
    assert (wrapped_column()[65536:] == wrapped_column()[:65536]).all()


def test_shared_tables_cannot_be_written():
    for table in (quantiles(), column(), wrapped_column()):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


def test_golden_rotations_and_candidates():
    assert [mix32(x) for x in (0, 1, 2**32 - 1)] == [0, 1753845952, 1734902346]
    weight = np.array([0, 1, 2, 70_000, 2**32 - 1])
    rotation = rotations(8, np.array([3]), weight)
    assert rotation.tolist() == [15250, 54942, 65534, 34375, 12782]
    value = candidates(np.array([0, 1, 65_535, 12_345, 40_000]), rotation)
    assert value.dtype == np.float32
    assert (value * 4096).tolist() == [4137, -3785, 4645, -155, -2435]


@given(U32, U32, st.lists(U32, min_size=1, max_size=20))
def test_python_and_numpy_and_torch_agree(seed: int, block: int, weights: list[int]):
    exact = [rotations(seed, block, weight) for weight in weights]
    weight = np.array(weights)
    from_numpy = rotations(seed, np.array([block]), weight)
    from_torch = rotations(seed, torch.tensor([block]), torch.tensor(weights))
    assert exact == from_numpy.tolist() == from_torch.tolist()
    index = np.arange(len(weights)) * 9973
    from_torch = candidates_torch(torch.from_numpy(index), from_torch)
    assert from_torch.dtype == torch.float32
    assert candidates(index, from_numpy).tolist() == from_torch.tolist()


def test_compiled_code_agrees():
    compiled = numba.njit(mix32)
    x = np.arange(-1000, 2**40, 2**24 + 12_345)
    assert (compiled(x) == mix32(x)).all()
    assert [compiled(int(value)) for value in x[:100]] == mix32(x[:100]).tolist()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_agrees():
    weight = np.arange(100_000)
    rotation = rotations(5, np.array([2**32 - 1]), weight)
    on_gpu = rotations(5, torch.tensor([2**32 - 1], device="cuda"), torch.from_numpy(weight).cuda())
    assert (on_gpu.cpu().numpy() == rotation).all()
    values = candidates_torch(torch.from_numpy(weight).cuda(), on_gpu)
    assert (values.cpu().numpy() == candidates(weight, rotation)).all()


def test_mix32_is_a_bijection_on_a_large_sample():
    x = np.arange(0, 2**32, 4001)
    assert len(np.unique(mix32(x))) == len(x)


def test_rotations_are_uniform_and_differ_between_keys():
    weight = np.arange(1 << 18)
    counts = [
        np.bincount(rotations(seed, np.array([block]), weight) >> 8, minlength=256)
        for seed, block in ((0, 0), (0, 1), (1, 0))
    ]
    for count in counts:
        chi_square = ((count - 1024.0) ** 2 / 1024).sum()
        assert 170 < chi_square < 360  # 255 degrees of freedom: about +-4.6 deviations
    for one, other in pairwise(counts):
        assert (one != other).any()


def test_candidates_are_standard_normal_and_uncorrelated():
    rotation = rotations(1, np.array([1]), np.arange(2000))
    z = candidates(np.arange(500)[:, None], rotation)
    assert abs(z.mean()) < 5e-3
    assert abs(z.var() - 1) < 1e-2
    assert abs(np.mean(z[:, 1:] * z[:, :-1])) < 5e-3
    # Neighbours in the one fixed column: 1/256 is a standard deviation over permutations.
    assert abs(np.mean(z[1:] * z[:-1])) < 3 / 256


@given(st.integers(0, 3000), U32)
def test_permutation_holds_every_number_once(count: int, key: int):
    order = permutation(count, key)
    assert order.dtype == np.int64
    assert np.sort(order).tolist() == list(range(count))


def test_permutations_are_golden_and_differ_between_keys():
    assert permutation(10, 1).tolist() == [0, 4, 1, 2, 5, 3, 9, 7, 8, 6]
    assert (permutation(1000, 1) != permutation(1000, 2)).mean() > 0.9
