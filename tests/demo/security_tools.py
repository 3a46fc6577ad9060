"""The app in a process of its own, and a client that keeps to no rules."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
END_S = 120.0
FIRST_PARTS = ("process_generating", "process_completed")


@dataclass
class Server:
    """A server that runs.

    Attributes:
        process: of it.
        port: on the loopback address.
        temp: folder that its folder lies in.
        client: to ask it with.
        seen: all that it answered to `client`, as text.
    """

    process: subprocess.Popen[str]
    port: int
    temp: Path
    client: httpx.Client
    seen: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cache(self) -> Path:
        """Where its uploads lie."""
        (folder,) = self.temp.glob("combiner-*")
        return folder / "cache"

    def upload(self, name: str, data: bytes, **headers: str) -> httpx.Response:
        return self.client.post(
            "/gradio_api/upload", files={"files": (name, data)}, headers=headers
        )

    def config(self) -> dict[str, Any]:
        return self.client.get("/config").json()

    def event(self, elem_id: str, trigger: str) -> int:
        """Number of an event of the page, or of what follows where the browser comes first."""
        config = self.config()
        ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        after = {event["trigger_after"]: event for event in config["dependencies"]}
        numbers = (
            answered["id"]
            for event in config["dependencies"]
            for target, name in event["targets"]
            if name == trigger and ids.get(target) == elem_id
            for answered in (event, after.get(event["id"]))
            if answered and answered["backend_fn"]
        )
        return int(next(numbers))

    def join(self, event: int, data: list[Any]) -> list[dict[str, Any]]:
        """Messages of an event of the page, up to its first result."""
        session = uuid.uuid4().hex
        body = {"data": data, "fn_index": event, "session_hash": session}
        self.client.post("/gradio_api/queue/join", json=body).raise_for_status()
        messages = []
        where = f"/gradio_api/queue/data?session_hash={session}"
        with self.client.stream("GET", where) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    messages.append(json.loads(line[5:]))
                    self.seen.append(line)
                    if messages[-1]["msg"] in FIRST_PARTS:
                        break
        return messages

    def run(self, event: int, data: list[Any], about: Any = None) -> httpx.Response:
        """An event of the page without its queue; `about` is what the browser says of it."""
        session = uuid.uuid4().hex
        body = {"data": data, "fn_index": event, "session_hash": session, "event_data": about}
        return self.client.post("/gradio_api/run/predict", json=body)

    def call(self, name: str, data: list[Any]) -> tuple[str, str]:
        """Kind and text of the last message of an endpoint."""
        posted = self.client.post(f"/gradio_api/call/{name}", json={"data": data})
        posted.raise_for_status()
        kind = text = ""
        where = f"/gradio_api/call/{name}/{posted.json()['event_id']}"
        with self.client.stream("GET", where) as stream:
            for line in stream.iter_lines():
                kind = line[6:].strip() if line.startswith("event:") else kind
                if line.startswith("data:"):
                    text = line[5:].strip()
                    self.seen.append(text)
        return kind, text


def file(path: object, **more: object) -> dict[str, object]:
    """A file as clients speak of it."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}, **more}


def _hear_ctrl_c() -> None:
    """As in a terminal: what a shell runs in the background inherits that it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running_server(
    temp: Path, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """The app in a fresh process with its files in a folder; its standard error is kept."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    command += ["--workers", "1", "--start-workers", "when-needed", *arguments]
    variables = {**os.environ, "TMPDIR": str(temp), **(environment or {})}
    with (
        (temp / "errors.txt").open("w") as errors,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=_hear_ctrl_c,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert "is served at" in process.stdout.readline()
            seen: list[str] = []

            def note(response: httpx.Response) -> None:
                if response.headers.get("content-type", "").startswith(("text/event", "image")):
                    return
                response.read()
                seen.append(response.text + str(response.headers))

            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", timeout=60, event_hooks={"response": [note]}
            ) as client:
                yield Server(process, port, temp, client, seen)
        finally:
            process.terminate()
            process.wait(END_S)
