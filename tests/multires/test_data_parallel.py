"""Learning the multires networks in several processes.

What must agree: all processes have the same networks, to the last bit; a step is the one that a
single process would take along the mean of the processes' losses, but for the order of sums.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from data_parallel_work import CONFIG, main

from combiner_core.distributed import Processes
from combiner_core.multires.train.learner import Checkpoint

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
pytestmark = pytest.mark.slow

Found = dict[str, torch.Tensor]


def learn(out: Path, count: int, until: int = CONFIG.steps) -> None:
    work = (FOLDER / "data_parallel_work.py", out, str(until))
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    subprocess.run(
        [sys.executable, *launcher, *work],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, FOLDER.parent, FOLDER))),
            "OMP_NUM_THREADS": "1",
        },
        check=True,
    )


def found(out: Path, name: str, rank: int = 0) -> Found:
    return safetensors.torch.load_file(out / f"{name}-{rank}.safetensors")


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.long)])
def test_processes_take_the_same_steps(count: int, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    main(alone, CONFIG.steps)
    learn(tmp_path, count)
    for name in ("curve", "pictures"):
        first = found(tmp_path, name)
        for rank in range(1, count):
            other = found(tmp_path, name, rank)
            assert all(torch.equal(first[key], other[key]) for key in first)
    one, several = found(alone, "curve"), found(tmp_path, "curve")
    for key in one:
        torch.testing.assert_close(several[key], one[key], rtol=1e-4, atol=1e-6)
    # other pieces of the same pictures: the same learning, but for chance
    loss, expected = found(tmp_path, "pictures")["loss"], found(alone, "pictures")["loss"]
    assert float(loss) == pytest.approx(float(expected), rel=0.5)


@pytest.mark.long
def test_a_checkpoint_goes_on_with_another_number(tmp_path: Path) -> None:
    learn(tmp_path, 3, until=3)
    assert Checkpoint.read(tmp_path / "pictures.checkpoint").history.done == 3
    learn(tmp_path, 2)
    history = Checkpoint.read(tmp_path / "pictures.checkpoint").history
    assert history.done == CONFIG.steps
    assert [step for step, _ in history.curve] == list(range(1, CONFIG.steps + 1))
    first, second = (found(tmp_path, "pictures", rank) for rank in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_batch_is_shared_evenly_or_not_at_all() -> None:
    assert Processes(1, 3).part_of_batch(6) == 2
    with pytest.raises(ValueError, match="3 processes cannot share a batch of 4 evenly"):
        Processes(0, 3).part_of_batch(4)
