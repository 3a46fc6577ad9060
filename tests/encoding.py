"""What the tests of whole encodes share."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from signal_files import picture

from combiner_core import Budget, Encoded, EncodeOptions, PresetLibrary, Progress, Signal, encode
from combiner_core.signals import ImageShape
from combiner_core.siren.codec import SirenEffort

SHAPE = ImageShape(40, 24)
OPTIONS = EncodeOptions("siren", effort="fast", device="cpu")
QUICK = SirenEffort(fit_steps=40, refine_steps=12, batch=64, state_bits=10, commit_bits=256)


def image(height: int = 24, width: int = 40) -> Signal:
    return Signal.image(picture(height, width))


def encoded(
    signal: Signal,
    budget: Budget,
    library: PresetLibrary,
    options: EncodeOptions = OPTIONS,
    **settings: Any,
) -> Encoded:
    *progress, result = encode(signal, budget, options, library, **settings)
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(result, Encoded)
    return result


def assert_uses(result: Encoded, file_bytes: int) -> None:
    assert 0.98 * file_bytes <= len(result.data) <= file_bytes
    assert file_bytes - 1 <= len(result.data)


def set_effort(patch: pytest.MonkeyPatch, codec_module: ModuleType, name: str, effort: Any) -> None:
    """Have an effort level of a family stand for something else."""
    patch.setattr(codec_module, "EFFORTS", {**codec_module.EFFORTS, name: effort})
