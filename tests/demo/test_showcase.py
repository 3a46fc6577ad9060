"""The showcases tell of files that are there, as their codecs wrote them."""

from __future__ import annotations

import pytest

import combiner_core as cc
from combiner_core.signals import Kind
from demo.showcase.figures import ORIGINAL, OURS, Figures
from demo.ui import examples


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_figures_are_those_of_the_files(kind: Kind) -> None:
    figures = Figures.read(kind)
    original = cc.load(examples.path_of(kind, figures.example))
    message = (figures.folder / f"{figures.example}.cmb").read_bytes()
    ours = figures.sides[OURS]
    assert ours.bytes_count == len(message)
    decoded = cc.decode(message)
    assert cc.psnr_db(original, decoded) == pytest.approx(ours.psnr_db, abs=0.02)
    assert examples.path_of(kind, figures.example).stat().st_size == (
        figures.sides[ORIGINAL].bytes_count
    )
    for side in figures.sides.values():
        assert figures.path_of(side).exists()
        assert side.bytes_count >= ours.bytes_count
    for codec in (ORIGINAL, OURS) if kind == "audio" else ():
        heard = cc.load(figures.path_of(figures.sides[codec]))
        wanted = original if codec == ORIGINAL else decoded
        assert cc.psnr_db(wanted, heard) > 60
