"""What the postfilter brings, by some places of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from combiner_core import Budget, Encoded, EncodeOptions, Progress, Signal, encode, load
from combiner_core.multires.coding_order import Group
from combiner_core.multires.image.filter_gain import FilterGain, Finest
from combiner_core.multires.image.folding import fold
from combiner_core.options import TuneName
from combiner_core.rec import Grid

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"


def group(level: int, channels: int, first_row: int = 0) -> Group:
    numbers = tuple(range(channels))
    return Group(level, 0, numbers, torch.empty(0), Grid(channels, 1, 1), (), first_row)


@pytest.mark.parametrize("size", [(24, 200), (64, 64), (67, 301), (71, 2000), (300, 520)])
def test_errors_of_places_are_found_wherever_strips_begin(size: tuple[int, int]) -> None:
    """White errors of the finest weights alone, whose squares are those of the pixels."""
    pixels = torch.full((1, 3, *size), 100.0)
    generator = torch.Generator().manual_seed(0)
    low = torch.zeros(1, 3, -(-size[0] // 2), -(-size[1] // 2), dtype=torch.int32)
    details = torch.randint(-80, 80, (1, 9, *low.shape[2:]), generator=generator).int()
    folded = fold(details)
    gain = FilterGain(pixels, 3, is_grey=False, roughly=False)
    middle = folded.shape[2] // 2
    for first, part in ((0, folded[:, :, :middle]), (middle, folded[:, :, middle:])):
        errors = part[0].numpy().astype(np.float64)
        gain.enter(group(1, 36, first), part, errors, np.ones(errors.shape, bool))
    found = gain.ratio(Finest(low, (), 1.0, 1.0), lambda made, contexts: made + 100)
    assert found == pytest.approx(1, abs=0.25)
    halved = gain.ratio(Finest(low, (), 1.0, 1.0), lambda made, contexts: made / 2 + 100)
    assert halved == pytest.approx(found / 4, rel=0.02)


@pytest.mark.parametrize("tune", ["psnr", "perceptual"])
def test_the_running_psnr_ends_near_that_of_the_result(tune: TuneName) -> None:
    """Of a small part of a grey chart, to which the filter brings 3 dB, and of a photograph."""
    chart, photograph = (load(EXAMPLES / f"{name}.png").values for name in ("chart", "osprey"))
    options = EncodeOptions(effort="fast", device="cpu", tune=tune)
    for part, most_db in ((chart[:90, 60:190], 0.05), (photograph[50:350, 100:500], 0.2)):
        signal = Signal.image(part)
        *events, result = encode(signal, Budget(0.5, "bpp"), options)
        assert isinstance(result, Encoded)
        coded = [each for each in events if isinstance(each, Progress) and each.phase == "code"]
        assert coded[-1].psnr_db == pytest.approx(result.psnr_db, abs=most_db)
