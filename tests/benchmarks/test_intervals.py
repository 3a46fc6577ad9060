"""Bootstrap intervals of means over files."""

from __future__ import annotations

import numpy as np

from benchmarks import intervals


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(200):
        found = intervals.of_mean(rng.normal(5.0, 2.0, 30).tolist())
        assert found.low is not None
        assert found.high is not None
        hits += found.low < 5.0 < found.high
    assert 180 <= hits <= 197


def test_few_files_have_no_interval() -> None:
    assert intervals.of_mean([1.0, 2.0]) == intervals.Interval(1.5)
    assert intervals.of_mean([2.0, 2.0, 2.0]).text(1, signed=True) == "+2.0 (+2.0 to +2.0)"
