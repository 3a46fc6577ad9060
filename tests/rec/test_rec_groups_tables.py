"""Integer tables, scalar quotients and range-coded messages."""

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.rec import EntropyTables, wire
from combiner_core.rec import scalar_quantiser as scalar
from combiner_core.rec import scale_factors as scales
from combiner_core.rec import variance_tables as tables
from combiner_core.rec.range_coder import MessageEnded, RangeDecoder, RangeEncoder
from combiner_core.rec.scalar_quantiser import ScalarQuantiser

ALL = np.arange(wire.MIN_LOG_VARIANCE, wire.MAX_LOG_VARIANCE + 1).astype(np.int16)
MODEL = EntropyTables.untrained((8, 8), (-1, 0, 1))


def far_from_boundary(values: np.ndarray) -> bool:
    return bool((np.abs(values - np.floor(values) - 0.5) > 1e-6).all())


def test_no_table_can_round_differently_elsewhere():
    exact_rates = np.array([1024 * math.log2(1 + 2 ** (k / 8)) / 2 for k in ALL.tolist()])
    exact_deviations = np.array([4096 * 2 ** (k / 16) for k in ALL.tolist()])
    assert far_from_boundary(exact_rates)
    assert far_from_boundary(exact_deviations)
    np.testing.assert_array_equal(tables.rates(ALL), np.rint(exact_rates))
    np.testing.assert_array_equal(tables.deviations(ALL), np.rint(exact_deviations))


def test_thresholds_are_the_first_log_variances_with_such_rates():
    rates_bits = tables.rates(ALL) / 1024
    assert ALL[np.argmax(rates_bits >= 0.385)] == wire.FIRST_ACTIVE
    assert ALL[np.argmax(rates_bits > 4)] == wire.FIRST_SCALAR


def test_log_variances_are_held_in_range():
    held = tables.clamped(np.array([-(10**6), -128, 5, 256, 10**6]))
    np.testing.assert_array_equal(held, [-128, -128, 5, 256, 256])


numbers = st.lists(st.integers(-(2**20), 2**20), max_size=60)


@given(numbers, st.integers(0, 1000))
def test_quotients_come_back(values: list[int], seed: int):
    rng = np.random.default_rng(seed)
    quotients = np.array(values, dtype=np.int64)
    log_variance = rng.integers(64, 257, len(values)).astype(np.int16)
    quantiser = ScalarQuantiser(MODEL.scalar_counts)
    writer = RangeEncoder()
    quantiser.write(writer, quotients, log_variance)
    payload = writer.payload(writer.n_bytes)
    np.testing.assert_array_equal(quantiser.read(RangeDecoder(payload), log_variance), quotients)
    assert quantiser.bits(quotients, log_variance) == pytest.approx(writer.bits, abs=0.1, rel=1e-3)


@pytest.mark.parametrize("log_variance", [64, 71, 79, 80, 95, 96, 130, 200, 256])
def test_quotients_cost_little_over_their_information(log_variance: int, rng):
    deviation = math.sqrt(1 + 2 ** (log_variance / 8))
    quantiser = ScalarQuantiser(MODEL.scalar_counts)
    difference = deviation * rng.standard_normal(20_000)
    quotients = quantiser.quotients(difference, np.full(20_000, log_variance, np.int16))
    values = quantiser.values(np.zeros(20_000, np.int32), quotients)
    assert np.abs(values / 16 - difference).max() <= 55 / 16 + 1e-9
    written = quantiser.bits(quotients, np.full(20_000, log_variance, np.int16)) / 20_000
    step = 55 / 16
    entropy = math.log2(deviation / step * math.sqrt(2 * math.pi * math.e))
    assert entropy < written < entropy + 0.12


def test_scalar_tables_are_those_of_the_mixture_and_round_alike_everywhere():
    mixture = [(0.85, 0.9), (0.12, 1.8), (0.028, 5.4), (0.002, 36.0)]
    edges = [-math.inf, *(q + 0.5 for q in range(-16, 16)), math.inf]
    exact = np.zeros((104, 33))
    for table in range(104):
        deviation_steps = 2 ** ((table - 32) / 16) * 16 / 55
        for weight, relative in mixture:
            cdf = NormalDist(0, relative * deviation_steps).cdf
            exact[table] += 65536 * weight * np.diff([cdf(edge) for edge in edges])
    assert far_from_boundary(exact)
    np.testing.assert_array_equal(scalar.typical_counts(), np.maximum(1, np.rint(exact)))


def test_tiles_are_coded_in_every_context_alike():
    counts = scales.typical_counts((-2, -1, 0, 1, 2, 4))
    assert counts.shape == (scales.N_CONTEXTS, 6)
    assert (counts[0].argmax(), counts.min() > 0) == (2, True)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 99)), max_size=12))
def test_every_prefix_of_a_message_gives_a_prefix_of_its_symbols(parts):
    counts = np.array([[5, 1, 1000, 40, 7], [9, 9, 9, 1, 9]])
    writer, written, ends_bits = RangeEncoder(), [], []
    for is_bits, count, seed in parts:
        rng = np.random.default_rng(seed)
        values = rng.integers(0, 2 if is_bits else 5, count).astype(np.uint8)
        if is_bits:
            writer.bit_string(values)
        elif count:
            writer.symbols(values, np.arange(count) % 2, counts)
        written.append(values)
        ends_bits.append(writer.bits)
    payload = writer.payload(writer.n_bytes)
    for n_bytes in range(len(payload) + 1):
        reader = RangeDecoder(payload[:n_bytes])
        for (is_bits, count, _), values, end_bits in zip(parts, written, ends_bits, strict=True):
            if is_bits:
                read = reader.bit_string(count)
                np.testing.assert_array_equal(read, values[: len(read)])
                if len(read) < count:
                    assert 8 * n_bytes < end_bits + 40
                    break
            elif count:
                try:
                    read = reader.symbols(np.arange(count) % 2, counts)
                    np.testing.assert_array_equal(read, values)
                except MessageEnded:
                    assert 8 * n_bytes < end_bits + 40
                    break
        else:
            continue
        assert n_bytes < len(payload)


def test_information_is_that_of_the_symbols():
    writer = RangeEncoder()
    assert writer.bits == pytest.approx(0)
    writer.symbols(np.repeat([0, 1], [750, 250]), np.zeros(1000, np.intp), np.array([[3, 1]]))
    writer.numbers(np.array([5, 0, 1]), np.array([3, 0, 23]))
    expected = 750 * math.log2(4 / 3) + 250 * 2 + 26
    assert writer.bits == pytest.approx(expected, rel=1e-3)
    assert 0 <= 8 * writer.n_bytes - writer.bits < 64


@pytest.mark.parametrize(
    "change",
    [
        {"tile": (0, 8)},
        {"tile": (8, 65)},
        {"exponents": (-1, 1, 2)},
        {"exponents": (1, 0, -1)},
        {"exponents": (0,)},
        {"exponents": (-1, 0, 17)},
        {"exponents": (-1, 0)},
        {"exponent_counts": MODEL.exponent_counts.astype(np.int64)},
        {"exponent_counts": MODEL.exponent_counts * 0},
        {"exponent_counts": MODEL.exponent_counts - 2000},
        {"scalar_counts": MODEL.scalar_counts[1:]},
        {"scalar_counts": MODEL.scalar_counts + (1 << 20)},
    ],
    ids=str,
)
def test_wrong_models_are_refused(change: dict):
    with pytest.raises(ValueError, match=r"tiles|exponents|table"):
        dataclasses.replace(MODEL, **change)


def test_learned_counts_follow_what_was_seen():
    seen = np.zeros(MODEL.exponent_counts.shape, dtype=np.int64)
    seen[3] = [10, 1000, 100]
    learned = MODEL.learned(seen).exponent_counts
    np.testing.assert_allclose(learned[3] / learned[3].sum(), seen[3] / seen[3].sum(), atol=0.01)
    np.testing.assert_array_equal(learned[4].argmax(), MODEL.exponent_counts[4].argmax())
    with pytest.raises(ValueError, match="counts"):
        MODEL.learned(seen[1:])


def test_learned_tables_follow_what_was_seen(rng):
    log_variance = np.full(50_000, 24, np.int16)
    difference = rng.laplace(size=50_000) * 2 ** (24 / 16)
    quantiser = ScalarQuantiser(MODEL.scalar_counts)
    quotients = quantiser.quotients(difference, log_variance)
    seen = quantiser.seen(quotients, log_variance)
    assert seen.sum() == 50_000
    learned = MODEL.learned(np.zeros_like(MODEL.exponent_counts), seen)
    entropy = scipy.stats.entropy(np.unique(quotients, return_counts=True)[1], base=2)
    tables = ScalarQuantiser(learned.scalar_counts)
    bits = tables.bits(quotients, log_variance) / 50_000
    assert entropy <= bits < entropy + 0.01 < quantiser.bits(quotients, log_variance) / 50_000
    untouched = np.flatnonzero(seen.sum(1) == 0)
    np.testing.assert_allclose(
        learned.scalar_counts[untouched], MODEL.scalar_counts[untouched], rtol=1e-3, atol=1
    )
    with pytest.raises(ValueError, match="quotients"):
        MODEL.learned(np.zeros_like(MODEL.exponent_counts), seen[1:])


@pytest.mark.parametrize("log_variance", [-32, 0, 24, 64, 90, 140])
def test_quotients_are_the_best_of_the_nearest_two_under_the_elbo(log_variance: int, rng):
    log_variances = np.full(2_000, log_variance, np.int16)
    difference = math.sqrt(1 + 2 ** (log_variance / 8)) * rng.standard_normal(2_000)
    quantiser = ScalarQuantiser(MODEL.scalar_counts)

    def loss_bits(quotients):
        error = quantiser.values(np.zeros(2_000, np.int32), quotients) / 16 - difference
        return quantiser.bits(quotients, log_variances) + (error**2).sum() / (2 * math.log(2))

    quotients = quantiser.quotients(difference, log_variances)
    nearest = np.rint(difference * 16 / 55).astype(np.int64)
    assert np.isin(np.abs(nearest) - np.abs(quotients), [0, 1]).all()
    assert loss_bits(quotients) <= loss_bits(nearest)
