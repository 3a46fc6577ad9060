"""Other codecs beside ours: curves, files of the same size, the table that tells of them."""

from __future__ import annotations

import re
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import combiner_core as cc
from combiner_core import codecs
from combiner_core.errors import SignalError
from combiner_core.signals import Kind, to_signal
from demo.baselines import BaselineComparison, Entry, Ours
from demo.codecs import CODECS, RatePoint
from demo.compress.codec_table import COMPUTING, TOO_SMALL, table
from demo.media import Extent, for_screen, lossless
from demo.scheduling import Scheduler, Visitor
from demo.settings import InputLimits
from demo.ui.compare import Variant
from demo.ui.legends import MEANINGS
from demo.ui.parts import write
from demo.work import Judge, Quality, Reencode, Reencoded, Rendering, Source, Sweep
from demo.work.codecs import quality
from demo.workers import LocalExecutor, RunLimits, Setup

LIMITS = InputLimits(24_000_000, 600)
ENGINE = Setup(device="cpu").engine()
KINDS: tuple[Kind, ...] = ("image", "audio")


@pytest.fixture
def signals(photo: cc.Signal, clip: cc.Signal) -> dict[Kind, cc.Signal]:
    large = cc.Signal.image(np.tile(photo.values, (3, 2, 1)))
    return {"image": large, "audio": clip}


def source(signal: cc.Signal) -> Source:
    return Source("signal", lossless(signal), signal.kind, LIMITS)


def at_size(signal: cc.Signal, codec: str, max_bytes: int) -> Reencoded | None:
    (result,) = Reencode(source(signal), codec, max_bytes).run(ENGINE)
    return result


def curve(signal: cc.Signal, codec: str) -> tuple[RatePoint, ...]:
    (points,) = Sweep(source(signal), codec, points=4).run(ENGINE)
    return points


def entry(codec: str, result: Reencoded) -> Entry:
    return Entry(
        codec,
        result.bytes_count,
        result.quality.psnr_db,
        result.quality.perceived,
        result.quality.similarity,
        result.encode_s,
        result.decode_s,
        Path(),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_baseline_fits_the_size_and_is_measured(kind: Kind, signals: dict[Kind, cc.Signal]) -> None:
    signal = signals[kind]
    for codec in CODECS[kind]:
        result = at_size(signal, codec, 12_000)
        assert result is not None
        assert result.bytes_count <= 12_000
        decoded = to_signal(result.reconstruction)
        found = result.quality
        # Clips are handed on as 16 bits.
        assert found.psnr_db == pytest.approx(cc.psnr_db(signal, decoded), abs=0.01)
        assert found.similarity is not None
        assert found.similarity <= 1 if kind == "image" else found.similarity > 0
        assert found.perceived is not None
        assert found.perceived < 100 if kind == "image" else 1 <= found.perceived <= 5
        assert result.encode_s > 0
        (again,) = Judge(source(signal), source(decoded)).run(ENGINE)
        assert again.psnr_db == pytest.approx(result.quality.psnr_db, abs=0.01)


def test_our_own_row_comes_before_curves_that_wait(clip: cc.Signal, tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_bytes(lossless(clip))
    made = cc.compress(clip, kbps=16, effort="fast")
    (tmp_path / "clip.cmb").write_bytes(made)
    executor = LocalExecutor(Setup(device="cpu"), RunLimits(600, 8 << 30), kept=1)
    background = Scheduler(executor, 1)
    comparison = BaselineComparison(
        "audio",
        lambda file: Source.read(file or tmp_path / "clip.wav", "audio", LIMITS),
        tmp_path / "clip",
        background,
        Visitor("198.51.100.1", "anna"),
    )
    try:
        comparison.draw_curves()
        original = tmp_path / "clip.wav"
        comparison.compare(
            Ours(original, original, tmp_path / "clip.cmb", len(made), 30.0, 1.0, 1.0)
        )
        deadline_s, curves_then = time.monotonic() + 300, None
        while not (state := comparison.state()).settled:
            assert time.monotonic() < deadline_s
            if curves_then is None and state.entries:
                curves_then = set(state.curves)
            time.sleep(0.005)
    finally:
        background.close()
    assert curves_then is not None
    assert len(curves_then) < len(CODECS["audio"])
    assert set(state.curves) == set(CODECS["audio"])
    assert not state.failures


@pytest.mark.parametrize("kind", KINDS)
def test_codec_that_cannot_go_this_small_says_so(
    kind: Kind, signals: dict[Kind, cc.Signal]
) -> None:
    assert at_size(signals[kind], CODECS[kind][0], 50) is None


@pytest.mark.parametrize("kind", KINDS)
def test_curve_rises_over_low_rates(kind: Kind, signals: dict[Kind, cc.Signal]) -> None:
    signal = signals[kind]
    for codec in CODECS[kind]:
        points = curve(signal, codec)
        whole = at_size(signal, codec, 10**9)
        assert whole is not None
        assert len(points) == 4
        assert points[0].psnr_db < points[-1].psnr_db
        assert points[0].bytes_count < points[-1].bytes_count < whole.bytes_count


def test_large_signals_have_no_curves(signals: dict[Kind, cc.Signal]) -> None:
    large = cc.Signal.image(np.zeros((1500, 1500, 3), np.uint8))
    assert curve(large, "jpeg") == ()


def test_codec_of_the_other_kind_is_refused(signals: dict[Kind, cc.Signal]) -> None:
    with pytest.raises(SignalError):
        at_size(signals["image"], "opus", 10_000)


def test_perfect_reconstruction_is_measured(signals: dict[Kind, cc.Signal]) -> None:
    signal = signals["image"]
    perfect = quality(signal, signal)
    assert perfect == Quality(np.inf, pytest.approx(100), pytest.approx(1))
    row = entry("ours", Reencoded(10, perfect, 1.0, 1.0, b""))
    assert "<td>∞</td>" in table(Extent.of(signal.shape), {"ours": row})


def test_table_has_a_row_for_each_codec(signals: dict[Kind, cc.Signal]) -> None:
    signal = signals["image"]
    result = at_size(signal, "jpeg2000", 3000)
    assert result is not None
    html = table(
        Extent.of(signal.shape),
        {
            "jpeg2000": entry("jpeg2000", result),
            "jpeg": TOO_SMALL,
            "<mine>": COMPUTING,
            "webp": "A <reason>.",
        },
    )
    rows = re.findall(r"<tr data-codec=.*?</tr>", html)
    texts = [re.sub(r"<[^>]+>", "|", row) for row in rows]
    assert "JPEG 2000" in texts[0]
    assert f"|{result.bytes_count:,}|" in texts[0]
    quality = result.quality
    measured = f"|{quality.perceived:.1f}||{quality.psnr_db:.2f} dB||{quality.similarity:.4f}|"
    assert measured in texts[0]
    assert TOO_SMALL in texts[1]
    assert "A &lt;reason&gt;." in texts[3]
    assert "<mine>" not in html


def test_the_better_figures_are_marked_and_ours_is_there_at_once() -> None:
    shape = cc.Signal.image(np.zeros((8, 8, 3), np.uint8)).shape
    ours = Entry("ours", 100, 31.0, None, None, 2.0, 0.1, Path())
    jpeg = Entry("jpeg", 99, 29.0, 20.0, 0.9, 0.1, 0.2, Path())
    html = table(Extent.of(shape), {"ours": ours, "jpeg": jpeg}, is_complete=False)
    assert "<td>100</td><td>…</td><td><strong>31.00 dB</strong></td>" in html
    assert "<td>2.00 s</td><td><strong>0.10 s</strong></td>" in html
    assert "<td><strong>0.10 s</strong></td><td>0.20 s</td>" in html
    assert "Encode<small>less is better</small>" in html
    assert "SSIMULACRA2<small>more is better</small>" in html


@pytest.mark.parametrize(
    ("kind", "titles"),
    [
        ("image", ("SSIMULACRA2", "PSNR", "MS-SSIM")),
        ("audio", ("Zimtohrli", "PSNR", "Spectral distance")),
    ],
)
def test_figures_are_explained_beneath_the_table(
    kind: Kind, titles: tuple[str, ...], signals: dict[Kind, cc.Signal]
) -> None:
    below = table(Extent.of(signals[kind].shape), {}).rpartition("</table>")[2]
    assert [title for title in MEANINGS if f"<b>{title}</b>: {MEANINGS[title]}" in below] == [
        title for title in MEANINGS if title in titles
    ]


def test_webp_has_qualities_between_whole_ones(signals: dict[Kind, cc.Signal]) -> None:
    signal = signals["image"]
    limit = codecs.encode_at_setting(signal, "webp", 1).bytes_count - 1
    whole = codecs.encode_within(signal, "webp", limit)
    within = at_size(signal, "webp", limit)
    assert within is not None
    assert whole is not None
    assert whole.bytes_count < within.bytes_count <= limit
    assert within.quality.psnr_db > cc.psnr_db(signal, whole.reconstruction)


def test_renderings_are_without_loss(signals: dict[Kind, cc.Signal], tmp_path: Path) -> None:
    picture = signals["image"]
    path = write(Rendering("The Whole / File", picture.shape, lossless(picture)), tmp_path, "whole")
    assert Path(path) == tmp_path / "whole.png"
    assert np.array_equal(cc.load(path).values, picture.values)
    assert Variant("Whole", path, 1234, 30.126).detail == "1,234 bytes · 30.13 dB"


def test_large_pictures_have_a_file_for_the_screen(photo: cc.Signal) -> None:
    assert for_screen(photo) == b""
    large = cc.Signal.image(np.tile(photo.values, (20, 27, 1)))  # 2592 x 1280 pixels
    with Image.open(BytesIO(for_screen(large))) as picture:
        assert (picture.format, picture.size) == ("WEBP", (1800, 889))
