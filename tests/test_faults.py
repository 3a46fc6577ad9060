"""Killed processes, full disks, damaged presets, too little memory: nothing half written."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from combiner_core._installation import presets_directory
from combiner_core.card import Card
from combiner_core.presets import DIRECTORY_VARIABLE, PresetFile, PresetLibrary
from combiner_core.signals.storage import write_atomically

ROOT = Path(__file__).resolve().parents[1]
_WRITER = """
import sys
from pathlib import Path
from combiner_core.signals.storage import write_atomically
path, content = Path(sys.argv[1]), int(sys.argv[2])
print("begun", flush=True)
while True:
    content = (content + 1) % 256
    write_atomically(path, bytes([content]) * (1 << 20))
"""


def _command(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "combiner_core", *map(str, arguments)]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, capture_output=True, text=True, cwd=ROOT, **options
    )


def _picture(path: Path, side: int = 48) -> Path:
    rows = np.linspace(0, 255, side, dtype=np.uint8)
    Image.fromarray(np.add.outer(rows // 2, rows // 2).astype(np.uint8)).convert("RGB").save(path)
    return path


def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    output = tmp_path / "file.bin"
    output.write_bytes(bytes(1 << 20))
    generator = random.Random(0)
    for turn in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(output), str(turn)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(generator.uniform(0, 0.05))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        content = output.read_bytes()
        assert len(content) == 1 << 20
        assert content == content[:1] * len(content)


def test_what_killed_writers_left_is_removed_by_the_next_and_what_others_write_is_not(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".0123456789abcdef.combiner-part"
    left.write_bytes(b"half")
    fresh = tmp_path / ".fedcba9876543210.combiner-part"
    fresh.write_bytes(b"just begun")
    os.utime(left, (time.time() - 60, time.time() - 60))
    held = tmp_path / ".00000000000000ff.combiner-part"
    held.write_bytes(b"slow")
    os.utime(held, (time.time() - 60, time.time() - 60))
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX);"
            "print(1, flush=True); sys.stdin.read()",
            str(held),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    write_atomically(tmp_path / "file", b"whole")
    assert not left.exists()
    assert fresh.exists()
    assert held.exists()
    holder.communicate(b"")
    write_atomically(tmp_path / "file", b"whole")
    assert not held.exists()


def test_a_cut_or_foreign_card_stops_only_what_needs_it(tmp_path: Path) -> None:
    presets = tmp_path / "presets"
    shutil.copytree(presets_directory(), presets)
    card = presets / "siren-speech.json"
    card.write_text(card.read_text()[:100])
    (presets / "notes.json").write_text('{"shopping": ["bread", "milk"]}')
    environment = os.environ | {DIRECTORY_VARIABLE: str(presets)}
    picture = _picture(tmp_path / "picture.png")
    coded = _command(
        "encode", picture, "-o", tmp_path / "picture.cmb", "--bytes", "300", env=environment
    )
    assert coded.returncode == 0, coded.stderr
    listed = _command("models", "--json", env=environment)
    report = json.loads(listed.stdout)
    assert "siren-speech" not in {card["name"] for card in report["models"]}
    assert report["damage"] == [
        "The preset card notes.json is damaged.",
        "The preset card siren-speech.json is damaged.",
    ]
    refused = _command(
        "encode",
        picture,
        "-o",
        tmp_path / "a.cmb",
        "--bytes",
        "300",
        "--model",
        "siren-speech",
        env=environment,
    )
    assert refused.returncode == 1
    assert "siren-speech.json is damaged" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert str(tmp_path) not in refused.stderr


def _preset(value: float) -> PresetFile:
    card = Card("small", 9, "plain", "image", "", 1.0, "A test.", {})
    return PresetFile.of(card, {"value": np.array([value])}, {})


class Plain:
    """A family whose codecs are the first number of their presets."""

    def load(self, card: Card, arrays: dict[str, np.ndarray], config: object) -> float:
        """That number."""
        return float(arrays["value"][0])


@pytest.mark.parametrize("moment", ["before the card", "after the card"])
def test_a_preset_is_replaced_as_a_whole(tmp_path: Path, moment: str) -> None:
    """What a process killed between its writes leaves behind."""
    old, new = _preset(1.0), _preset(2.0)
    old.save(tmp_path)
    arriving = tmp_path / f"small.{new.card.sha256[:8]}.arriving.safetensors"
    arriving.write_bytes(new.content)
    if moment == "after the card":
        new.save(tmp_path / "elsewhere")
        shutil.copy(tmp_path / "elsewhere" / "small.json", tmp_path)
    library = PresetLibrary(tmp_path, {"plain": f"{__name__}:Plain"})
    (card,) = library.cards()
    assert library.load(card) == (2.0 if moment == "after the card" else 1.0)
    _preset(3.0).save(tmp_path)
    (card,) = library.cards()
    assert library.load(card) == 3.0
    assert sorted(path.name for path in tmp_path.glob("small*")) == [
        "small.json",
        "small.safetensors",
    ]


def test_a_full_disk_costs_one_sentence_and_no_file(tmp_path: Path) -> None:
    picture = _picture(tmp_path / "picture.png")
    output = tmp_path / "out" / "picture.cmb"
    output.parent.mkdir()
    output.write_bytes(b"older")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    coded = _command("encode", picture, "-o", output, "--bytes", "400", preexec_fn=limit)
    assert coded.returncode == 1
    assert coded.stderr == "combiner: picture.cmb cannot be written: file too large.\n"
    assert output.read_bytes() == b"older"
    assert os.listdir(output.parent) == ["picture.cmb"]


def test_too_little_memory_is_one_sentence(tmp_path: Path) -> None:
    script = """
import resource, sys
import combiner_core as cc
from combiner_core.cli.main import main
cc.compress(cc.load(sys.argv[2]), bpp=0.5)  # everything is loaded
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (40 << 20), used + (40 << 20)))
sys.exit(main(["encode", sys.argv[1], "-o", sys.argv[3], "--bpp", "0.2"]))
"""
    large = _picture(tmp_path / "large.png", 3000)
    small = _picture(tmp_path / "small.png")
    run = subprocess.run(
        [sys.executable, "-c", script, str(large), str(small), str(tmp_path / "out.cmb")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 1, run.stderr
    assert "not enough memory" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out.cmb").exists()
