"""Scales of parts of a prior: which weights they are of, how they are chosen, and their bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.errors import BitstreamError
from combiner_core.siren import hierarchical_prior as hierarchy
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.positional_encodings import PositionalEncodings
from combiner_core.siren.prior import RATE_UNITS_PER_BIT

FIELD = SirenConfig(1, 1, 4, hidden=6, layers=3, encodings=PositionalEncodings(10, 20))


def test_parts_are_layers_and_blocks_of_nodes_and_bands() -> None:
    parts, groups = hierarchy.parts_of(FIELD), Siren(FIELD).groups
    for number in range(3):
        assert (parts[groups[f"layer{number}"]] == number + 1).all()
    group = groups["encodings"]
    by_node = parts[group].reshape(10, 2, 20)
    # nodes 0-3, 4-7, 8-9; frequencies 1-3, 4-15, 16-20, sines like cosines
    for row, nodes in enumerate((slice(0, 4), slice(4, 8), slice(8, 10))):
        for band, cycles in enumerate((slice(0, 3), slice(3, 15), slice(15, 20))):
            assert (by_node[nodes, :, cycles] == 4 + 3 * row + band).all()


def test_what_has_no_encodings_has_no_parts() -> None:
    assert not hierarchy.parts_of(replace(FIELD, encodings=None)).any()


def test_scales_are_the_deviations_of_parts() -> None:
    generator = np.random.default_rng(3)
    parts = np.repeat([0, 1, 2, 3], 2000)
    deviations = np.array([[5.0, 1.0, 2.0, 0.3], [5.0, 0.01, 100.0, 4.0]])
    squares = np.square(deviations[:, parts] * generator.standard_normal((2, len(parts))))
    steps = hierarchy.nearest_steps(hierarchy.octaves(squares, parts, np.ones(len(parts))))
    # half octaves, and no further than eight and seven of them
    np.testing.assert_array_equal(steps, [[0, 2, -3], [-8, 7, 4]])
    np.testing.assert_allclose(hierarchy.scales(steps), 2.0 ** (steps / 2), rtol=1e-6)


def test_a_weight_that_hardly_has_bits_hardly_counts() -> None:
    squares, parts = np.array([[1.0, 1.0, 100.0]]), np.ones(3, np.int64)
    octaves = hierarchy.octaves(squares, parts, np.array([2.0, 2.0, 0.001]))
    np.testing.assert_allclose(octaves, np.log2([[2.1 / 2.001]]))


def test_rates_are_those_of_the_same_precision() -> None:
    rates = np.array([RATE_UNITS_PER_BIT, 4 * RATE_UNITS_PER_BIT, 10], np.int32)
    same = hierarchy.scaled_rates(rates, np.zeros(3, np.int64))
    np.testing.assert_array_equal(same, rates)
    # 1/2 log2(1 + 4 * 3), and nearly a bit more for a deviation twice as large
    wider = hierarchy.scaled_rates(rates, np.full(3, 2))
    assert wider[0] == round(512 * np.log2(13))
    assert wider[1] - rates[1] == pytest.approx(RATE_UNITS_PER_BIT, abs=3)
    assert wider[2] == pytest.approx(40, abs=2)
    assert (hierarchy.scaled_rates(rates, np.full(3, -8)) >= 1).all()


def test_no_rate_depends_on_how_a_machine_rounds() -> None:
    rates = np.arange(1, 8 * RATE_UNITS_PER_BIT + 1)[:, None]
    steps = np.arange(-8, 8)
    bits = 0.5 * np.log2(1 + np.exp2(steps * 1.0) * (np.exp2(2.0 * rates / RATE_UNITS_PER_BIT) - 1))
    units = RATE_UNITS_PER_BIT * bits
    assert np.abs(units - np.floor(units) - 0.5).min() > 1e-6


@given(st.integers(1, 5), st.integers(0, 7), st.integers(0, 2**32 - 1))
def test_steps_survive_their_bytes(fields: int, parts: int, seed: int) -> None:
    steps = np.random.default_rng(seed).integers(-8, 8, (fields, parts))
    message = hierarchy.to_bytes(steps)
    np.testing.assert_array_equal(hierarchy.from_bytes(message, (fields, parts)), steps)


@given(st.binary(max_size=30))
def test_any_bytes_are_steps_or_refused(message: bytes) -> None:
    try:
        steps = hierarchy.from_bytes(message, (3, 5))
    except BitstreamError:
        return
    assert steps.shape == (3, 5)
    hierarchy.scales(steps)


def test_steps_are_simpler_where_there_is_little_room() -> None:
    steps = np.random.default_rng(4).integers(-3, 4, (12, 29))
    length = len(hierarchy.to_bytes(steps))
    np.testing.assert_array_equal(hierarchy.within(steps, length), steps)
    for most_bytes in (length - 1, length // 2, 5, 0):
        simpler = hierarchy.within(steps, most_bytes)
        assert len(hierarchy.to_bytes(simpler)) <= most_bytes
        assert np.abs(simpler - steps).max() <= 6
