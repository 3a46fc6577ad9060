"""What coding groups of weights costs: against ideal codes, and against its estimate."""

import dataclasses

import numpy as np
import pytest
from group_examples import EXPONENTS, Example, Recorder, blotches, loss_bits, pyramid

from combiner_core.rec import EntropyTables, TrellisCoder

UNTRAINED = EntropyTables.untrained((8, 8), EXPONENTS)
CODER = TrellisCoder(state_bits=12)


def trained(*wrong_exponents: int) -> EntropyTables:
    """A model that has seen variances as wrong as those."""
    model = UNTRAINED
    for _ in range(2):
        estimator = Recorder.counting(model)
        for seed in range(100, 108):
            example, *_ = blotches(seed, wrong_exponents)
            estimator.encode(example._replace(index=seed))
        model = UNTRAINED.learned(estimator.exponent_counts)
    return model


def without_exponents() -> EntropyTables:
    counts = np.ones_like(UNTRAINED.exponent_counts)
    counts[:, EXPONENTS.index(0)] = 1 << 20
    return dataclasses.replace(UNTRAINED, exponent_counts=counts, tile=(64, 64))


def overhead(model: EntropyTables, *wrong_exponents: int) -> float:
    """Loss beyond that of ideal codes under the right prior, as a share of their bits."""
    losses, ideal = [], []
    for seed in range(2):
        example, ideal_bits, ideal_loss = blotches(seed, wrong_exponents)
        encoder = Recorder.message(CODER, model, 1, 1 << 20)
        decoded = encoder.encode(example)
        losses.append(loss_bits(encoder.bits, decoded, example.target) - ideal_loss)
        ideal.append(ideal_bits)
    return sum(losses) / sum(ideal)


def test_under_the_right_prior_the_overhead_is_small():
    assert overhead(trained(0), 0) < 0.09


def test_tiles_make_up_for_variances_that_are_wrong():
    wrong = (-2, -1, 0, 1, 2, 3)
    with_tiles = overhead(trained(*wrong), *wrong)
    assert with_tiles < 0.14
    assert overhead(without_exponents(), *wrong) > with_tiles + 0.12


@pytest.mark.parametrize("model", [UNTRAINED, without_exponents()], ids=["tiles", "none"])
@pytest.mark.parametrize(
    "groups",
    [pyramid(1), pyramid(2, 3.0), [blotches(3, (-1, 0, 2))[0]]],
    ids=["low", "high", "one"],
)
def test_the_estimate_is_what_the_encoder_writes(model: EntropyTables, groups: list[Example]):
    encoder = Recorder.message(CODER, model, 1, 1 << 20)
    estimator = Recorder.counting(model)
    for group in groups:
        coded, sampled = encoder.encode(group), estimator.encode(group)
        weights = group.coded & (group.log_variance > 0)
        distance = ((coded - sampled)[weights] / 16) ** 2
        assert distance.mean() < 2.5  # of two samples it is 2 v / (1 + v)
        assert not sampled[~group.coded].any()
    assert estimator.bits == pytest.approx(encoder.bits, rel=0.003)


def test_the_ideal_length_is_the_divergence():
    example, ideal_bits, _ = blotches(4)
    estimator = Recorder.counting(without_exponents())
    estimator.encode(example)
    assert estimator.kl_bits == pytest.approx(ideal_bits, rel=0.01)


def test_samples_have_the_posterior_s_moments():
    shape = (4, 100, 100)
    variance, difference = 4.0, 2.0
    example = Example(
        0,
        None,
        np.full(shape, 3 + difference, np.float32),
        np.full(shape, 48, np.int32),
        np.full(shape, 16, np.int32),
        np.ones(shape, bool),
    )
    estimator = Recorder.counting(without_exponents())
    sample = estimator.encode(example) / 16
    shrink = variance / (1 + variance)
    assert sample.mean() == pytest.approx(3 + shrink * difference, abs=0.02)
    assert sample.var() == pytest.approx(shrink, rel=0.03)


def test_training_counts_lower_the_side_information():
    wrong = (0, 0, 0, 4)
    example, *_ = blotches(5, wrong)
    lengths = []
    for model in (UNTRAINED, trained(*wrong)):
        encoder = Recorder.message(CODER, model, 1, 1 << 20)
        encoder.encode(example)
        lengths.append(encoder.side_bits)
    assert lengths[1] < 0.9 * lengths[0]


def test_counts_seen_are_one_for_each_tile():
    estimator = Recorder.counting(UNTRAINED)
    for group in pyramid(6):
        estimator.encode(group)
    # 1 tile, 3 times 3 x 4, twice 5 x 7 and once those of the first 20 rows
    assert estimator.exponent_counts.sum() == 1 + 3 * 12 + 2 * 35 + 3 * 7


def test_a_tile_of_outliers_is_quantised_if_an_exponent_reaches_so_far(rng: np.random.Generator):
    difference = rng.choice([-90.0, 90.0], (1, 16, 16)).astype(np.float32)
    difference[:, :, 8:] = 0
    example = Example(
        0,
        None,
        difference,
        np.zeros((1, 16, 16), np.int32),
        np.full((1, 16, 16), -64, np.int32),
        np.ones((1, 16, 16), bool),
    )
    errors = []
    for rescues in ((), (16,)):
        model = EntropyTables.untrained((8, 8), (*EXPONENTS, *rescues))
        decoded = Recorder.message(CODER, model, 1, 1 << 20).encode(example)
        errors.append(np.abs(decoded / 16 - difference).max())
    assert errors[0] == 90
    assert errors[1] < 2


def test_variances_are_raised_for_weights_beyond_a_random_code_s_reach(rng: np.random.Generator):
    shape = (1, 64, 64)
    difference = 3 * rng.standard_normal(shape).astype(np.float32)
    difference[0, ::8, ::8] = 25  # one in each tile, of eight deviations
    log_variance = np.full(shape, 24, np.int32)
    example = Example(
        0, None, difference, np.zeros(shape, np.int32), log_variance, np.ones(shape, bool)
    )
    decoded = Recorder.message(CODER, trained(0), 1, 1 << 20).encode(example)
    # if variances are raised by their likelihood alone it is 117
    assert ((decoded / 16 - difference)[0, ::8, ::8] ** 2).mean() < 60
