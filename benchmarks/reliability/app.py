"""The app in a process of its own, on a free port: what it takes of memory and disk."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from combiner_core.errors import CombinerError

_ROOT = Path(__file__).resolve().parents[2]
_END_S = 60.0
_MB = 1 << 20


@dataclass(frozen=True)
class App:
    """An app that runs.

    Attributes:
        url: where it is served.
        start_s: from its start until it said so, in seconds.
        process: the server; its workers are its children.
        temp: folder that its files lie in.
    """

    url: str
    start_s: float
    process: subprocess.Popen[str]
    temp: Path

    def memory_mb(self) -> float:
        """Of the server and all its children, in MiB; what they share counts once.

        Raises:
            CombinerError: it has ended.
        """
        total_bytes = 0
        for each in self._family():
            with suppress(psutil.Error):  # It has ended meanwhile.
                total_bytes += each.memory_full_info().pss
        return total_bytes / _MB

    def _family(self) -> list[psutil.Process]:
        try:
            server = psutil.Process(self.process.pid)
            return [server, *server.children(recursive=True)]
        except psutil.NoSuchProcess:
            raise CombinerError("The app has ended.") from None

    def disk_mb(self) -> float:
        """All its files, in MiB."""
        total_bytes = 0
        for folder, _, names in os.walk(self.temp):
            for name in names:
                with suppress(OSError):  # It is gone meanwhile.
                    total_bytes += Path(folder, name).lstat().st_size
        return total_bytes / _MB


@contextmanager
def running(temp: Path, *arguments: str) -> Iterator[App]:
    """Start the app, and end it afterwards.

    Args:
        temp: empty folder for its files.
        arguments: of its command line.

    Raises:
        CombinerError: it did not start, or left files or processes behind.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu", *arguments]
    began_s = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(temp)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            if "is served at" not in process.stdout.readline():
                raise CombinerError("The app did not start.")
            start_s = time.monotonic() - began_s
            yield App(f"http://127.0.0.1:{port}", start_s, process, temp)
            family = psutil.Process(process.pid).children(recursive=True)
        finally:
            process.terminate()
            process.wait(_END_S)
    _, alive = psutil.wait_procs(family, _END_S)
    if alive:
        raise CombinerError(f"{len(alive)} processes of the app did not end with it.")
    left = [path.name for path in temp.rglob("*") if path.is_file()]
    if left:
        raise CombinerError(f"The app left {', '.join(left)} behind.")
