"""Coders spend about what they are known to spend over the rate-distortion bound."""

import numpy as np
import pytest

from benchmarks.rec_overhead import tables
from benchmarks.rec_overhead.coders import choices
from benchmarks.rec_overhead.random_weights import (
    GaussianSource,
    gaussian_source,
    jobs_for,
    measure_overhead,
    run,
)
from combiner_core.rec import Key, make_coder


@pytest.fixture(scope="module")
def source() -> GaussianSource:
    return gaussian_source(40_000, np.random.default_rng(5))


def test_the_ideal_is_the_sum_of_rates_at_unit_distortion(source: GaussianSource):
    assert source.ideal_bits(1.0) == pytest.approx(source.rates_bits.sum(), rel=1e-6)
    assert source.ideal_bits(0.5) > source.ideal_bits(1.0) > source.ideal_bits(1.5)


def test_an_exact_posterior_sample_has_unit_distortion(source: GaussianSource):
    sample = source.mean + source.std * np.random.default_rng(6).standard_normal(40_000)
    assert source.distortion(sample.astype(np.float32)) == pytest.approx(1, abs=0.03)


# The source's own randomness moves the overhead by some 0.7 points.
@pytest.mark.parametrize(
    ("name", "settings", "low", "high"),
    [
        ("trellis", {"state_bits": 12}, 5, 9),
        ("trellis", {"state_bits": 14}, 3, 7),
        ("trellis", {"state_bits": 16}, 2, 6),
        ("trellis", {"state_bits": 14, "commit_bits": 256, "lookahead_bits": 32}, 3, 8),
        ("greedy", {}, 16, 20),
        ("astar", {}, 24, 34),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_overhead(
    source: GaussianSource, name: str, settings: dict[str, int], low: float, high: float
):
    result = measure_overhead(make_coder(name, **settings), source, Key(7, 1))
    assert low < result.percent < high


def test_lookahead_pays(source: GaussianSource):
    short, long = (
        measure_overhead(
            make_coder("trellis", state_bits=10, commit_bits=16, lookahead_bits=lookahead),
            source,
            Key(7, 1),
        )
        for lookahead in (0, 64)
    )
    assert short.percent > long.percent + 20


def test_table_has_coders_by_bits_a_weight():
    jobs = jobs_for(choices(["trellis", "greedy"], [8, 10], [12]), [0.5, 1.0], 1000, seeds=3)
    assert len(jobs) == 3 * 2 * 3
    rows = [run(job) for job in jobs]
    assert all(0.8 < row.distortion < 1.5 for row in rows)
    lines = tables.of_random_weights(tables.frame_of_random_weights(rows)).splitlines()
    assert lines[0] == "| coder | 0.5 bits a weight, % | 1 bits a weight, % | us a bit |"
    names = [line.split("|")[1].strip() for line in lines[2:]]
    assert names == [
        "greedy of 12 block bits",
        "trellis of 8 state bits",
        "trellis of 10 state bits",
    ]
