"""A server with several visitors: turns, bounds, hang-ups, ends of all kinds, files that go."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from security_tools import Server, file, running_server

pytestmark = pytest.mark.slow

WAIT_S = 240.0
QUICK, ENDLESS = ("multires", "fast", -1, "psnr"), ("siren", "best", -1, "psnr")


def png(seed: int, side: int) -> bytes:
    """A picture that is like no other."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).save(stream, "PNG")
    return stream.getvalue()


@dataclass
class Call:
    """A call of an endpoint by a program of its own, which hears the answer until it hangs up."""

    server: Server
    name: str
    data: list[object]
    messages: list[tuple[str, str]] = field(default_factory=list)
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=WAIT_S))

    def __post_init__(self) -> None:
        where = f"{self.server.url}/gradio_api/call/{self.name}"
        event = self._client.post(where, json={"data": self.data}).json()["event_id"]
        self._thread = Thread(target=self._hear, args=(f"{where}/{event}",), daemon=True)
        self._thread.start()

    def _hear(self, where: str) -> None:
        try:
            with self._client.stream("GET", where) as stream:
                self._stream = stream
                kind = ""
                for line in stream.iter_lines():
                    kind = line[6:].strip() if line.startswith("event:") else kind
                    if line.startswith("data:"):
                        self.messages.append((kind, line[5:].strip()))
        except (httpx.HTTPError, httpx.StreamError, OSError):
            pass

    def answer(self) -> tuple[str, str]:
        """Its last message."""
        self._thread.join(WAIT_S)
        assert self.messages
        return self.messages[-1]

    def hang_up(self) -> None:
        stream = self._stream.extensions["network_stream"]
        stream.get_extra_info("socket").shutdown(2)
        self._thread.join(WAIT_S)


def compress(server: Server, seed: int, how: tuple[str, str, int], side: int = 64) -> Call:
    """A compression by a program that nobody else is."""
    path = server.upload(f"{seed}.png", png(seed, side)).json()[0]
    return Call(server, "compress", [file(path), 400, "bytes", *how])


def await_that(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def jobs(server: Server) -> set[Path]:
    """Folders of jobs that wait, run or were done."""
    (folder,) = server.temp.glob("combiner-*")
    return set((folder / "jobs").glob("*"))


@contextmanager
def busy_server(temp: Path, *arguments: str) -> Iterator[tuple[Server, Call]]:
    """A server whose one worker is busy for long, and the call that keeps it so."""
    with running_server(temp, *arguments) as server:
        yield server, compress(server, 0, ENDLESS, 512)


def test_a_busy_server_is_fair_and_frees_the_places_of_who_leaves(tmp_path: Path) -> None:
    with busy_server(tmp_path, "--queue-length", "2") as (server, first):
        await_that(lambda: len(jobs(server)) == 1)
        second = compress(server, 1, QUICK)
        await_that(lambda: len(jobs(server)) == 2)
        third = compress(server, 2, QUICK)
        await_that(lambda: len(jobs(server)) == 3)
        kind, text = compress(server, 3, QUICK).answer()
        assert (kind, "The queue is full: try again in a minute." in text) == ("error", True)
        # Files are read beside it.
        event = server.event("image-source", "change")
        path = server.upload("4.png", png(4, 32)).json()[0]
        assert server.join(event, [file(path), None, 0.0])[-1]["success"]
        third.hang_up()  # While it waits.
        await_that(lambda: len(jobs(server)) == 2)
        first.hang_up()  # While it runs.
        assert second.answer()[0] == "complete"
        await_that(lambda: len(jobs(server)) == 1)
        data = json.loads(second.answer()[1])
        decoded = Call(server, "decompress", [file(data[0]["path"]), 1, 1]).answer()
        assert decoded[0] == "complete"


def test_one_program_may_have_few_runs_waiting(tmp_path: Path) -> None:
    with busy_server(tmp_path, "--queue-length-each", "1") as (server, first):
        await_that(lambda: len(jobs(server)) == 1)
        session = uuid.uuid4().hex
        path = server.upload("1.png", png(1, 64)).json()[0]
        body = {"data": [file(path), 400, "bytes", *QUICK], "session_hash": session}
        for _ in range(2):
            server.client.post("/gradio_api/call/compress", json=body).raise_for_status()
        with server.client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as said:
            text = next(line for line in said.iter_lines() if "process_completed" in line)
        assert "You have 1 waiting already, as many as one visitor may" in text
        # Others may wait still; and who has left lets them go on.
        other = compress(server, 2, QUICK)
        await_that(lambda: len(jobs(server)) == 2)
        first.hang_up()
        assert other.answer()[0] == "complete"


def test_a_direct_request_that_hangs_up_frees_its_place(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        path = server.upload("0.png", png(0, 512)).json()[0]
        body = {"data": [file(path), 400, "bytes", *ENDLESS]}
        where = f"{server.url}/gradio_api/run/compress"
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(where, json=body, timeout=httpx.Timeout(WAIT_S, read=5.0))
        assert compress(server, 1, QUICK).answer()[0] == "complete"


def test_a_run_that_takes_too_long_is_told_so(tmp_path: Path) -> None:
    with busy_server(tmp_path, "--max-run-s", "3") as (_, call):
        kind, text = call.answer()
        assert kind == "error"
        assert "It took longer than 3 s, the most that is given here, and was ended." in text
        assert (tmp_path / "errors.txt").read_text() == ""


# That a server which is asked to end does so is also seen by the browser's tests.
@pytest.mark.parametrize(
    "how",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
    ],
)
def test_nothing_is_left_of_a_server_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    with busy_server(tmp_path) as (server, _):
        await_that(lambda: len(jobs(server)) == 1)
        compress(server, 1, QUICK)
        await_that(lambda: len(jobs(server)) == 2)
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert len(family) >= 3
        server.process.send_signal(how)
        server.process.wait(WAIT_S)
        await_that(lambda: not any(each.is_running() for each in family))
    if how == signal.SIGKILL:
        (left,) = tmp_path.glob("combiner-*")
        with running_server(tmp_path) as next_server:
            assert not left.exists()
            assert jobs(next_server) == set()
    else:
        # torch leaves an empty folder for what it may compile.
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["errors.txt"]
        assert not list(tmp_path.glob("combiner-*"))
        assert server.process.returncode == 0


@pytest.mark.long
def test_files_of_finished_jobs_go_after_their_time(tmp_path: Path) -> None:
    with running_server(tmp_path, "--files-life-s", "60") as server:
        folder = server.cache.parent

        def files() -> set[Path]:
            # Unlike `rglob`, this takes it well that folders go meanwhile.
            found = (Path(where, name) for where, _, names in os.walk(folder) for name in names)
            return {path for path in found if path.is_file()}

        page = files()
        kind, text = compress(server, 1, QUICK).answer()
        assert kind == "complete"
        assert {path.suffix for path in files() - page} >= {".png", ".cmb"}
        made = json.loads(text)[0]["path"]
        kind, text = Call(server, "decompress", [file(made), 1, 1]).answer()
        assert kind == "complete"
        assert Path(json.loads(text)[0]["path"]) in files()
        await_that(lambda: files() == page)
        assert jobs(server) == set()
