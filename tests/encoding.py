"""What the tests of whole encodes share."""

from __future__ import annotations

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
    signal: Signal, budget: Budget, library: PresetLibrary, options: EncodeOptions = OPTIONS
) -> Encoded:
    *progress, result = encode(signal, budget, options, library)
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(result, Encoded)
    return result


def assert_uses(result: Encoded, file_bytes: int) -> None:
    assert 0.98 * file_bytes <= len(result.data) <= file_bytes
    assert file_bytes - 1 <= len(result.data)
