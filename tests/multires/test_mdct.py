"""The MDCT field: an orthonormal basis for clips of any length, a function of time on any grid."""

from __future__ import annotations

import math

import pytest
import torch

from combiner_core.multires.audio.mdct import analyse, frame_count, mid_side, scaled_hop, synthesise


def noise(channels: int, samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("hop", [32, 45, 320, 512])
@pytest.mark.parametrize("samples", [1, 31, 511, 512, 513, 5001])
def test_reconstruction_is_perfect(hop: int, samples: int) -> None:
    clip = noise(2, samples)
    weights = analyse(clip, hop)
    assert weights.shape == (2, frame_count(samples, hop), hop)
    again = synthesise(weights, samples)
    assert again.shape == clip.shape
    torch.testing.assert_close(again, clip, atol=1e-5, rtol=0)


def test_reconstruction_is_perfect_across_many_blocks_of_frames() -> None:
    clip = noise(1, 32 * 700 + 5)
    torch.testing.assert_close(
        synthesise(analyse(clip, 32), clip.shape[1]), clip, atol=1e-5, rtol=0
    )


def test_the_basis_is_orthonormal() -> None:
    hop, frames = 24, 5
    count = frames * hop
    basis = torch.eye(count).reshape(count, frames, hop)
    atoms = synthesise(basis, (frames - 1) * hop)
    # the first and the last frame are cut off by the ends of the clip, those between are whole
    whole = atoms[hop:-hop]
    torch.testing.assert_close(whole @ whole.T, torch.eye(len(whole)), atol=1e-5, rtol=0)


def test_atoms_are_the_cosines_of_the_definition() -> None:
    hop, frame, bin_ = 20, 1, 7
    weights = torch.zeros(1, 4, hop)
    weights[0, frame, bin_] = 1
    atom = synthesise(weights, 2 * hop)[0]
    expected = [
        math.sqrt(2 / hop)
        * math.sin(math.pi * (n + 0.5) / (2 * hop))
        * math.cos(math.pi / hop * (n + 0.5 + hop / 2) * (bin_ + 0.5))
        for n in range(2 * hop)
    ]
    torch.testing.assert_close(atom, torch.tensor(expected), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.5, 2.0, 3.25])
def test_another_grid_shows_the_same_function_of_time(scale: float) -> None:
    hop, samples = 256, 8000

    def wave(times: torch.Tensor) -> torch.Tensor:
        return 0.5 * torch.sin(0.05 * times) + 0.3 * torch.cos(0.31 * times)

    clip = wave(torch.arange(samples, dtype=torch.float64)).float()[None]
    finer = synthesise(analyse(clip, hop), samples, scale)
    assert finer.shape == (1, round(samples * scale))
    times = (torch.arange(finer.shape[1], dtype=torch.float64) + 0.5) / scale - 0.5
    inside = slice(round(hop * scale), -round(hop * scale))
    error = finer[0, inside] - wave(times).float()[inside]
    assert float(error.abs().max()) < 3e-3


def test_a_scale_is_rounded_to_whole_points_in_a_hop() -> None:
    assert scaled_hop(512, 0.3333) == 171
    assert synthesise(torch.zeros(1, 3, 512), 1024, 0.3333).shape == (1, 342)
    assert scaled_hop(8, 0.001) == 1


def test_a_coarser_grid_leaves_fast_cosines_out() -> None:
    times = torch.arange(6000, dtype=torch.float64)
    fast = torch.sin(2.5 * times).float()[None]
    slower = synthesise(analyse(fast, 128), 6000, 0.5)
    assert float(slower[0, 64:-64].abs().max()) < 0.02


def test_mid_and_side_are_a_rotation() -> None:
    stereo = noise(2, 100)
    torch.testing.assert_close(mid_side(mid_side(stereo)), stereo)
    assert float(mid_side(stereo).square().sum()) == pytest.approx(float(stereo.square().sum()))
    equal = stereo[:1].repeat(2, 1)
    assert float(mid_side(equal)[1].abs().max()) == 0
    torch.testing.assert_close(mid_side(stereo[:1]), stereo[:1])
