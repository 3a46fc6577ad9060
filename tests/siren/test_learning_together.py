"""Prior learning in several processes, as torchrun starts them: the same prior, lost processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile as sf
import torch
from PIL import Image
from signal_files import picture, tone

from combiner_core.cli import main
from combiner_core.distributed import Processes

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven small pictures, one smaller than a minibatch."""
    data = tmp_path / "pictures"
    data.mkdir()
    for number in range(7):
        size = (8, 9) if number == 6 else (24, 36)
        pixels = np.roll(picture(*size), 5 * number, axis=1)
        Image.fromarray(pixels).save(data / f"{number}.png")
    return data


def arguments(folder: Path, name: str, **changes: object) -> list[str]:
    settings = {
        "kind": "image", "data": folder, "rate": 0.004, "name": "small", "id": 9,
        "out": folder.parent / name, "checkpoint": folder.parent / name / "small.checkpoint",
        "signals": 7, "textured-share": 1.0, "hidden": 8, "layers": 3, "frequencies": 5,
        "updates": 4, "steps-per-update": 10, "batch": 100, "device": "cpu",
    } | changes  # fmt: skip
    return ["train", "siren", *(str(x) for k, v in settings.items() for x in (f"--{k}", v))]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def run(command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, check=False
    )


def alone(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "combiner_core", *arguments]


def together(count: int, *arguments: str, restarts: int = 0) -> list[str]:
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    # what comes after two dashes is not taken for an option of torchrun, such as --signals
    launcher += [f"--max-restarts={restarts}", "-m", "--", "combiner_core"]
    return [sys.executable, "-m", *launcher, *arguments]


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return {name: value.double() for name, value in safetensors.torch.load_file(path).items()}


def apart(first: torch.Tensor, second: torch.Tensor) -> float:
    """Their greatest distance, by the greatest value."""
    return float((first - second).abs().max() / first.abs().max())


def assert_same_learning(first: Path, second: Path, tolerance: float = 1e-5) -> None:
    one, other = (tensors(path / "small.safetensors") for path in (first, second))
    assert apart(one["mean"], other["mean"]) < tolerance
    assert apart(one["std"], other["std"]) < tolerance
    # of whole 1/1024 bits, which may be rounded otherwise
    assert (one["rates"] - other["rates"]).abs().max() <= 1
    one, other = (tensors(path / "small.checkpoint") for path in (first, second))
    assert {name: value.shape for name, value in one.items()} == {
        name: value.shape for name, value in other.items()
    }
    assert apart(one["prior_mean"], other["prior_mean"]) < tolerance
    assert apart(one["prior_std"], other["prior_std"]) < tolerance
    assert torch.equal(one["generator"], other["generator"])


def test_nothing_of_the_group_outlives_the_learning(tmp_path: Path) -> None:
    """Threads that did would abort the end of the process, now and then."""
    script = tmp_path / "learn.py"
    script.write_text(
        """
from pathlib import Path
import torch
from combiner_core.distributed import learning_together
with learning_together(torch.device("cpu")) as processes:
    weight = torch.ones(3, requires_grad=True)
    weight.sum().backward()
    torch.optim.Adam([weight]).step()
    processes.sum(weight.detach())
print(*(name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")))
"""
    )
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = run([*launcher, str(script)])
    assert done.returncode == 0, done.stderr
    assert "gloo" not in done.stdout
    assert done.stdout


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.long)])
def test_several_processes_learn_what_one_does(
    count: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(folder, "one")) == 0
    curve = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    done = run(together(count, *arguments(folder, "several")))
    assert done.returncode == 0, done.stderr
    assert_same_learning(folder.parent / "one", folder.parent / "several")
    # the first of them alone reports, on all signals
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line, expected in zip(lines, curve, strict=True):
        for name in ("update", "psnr_db", "kl_bits", "beta"):
            assert line[name] == pytest.approx(expected[name], rel=1e-4)
    assert done.stderr.count("wrote small") == 1


def test_parts_of_a_clip_stay_with_one_process(tmp_path: Path) -> None:
    data = tmp_path / "clips"
    data.mkdir()
    for number in range(3):
        sf.write(data / f"{number}.wav", tone(8200 + 50 * number, 16000)[0], 16000)
    speech: dict[str, object] = {
        "kind": "audio", "rate": 4, "segment": 4000, "parts": 2, "signals": 3, "draws": 0,
    }  # fmt: skip
    assert main(arguments(data, "one", **speech)) == 0
    done = run(together(2, *arguments(data, "several", **speech)))
    assert done.returncode == 0, done.stderr
    assert_same_learning(tmp_path / "one", tmp_path / "several")


@pytest.mark.long
def test_a_checkpoint_goes_on_with_another_number_of_processes(folder: Path) -> None:
    straight = run(alone(*arguments(folder, "straight")))
    assert straight.returncode == 0, straight.stderr
    # the first half of the same training: cut off once there is a checkpoint
    command = together(3, *arguments(folder, "changed", **{"save-every": 0}))
    checkpoint = folder.parent / "changed" / "small.checkpoint"
    process = subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    process.terminate()
    process.communicate()
    assert checkpoint.exists()
    done = run(together(2, *arguments(folder, "changed")))
    assert done.returncode == 0, done.stderr
    assert_same_learning(folder.parent / "straight", folder.parent / "changed")


def children(process: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == process and state != "Z":
            found.append(int(path.parent.name))
    return found


def kill_one(process: subprocess.Popen[str], checkpoint: Path) -> None:
    """Kill a process of a training that has a checkpoint."""
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    workers = [
        child
        for child in children(process.pid)
        if b"combiner_core" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    os.kill(max(workers), signal.SIGKILL)


LONG = {"updates": 60, "save-every": 0}


@pytest.mark.long
def test_a_lost_process_is_replaced_if_it_may_be(folder: Path) -> None:
    process = subprocess.Popen(
        together(2, *arguments(folder, "again", **LONG), restarts=1),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    kill_one(process, folder.parent / "again" / "small.checkpoint")
    told, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "wrote small" in errors
    updates = [json.loads(line)["update"] for line in told.splitlines()]
    assert updates[-1] == 60
    assert updates.count(1) == 1  # what the checkpoint has is not learned again


@pytest.mark.long
def test_who_is_left_says_what_happened(folder: Path) -> None:
    """Processes that something else than torchrun has started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    first, second = (
        subprocess.Popen(
            alone(*arguments(folder, "lost", **LONG)),
            env=environment(**where, RANK=str(rank)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    )
    checkpoint = folder.parent / "lost" / "small.checkpoint"
    while not checkpoint.exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.02)
    second.kill()
    second.communicate()
    _, errors = first.communicate()
    assert first.returncode == 1
    assert errors.splitlines()[-1].startswith("combiner: Another process of this training was lost")
    assert "Traceback" not in errors
    assert main(arguments(folder, "lost", **LONG)) == 0
    assert (folder.parent / "lost" / "small.safetensors").exists()


@pytest.mark.long
def test_more_processes_than_signals_are_refused(folder: Path) -> None:
    done = run(together(3, *arguments(folder, "few", signals=2)))
    assert done.returncode == 1
    assert "3 processes cannot share 2 between them" in done.stderr


@pytest.mark.parametrize(("count", "total"), [(1, 1), (3, 3), (3, 7), (5, 64)])
def test_shares_are_all_and_about_as_large(count: int, total: int) -> None:
    shares = [Processes(rank, count).share(total) for rank in range(count)]
    found = [number for share in shares for number in range(total)[share]]
    assert found == list(range(total))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1
