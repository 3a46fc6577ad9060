"""The prior of audio visits every weight once and is the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from combiner_core.multires.audio.prior import AudioPrior, AudioPriorConfig, from_levels, to_levels
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.context_model import MAX_LOG_VARIANCE, MAX_MEAN, MIN_LOG_VARIANCE
from combiner_core.multires.integer_convolutions import IntegerConv
from combiner_core.rec.wire import VALUE_UNITS

CONFIG = AudioPriorConfig(80, (8, 12, 16, 8))
Predictions = list[tuple[Tensor, Tensor]]


def exact_prior(config: AudioPriorConfig = CONFIG, seed: int = 0) -> AudioPrior:
    """A prior of random weights, none of them zero, made exact."""
    generator = torch.Generator().manual_seed(seed)
    prior = AudioPrior(config).eval()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    for module in prior.modules():
        if isinstance(module, IntegerConv):
            module.quantise()
    return prior


def noise_scales(count: int) -> tuple[Tensor, Tensor]:
    log_noise = torch.linspace(-9.3, -5.7, count, dtype=torch.float64)
    return torch.exp2(log_noise), log_noise


def random_weights(batch: int, frames: int, hop: int, seed: int = 1) -> Tensor:
    """Weights in 1/16, small and large."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.exp2(12 * torch.rand(batch, frames, hop, generator=generator))
    return (sizes * torch.randn(batch, frames, hop, generator=generator)).int()


@torch.no_grad()
def go_through(
    prior: AudioPrior,
    weights: Tensor,
    *,
    noise: tuple[Tensor, Tensor] | None = None,
    exact: bool = True,
) -> tuple[Tensor, Predictions]:
    """Go through with given weights; the result and what was predicted on the way."""
    predictions: Predictions = []
    levels = to_levels(prior.config, weights if exact else weights / VALUE_UNITS)

    def answer(request: GroupPrior) -> Tensor:
        predictions.append((request.mean.clone(), request.log_variance.clone()))
        group = request.group
        return levels[group.level][:, list(group.channels)] * group.coded

    noise = noise or noise_scales(len(weights))
    return follow(prior.coding_order(weights.shape[1], *noise, exact=exact), answer), predictions


def assert_same(one: Predictions, other: Predictions) -> None:
    assert len(one) == len(other)
    for (mean, log_variance), (other_mean, other_log_variance) in zip(one, other, strict=True):
        assert torch.equal(mean, other_mean)
        assert torch.equal(log_variance, other_log_variance)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("hop", "last", "count"), [(16, (0, 16), 1), (24, (16, 24), 2), (512, (256, 512), 6)]
)
def test_bands_are_octaves(hop: int, last: tuple[int, int], count: int) -> None:
    bands = AudioPriorConfig(hop, (8,) * count).bands
    assert bands[0] == (0, 16)
    assert bands[-1] == last
    assert all(below[1] == above[0] for below, above in pairwise(bands))


def test_levels_hold_every_weight_once() -> None:
    weights = random_weights(2, 5, CONFIG.hop)
    levels = to_levels(CONFIG, weights)
    assert sorted(levels) == [1, 2, 3, 4]
    assert torch.equal(from_levels(levels), weights)


def test_each_band_needs_a_width() -> None:
    with pytest.raises(ValueError, match="a hop of 512 has 6 bands"):
        AudioPriorConfig(512, (8, 8))


def test_a_hop_is_a_multiple_of_four() -> None:
    with pytest.raises(ValueError, match="a hop of 34 is no multiple of 4"):
        AudioPriorConfig(34, (8, 8, 8))


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_every_weight_is_visited_once_from_low_to_high(frames: int) -> None:
    prior = exact_prior()
    visits = to_levels(CONFIG, torch.zeros(1, frames, CONFIG.hop, dtype=torch.int64))
    levels = []

    def answer(request: GroupPrior) -> Tensor:
        group = request.group
        assert request.mean.shape == request.log_variance.shape
        assert request.mean.shape[1:] == group.coded.shape
        visits[group.level][0, list(group.channels)] += group.coded.long()
        levels.append(group.level)
        return torch.zeros(request.mean.shape, dtype=torch.int32)

    with torch.no_grad():
        follow(prior.coding_order(frames, *noise_scales(1), exact=True), answer)
    assert all(bool((visit == 1).all()) for visit in visits.values())
    assert levels == sorted(levels, reverse=True)


def test_the_coding_order_returns_what_was_decoded() -> None:
    weights = random_weights(2, 9, CONFIG.hop)
    result, _ = go_through(exact_prior(), weights)
    assert result.dtype == torch.int32
    assert torch.equal(result, weights)


def test_predictions_lie_on_their_grids_and_within_their_limits() -> None:
    _, predictions = go_through(exact_prior(), random_weights(1, 9, CONFIG.hop))
    for mean, log_variance in predictions:
        assert torch.equal(mean * VALUE_UNITS, (mean * VALUE_UNITS).round())
        assert torch.equal(log_variance * 8, (log_variance * 8).round())
        assert float(mean.abs().max()) <= MAX_MEAN
        assert float(log_variance.min()) >= MIN_LOG_VARIANCE
        assert float(log_variance.max()) <= MAX_LOG_VARIANCE


def test_a_prediction_depends_on_earlier_groups_alone() -> None:
    prior, weights = exact_prior(), random_weights(1, 6, CONFIG.hop)
    _, before = go_through(prior, weights)
    changed = weights.clone()
    changed[:, :, 32:] += 1000
    _, after = go_through(prior, changed)
    # two bands below bin 32, and the first group of the next, know nothing of the change
    assert_same(before[:9], after[:9])
    assert any(
        not torch.equal(one[1], other[1]) for one, other in zip(before[9:], after[9:], strict=True)
    )


def test_context_reaches_both_ways_in_time() -> None:
    prior, weights = exact_prior(), random_weights(1, 9, CONFIG.hop)
    _, before = go_through(prior, weights)
    changed = weights.clone()
    changed[:, 4, :16] += 3000
    _, after = go_through(prior, changed)
    differs = (before[4][1] != after[4][1]).any(3)[0, 0]
    assert bool(differs[3])
    assert bool(differs[5])


@pytest.mark.parametrize("amplitude", [1, 1 << 16])
def test_results_are_the_same_with_other_threads_and_convolutions(amplitude: int) -> None:
    prior, weights = exact_prior(), random_weights(1, 33, CONFIG.hop) * amplitude
    with threads(1):
        _, expected = go_through(prior, weights)
        with torch.backends.mkldnn.flags(enabled=False):
            assert_same(go_through(prior, weights)[1], expected)
    with threads(2):
        assert_same(go_through(prior, weights)[1], expected)
    prior = prior.to(memory_format=torch.channels_last)
    assert_same(go_through(prior, weights)[1], expected)


def test_results_are_the_same_in_float64() -> None:
    """Arithmetic that rounds nothing does not change with more digits."""
    prior, weights = exact_prior(), random_weights(1, 12, CONFIG.hop)
    _, expected = go_through(prior, weights)
    for module in prior.modules():
        if isinstance(module, IntegerConv):
            module.forward = _in_float64(module)  # type: ignore[method-assign]
    assert_same(go_through(prior, weights)[1], expected)


def test_a_signal_in_a_batch_is_predicted_as_it_is_alone() -> None:
    prior, weights = exact_prior(), random_weights(2, 11, CONFIG.hop)
    scales, log_scales = noise_scales(2)
    _, both = go_through(prior, weights)
    for index in range(2):
        part = slice(index, index + 1)
        _, alone = go_through(prior, weights[part], noise=(scales[part], log_scales[part]))
        assert_same([(mean[part], spread[part]) for mean, spread in both], alone)


def test_exact_and_trained_arithmetic_are_nearly_the_same() -> None:
    prior, weights = exact_prior(), random_weights(1, 8, CONFIG.hop)
    _, exact = go_through(prior, weights)
    _, trained = go_through(prior, weights, exact=False)
    for (_, one), (_, other) in zip(exact, trained, strict=True):
        assert float((one - other).abs().mean()) < 0.2


def _in_float64(module: IntegerConv) -> Callable[[Tensor], Tensor]:
    assert module.bias is not None
    weight, bias, padding = module.weight.double(), module.bias.double(), module.padding

    def forward(values: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(values.double(), weight, bias, padding=padding).float()

    return forward
