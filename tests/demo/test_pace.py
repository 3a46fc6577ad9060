"""How far a run is: from 0 to 1, never back."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import combiner_core as cc
from combiner_core.events import Phase
from demo.jobs.pace import Pace, stages_of

SIREN = cc.EncodeOptions(model="siren-image", effort="fast")
MULTIRES = cc.EncodeOptions(model="multires", effort="balanced")


@pytest.fixture
def event() -> Callable[[Phase, int, int], cc.Progress]:
    def make(phase: Phase, step: int, total: int) -> cc.Progress:
        return cc.Progress(phase, step, total, 0.1, 20.0, 100.0, 0, 1000, 1.0)

    return make


@pytest.mark.parametrize(
    ("options", "phases"),
    [
        (SIREN, ["fit", "code", "verify"]),
        (MULTIRES, ["search", "fit", "search", "search", "code", "verify"]),
        (MULTIRES, ["search", "code", "code", "verify"]),
    ],
)
def test_the_share_done_never_falls(
    options: cc.EncodeOptions,
    phases: list[Phase],
    event: Callable[[Phase, int, int], cc.Progress],
) -> None:
    pace = Pace(stages_of(options, "image"))
    shares = [pace.see(event(phase, step, 5)) for phase in phases for step in range(6)]
    assert 0 <= shares[0] < 0.4
    assert np.all(np.diff(shares) >= 0)
    assert 0.8 < shares[-1] <= 1


@pytest.mark.parametrize("kind", ["image", "audio"])
@pytest.mark.parametrize("effort", ["fast", "balanced", "best"])
def test_shares_add_up(kind: str, effort: str) -> None:
    for model in ("multires", "siren"):
        options = cc.EncodeOptions(model=model, effort=effort)  # type: ignore[arg-type]
        stages = stages_of(options, kind)  # type: ignore[arg-type]
        assert sum(stage.share for stage in stages) == pytest.approx(1)


def test_the_time_left_never_grows(event: Callable[[Phase, int, int], cc.Progress]) -> None:
    pace = Pace(stages_of(MULTIRES, "image"))
    assert pace.left_s(0.0) is None  # Nobody knows yet.
    left = []
    for second in range(40):
        # At first twice as quick as later on.
        pace.see(event("fit", second if second < 10 else 10 + (second - 10) // 2, 25))
        left.append(pace.left_s(float(second + 1)))
    told = [each for each in left if each is not None]
    assert len(told) > 30
    assert np.all(np.diff(told) <= 1e-9)
    assert 0 <= told[-1] < told[0]


def test_a_run_that_takes_much_longer_says_so(
    event: Callable[[Phase, int, int], cc.Progress],
) -> None:
    pace = Pace(stages_of(MULTIRES, "image"))
    for step in range(20):
        pace.see(event("fit", step, 25))
        usual_s = pace.left_s(float(step + 1))
    assert usual_s is not None
    assert math.isfinite(usual_s)
    left = [pace.left_s(float(second)) for second in range(21, 200)]
    assert left[-1] == math.inf
    shown = [each for each in left if each is not None and math.isfinite(each)]
    assert np.all(np.diff([usual_s, *shown]) <= 1e-9)


def test_at_first_the_time_left_is_the_usual_one(
    event: Callable[[Phase, int, int], cc.Progress],
) -> None:
    pace = Pace(stages_of(MULTIRES, "image"), usual_s=20.0)
    left = [pace.left_s(float(second)) for second in range(0, 12, 2)]
    assert left == [20.0, 18.0, 16.0, 14.0, 12.0, 10.0]
    for phase in ("search", "fit"):
        for step in range(6):
            pace.see(event(phase, step, 5))  # type: ignore[arg-type]
    later = pace.left_s(12.0)
    assert later is not None
    assert later <= 10.0


def test_nobody_knows_what_is_left_of_a_run_that_takes_longer_than_usual() -> None:
    pace = Pace(stages_of(MULTIRES, "image"), usual_s=20.0)
    assert pace.left_s(20.5) is None
