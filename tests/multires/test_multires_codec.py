"""Whole encodes and decodes with tiny multires presets: budgets, shapes, prefixes, scales."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import encoded, image, set_effort
from signal_files import picture, tone
from tiny_presets import MULTIRES_AUDIO, MULTIRES_IMAGE, received_weights

from combiner_core import (
    BitstreamError,
    Budget,
    Encoded,
    EncodeOptions,
    PresetLibrary,
    Progress,
    Signal,
    bitstream,
    decode,
    encode,
    inspect,
    psnr_db,
)
from combiner_core import load as load_signal
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.audio.field import AudioField
from combiner_core.multires.codec import MultiresEffort
from combiner_core.multires.image.rendering import resize
from combiner_core.multires.noise_scale import MIN_INDEX
from combiner_core.multires.parameters import Parameters

OPTIONS = EncodeOptions("multires", effort="fast", device="cpu")
REFINED = replace(OPTIONS, effort="balanced")
PHASES = ["search", "fit", "code", "verify"]


@pytest.fixture(scope="module")
def library(multires_presets: Path) -> PresetLibrary:
    return PresetLibrary(multires_presets)


@pytest.fixture(autouse=True)
def quick_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, multires_codec, "fast", MultiresEffort(states=8, latent_steps=0))
    set_effort(monkeypatch, multires_codec, "balanced", MultiresEffort(states=8, latent_steps=3))


@pytest.fixture(scope="module")
def photo_file(library: PresetLibrary) -> Encoded:
    """A picture of 96 x 64 pixels in 900 bytes."""
    result = encoded(image(64, 96), Budget(900), library, OPTIONS)
    assert_fills(result, 900)
    return result


def clip(samples: int, rate: int = 8000, channels: int = 1) -> Signal:
    return Signal.audio(tone(samples, rate, channels), rate)


def assert_fills(result: Encoded, file_bytes: int) -> None:
    """Nearly all of a budget is used, if the finest noise scale can use it, and no more."""
    header = bitstream.read(result.data).header
    finest = MIN_INDEX if header.shape.kind == "image" else AudioField.finest_index
    is_finest = Parameters.from_bytes(header.parameters).noise_index == finest
    # the lengths of short messages are whatever a few weights take
    share = 0.02 if file_bytes > 2000 else 0.04 if file_bytes > 400 else 0.3
    assert is_finest or (1 - share) * file_bytes - 3 <= len(result.data)
    assert len(result.data) <= file_bytes


def assert_decodes_as_verified(result: Encoded, library: PresetLibrary) -> Signal:
    decoded = decode(result.data, device="cpu", models=library)
    assert np.array_equal(decoded.values, result.reconstruction.values)
    assert decoded.sample_rate == result.reconstruction.sample_rate
    return decoded


@pytest.mark.parametrize(
    ("height", "width", "file_bytes"),
    [(8, 8, 60), (8, 8, 130), (16, 16, 40), (16, 16, 41), (17, 23, 158), (17, 23, 300),
     (48, 64, 500), (48, 64, 3000), (9, 130, 200), (130, 9, 1200)],
)  # fmt: skip
def test_any_picture_fills_its_budget_and_comes_back(
    height: int, width: int, file_bytes: int, library: PresetLibrary
) -> None:
    signal = image(height, width)
    result = encoded(signal, Budget(file_bytes), library, OPTIONS)
    assert_fills(result, file_bytes)
    decoded = assert_decodes_as_verified(result, library)
    assert (decoded.height, decoded.width) == (height, width)
    assert result.psnr_db == psnr_db(signal, decoded)
    assert (result.model, result.device) == (MULTIRES_IMAGE, "cpu")


@pytest.mark.parametrize(
    ("channels", "samples", "rate"),
    [(1, 16, 8000), (1, 64, 8000), (1, 801, 16000), (2, 1999, 11025), (1, 999, 6001),
     (2, 4001, 44100), (3, 500, 8000)],
)  # fmt: skip
def test_any_clip_fills_its_budget_and_comes_back(
    channels: int, samples: int, rate: int, library: PresetLibrary
) -> None:
    signal = clip(samples, rate, channels)
    result = encoded(signal, Budget(150), library, OPTIONS)
    assert_fills(result, 150)
    decoded = assert_decodes_as_verified(result, library)
    assert decoded.values.shape == (channels, samples)
    assert decoded.sample_rate == rate
    assert result.model == MULTIRES_AUDIO


def test_a_long_clip_is_coded_in_blocks() -> None:
    """With the shipped prior: 26 s are more frames than one block has."""
    library, hop = PresetLibrary(), 384
    signal = Signal.audio(np.tile(tone(16_000, 16_000), 27)[:, : hop * 1100 + 7], 16_000)
    result = encoded(signal, Budget(8, "kbps"), library, OPTIONS)
    decoded = assert_decodes_as_verified(result, library)
    for frames in (slice(0, 1024), slice(1024, 1100)):
        part = slice(hop * frames.start, hop * frames.stop)
        sent, received = signal.values[:, part], decoded.values[:, part]
        assert float(((sent - received) ** 2).sum()) < 0.01 * float((sent**2).sum())


@pytest.mark.parametrize("width", [1, 4, 8])
def test_patterns_that_the_shipped_prior_does_not_expect_are_coded(width: int) -> None:
    columns = 255 * (np.arange(128) // width % 2)
    signal = Signal.image(np.broadcast_to(columns[:, None], (128, 128, 3)).astype(np.uint8))
    library = PresetLibrary()
    result = encoded(signal, Budget(1.5, "bpp"), library, OPTIONS)
    assert_decodes_as_verified(result, library)
    assert result.psnr_db > 16  # 6 dB is that of grey


@pytest.mark.parametrize(
    "signal",
    [Signal.image(np.full((24, 31, 3), level, np.uint8)) for level in (0, 128, 255)]
    + [Signal.audio(np.zeros((1, 700), np.float32), 8000)],
    ids=["black", "grey", "white", "silence"],
)
def test_what_needs_no_bits_still_decodes(signal: Signal, library: PresetLibrary) -> None:
    result = encoded(signal, Budget(400), library, OPTIONS)
    assert len(result.data) <= 400
    assert_decodes_as_verified(result, library)
    assert result.psnr_db > 25


def test_a_file_is_no_larger_than_any_use(library: PresetLibrary) -> None:
    result = encoded(image(8, 8), Budget(5e11), library, OPTIONS)
    assert len(result.data) < 10_000
    assert_decodes_as_verified(result, library)


def test_the_message_fills_most_of_the_payload(library: PresetLibrary) -> None:
    for signal, file_bytes in ((image(64, 96), 1500), (clip(5000), 600)):
        *events, _ = encode(signal, Budget(file_bytes), REFINED, library)
        last = events[-1]
        assert isinstance(last, Progress)
        assert 0.9 * last.budget_bits <= last.committed_bits <= last.budget_bits


@pytest.mark.parametrize("refine", [True, False])
def test_refined_files_decode(refine: bool, library: PresetLibrary) -> None:
    signal = image(33, 47)
    result = encoded(signal, Budget(400), library, replace(REFINED, refine=refine))
    assert_fills(result, 400)
    assert_decodes_as_verified(result, library)


def test_same_seed_same_file(library: PresetLibrary) -> None:
    first, again, other = (
        encoded(image(), Budget(200), library, replace(REFINED, seed=seed)).data
        for seed in (4, 4, (1 << 32) - 1)
    )
    assert first == again
    assert first != other
    assert inspect(other, library).seed == (1 << 32) - 1


def test_a_file_decodes_in_another_process(
    multires_presets: Path,
    photo_file: Encoded,
    tmp_path: Path,
    run_cli: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    (tmp_path / "photo.cmb").write_bytes(photo_file.data)
    run = run_cli("decode", "photo.cmb", "-o", "photo.png", "--device", "cpu")
    assert run.returncode == 0, run.stderr
    pixels = load_signal(tmp_path / "photo.png").values.astype(int)
    # convolutions of floating-point numbers can differ in their last digits
    assert abs(pixels - photo_file.reconstruction.values).max() <= 1


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_weights_are_the_same_with_other_threads_and_convolutions(
    kind: str, library: PresetLibrary
) -> None:
    signal = image(37, 53) if kind == "image" else clip(3001, 8000, 2)
    data = encoded(signal, Budget(500), library, OPTIONS).data
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = received_weights(data, library)
        with torch.backends.mkldnn.flags(enabled=False):
            assert np.array_equal(received_weights(data, library), expected)
        torch.set_num_threads(2)
        assert np.array_equal(received_weights(data, library), expected)
    finally:
        torch.set_num_threads(before)
    assert expected.dtype == np.int32
    assert expected.any()


@pytest.mark.parametrize("signal", [image(64, 96), clip(6000)], ids=["image", "audio"])
def test_longer_prefixes_are_better(signal: Signal, library: PresetLibrary) -> None:
    data = encoded(signal, Budget(900), library, OPTIONS).data
    qualities = [
        psnr_db(signal, decode(data, fraction=fraction, device="cpu", models=library))
        for fraction in (0.02, 0.1, 0.25, 0.5, 0.75, 1.0)
    ]
    assert qualities[-1] >= max(qualities) - 0.1
    assert all(after > before - 0.3 for before, after in itertools.pairwise(qualities))
    assert qualities[-1] > qualities[0] + 3


def test_a_file_cut_short_is_a_fraction_of_it(photo_file: Encoded, library: PresetLibrary) -> None:
    data = photo_file.data
    half = decode(data, fraction=0.5, device="cpu", models=library)
    cut = data[: len(data) // 2 + 40]
    with pytest.raises(BitstreamError, match="cut short"):
        decode(cut, models=library)
    again = decode(cut, fraction=0.5, device="cpu", models=library)
    assert np.array_equal(again.values, half.values)


@pytest.mark.parametrize("scale", [2.0, 0.5, 0.3, 3.0, 1.0, 1.37, 0.001])
def test_scale_changes_the_grid(scale: float, photo_file: Encoded, library: PresetLibrary) -> None:
    decoded = decode(photo_file.data, scale=scale, device="cpu", models=library)
    assert (decoded.width, decoded.height) == (max(1, round(96 * scale)), max(1, round(64 * scale)))


def test_other_scales_show_the_same_picture(library: PresetLibrary) -> None:
    data = encoded(image(64, 96), Budget(9000), library, OPTIONS).data
    whole = decode(data, device="cpu", models=library).values.astype(float)
    boxes = whole.reshape(32, 2, 48, 2, 3).mean((1, 3))
    half = decode(data, scale=0.5, device="cpu", models=library).values
    assert np.abs(half - boxes).mean() < 3
    double = decode(data, scale=2, device="cpu", models=library).values.astype(float)
    again = double.reshape(64, 2, 96, 2, 3).mean((1, 3))
    assert np.abs(again - whole).mean() < 3


@pytest.mark.parametrize("size", [(32, 32), (20, 20), (8, 8), (128, 128), (77, 77), (250, 250)])
def test_a_slope_is_the_same_slope_on_every_grid(size: tuple[int, int]) -> None:
    middles = torch.arange(64) + 0.5
    slope = torch.stack([2 * middles.expand(64, 64), 2 * middles.expand(64, 64).T])
    slope = torch.cat([slope, torch.full((1, 64, 64), 99.0)])[None]
    other = resize(slope, size)
    assert other.shape == (1, 3, *size)
    expected = 2 * (torch.arange(size[0]) + 0.5) * (64 / size[0])
    inner = slice(size[0] // 4, -(size[0] // 4))
    for row in (inner.start, size[0] // 2):
        assert float((other[0, 0, row] - expected)[inner].abs().max()) < 0.3
        assert float((other[0, 1, :, row] - expected)[inner].abs().max()) < 0.3
    assert float((other[0, 2] - 99).abs().max()) < 0.5


def test_other_scales_play_the_same_clip(library: PresetLibrary) -> None:
    data = encoded(clip(4000), Budget(400), library, OPTIONS).data
    whole = decode(data, device="cpu", models=library).values
    double = decode(data, scale=2, device="cpu", models=library).values
    again = double.reshape(1, 4000, 2).mean(2)
    assert np.abs(again - whole).max() < 0.1 * np.abs(whole).max()


@pytest.mark.parametrize("signal", [image(40, 57), clip(7000, 8000, 2)], ids=["image", "audio"])
def test_progress_is_in_order(signal: Signal, library: PresetLibrary) -> None:
    *events, result = encode(signal, Budget(700), REFINED, library)
    assert isinstance(result, Encoded)
    progress = [event for event in events if isinstance(event, Progress)]
    phases = [event.phase for event in progress]
    assert phases[0] == "search"
    assert phases[-1] == "verify"
    assert phases.count("verify") == 1
    assert set(phases) <= set(PHASES)
    first_code = phases.index("code")
    assert set(phases[first_code:-1]) == {"code"}
    for before, after in itertools.pairwise(progress):
        assert before.elapsed_s <= after.elapsed_s
    for event in progress:
        assert 0 <= event.step <= event.total
        assert 0 <= event.committed_bits <= event.budget_bits
        assert np.isfinite(event.distortion)
    # without what is cut off at the end, and without the correction of a picture
    assert progress[-1].psnr_db == pytest.approx(result.psnr_db, abs=2.5)


@pytest.mark.parametrize("signal", [image(40, 57), clip(7000, 8000, 2)], ids=["image", "audio"])
def test_bits_are_committed_where_the_map_says(signal: Signal, library: PresetLibrary) -> None:
    *events, _ = encode(signal, Budget(700), OPTIONS, library)
    coded = [e for e in events if isinstance(e, Progress) and e.phase == "code"]
    falls = [a for b, a in itertools.pairwise(coded) if a.committed_bits < b.committed_bits]
    # the code is made anew if it leaves much of the budget empty
    assert len(falls) <= 8
    last = coded[-1]
    assert last.bit_map is not None
    assert last.bit_map.dtype == np.float32
    assert last.bit_map.sum() == pytest.approx(last.committed_bits, rel=0.02, abs=8)


def test_previews_grow_to_the_whole_picture(library: PresetLibrary) -> None:
    *events, _ = encode(image(250, 300), Budget(6000), OPTIONS, library)
    previews = [e.preview for e in events if isinstance(e, Progress) and e.preview is not None]
    whole = picture(250, 300)
    assert max(previews[0].shape) < 192
    assert max(map(np.shape, previews)) == whole.shape
    for preview in previews:
        assert preview.dtype == np.uint8
        assert preview.ndim == 3
        assert max(preview.shape) <= 2048
    halvings = round(np.log2(whole.shape[1] / previews[-1].shape[1]))
    small = whole[:: 1 << halvings, :: 1 << halvings].astype(float)
    assert np.abs(previews[-1] - small).mean() < 30


@pytest.mark.parametrize("phase", PHASES[:3])
def test_an_encoder_can_be_closed_in_any_phase(
    phase: str, library: PresetLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_effort(monkeypatch, multires_codec, "best", MultiresEffort(states=8, latent_steps=10**6))
    options = replace(REFINED, effort="best" if phase == "fit" else "balanced")
    events = encode(image(), Budget(200), options, library)
    assert any(isinstance(event, Progress) and event.phase == phase for event in events)
    assert isinstance(events, Generator)
    events.close()
    assert list(events) == []
    result = encoded(image(), Budget(200), library, OPTIONS)
    assert_decodes_as_verified(result, library)
