"""What coding groups of weights costs: against ideal codes, other trellises, what was learned."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from group_examples import (
    Example,
    encoded,
    example,
    gaussian,
    loss_bits,
    pyramid,
    some_tables,
    some_taps,
)

from combiner_core.rec import EntropyTables, Grid, IntegerPrior, Plane, Taps
from combiner_core.rec.dependent_quantiser import USUAL_STATES
from combiner_core.rec.entropy_tables import to_units
from combiner_core.rec.groups import GroupEncoder
from combiner_core.rec.table_learning import Statistics

UNTRAINED = EntropyTables.untrained(some_taps())


def learned(
    examples: list[Example], tables: EntropyTables, rounds: int = 3, states: int = USUAL_STATES
) -> EntropyTables:
    for _ in range(rounds):
        statistics = Statistics(tables, states)
        for one in examples:
            statistics.add(*one, GroupEncoder(tables, states).encode(*one))
        tables = statistics.learned()
    return tables


def loss_of(tables: EntropyTables, examples: list[Example], states: int = USUAL_STATES) -> float:
    """Bits of rate and distortion of one message."""
    return loss_bits(*encoded(tables, examples, states=states), examples)


def ideal_loss(one: Example, octaves: float) -> float:
    """Of the best Gaussian posteriors under the right Gaussian prior, in bits."""
    variance = 2.0**octaves
    nats = np.log1p(variance) / 2 + one.target.astype(float) ** 2 / (2 * (1 + variance))
    return float(nats.sum()) / math.log(2)


@pytest.mark.parametrize(("octaves", "most"), [(-3.0, 0.04), (0.0, 0.16), (3.0, 0.13), (8.0, 0.1)])
def test_the_loss_is_near_that_of_ideal_gaussian_codes(octaves: float, most: float) -> None:
    """In bits a weight; a scalar quantiser would lose 0.25 where there is much information."""
    tables = learned([gaussian(seed, octaves) for seed in range(4)], UNTRAINED)
    one = gaussian(99, octaves)
    excess = loss_of(tables, [one]) - ideal_loss(one, octaves)
    assert excess / one.target.size < most


def test_heavy_tails_cost_less_than_gaussian_codes_would_take() -> None:
    examples = [gaussian(seed, -2.0, degrees=3) for seed in range(5)]
    tables = learned(examples[1:], UNTRAINED)
    assert loss_of(tables, examples[:1]) < 0.9 * ideal_loss(examples[0], -2.0)


def test_more_states_lose_less() -> None:
    losses = []
    for states in (4, 8, 32, 128):
        examples = [gaussian(seed, 4.0) for seed in range(4)]
        tables = learned(examples[1:], UNTRAINED, 4, states)
        losses.append(loss_of(tables, examples[:1], states) / examples[0].target.size)
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[3] > 0.02


def test_learning_pays() -> None:
    examples = [gaussian(seed, 1.0, degrees=4) for seed in range(4)]
    assert loss_of(learned(examples[1:], UNTRAINED), examples[:1]) < loss_of(
        UNTRAINED, examples[:1]
    )


def test_variances_that_are_wrong_are_learned_while_coding() -> None:
    tables = learned(
        [gaussian(seed, octaves) for seed in range(2) for octaves in (-1.0, 2.0)], UNTRAINED
    )
    losses = []
    for octaves in (2.0, -1.0):
        groups = [gaussian(seed, 2.0) for seed in range(10, 14)]
        log_variance = np.full(groups[0].target.shape, round(16 * octaves), np.int16)
        foretold = [
            Example(replace(one.prior, log_variance=log_variance), one.target) for one in groups
        ]
        losses.append(loss_of(tables, foretold) - loss_of(tables, foretold[:-1]))
    # three octaves: a code for that variance would lose 2.2 bits a weight
    assert 0 < (losses[1] - losses[0]) / groups[0].target.size < 0.1


def test_what_is_around_tells_where_errors_are_large() -> None:
    """Blotches of large errors that the prior does not know of."""
    rng = np.random.default_rng(4)
    examples = []
    for _ in range(5):
        loud = rng.choice([0.2, 4.0], (12, 16)).repeat(8, 0).repeat(8, 1)
        quiet = gaussian(int(rng.integers(1000)), 0.0)
        examples.append(Example(quiet.prior, (quiet.target * loud).astype(np.float32)))
    alone = EntropyTables.untrained(Taps.none(3, 4))
    losses = [loss_of(learned(examples[1:], tables), examples[:1]) for tables in (UNTRAINED, alone)]
    # the three nearest neighbours tell much of it by themselves
    assert losses[0] < 0.985 * losses[1]


def test_neighbours_one_by_one_tell_where_errors_are_large() -> None:
    """Of the same errors, blotches take less than the same ones shuffled, without other taps."""
    rng = np.random.default_rng(5)
    quiet = gaussian(1, 0.0)
    loud = rng.choice([0.2, 4.0], (12, 16)).repeat(8, 0).repeat(8, 1)
    blotches = (quiet.target * loud).astype(np.float32)
    shuffled = rng.permutation(blotches.reshape(-1)).reshape(blotches.shape)
    tables = EntropyTables.untrained(Taps.none(3, 4))
    losses = [loss_of(tables, [Example(quiet.prior, one)]) for one in (blotches, shuffled)]
    assert losses[0] < 0.97 * losses[1]


def test_tables_that_are_too_sure_or_not_sure_enough_are_made_good() -> None:
    """Logits of all probabilities too small or too large by half."""
    planes = [Plane(channel) for channel in range(3)]

    def mixture(seed: int) -> list[Example]:
        rng = np.random.default_rng(seed)
        return [
            example(rng, Grid(3, 12, 16), planes, (12, 16), octaves)
            for octaves in np.linspace(-3, 4, 15)
        ]

    right = learned([one for seed in range(4) for one in mixture(seed)], UNTRAINED)
    sure = replace(right, confidences=np.full_like(right.confidences, 255))
    examples = mixture(9)
    weights = sum(one.target.size for one in examples)
    losses = []
    for factor in (1.0, 2 / 3, 1.5):
        shares = 1 / (1 + (65536 / right.probabilities - 1) ** factor)
        tables = replace(sure, probabilities=to_units(shares))
        losses.append(loss_of(tables, examples) / weights)
    # in bits a weight
    assert max(losses) - losses[0] < 0.01


def test_the_message_has_the_length_of_its_information() -> None:
    examples = pyramid(3, 2.0)
    encoder = GroupEncoder(some_tables())
    groups = [encoder.encode(*one) for one in examples]
    information = sum(float(group.spent_bits.sum(dtype=np.float64)) for group in groups)
    assert encoder.bits == pytest.approx(information, rel=0.002, abs=2)
    assert 8 * len(encoder.payload()) < encoder.bits + 16


def test_lambda_trades_distortion_for_rate() -> None:
    examples = pyramid(3)
    rates, distortions = [], []
    for lagrangian in (0.5, 0.8, 1.0, 1.3, 2.0):
        payload, groups = encoded(UNTRAINED, examples, lagrangian)
        rates.append(len(payload))
        distortions.append(loss_bits(b"", groups, examples))
    assert rates == sorted(rates)
    assert distortions == sorted(distortions, reverse=True)


def sure(count: int, octaves: float, errors: dict[int, float]) -> Example:
    """Weights in a row with hardly any variance, and a few errors."""
    shape = (1, count // 1024, 1024)
    target = np.zeros(shape, np.float32)
    for place, error in errors.items():
        target.flat[place] = error
    log_variance = np.full(shape, round(16 * octaves), np.int16)
    prior = IntegerPrior(
        Grid(3, *shape[1:]),
        (Plane(0),),
        0,
        np.zeros(shape, np.int32),
        log_variance,
        np.ones(shape, bool),
    )
    return Example(prior, target)


@pytest.mark.parametrize("octaves", [-12.0, -10.5, -8.0])
def test_sure_zeros_cost_next_to_nothing(octaves: float) -> None:
    """A million of them before the one weight that is not: its own bits and some ten bytes."""
    count = 1 << 20
    tables = learned([sure(count, octaves, {count // 2: 9.0})], UNTRAINED, rounds=2)
    payload, (group,) = encoded(tables, [sure(count, octaves, {count - 1: 9.0})])
    assert np.count_nonzero(group.sizes) == 1
    assert len(payload) < 16


def test_outliers_among_sure_zeros_are_coded() -> None:
    errors = {5000: 300.0, 5001: -70.0, 90_000: 4e5}
    payload, (group,) = encoded(UNTRAINED, [sure(1 << 18, -11.0, errors)])
    for place, error in errors.items():
        assert abs(group.values.flat[place] / 16 - error) < 4
    assert len(payload) < 40


def test_the_noise_scale_of_a_weight_is_its_unit_of_error() -> None:
    plain = gaussian(7, 6.0)
    factor = 2.0**0.75
    scaled = replace(
        plain.prior,
        log_variance=plain.prior.log_variance + np.int16(24),
        noise=np.full(plain.target.shape, 3),
    )
    coarse = Example(scaled, (plain.target * np.float32(factor)).astype(np.float32))
    payload, (group,) = encoded(UNTRAINED, [plain])
    coarse_payload, (coarse_group,) = encoded(UNTRAINED, [coarse])
    assert len(coarse_payload) == pytest.approx(len(payload), rel=0.001)
    errors = (group.values / 16 - plain.target).std()
    assert (coarse_group.values / 16 - coarse.target).std() == pytest.approx(
        factor * errors, rel=0.01
    )


def test_no_noise_scales_are_those_of_one() -> None:
    plain = gaussian(8, 3.0)
    ones = replace(plain.prior, noise=np.zeros(plain.target.shape, np.int8))
    first, second = (encoded(UNTRAINED, [Example(p, plain.target)]) for p in (plain.prior, ones))
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1][0].values, second[1][0].values)


def test_the_divergence_beside_the_message_is_that_of_gaussians() -> None:
    one = gaussian(3, 2.0)
    variance = 4.0
    share = variance / (1 + variance)
    mean = share * one.target.astype(float)
    nats = 0.5 * ((share + mean**2) / variance - 1 - math.log(share / variance))
    assert one.prior.kl_bits(one.target) == pytest.approx(nats.sum() / math.log(2), rel=1e-4)
