"""Work is bounded by what a header claims, and refused in one sentence where that is too much."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoding import OPTIONS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signal_files import tone
from tiny_presets import TRELLIS, write_multires_presets, write_presets

import combiner_core as cc
from benchmarks.reliability.hostile import random_side
from combiner_core import Budget, CombinerError, Limits, PresetLibrary, Signal, bitstream
from combiner_core.bitstream import Header
from combiner_core.limits import DEFAULT_LIMITS
from combiner_core.multires.image import prior as image_prior
from combiner_core.multires.image import rendering, wavelets
from combiner_core.signals import AudioShape, ImageShape, Shape, regrid
from combiner_core.siren import payload as siren_payload
from combiner_core.siren.codec import SirenCodec
from combiner_core.siren.tiling import ImageTiling, most_tiles

SMALL = Limits(
    pixels=4000,
    side=900,
    samples=9000,
    channels=3,
    scaled_pixels=4000,
    scaled_samples=9000,
    fields=12,
)
ROOT = Path(__file__).parents[1]
STATES, NOISE_SCALE = b"\x05", (4 * 256).to_bytes(2, "little")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> PresetLibrary:
    folder = tmp_path_factory.mktemp("all")
    write_presets(folder)
    write_multires_presets(folder)
    return PresetLibrary(folder)


def hostile(
    library: PresetLibrary, model: str, shape: Shape, parameters: bytes, payload: bytes = b"p"
) -> bytes:
    """A file with right checksums."""
    card = library.card_for(model, shape, 1.0)
    return bitstream.write(Header(shape, card.id, card.prior_hash, 1, parameters), payload)


def parameters(model: str, shape: Shape, grid: tuple[int, int] = (1, 1)) -> bytes:
    if model == "multires":
        return STATES + NOISE_SCALE
    return TRELLIS + (bytes(grid) if isinstance(shape, ImageShape) else b"")


extents = st.sampled_from([1, 2, 15, 16, 17, 60, 899, 900, 901, 1 << 20]) | st.integers(1, 80)
shapes = st.builds(ImageShape, extents, extents) | st.builds(
    AudioShape,
    st.sampled_from([1, 15, 700, 2999, 3001, 9000, 9001, 1 << 40]),
    st.sampled_from([1, 2, 3, 4, 255]),
    st.sampled_from([1000, 7999, 8000, 48000, 1 << 20]),
)
scales = st.just(1.0) | st.floats(1e-6, 64, exclude_min=True)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    model=st.sampled_from(["siren", "multires"]),
    shape=shapes,
    grid=st.tuples(st.integers(0, 255), st.integers(0, 255)) | st.just((1, 1)),
    payload=st.binary(max_size=300),
    scale=scales,
    share=st.sampled_from([1.0, 0.6]),
)
def test_whatever_a_header_claims_is_bounded(
    library: PresetLibrary,
    model: str,
    shape: Shape,
    grid: tuple[int, int],
    payload: bytes,
    scale: float,
    share: float,
) -> None:
    file = hostile(library, model, shape, parameters(model, shape, grid), payload)
    if share < 1:
        file = file[:-2]
    refusal, signal = "", None
    try:
        signal = cc.decode(
            file, scale=scale, fraction=share, device="cpu", models=library, limits=SMALL
        )
    except CombinerError as error:
        refusal = str(error)
    if signal is None:
        assert refusal.endswith(".")
        assert "\n" not in refusal
        return
    if isinstance(shape, ImageShape):
        assert shape.width * shape.height <= SMALL.pixels
        assert signal.pixels <= max(SMALL.pixels, SMALL.scaled_pixels)
    else:
        assert shape.values_count <= SMALL.samples
        assert signal.values.size <= SMALL.scaled_samples + SMALL.channels


@pytest.mark.parametrize("model", ["siren", "multires"])
@pytest.mark.parametrize(
    ("shape", "scale", "sentence"),
    [
        (ImageShape(901, 1), 1.0, "901 x 1 pixels: at most 900 along a side are accepted."),
        (ImageShape(80, 51), 1.0, "80 x 51 = 4,080 pixels: at most 4,000 are accepted."),
        (ImageShape(80, 51), 1e-4, "80 x 51 = 4,080 pixels: at most 4,000 are accepted."),
        (ImageShape(40, 40), 2.0, "would have 6,400 pixels: at most 4,000 are accepted."),
        (AudioShape(4501, 2, 8000), 1e-4, "9,002 samples over all channels: at most 9,000 are"),
        (AudioShape(2000, 4, 8000), 1.0, "has 4 channels: at most 3 are accepted."),
        (AudioShape(3000, 2, 8000), 2.0, "would have 12,000 samples: at most 9,000 are accepted."),
    ],
)
def test_what_exceeds_the_limits_is_refused(
    model: str, shape: Shape, scale: float, sentence: str, library: PresetLibrary
) -> None:
    file = hostile(library, model, shape, parameters(model, shape))
    with pytest.raises(CombinerError) as caught:
        cc.decode(file, scale=scale, models=library, limits=SMALL)
    assert str(caught.value).endswith(sentence) or sentence in str(caught.value)


def test_the_rate_of_the_model_counts(library: PresetLibrary) -> None:
    file = hostile(library, "siren", AudioShape(2000, 1, 1000), TRELLIS)
    with pytest.raises(CombinerError, match="16,000 samples at the rate of the model tiny-audio"):
        cc.decode(file, models=library, limits=SMALL)


@pytest.mark.parametrize("grid", [(0, 1), (3, 1), (1, 4), (255, 255)])
def test_tiles_are_not_smaller_than_an_encoder_makes_them(
    grid: tuple[int, int], library: PresetLibrary
) -> None:
    shape = ImageShape(48, 47)
    assert (most_tiles(47), most_tiles(48), most_tiles(3)) == (2, 3, 1)
    with pytest.raises(cc.BitstreamError, match="tiles is impossible"):
        cc.decode(hostile(library, "siren", shape, TRELLIS + bytes(grid)), models=library)


def test_a_file_of_too_many_tiles_is_refused(library: PresetLibrary) -> None:
    shape = ImageShape(64, 60)
    file = hostile(library, "siren", shape, parameters("siren", shape, (3, 4)), bytes([9]) * 400)
    assert cc.decode(file, models=library, limits=SMALL).shape == shape
    with pytest.raises(CombinerError, match="divided into 12 parts: at most 11 are accepted"):
        cc.decode(file, models=library, limits=replace(SMALL, fields=11))


def test_an_encoder_never_asks_for_more_fields_than_are_decoded() -> None:
    for fields in (1.0, 2047.0, 2048.5, 1e9):
        tiling = ImageTiling.of_about(ImageShape(5000, 4000), fields)
        assert tiling.fields <= DEFAULT_LIMITS.fields


@pytest.mark.parametrize(
    ("signal", "sentence"),
    [
        (Signal.image(np.zeros((50, 90, 3), np.uint8)), "90 x 50 = 4,500 pixels: at most 4,000"),
        (Signal.audio(np.full(9001, 0.1, np.float32), 8000), "9,001 samples over all channels"),
        (Signal.audio(np.full((4, 99), 0.1, np.float32), 8000), "4 channels: at most 3"),
    ],
    ids=["image", "clip", "channels"],
)
def test_an_encoder_refuses_at_the_call_what_a_decoder_would(
    signal: Signal, sentence: str, library: PresetLibrary
) -> None:
    with pytest.raises(cc.SignalError, match=sentence):
        cc.encode(signal, Budget(500), OPTIONS, library, limits=SMALL)
    with pytest.raises(cc.SignalError, match=sentence):
        cc.iter_compress(signal, bytes=500, models=library, limits=SMALL)


def test_ten_minutes_of_stereo_are_refused_at_the_call(library: PresetLibrary) -> None:
    silence = np.broadcast_to(np.float32(0.1), (2, 600 * 48000))
    with pytest.raises(cc.SignalError, match="57,600,000 samples over all channels"):
        cc.encode(Signal(silence, "audio", 48000), Budget(5000), OPTIONS, library)


def test_a_payload_is_bounded_on_both_sides(library: PresetLibrary) -> None:
    shape = ImageShape(40, 24)
    file = hostile(library, "multires", shape, parameters("multires", shape), bytes(301))
    tight = replace(SMALL, payload_bytes=300)
    for data in (file, file[:-200]):  # stated is as bad as there
        with pytest.raises(CombinerError, match="payload of 301 bytes: at most 300 are accepted"):
            cc.decode(data, fraction=0.5, models=library, limits=tight)
    noise = np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8)
    picture = Signal.image(noise)
    *_, result = cc.iter_compress(
        picture, bytes=2000, effort="fast", model="multires", models=library, limits=tight
    )
    assert isinstance(result, cc.Encoded)
    assert 280 < cc.inspect(result.data, library).payload_bytes <= 300


def test_who_asks_for_more_gets_it(library: PresetLibrary) -> None:
    shape = ImageShape(90, 50)
    file = hostile(library, "multires", shape, parameters("multires", shape))
    with pytest.raises(CombinerError):
        cc.decompress(file, models=library, limits=SMALL)
    large = replace(SMALL, pixels=4500)
    assert cc.decompress(file, models=library, limits=large).shape == shape


@pytest.mark.parametrize("value", [0, -1, 1.5, float("inf")])
def test_impossible_limits_are_refused(value: Any) -> None:
    with pytest.raises(CombinerError, match="limit of pixels is a positive whole number"):
        Limits(pixels=value)


@pytest.mark.parametrize("scale", [1e-6, 0.001, 0.004, 0.01, 0.02, 0.3])
def test_tiles_of_no_pixels_are_left_out(scale: float, library: PresetLibrary) -> None:
    shape = ImageShape(64, 60)
    file = hostile(library, "siren", shape, parameters("siren", shape, (3, 4)), bytes([9]) * 400)
    picture = cc.decode(file, scale=scale, models=library)
    assert picture.shape == ImageShape(max(1, round(64 * scale)), max(1, round(60 * scale)))


@pytest.mark.parametrize("scale", [1e-6, 0.001, 0.0301, 0.3, 1.01, 3.0, 64.0])
@pytest.mark.parametrize("rate", [1000, 1049, 8000, 1 << 20])
@pytest.mark.parametrize("model", ["siren", "multires"])
def test_clips_of_any_rate_have_any_scale(
    model: str, rate: int, scale: float, library: PresetLibrary
) -> None:
    file = hostile(library, model, AudioShape(700, 2, rate), TRELLIS, bytes([9]) * 200)
    if model == "multires":
        file = hostile(library, model, AudioShape(700, 2, rate), STATES + NOISE_SCALE)
    clip = cc.decode(file, scale=scale, models=library)
    assert clip.values.shape == (2, max(1, round(700 * scale)))


def test_a_much_slower_clip_is_what_is_slow_in_it() -> None:
    slow = np.sin(np.arange(200_000) * (2 * np.pi / 40_000), dtype=np.float64).astype(np.float32)
    fast = tone(200_000, 8000)[:1] * 0.2
    clip = regrid(slow + fast, 1000.0, 1.0, 200)
    first = slow[::1000]
    assert np.abs(clip[0] - first)[20:-20].max() < 0.02


def test_blocks_of_a_finer_grid_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    pixels = torch.from_numpy(np.random.default_rng(2).uniform(0, 255, (1, 3, 23, 60))).float()
    for scale in (1.02, 2.0, 3.7):
        size = (round(23 * scale), round(60 * scale))
        whole = rendering.resize(pixels, size)
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "_FINER_SIDE", 16)
            blocks = rendering.resize(pixels, size)
        assert (whole - blocks).abs().max() < 0.05


def test_blocks_of_a_wide_picture_fit_together(
    monkeypatch: pytest.MonkeyPatch, library: PresetLibrary
) -> None:
    shape = ImageShape(300, 24)
    file = hostile(library, "multires", shape, parameters("multires", shape), bytes(range(200)))
    whole = cc.decode(file, device="cpu", models=library).values.astype(int)
    monkeypatch.setattr(rendering, "_BLOCK_COLUMNS", 64)
    blocks = cc.decode(file, device="cpu", models=library).values
    assert np.abs(whole - blocks).max() <= 1


def test_lines_of_integers_are_synthesised_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    rng = np.random.default_rng(4)
    low, details = (
        torch.from_numpy(rng.integers(-(1 << 24), 1 << 24, (1, channels, 9, 13), np.int32))
        for channels in (1, 3)
    )
    whole = wavelets.join(low, details, 17, 26)
    monkeypatch.setattr(wavelets, "_VALUES_TOGETHER", 40)
    assert torch.equal(wavelets.join(low, details, 17, 26), whole)
    assert torch.equal(wavelets.join(low.long(), details.long(), 17, 26), whole.long())


@pytest.mark.parametrize("window", [1, 7, 100])
def test_streams_are_mixed_in_the_same_order_by_parts(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = [40, 1, 333, 64, 65]
    whole = list(siren_payload._mixing_order(lengths))
    assert len(whole) == 1
    monkeypatch.setattr(siren_payload, "_WINDOW_BITS", window)
    parts = list(siren_payload._mixing_order(lengths))
    assert len(parts) > 1
    assert (np.concatenate(parts) == whole[0]).all()


@pytest.mark.parametrize(
    ("height", "width"), [(11, 1 << 17), (1 << 17, 11), (1, 1 << 18), (1 << 18, 1), (1500, 1500)]
)
def test_no_shape_is_much_more_work_for_a_network_of_pixels(height: int, width: int) -> None:
    import torch

    passed: list[int] = []

    def network(part: torch.Tensor, contexts: tuple[torch.Tensor, ...]) -> torch.Tensor:
        passed.append(part[0, 0].numel())
        return part

    pixels = torch.zeros(1, 3, height, width)
    blocks = rendering.corrected_blocks(pixels, network, ())
    assert sum(block[0, 0].numel() for _, block in blocks) == height * width
    assert sum(passed) < 1.35 * height * width
    assert max(passed) < 1.5 * (1 << 19)


@pytest.mark.parametrize("shape", [(131072, 2), (2, 131072), (131072, 47), (47, 131072)])
def test_no_strip_of_a_level_is_larger_than_those_of_photographs(shape: tuple[int, int]) -> None:
    strips = image_prior._strips(*shape, image_prior.STRIP_PLACES)
    assert [strip.start for strip in strips[1:]] == [strip.stop for strip in strips[:-1]]
    assert (strips[0].start, strips[-1].stop) == (0, shape[0])
    # four rows of the longest ones are twice as many
    most = 2 * image_prior.STRIP_PLACES
    assert max(strip.stop - strip.start for strip in strips) * shape[1] <= most


PEAK = """
import sys
import combiner_core as cc
from combiner_core.process import calm_threads, keep_freed_memory
calm_threads()
keep_freed_memory()
with open(sys.argv[1], "rb") as file:
    cc.decode(file.read(), scale=float(sys.argv[2]), device="cpu")
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
@pytest.mark.parametrize(
    ("model", "shape", "scale", "bytes_a_value"),
    [
        pytest.param("multires", ImageShape(2501, 2399), 0.999, 35, marks=pytest.mark.long),
        pytest.param("multires", ImageShape(1 << 17, 45), 1.0, 35, marks=pytest.mark.long),
        pytest.param("multires", ImageShape(45, 1 << 17), 1e-3, 35, marks=pytest.mark.long),
        pytest.param("siren", ImageShape(1 << 18, 23), 1.0, 15, marks=pytest.mark.long),
        ("multires", AudioShape(750_000, 8, 1 << 20), 1.0, 40),
        pytest.param("siren", AudioShape(1_000_000, 8, 48000), 1.0, 25, marks=pytest.mark.long),
    ],
)
def test_memory_is_what_the_documents_say(
    model: str, shape: Shape, scale: float, bytes_a_value: int, tmp_path: Path
) -> None:
    path, library = tmp_path / "hostile.cmb", PresetLibrary()
    file = hostile(library, model, shape, parameters(model, shape), b"\t" * 4000)
    header = bitstream.read(file).header
    codec = library.for_file(header)
    if isinstance(codec, SirenCodec):
        side = random_side(codec.streams(header), np.random.default_rng(1))
        file = bitstream.write(header, side + b"\t" * 1000 * codec.fields(header))
    path.write_bytes(file)
    values = shape.values_count
    if isinstance(shape, ImageShape):
        values = shape.width * shape.height
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), str(scale)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    networks = 1.3e9 if (model, isinstance(shape, ImageShape)) == ("multires", True) else 0.7e9
    assert int(done.stdout) * 1024 < networks + bytes_a_value * values


@pytest.mark.parametrize("option", ["--max-megapixels", "--max-megasamples"])
def test_the_command_line_takes_limits(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from combiner_core.cli import main

    path = tmp_path / ("in.png" if option == "--max-megapixels" else "in.wav")
    signal = Signal.audio(tone(2000, 8000), 8000)
    if path.suffix == ".png":
        signal = Signal.image(np.zeros((16, 16, 3), np.uint8))
    cc.save(signal, path)
    common = [str(path), "-o", str(tmp_path / "out.cmb"), "--bytes", "200"]
    assert main(["encode", *common, option, "0.0001"]) == 1
    assert "are accepted" in capsys.readouterr().err
    assert main(["encode", *common, option, "-1"]) == 1
    assert f"{option} -1 is not between 0 and" in capsys.readouterr().err
