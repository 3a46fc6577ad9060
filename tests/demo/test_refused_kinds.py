"""What visitors hand in, and in which words it is refused."""

from __future__ import annotations

import pytest

import combiner_core as cc
from demo.settings import Settings
from demo.work import Source


@pytest.mark.parametrize(
    ("kind", "says", "is_silent_of"),
    [("image", "not an image (PNG", "WAV"), ("audio", "not audio (WAV", "PNG")],
)
def test_a_refusal_speaks_of_the_kind_that_is_wanted(
    kind: cc.signals.Kind, says: str, is_silent_of: str
) -> None:
    with pytest.raises(cc.SignalError) as refusal:
        Source("letter", b"Dear reader,", kind, Settings().input_limits).load()
    assert says in str(refusal.value)
    assert is_silent_of not in str(refusal.value)


def test_where_either_is_wanted_both_are_named() -> None:
    with pytest.raises(cc.SignalError, match=r"neither an image \(PNG.* nor audio \(WAV"):
        Source("letter", b"Dear reader,", None, Settings().input_limits).load()
