"""Whole encodes and decodes with tiny presets: budgets, shapes, fractions, scales, refusals."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import OPTIONS, QUICK, SHAPE, assert_uses, encoded, image, set_effort
from signal_files import tone
from tiny_presets import (
    ASTAR,
    IMAGE,
    TRELLIS,
    file_of_noise,
    received_weights,
)

from combiner_core import (
    BitstreamError,
    Budget,
    PresetLibrary,
    Progress,
    Signal,
    bitstream,
    decode,
    encode,
    inspect,
    psnr_db,
)
from combiner_core.presets import DEFAULT_DIRECTORY
from combiner_core.rec import TrellisCoder
from combiner_core.signals import AudioShape, ImageShape
from combiner_core.siren import codec as siren_codec
from combiner_core.siren.codec import SirenCodec
from combiner_core.siren.hierarchical_prior import parts_of
from combiner_core.siren.payload import Streams
from combiner_core.siren.tiling import AudioTiling, ImageTiling, fields_for


@pytest.fixture
def library(tiny_presets: Path) -> PresetLibrary:
    return PresetLibrary(tiny_presets)


@pytest.fixture(autouse=True)
def quick_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, siren_codec, "fast", QUICK)


@pytest.mark.parametrize("file_bytes", [40, 60, 127, 158, 159, 160, 161, 300])
def test_file_fills_its_budget(file_bytes: int, library: PresetLibrary) -> None:
    assert_uses(encoded(image(), Budget(file_bytes), library), file_bytes)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (23, 41), (41, 23), (9, 130), (130, 9)])
def test_any_shape_comes_back(height: int, width: int, library: PresetLibrary) -> None:
    signal = image(height, width)
    result = encoded(signal, Budget(120), library)
    assert_uses(result, 120)
    decoded = decode(result.data, models=library)
    assert (decoded.height, decoded.width) == (height, width)
    assert np.array_equal(decoded.values, result.reconstruction.values)
    assert result.psnr_db == psnr_db(signal, decoded)


@pytest.mark.parametrize(
    ("channels", "samples", "rate"),
    [(1, 1500, 8000), (1, 2000, 8000), (2, 900, 8000), (1, 5001, 8000), (2, 4999, 11025),
     (1, 7001, 44100), (2, 13231, 44100), (1, 801, 16000), (1, 16, 8000), (1, 999, 6001)],
)  # fmt: skip
def test_any_clip_comes_back(
    channels: int, samples: int, rate: int, library: PresetLibrary
) -> None:
    signal = Signal.audio(tone(samples, rate, channels), rate)
    result = encoded(signal, Budget(110), library)
    assert_uses(result, 110)
    decoded = decode(result.data, models=library)
    assert decoded.values.shape == (channels, samples)
    assert decoded.sample_rate == rate
    assert np.array_equal(decoded.values, result.reconstruction.values)


def test_budgets_in_other_units(library: PresetLibrary) -> None:
    assert_uses(encoded(image(), Budget(1.25, "bpp"), library), 150)
    clip = Signal.audio(tone(4000, 8000), 8000)
    assert_uses(encoded(clip, Budget(2.4, "kbps"), library), 150)


@pytest.mark.parametrize("seconds", [0.2, 0.6])
def test_astar_fills_its_budget_and_decodes(seconds: float, library: PresetLibrary) -> None:
    options = replace(OPTIONS, rec="astar")
    for signal in (image(), Signal.audio(tone(int(8000 * seconds), 8000), 8000)):
        result = encoded(signal, Budget(90), library, options)
        assert_uses(result, 90)
        decoded = decode(result.data, models=library)
        assert np.array_equal(decoded.values, result.reconstruction.values)


@pytest.mark.parametrize("refine", [True, False])
def test_file_decodes_with_and_without_refinement(refine: bool, library: PresetLibrary) -> None:
    result = encoded(image(), Budget(200), library, replace(OPTIONS, refine=refine))
    assert_uses(result, 200)
    assert np.array_equal(decode(result.data, models=library).values, result.reconstruction.values)


def test_same_seed_same_file(library: PresetLibrary) -> None:
    first, again, other = (
        encoded(image(), Budget(100), library, replace(OPTIONS, seed=seed)).data
        for seed in (4, 4, (1 << 32) - 1)
    )
    assert first == again
    assert first != other
    assert bitstream.read(other).header.seed == (1 << 32) - 1


def test_a_good_fit_beats_the_prior_mean(
    library: PresetLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_effort(
        monkeypatch,
        siren_codec,
        "fast",
        replace(siren_codec.EFFORTS["fast"], fit_steps=400, refine_steps=60),
    )
    signal = image()
    result = encoded(signal, Budget(220), library)
    qualities = [
        psnr_db(signal, decode(result.data, fraction=fraction, models=library))
        for fraction in (0.001, 0.25, 0.5, 0.75, 1.0)
    ]
    assert qualities[-1] == result.psnr_db == max(qualities)
    assert qualities[-1] > qualities[0] + 2
    assert qualities[3] > qualities[0]


def test_progress_is_in_order(library: PresetLibrary) -> None:
    *events, _ = encode(image(), Budget(200), OPTIONS, library)
    phases = [event.phase for event in events if isinstance(event, Progress)]
    assert phases == sorted(phases, key=["fit", "code", "verify"].index)
    assert set(phases) == {"fit", "code", "verify"}
    coded = [event for event in events if isinstance(event, Progress) and event.phase == "code"]
    assert coded[-1].committed_bits == coded[-1].budget_bits
    for before, after in itertools.pairwise(events):
        assert isinstance(before, Progress)
        assert isinstance(after, Progress)
        assert before.elapsed_s <= after.elapsed_s
        assert before.committed_bits <= after.committed_bits or after.phase == "verify"


def test_an_encoder_can_be_closed_in_the_middle(
    library: PresetLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_effort(
        monkeypatch, siren_codec, "fast", replace(siren_codec.EFFORTS["fast"], fit_steps=10**9)
    )
    events = encode(image(), Budget(200), OPTIONS, library)
    first = next(events)
    assert isinstance(first, Progress)
    assert first.step < first.total
    assert isinstance(events, Generator)
    events.close()  # All steps would take days.


def test_a_fraction_of_the_payload_is_a_prefix_of_the_weights(library: PresetLibrary) -> None:
    data = file_of_noise(SHAPE, library)
    full, half = (decode(data, fraction=f, models=library).values for f in (1.0, 0.5))
    assert full.shape == half.shape
    assert not np.array_equal(full, half)
    for cut in (len(data) - 4 - 75, len(data) - 4 - 60):  # more than the first half is there
        assert np.array_equal(decode(data[:cut], fraction=0.5, models=library).values, half)


@pytest.mark.parametrize("parameters", [TRELLIS, ASTAR])
@pytest.mark.parametrize("shape", [SHAPE, AudioShape(4001, 2, 8000)], ids=["image", "audio"])
def test_a_file_cut_anywhere_decodes_on_request(
    shape: bitstream.Shape, parameters: bytes, library: PresetLibrary
) -> None:
    data = file_of_noise(shape, library, parameters=parameters)
    for missing in (1, 4, 5, 50, 153, 154):
        with pytest.raises(BitstreamError, match="cut short"):
            decode(data[:-missing], models=library)
        assert decode(data[:-missing], fraction=0.999, models=library).values.size
        info = inspect(data[:-missing], library)
        assert info.payload_bytes == 150
        assert info.present_bytes == min(150, 154 - missing)
    with pytest.raises(BitstreamError):
        decode(data[:-155], fraction=0.5, models=library)


@pytest.mark.parametrize("scale", [2.0, 0.5, 1.37, 0.001])
def test_scale_changes_the_grid(scale: float, library: PresetLibrary) -> None:
    decoded = decode(file_of_noise(SHAPE, library), scale=scale, models=library)
    assert (decoded.width, decoded.height) == (max(1, round(40 * scale)), max(1, round(24 * scale)))
    clip = decode(file_of_noise(AudioShape(5001, 1, 11025), library), scale=scale, models=library)
    assert clip.samples == round(5001 * scale)
    assert clip.sample_rate == round(11025 * scale)


def test_a_finer_picture_is_the_same_picture(library: PresetLibrary) -> None:
    data = file_of_noise(SHAPE, library)
    coarse = decode(data, models=library).values.astype(float)
    fine = decode(data, scale=3, models=library).values.astype(float)
    assert abs(fine[1::3, 1::3] - coarse).max() <= 1  # the middle of nine lies where the one did


@pytest.mark.parametrize("scale", [0.333, 0.7501, 1.333])
def test_a_long_clip_has_any_scale(scale: float, library: PresetLibrary) -> None:
    data = file_of_noise(AudioShape(30 * 44100 + 1, 1, 44100), library, 2000)
    assert decode(data, scale=scale, models=library).samples == round((30 * 44100 + 1) * scale)


@pytest.mark.parametrize("shape", [SHAPE, AudioShape(4001, 2, 8000)], ids=["image", "audio"])
def test_threads_do_not_change_the_weights(shape: bitstream.Shape, library: PresetLibrary) -> None:
    data = file_of_noise(shape, library)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first, picture_1 = received_weights(data, library), decode(data, models=library).values
        torch.set_num_threads(2)
        second, picture_2 = received_weights(data, library), decode(data, models=library).values
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(first, second)
    tolerance = 1 if shape is SHAPE else 1e-4
    assert np.abs(picture_1.astype(float) - picture_2).max() <= tolerance


def test_seconds_and_names_are_reported(library: PresetLibrary) -> None:
    result = encoded(image(), Budget(100), library)
    assert result.model == IMAGE
    assert result.device == "cpu"
    assert set(result.seconds) == {"load", "fit", "code", "total"}
    assert sum(result.seconds.values()) <= 2 * result.seconds["total"]
    info = inspect(result.data, library)
    assert (info.shape, info.model, info.seed) == (SHAPE, IMAGE, 0)
    assert info.file_bytes == len(result.data)


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_the_shipped_presets_can_use_every_budget(kind: str) -> None:
    library = PresetLibrary(DEFAULT_DIRECTORY)
    for file_bytes in np.geomspace(300, 60_000 if kind == "image" else 12_000, 60).astype(int):
        bits = int(file_bytes) * 8
        shape = ImageShape(768, 512) if kind == "image" else AudioShape(48_000, 1, 16_000)
        codec = library.choose("siren", shape, bits)
        assert isinstance(codec, SirenCodec)
        if isinstance(shape, ImageShape):
            wanted = fields_for(bits, codec.card.nominal_bits)
            fields = ImageTiling.of_about(shape, wanted).fields
        else:
            assert codec.preset.framing is not None
            fields = AudioTiling(shape, codec.preset.framing).fields
        parts = parts_of(codec.preset.field)
        streams = Streams(codec.preset.prior, TrellisCoder(), 0, fields, parts)
        lengths = streams.lengths(int(file_bytes), streams.equal_division)
        assert sum(lengths) == bits - 8 * len(streams.side(streams.equal_division))
