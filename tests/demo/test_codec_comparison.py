"""Other codecs beside ours: curves, files of the same size, the table that tells of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import combiner_core as cc
from combiner_core.errors import SignalError
from combiner_core.signals import Kind
from demo.baselines import Entry, codecs
from demo.compress.codec_table import COMPUTING, TOO_SMALL, table
from demo.media import Extent
from demo.ui.compare import variant

KINDS: tuple[Kind, ...] = ("image", "audio")


@pytest.fixture
def signals(photo: cc.Signal, clip: cc.Signal) -> dict[Kind, cc.Signal]:
    large = cc.Signal.image(np.tile(photo.values, (3, 2, 1)))
    return {"image": large, "audio": clip}


def entry(codec: str, result: codecs.MeasuredResult) -> Entry:
    return Entry(
        codec,
        result.bytes_count,
        result.psnr_db,
        result.perceived,
        result.similarity,
        result.encode_s,
        result.decode_s,
        Path(),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_baseline_fits_the_size_and_is_measured(kind: Kind, signals: dict[Kind, cc.Signal]) -> None:
    signal = signals[kind]
    for codec in codecs.CODECS[kind]:
        result = codecs.at_size(signal, codec, 12_000)
        assert result is not None
        assert result.bytes_count <= 12_000
        assert result.psnr_db == cc.psnr_db(signal, result.reconstruction)
        assert result.similarity is not None
        assert result.similarity <= 1 if kind == "image" else result.similarity > 0
        assert result.perceived is not None
        assert result.perceived < 100 if kind == "image" else 1 <= result.perceived <= 5
        assert result.encode_s is not None
        assert result.encode_s > 0


@pytest.mark.parametrize("kind", KINDS)
def test_codec_that_cannot_go_this_small_says_so(
    kind: Kind, signals: dict[Kind, cc.Signal]
) -> None:
    assert codecs.at_size(signals[kind], codecs.CODECS[kind][0], 50) is None


@pytest.mark.parametrize("kind", KINDS)
def test_curve_rises_over_low_rates(kind: Kind, signals: dict[Kind, cc.Signal]) -> None:
    signal = signals[kind]
    for codec in codecs.CODECS[kind]:
        curve = codecs.curve(signal, codec, points=4)
        whole = codecs.at_size(signal, codec, 10**9)
        assert whole is not None
        assert len(curve) == 4
        assert curve[0].psnr_db < curve[-1].psnr_db
        assert curve[0].bytes_count < curve[-1].bytes_count < whole.bytes_count


def test_codec_of_the_other_kind_is_refused(signals: dict[Kind, cc.Signal]) -> None:
    with pytest.raises(SignalError):
        codecs.at_size(signals["image"], "opus", 10_000)


def test_perfect_reconstruction_is_measured(signals: dict[Kind, cc.Signal]) -> None:
    signal = signals["image"]
    result = codecs.measured(signal, "ours", 10, signal)
    assert (result.psnr_db, result.encode_s) == (np.inf, None)
    assert result.similarity == pytest.approx(1)
    assert result.perceived == pytest.approx(100)
    assert "<td>∞</td>" in table(Extent.of(signal), {"ours": entry("ours", result)})


def test_table_has_a_row_for_each_codec(signals: dict[Kind, cc.Signal]) -> None:
    signal = signals["image"]
    result = codecs.at_size(signal, "jpeg2000", 3000)
    assert result is not None
    html = table(
        Extent.of(signal),
        {"jpeg2000": entry("jpeg2000", result), "jpeg": TOO_SMALL, "<mine>": COMPUTING},
    )
    rows = re.findall(r"<tr data-codec=.*?</tr>", html)
    texts = [re.sub(r"<[^>]+>", "|", row) for row in rows]
    assert "JPEG 2000" in texts[0]
    assert f"|{result.bytes_count:,}|" in texts[0]
    assert f"|{result.psnr_db:.2f} dB|" in texts[0]
    assert f"|{result.perceived:.1f}|{result.similarity:.4f}|" in texts[0].replace("||", "|")
    assert TOO_SMALL in texts[1]
    assert "<mine>" not in html


def test_variant_is_without_loss(signals: dict[Kind, cc.Signal], tmp_path: Path) -> None:
    made = variant(
        "The Whole / File", signals["image"], str(tmp_path), bytes_count=1234, psnr_db=30.126
    )
    assert Path(made.path).parent == tmp_path
    assert np.array_equal(cc.load(made.path).values, signals["image"].values)
    assert made.detail == "1,234 bytes · 30.13 dB"
