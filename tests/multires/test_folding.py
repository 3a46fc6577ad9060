"""Folded grids: the order of pixel_unshuffle, zeros where there is nothing, and back."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from combiner_core.multires.image.folding import fold, unfold


@pytest.mark.parametrize("kind", [torch.float32, torch.int32, torch.int8])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (3, 8), (6, 5), (7, 7)])
def test_four_neighbours_become_channels_and_come_back(
    height: int, width: int, kind: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(-100, 100, (2, 3, height, width), generator=generator).to(kind)
    padded = functional.pad(values, (0, width % 2, 0, height % 2))
    folded = fold(values)
    assert torch.equal(folded, functional.pixel_unshuffle(padded, 2))
    assert torch.equal(unfold(folded, height, width), values)
