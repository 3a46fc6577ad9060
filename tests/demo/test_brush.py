"""What a browser says was painted: a map of what matters, or a sentence."""

from __future__ import annotations

import numpy as np
import pytest

import combiner_core as cc
from demo.ui.brush import importance_of


def test_signs_are_octaves_of_precision() -> None:
    found = importance_of("+.\n-.\n-+")
    assert found is not None
    assert found.octaves.dtype == np.float32
    assert np.array_equal(found.octaves, [[1, 0], [-1, 0], [-1, 1]])


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_painted_is_no_map(nothing: str | None) -> None:
    assert importance_of(nothing) is None


@pytest.mark.parametrize(
    "hostile",
    [
        "\n",
        "++\n+",
        "++\n",
        "+1",
        "<script>",
        "+" * 129,
        "\n".join("+" * 129),
        "+\n" * 1_000_000,
        "[[1, 2], [3, 4]]",
    ],
)
def test_whatever_else_is_refused(hostile: str) -> None:
    with pytest.raises(cc.SignalError, match="What was painted cannot be read"):
        importance_of(hostile)
