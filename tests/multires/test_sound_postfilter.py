"""The postfilter of speech: what it corrects, and where it is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import encoded
from torch import Tensor

from benchmarks.measures.sound import estoi, pesq_wb
from combiner_core import Budget, EncodeOptions, PresetLibrary, Signal, decode, load
from combiner_core.families import OneCodec
from combiner_core.multires.audio import bands
from combiner_core.multires.audio import postfilter as network
from combiner_core.multires.audio.postfilter import (
    SoundPostfilter,
    SoundPostfilterConfig,
)
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.preset import MultiresPreset
from combiner_core.presets import DEFAULT_DIRECTORY, parsed

HOP = 384
EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
READERS = sorted(EXAMPLES.glob("reader-*.flac"))
FOR_EARS = EncodeOptions("multires", effort="fast", device="cpu", tune="perceptual")


def clips(samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two clips as the network is given them."""
    unfilled = 0.05 * torch.randn(2, samples, generator=generator)
    sound = unfilled + 0.01 * torch.randn(2, samples, generator=generator)
    frames = -(-samples // HOP) + 1
    deviations = 0.01 * torch.rand(2, frames, len(bands.spans(HOP)), generator=generator)
    return sound, unfilled, deviations, torch.tensor([-8.0, -6.5])


def random_postfilter(generator: torch.Generator) -> SoundPostfilter:
    """One whose every weight counts."""
    result = SoundPostfilter(SoundPostfilterConfig((8, 8, 8))).eval().requires_grad_(False)
    for parameter in result.parameters():
        parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return result


@pytest.mark.parametrize("samples", [16, 383, 384, 1300, 20_000])
def test_untrained_it_changes_nothing(samples: int) -> None:
    sound, *known = clips(samples, torch.Generator().manual_seed(0))
    filtered = SoundPostfilter(SoundPostfilterConfig())(sound, *known)
    torch.testing.assert_close(filtered, sound, atol=1e-6, rtol=0)


def test_long_clips_go_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(1)
    postfilter, given = random_postfilter(generator), clips(100 * HOP + 77, generator)
    whole = postfilter(*given)
    monkeypatch.setattr(network, "_BLOCK", 30 * HOP)
    torch.testing.assert_close(postfilter(*given), whole, atol=1e-5, rtol=0)
    assert (whole - given[0]).abs().max() > 1e-3


def test_louder_clips_are_louder_by_the_same() -> None:
    generator = torch.Generator().manual_seed(2)
    postfilter, (sound, unfilled, deviations, log_noise) = (
        random_postfilter(generator),
        clips(8000, generator),
    )
    usual = postfilter(sound, unfilled, deviations, log_noise)
    louder = postfilter(4 * sound, 4 * unfilled, 4 * deviations, log_noise)
    torch.testing.assert_close(louder, 4 * usual, atol=1e-4, rtol=1e-3)


@pytest.fixture(scope="module")
def library() -> PresetLibrary:
    return PresetLibrary(DEFAULT_DIRECTORY)


def without_postfilter(library: PresetLibrary, clip: Signal) -> OneCodec:
    """The shipped codec of speech, less its postfilter."""
    preset = library.choose("multires", clip.shape, 10_000).preset  # type: ignore[attr-defined]
    bare = preset.model.without_postfilter()
    return OneCodec(MultiresCodec(replace(preset, model=bare)))


@pytest.fixture(scope="module")
def speech() -> Signal:
    """Two seconds of somebody who reads."""
    clip = load(READERS[0])
    return Signal.audio(clip.values[:, 16_000:48_000], clip.sample_rate)


@pytest.mark.parametrize("kbps", [8, 16])
def test_speech_sounds_more_like_the_original(kbps: float, library: PresetLibrary) -> None:
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    gains = []
    for path in READERS:
        clip = load(path)
        speech = Signal.audio(clip.values[:, :64_000], clip.sample_rate)
        data = encoded(speech, Budget(kbps, "kbps"), library, FOR_EARS).data
        bare = without_postfilter(library, speech)
        plain, filtered = (decode(data, models=each, device="cpu") for each in (bare, library))
        for measure in (pesq_wb, estoi):
            before, after = measure(speech, plain), measure(speech, filtered)
            assert before is not None
            assert after is not None
            gains.append(after - before)
    assert np.mean(gains[::2]) > 0.05
    assert np.mean(gains[1::2]) > 0


def test_only_what_is_made_for_ears_is_filtered(speech: Signal, library: PresetLibrary) -> None:
    bare = without_postfilter(library, speech)
    fast = replace(FOR_EARS, tune="psnr")
    # at a rate far from that of the model, what it has learned of speech does not hold
    slow = Signal.audio(speech.values[:, :8000], 8000)
    for clip, options in ((speech, fast), (slow, FOR_EARS)):
        data = encoded(clip, Budget(8, "kbps"), library, options).data
        one, other = (decode(data, models=models, device="cpu") for models in (library, bare))
        np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.parametrize("scale", [0.5, 1.003, 2.0])
def test_it_is_applied_on_the_clips_own_grid(
    scale: float, speech: Signal, library: PresetLibrary
) -> None:
    data = encoded(speech, Budget(12, "kbps"), library, FOR_EARS).data
    usual = decode(data, models=library, device="cpu")
    scaled = decode(data, models=library, device="cpu", scale=scale)
    assert scaled.samples == round(scale * speech.samples)
    if scale == 2:
        middle = scaled.values[0, 1:-1].reshape(-1, 2).mean(1)
        assert np.corrcoef(middle[:-1], usual.values[0, 1:-1])[0, 1] > 0.95


def test_presets_keep_it(speech: Signal, library: PresetLibrary, tmp_path: Path) -> None:
    codec = library.choose("multires", speech.shape, 10_000)
    preset = codec.preset  # type: ignore[attr-defined]
    card = preset.save(tmp_path)
    content = (tmp_path / f"{card.name}.safetensors").read_bytes()
    again = MultiresPreset.from_arrays(card, *parsed(content))
    assert again.model.config == preset.model.config
    for name, value in preset.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)
