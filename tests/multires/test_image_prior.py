"""The prior of images visits every weight once and is the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from tiny_presets import image_model
from torch import Tensor

from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.exact_convolutions import GRID, ExactConv
from combiner_core.multires.image.colours import to_colours
from combiner_core.multires.image.field import folded_weights
from combiner_core.multires.image.folding import fold
from combiner_core.multires.image.level_network import (
    MAX_LOG_VARIANCE,
    MAX_MEAN,
    MIN_LOG_VARIANCE,
)
from combiner_core.multires.image.noise_map import NoiseMap, NoiseSteps
from combiner_core.multires.image.prior import STRIP_PLACES, ImagePrior
from combiner_core.multires.image.pyramid import level_sizes
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, VALUE_UNITS

Predictions = list[tuple[Tensor, Tensor]]
Size = tuple[int, int]

LEVELS = 7
SIZE = (61, 83)
SIZES = [(8, 8), (9, 8), (17, 23), (1, 5), (1, 1), (64, 33), SIZE]
STAGES = (6, 8, 8, 6, 4, 4, 4)


def exact_prior(seed: int = 0) -> ImagePrior:
    prior = image_model(seed).prior
    assert isinstance(prior, ImagePrior)
    return prior


@pytest.fixture(scope="module", name="prior")
def shared_prior() -> ImagePrior:
    return exact_prior()


def noise_scales(count: int) -> tuple[Tensor, Tensor]:
    """Scales s in 1/64, and their logarithms."""
    log_noise = torch.linspace(3.3, 5.1, count, dtype=torch.float64)
    return torch.round(torch.exp2(log_noise) * 64) / 64, log_noise


def random_weights(size: Size, batch: int = 1, gain: int = 1, seed: int = 1) -> dict[int, Tensor]:
    """Weights in 1/16 by level on folded grids, small and large: int32."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for level, (height, width) in enumerate(level_sizes(*size, LEVELS)):
        if level:
            shape = (batch, 9, height, width)
            loudness = torch.exp2((3 + level) * torch.rand(shape, generator=generator))
            normal = torch.randn(shape, generator=generator)
            weights[level] = fold((gain * loudness * normal).int())
    low = torch.randint(-99999, 99999, (batch, 3, height, width), generator=generator)
    weights[LEVELS + 1] = low.int()
    return weights


def noise_steps(size: Size, batch: int = 1) -> NoiseSteps:
    """A noise scale that differs from place to place, by level and colour."""
    rows, columns = (-(-side // 16) for side in size)
    cells = np.arange(rows * columns).reshape(rows, columns) * 7 % 13 - 6
    return NoiseSteps.of([NoiseMap(cells.astype(np.int8), 2, 1, -1)] * batch, size, LEVELS)


@torch.no_grad()
def go_through(
    prior: ImagePrior,
    weights: dict[int, Tensor],
    size: Size = SIZE,
    *,
    noise: tuple[Tensor, Tensor] | None = None,
    exact: bool = True,
    strip_places: int = STRIP_PLACES,
) -> tuple[Tensor, Tensor, Predictions]:
    """Go through with given weights; the picture, hidden values, and the predictions."""
    predictions: Predictions = []

    def answer(request: GroupPrior) -> Tensor:
        predictions.append((request.mean.clone(), request.log_variance.clone()))
        group = request.group
        rows = slice(group.first_row, group.first_row + group.coded.shape[1])
        decoded = weights[group.level][:, list(group.channels), rows] * group.coded
        return (decoded if exact else decoded / VALUE_UNITS).to(request.mean.device)

    noise = noise or noise_scales(len(weights[1]))
    steps = noise_steps(size, len(weights[1]))
    device = weights[1].device
    levels = {level: part.to(device) for level, part in steps.levels.items()}
    order = prior.coding_order(
        size,
        *noise,
        NoiseSteps(levels, steps.cells.to(device)),
        exact=exact,
        strip_places=strip_places,
    )
    return *follow(order, answer), predictions


def assert_same(one: tuple[Tensor, Tensor, Predictions], other: tuple) -> None:
    assert torch.equal(one[0].cpu(), other[0].cpu())
    assert torch.equal(one[1].cpu(), other[1].cpu())
    assert len(one[2]) == len(other[2])
    for first, second in zip(one[2], other[2], strict=True):
        for prediction, same in zip(first, second, strict=True):
            assert torch.equal(prediction.cpu(), same.cpu())


def part_of(
    result: tuple[Tensor, Tensor, Predictions], index: int
) -> tuple[Tensor, Tensor, Predictions]:
    part = slice(index, index + 1)
    picture, hidden, predictions = result
    return picture[part], hidden[part], [(mean[part], spread[part]) for mean, spread in predictions]


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("strip_places", [1, 40, 300, STRIP_PLACES])
@pytest.mark.parametrize("size", SIZES)
def test_every_weight_is_visited_once_from_coarse_to_fine(
    size: Size, strip_places: int, prior: ImagePrior
) -> None:
    sizes = level_sizes(*size, LEVELS)
    visits = {level: np.zeros((9, *sizes[level]), int) for level in range(1, 8)}
    visits[LEVELS + 1] = np.zeros((3, *sizes[LEVELS]), int)
    levels = []

    def answer(request: GroupPrior) -> Tensor:
        group = request.group
        assert request.mean.shape == request.log_variance.shape
        assert request.mean.shape[1:] == group.coded.shape
        integers = request.integers()
        for plane, coded in zip(integers.planes, integers.coded, strict=True):
            for row, column in np.argwhere(coded):
                row, column = row * plane.row_step, column * plane.column_step
                visits[group.level][plane.channel, plane.row + row, plane.column + column] += 1
        levels.append(group.level)
        return torch.zeros(request.mean.shape, dtype=torch.int32)

    order = prior.coding_order(
        size, *noise_scales(1), noise_steps(size), exact=True, strip_places=strip_places
    )
    with torch.no_grad():
        picture, hidden = follow(order, answer)
    assert picture.shape == (1, 3, *size)
    assert hidden.shape == (1, 8, *(-(-side // 2) for side in sizes[1]))
    assert max(int(visit.max()) for visit in visits.values()) == 1
    assert sum(int(visit.sum()) for visit in visits.values()) == 3 * size[0] * size[1]
    assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize("size", SIZES)
def test_the_weights_of_a_picture_give_that_picture(size: Size, prior: ImagePrior) -> None:
    generator = torch.Generator().manual_seed(5)
    pixels = 255 * torch.rand(1, 3, *size, generator=generator)
    scale, log_scale = noise_scales(1)
    weights = {
        level: torch.round(VALUE_UNITS * part / float(scale)).int()
        for level, part in folded_weights(pixels, LEVELS).items()
    }
    picture, _, _ = go_through(prior, weights, size, noise=(scale, log_scale))
    assert picture.dtype == torch.int32
    error = picture * (float(scale) / VALUE_UNITS) - to_colours(pixels)
    # weights are rounded to 1/16 of s, as is every step of the synthesis
    assert float(error.square().mean().sqrt()) < 0.1 * float(scale)


def test_predictions_lie_on_their_grids_and_within_their_limits(prior: ImagePrior) -> None:
    for mean, log_variance in go_through(prior, random_weights(SIZE))[2][1:]:
        assert torch.equal(mean * VALUE_UNITS, (mean * VALUE_UNITS).round())
        units = log_variance * LOG_VARIANCE_UNITS
        assert torch.equal(units, units.round())
        assert float(mean.abs().max()) <= MAX_MEAN
        assert float(log_variance.min()) >= MIN_LOG_VARIANCE
        assert float(log_variance.max()) <= MAX_LOG_VARIANCE


def test_a_prediction_depends_on_earlier_groups_alone(prior: ImagePrior) -> None:
    weights = random_weights(SIZE)
    before = go_through(prior, weights)[2]
    # of the second level, the fifth stage and all that follow: the diagonal band of two phases
    weights[2][:, 24] += 500
    after = go_through(prior, weights)[2]
    last = 1 + sum(STAGES[2:]) + 4
    for one, other in zip(before[: last + 1], after[: last + 1], strict=True):
        assert all(map(torch.equal, one, other))
    for one, other in zip(before[last + 1 :], after[last + 1 :], strict=True):
        assert not torch.equal(one[1], other[1])


@pytest.mark.parametrize("gain", [1, 64])
@pytest.mark.parametrize("strip_places", [300, STRIP_PLACES])
def test_results_are_the_same_with_other_threads_and_convolutions(
    strip_places: int, gain: int
) -> None:
    prior, weights = exact_prior(), random_weights(SIZE, gain=gain)
    with threads(1):
        expected = go_through(prior, weights, strip_places=strip_places)
        with torch.backends.mkldnn.flags(enabled=False):
            assert_same(go_through(prior, weights, strip_places=strip_places), expected)
    with threads(2):
        assert_same(go_through(prior, weights, strip_places=strip_places), expected)
    for layout in (torch.contiguous_format, torch.channels_last):
        prior = prior.to(memory_format=layout)
        assert_same(go_through(prior, weights, strip_places=strip_places), expected)


def test_results_are_the_same_in_float64() -> None:
    """Arithmetic that rounds nothing does not change with more digits."""
    prior, weights = exact_prior(), random_weights(SIZE)
    expected = go_through(prior, weights)
    for module in prior.modules():
        if isinstance(module, ExactConv):
            module.forward = _in_float64(module)  # type: ignore[method-assign]
    assert_same(go_through(prior, weights), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_results_are_the_same_on_a_gpu() -> None:
    prior, weights = exact_prior(), random_weights(SIZE)
    expected = go_through(prior, weights)
    scale, log_scale = noise_scales(1)
    prior, weights = prior.to("cuda"), {level: part.cuda() for level, part in weights.items()}
    assert_same(go_through(prior, weights, noise=(scale.cuda(), log_scale.cuda())), expected)


def test_a_picture_in_a_batch_is_predicted_as_it_is_alone(prior: ImagePrior) -> None:
    weights = random_weights(SIZE, batch=2)
    scales, log_scales = noise_scales(2)
    both = go_through(prior, weights)
    for index in range(2):
        part = slice(index, index + 1)
        alone = go_through(
            prior,
            {level: values[part] for level, values in weights.items()},
            noise=(scales[part], log_scales[part]),
        )
        assert_same(part_of(both, index), alone)


@pytest.mark.parametrize("strip_places", [1, 100, 700])
def test_the_picture_does_not_depend_on_strips(strip_places: int, prior: ImagePrior) -> None:
    weights = random_weights(SIZE)
    whole, _, predictions = go_through(prior, weights)
    strips, _, more = go_through(prior, weights, strip_places=strip_places)
    assert torch.equal(whole, strips)
    assert len(more) > len(predictions)


def test_a_window_sees_what_the_whole_picture_does(prior: ImagePrior) -> None:
    """Far from its edges: the networks reach a few places."""
    weights = random_weights((320, 320))
    rows, columns = slice(8, 72), slice(4, 68)
    confined = dict(weights) | {1: weights[1][..., rows, columns]}
    _, hidden, _ = go_through(prior, weights, (320, 320))
    predictions: Predictions = []

    def answer(request: GroupPrior) -> Tensor:
        predictions.append((request.mean, request.log_variance))
        group = request.group
        return confined[group.level][:, list(group.channels)] * group.coded

    order = prior.coding_order(
        (320, 320), *noise_scales(1), noise_steps((320, 320)), exact=True, window=(rows, columns)
    )
    with torch.no_grad():
        picture, inner = follow(order, answer)
    assert picture.shape == (1, 3, 256, 256)
    middle = slice(28, 36)
    assert torch.equal(inner[..., middle, middle], hidden[..., 36:44, 32:40])


def test_exact_and_trained_arithmetic_are_nearly_the_same(prior: ImagePrior) -> None:
    weights = random_weights(SIZE)
    picture, _, exact = go_through(prior, weights)
    trained_picture, _, trained = go_through(prior, weights, exact=False)
    assert float((picture / VALUE_UNITS - trained_picture).abs().max()) < 2
    for (_, one), (_, other) in zip(exact, trained, strict=True):
        assert float((one - other).abs().mean()) < 0.2


def _in_float64(module: ExactConv) -> Callable[[Tensor], Tensor]:
    assert module.bias is not None
    weight, bias, padding = module.weight.double(), GRID * module.bias.double(), module.padding

    def forward(values: Tensor) -> Tensor:
        result = torch.nn.functional.conv2d(values.double(), weight, bias, padding=padding)
        return result.float().bfloat16()

    return forward
