"""A picture's file taken apart: its bits are all there, and its arrays are the decoder's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoding import encoded, image, set_effort
from signal_files import tone
from torch import Tensor

from combiner_core import (
    Anatomy,
    Budget,
    CombinerError,
    EncodeOptions,
    PresetLibrary,
    Signal,
    bitstream,
    dissect,
)
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.codec import MultiresCodec, MultiresEffort
from combiner_core.multires.coding_order import CodingOrder, GroupPrior, follow
from combiner_core.multires.field import received_field
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.field import ImageField, unfolded_weights
from combiner_core.multires.image.pyramid import level_sizes, recompose
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.rec.dependent_quantiser import transitions
from combiner_core.rec.groups import GroupDecoder
from combiner_core.rec.wire import VALUE_UNITS

HEIGHT, WIDTH, STATES = 75, 102, 8


@pytest.fixture(scope="module")
def library(multires_presets: Path) -> PresetLibrary:
    return PresetLibrary(multires_presets)


@pytest.fixture(params=["psnr", "perceptual"])
def data(
    request: pytest.FixtureRequest, library: PresetLibrary, monkeypatch: pytest.MonkeyPatch
) -> bytes:
    set_effort(monkeypatch, multires_codec, "fast", MultiresEffort(STATES, latent_steps=0))
    options = EncodeOptions("multires", effort="fast", device="cpu", tune=request.param)
    return encoded(image(HEIGHT, WIDTH), Budget(1500), library, options).data


@pytest.fixture
def anatomy(data: bytes, library: PresetLibrary) -> Anatomy:
    return dissect(data, device="cpu", models=library)


def decoded_again(
    data: bytes, library: PresetLibrary
) -> tuple[ImageField, float, dict[int, list[Tensor]], Tensor]:
    """Field and noise scale; means and values on folded grids, by level; the sum of all weights."""
    container = bitstream.read(data)
    header = container.header
    codec = library.for_file(header)
    assert isinstance(codec, MultiresCodec)
    parameters = Parameters.from_bytes(header.parameters)
    side = container.payload[: parameters.side_bytes]
    message = container.payload[parameters.side_bytes :]
    device = torch.device("cpu")
    field = received_field(codec.preset.model, header.shape, device, parameters, side)
    assert isinstance(field, ImageField)
    noise = NoiseScale(parameters.noise_index, field.unit)
    decoder = GroupDecoder(codec.preset.tables, message, parameters.states)
    sizes = level_sizes(HEIGHT, WIDTH, field.levels + 1)
    found = {
        level: [torch.zeros(1, 36, *sizes[level + 1]) for _ in range(2)]
        for level in range(1, field.levels + 1)
    }
    found[field.levels + 1] = [torch.zeros(1, 3, *sizes[field.levels]) for _ in range(2)]

    def visit(prior: GroupPrior) -> Tensor:
        values = prior.answer(decoder.decode(prior.integers()))
        channels = list(prior.group.channels)
        means, decoded = found[prior.group.level]
        means[:, channels] = prior.mean * prior.group.coded
        decoded[:, channels] = values / VALUE_UNITS
        return values

    order: CodingOrder[Any] = field.coding_order(noise)
    pixels, _ = follow(order, visit)
    return field, noise.value, found, pixels


def test_all_bits_are_told(data: bytes, anatomy: Anatomy) -> None:
    payload_bits = 8 * bitstream.read(data).payload_bytes
    assert payload_bits - 40 < anatomy.bits < payload_bits + 16
    weights_bits = sum(level.bits for level in anatomy.levels)
    assert anatomy.bit_map.sum() == pytest.approx(weights_bits, rel=1e-3)
    assert sum(level.weights for level in anatomy.levels) == 3 * HEIGHT * WIDTH
    assert (
        anatomy.side_bits
        == 8 * Parameters.from_bytes(bitstream.read(data).header.parameters).side_bytes
    )


def test_expected_and_came_are_the_decoders(
    data: bytes, anatomy: Anatomy, library: PresetLibrary
) -> None:
    field, scale, found, pixels = decoded_again(data, library)
    assert len(anatomy.levels) == field.levels + 1
    for which, name in enumerate(("expected", "came")):
        alone = {
            level: arrays[which] if level == 1 else torch.zeros_like(arrays[which])
            for level, arrays in found.items()
        }
        colours = recompose(unfolded_weights(alone, HEIGHT, WIDTH), HEIGHT, WIDTH)
        wanted = scale * to_pixels(colours)[0].permute(1, 2, 0)
        shown = torch.from_numpy(getattr(anatomy.levels[-1], name))
        torch.testing.assert_close(shown, wanted, atol=1e-3, rtol=1e-4)
    last = scale / VALUE_UNITS * to_pixels(pixels.float())[0].permute(1, 2, 0)
    assert np.abs(anatomy.levels[-1].picture - last.clamp(0, 255).numpy()).max() <= 0.51


def test_levels_add_up_to_the_picture(anatomy: Anatomy) -> None:
    first = anatomy.levels[0]
    assert np.abs(first.picture - np.clip(first.came, 0, 255)).max() < 0.6
    for level in anatomy.levels:
        height, width, _ = level.picture.shape
        assert level.expected.shape == level.came.shape == (height, width, 3)
        assert level.deviation.shape == (height, width)
        assert (level.deviation > 0).any()
        assert np.isfinite(level.deviation).all()


def test_the_path_is_one_of_the_trellis(anatomy: Anatomy) -> None:
    following = transitions(STATES)
    assert anatomy.states == STATES
    assert len(anatomy.path) == 12
    for step, after in zip(anatomy.path, anatomy.path[1:], strict=False):
        assert after.state == following[step.state, step.size & 1]
    for step in anatomy.path:
        above = step.points[step.quantiser, abs(step.size)] - step.mean
        sent = np.sign(step.size) * above
        # Values of a weight of its own noise scale are rounded once more.
        assert step.value - step.mean == pytest.approx(sent, rel=0.02, abs=0.2)
        assert step.bits >= 0
        assert (np.diff(step.points) > 0).all()
    assert any(step.size for step in anatomy.path)


def test_what_has_no_levels_is_refused_in_a_sentence(
    library: PresetLibrary, tiny_presets: Path
) -> None:
    papers, options = PresetLibrary(tiny_presets), EncodeOptions(effort="fast", device="cpu")
    sound = encoded(Signal.audio(tone(), 16000), Budget(900), library, options).data
    flat = encoded(Signal.image(np.full((40, 40, 3), 7, np.uint8)), Budget(900), library, options)
    for data, models, reason in (
        (sound, library, "clip"),
        (flat.data, library, "one colour"),
    ):
        with pytest.raises(CombinerError, match=reason):
            dissect(data, device="cpu", models=models)
    with pytest.raises(CombinerError, match="no levels"):
        papers.choose("siren", image().shape, 4000).dissect(None, b"", 0, "cpu")  # type: ignore[arg-type]
