"""What can be seen of a siren run: a small picture and a layer's posterior."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encoding import set_effort
from numpy.typing import NDArray

import combiner_core as cc
from combiner_core.siren import codec as siren_codec
from combiner_core.siren.codec import SirenCodec

OPTIONS = cc.EncodeOptions(model="siren", effort="fast", device="cpu")


@pytest.fixture(scope="module", autouse=True)
def quick_effort() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        set_effort(
            patch,
            siren_codec,
            "fast",
            replace(siren_codec.EFFORTS["fast"], fit_steps=300, refine_steps=0),
        )
        yield


def test_an_image_is_seen(tiny_presets: Path, photo: cc.Signal) -> None:
    events = cc.encode(photo, cc.Budget(250), OPTIONS, cc.PresetLibrary(tiny_presets))
    previews = [event.preview for event in events if isinstance(event, cc.Progress)]
    first, last = previews[0], previews[-1]
    assert first is not None
    assert last is not None
    assert last.dtype == np.uint8
    assert last.shape == photo.values.shape  # Smaller than a preview may be.
    assert _distance(last, photo) <= _distance(first, photo)
    assert _distance(last, photo) < _distance(np.full_like(last, 128), photo)


def test_a_large_image_is_seen_small_at_first(tiny_presets: Path, photo: cc.Signal) -> None:
    large = cc.Signal.image(np.tile(photo.values, (4, 4, 1)))
    events = cc.encode(large, cc.Budget(400), OPTIONS, cc.PresetLibrary(tiny_presets))
    sides = (
        max(event.preview.shape)
        for event in events
        if isinstance(event, cc.Progress) and event.preview is not None
    )
    assert next(sides) == 192
    assert next(side for side in sides if side > 192) == 384
    events.close()


def test_the_posterior_of_a_layer_leaves_its_prior(tiny_presets: Path, photo: cc.Signal) -> None:
    library = cc.PresetLibrary(tiny_presets)
    events = [
        event
        for event in cc.encode(photo, cc.Budget(250), OPTIONS, library)
        if isinstance(event, cc.Progress) and event.phase != "verify"
    ]
    first, last = events[0].posterior, events[-1].posterior
    assert first is not None
    assert last is not None
    codec = library.choose("siren", photo.shape, 2000)
    assert isinstance(codec, SirenCodec)
    assert 0 < len(first.mean) <= 256
    for name in ("prior_mean", "prior_std", "mean", "std"):
        assert getattr(first, name).shape == first.mean.shape
        assert getattr(first, name).dtype == np.float32
    assert np.isin(first.prior_mean, codec.preset.prior.mean).all()
    assert (first.prior_std > 0).all()
    # All weights are sent in the end: none is uncertain any more.
    assert np.count_nonzero(last.std) == 0
    assert np.abs(last.mean - last.prior_mean).max() > 0


def _distance(preview: NDArray[np.uint8], signal: cc.Signal) -> float:
    return float(np.abs(preview.astype(float) - signal.values).mean())
