"""Where the command line reads and writes: pipes, links, devices, the input, no output at all."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import soundfile as sf
from PIL import Image
from signal_files import image_bytes, picture
from tiny_presets import file_of_noise

from combiner_core import PresetLibrary, Signal, SignalError, save
from combiner_core.bitstream import AudioShape, ImageShape
from combiner_core.signals import write_atomically
from combiner_core.signals.storage import check_output, read_content

ROOT = Path(__file__).resolve().parent.parent
PNG = b"\x89PNG\r\n\x1a\n"
# multires encodes in less time
ENCODE = ("--model", "multires", "--bytes", "180", "--effort", "fast", "--device", "cpu")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")

Completed = subprocess.CompletedProcess[bytes]
RunBytes = Callable[..., Completed]


@pytest.fixture
def run(both_presets: Path, tmp_path: Path) -> RunBytes:
    """The command line with bytes in and out, inside `tmp_path`."""

    def run(*arguments: str | Path, **streams: Any) -> Completed:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        if "input" not in streams:
            streams.setdefault("stdin", subprocess.DEVNULL)
        variables = {"PYTHONPATH": str(ROOT), "COMBINER_PRESETS": str(both_presets)}
        return subprocess.run(
            [sys.executable, "-m", "combiner_core", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **variables},
            timeout=120,
            check=False,
            **streams,
        )

    return run


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(image_bytes(picture(), "PNG"))
    return path


@pytest.fixture
def cmb_file(tmp_path: Path, tiny_presets: Path) -> Path:
    path = tmp_path / "photo.cmb"
    path.write_bytes(file_of_noise(ImageShape(40, 24), PresetLibrary(tiny_presets)))
    return path


def sentence(done: Completed) -> str:
    """The one sentence of a refusal."""
    text = done.stderr.decode()
    assert done.returncode == 1, text
    found = re.fullmatch(r"combiner: (.*\.)\n", text)
    assert found, text
    return found[1]


def no_parts(folder: Path) -> bool:
    return not list(folder.rglob("*.part"))


# The input.


@pytest.mark.parametrize("how", ["itself", "link", "hard link"])
def test_the_input_is_never_overwritten(
    how: str, run: RunBytes, photo_file: Path, tmp_path: Path
) -> None:
    content = photo_file.read_bytes()
    output = photo_file if how == "itself" else tmp_path / "other.png"
    if how == "link":
        output.symlink_to(photo_file)
    elif how == "hard link":
        output.hardlink_to(photo_file)
    done = run("encode", photo_file, "-o", output, *ENCODE)
    assert sentence(done) == f"{output.name} is the input: it is not overwritten."
    assert photo_file.read_bytes() == content


def test_an_input_redirected_is_not_overwritten(run: RunBytes, cmb_file: Path) -> None:
    content = cmb_file.read_bytes()
    with cmb_file.open("rb") as stream:
        done = run("decode", "-", "-o", cmb_file.name, stdin=stream)
    assert "is the input" in sentence(done)
    assert cmb_file.read_bytes() == content


@pytest.mark.parametrize("name", ["-", pytest.param("/dev/stdin", marks=pytest.mark.long)])
def test_input_comes_through_a_pipe(
    name: str, run: RunBytes, photo_file: Path, cmb_file: Path, tmp_path: Path
) -> None:
    done = run("decode", name, "-o", "out.png", input=cmb_file.read_bytes())
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "out.png").size == (40, 24)
    done = run("encode", name, "-o", "out.cmb", *ENCODE, input=photo_file.read_bytes())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.cmb").stat().st_size <= 180
    assert run("info", name, "--json", input=cmb_file.read_bytes()).returncode == 0


def test_nothing_in_a_pipe_is_refused(run: RunBytes, tmp_path: Path) -> None:
    assert sentence(run("encode", "-", "-o", "out.cmb", *ENCODE, input=b"")) == "stdin is empty."
    assert not (tmp_path / "out.cmb").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"content" * 100_000,))
    writer.start()
    assert read_content(pipe) == b"content" * 100_000
    writer.join()


# The output.


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "real.bin", tmp_path / "link.bin"
    target.write_bytes(b"older")
    link.symlink_to(Path("folder", "real.bin"))
    write_atomically(link, b"newer")
    assert link.is_symlink()
    assert target.read_bytes() == b"newer"
    target.unlink()
    write_atomically(link, b"again")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"again")
    assert no_parts(tmp_path)


def test_links_without_an_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SignalError, match=r"^a cannot be written: .*\.$"):
        write_atomically(tmp_path / "a", b"content")
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "b").is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("name", ["pipe.png", "pipe"])
def test_a_named_pipe_is_written_to(name: str, tmp_path: Path) -> None:
    pipe = tmp_path / name
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    save(Signal.image(picture()), pipe)
    reader.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert got[0].startswith(PNG)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no sockets with names")
def test_a_socket_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        server.listen()
        write_atomically("socket", b"content")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(100) == b"content"
    assert stat.S_ISSOCK(Path("socket").stat().st_mode)


def test_a_device_is_written_to() -> None:
    save(Signal.image(picture()), os.devnull)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_an_open_descriptor_is_written_to(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as stream:
        stream.write(b"before ")
        stream.flush()
        write_atomically(f"/dev/fd/{stream.fileno()}", b"content")
        stream.write(b" after")
    assert (tmp_path / "log").read_bytes() == b"before content after"


def test_a_file_goes_to_standard_output(
    run: RunBytes, photo_file: Path, cmb_file: Path, tmp_path: Path
) -> None:
    done = run("encode", photo_file, "-o", "-", *ENCODE, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"CMBR")
    assert len(done.stdout) <= 180
    assert json.loads(done.stderr)["bytes"] == len(done.stdout)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.cmb", "photo.png"]
    done = run("decode", cmb_file, "-o", "-")
    assert done.stdout.startswith(PNG)
    assert Image.open(BytesIO(done.stdout)).size == (40, 24)
    assert b"width" in done.stderr


def test_sound_on_standard_output_is_wave(
    run: RunBytes, tiny_presets: Path, tmp_path: Path
) -> None:
    data = file_of_noise(AudioShape(2000, 1, 8000), PresetLibrary(tiny_presets), 60)
    done = run("decode", "-", "-o", "/dev/stdout", input=data)
    assert sf.info(BytesIO(done.stdout)).format == "WAV"


def test_what_follows_the_output_in_a_file_stays(
    run: RunBytes, cmb_file: Path, tmp_path: Path
) -> None:
    with (tmp_path / "all").open("wb") as stream:
        stream.write(b"before")
        stream.flush()
        assert run("decode", cmb_file, "-o", "-", stdout=stream).returncode == 0
    assert (tmp_path / "all").read_bytes().startswith(b"before" + PNG)


# Outputs that fail.


def test_a_reader_that_left_is_told_in_a_sentence(run: RunBytes, cmb_file: Path) -> None:
    for command in (["decode", cmb_file, "-o", "-"], ["info", cmb_file], ["models", "--json"],
                    ["--help"]):  # fmt: skip
        reading, writing = os.pipe()
        os.close(reading)
        done = run(*command, stdout=writing)
        os.close(writing)
        assert sentence(done).endswith("cannot be written: broken pipe.")


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told_in_a_sentence(
    unbuffered: str, run: RunBytes, cmb_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    for command in (["decode", cmb_file, "-o", "-"], ["info", cmb_file], ["--version"]):
        with Path("/dev/full").open("wb") as full:
            done = run(*command, stdout=full)
        assert sentence(done).endswith("cannot be written: no space left on device.")
    assert "full cannot be written" in sentence(run("decode", cmb_file, "-o", "/dev/full"))


def test_a_disk_that_fills_leaves_nothing_half_written(
    tmp_path: Path, run: RunBytes, cmb_file: Path
) -> None:
    resource = pytest.importorskip("resource")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    (tmp_path / "out.png").write_bytes(b"older")
    done = run("decode", cmb_file, "-o", "out.png", "--scale", "4", preexec_fn=small_files)
    assert sentence(done).startswith("out.png cannot be written: ")
    assert (tmp_path / "out.png").read_bytes() == b"older"
    assert no_parts(tmp_path)


def test_no_standard_output_is_refused_before_the_work(
    run: RunBytes, cmb_file: Path, tmp_path: Path
) -> None:
    done = run("decode", cmb_file, "-o", "out.png", preexec_fn=lambda: os.close(1))
    assert sentence(done) == "The standard output is closed."
    assert not (tmp_path / "out.png").exists()


def test_outputs_that_will_not_do_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    for name, words in {"no/out.png": "its folder does not exist", ".": "it is a folder"}.items():
        with pytest.raises(SignalError, match=words):
            check_output(tmp_path / name, tmp_path / "source")
    check_output(tmp_path / "new.png", tmp_path / "source")
    check_output(Path(os.devnull), Path(os.devnull))
