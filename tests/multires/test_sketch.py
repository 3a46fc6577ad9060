"""What is seen of a picture while it is coded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from signal_files import picture
from tiny_presets import image_model
from torch import Tensor

from combiner_core import Signal
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.noise_map import NoiseSteps
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.rec.wire import VALUE_UNITS
from combiner_core.signals import ImageShape

NOISE = NoiseScale(0)


@pytest.mark.parametrize("strip_places", [1 << 18, 300], ids=["whole", "strips"])
@torch.no_grad()
def test_the_finest_level_is_seen_group_by_group(strip_places: int) -> None:
    """Nearer and nearer to the original; at the end what is decoded, without the postfilter."""
    size, model = (61, 90), image_model()
    field = ImageField(model, ImageShape(size[1], size[0]), torch.device("cpu"))
    original = picture(*size)
    coefficients = field.coefficients(field.values(Signal.image(original)))
    sketch = field.sketch()
    seen = []

    def answer(prior: GroupPrior) -> Tensor:
        exact = coefficients.of(prior.group, NOISE.value) * prior.group.coded.numpy()
        values = prior.answer(np.rint(exact * VALUE_UNITS).astype(np.int32))
        sketch.enter(prior, values)
        picture = sketch.look(prior, NOISE)
        if picture is not None:
            seen.append(picture)
        return values

    scale, log_scale = NOISE.tensors(1, torch.device("cpu"))
    steps = NoiseSteps.of([field.manner.noise_map], size, field.levels)
    # twice: what was seen of the first time is forgotten
    for _ in range(2):
        sketch.begin()
        seen.clear()
        order = model.prior.coding_order(
            size, scale, log_scale, steps, exact=True, strip_places=strip_places
        )
        decoded, _ = follow(order, answer)
        whole = [each for each in seen if each.shape == original.shape]
        errors = [np.square(each.astype(float) - original).mean() for each in whole]
        assert len(whole) >= 6
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 1
        assert np.array_equal(whole[-1], field.picture_of(decoded, NOISE, 0))
    sides = [max(each.shape) for each in seen]
    assert sides == sorted(sides)
