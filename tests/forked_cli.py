"""The command line in forks of a process that has imported what it needs, which takes seconds."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class ForkedCli:
    """`python -m combiner_core`, with nothing of an earlier run in memory."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: list[str], folder: Path, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run it inside a folder, with today's environment; both outputs are text."""
        requests, answers = self._parent.stdin, self._parent.stdout
        assert requests is not None
        assert answers is not None
        with tempfile.TemporaryDirectory() as kept:
            outputs = [Path(kept, name) for name in ("stdout", "stderr")]
            request = [arguments, str(folder), dict(os.environ), [*map(str, outputs)], timeout_s]
            requests.write(json.dumps(request) + "\n")
            requests.flush()
            code = int(answers.readline())
            stdout, stderr = (path.read_text() for path in outputs)
        return subprocess.CompletedProcess(arguments, code, stdout, stderr)

    def close(self) -> None:
        """End the process that forks."""
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait()


def _serve() -> None:
    import combiner_core.multires.codec
    import combiner_core.signals
    import combiner_core.siren.codec
    import combiner_core.siren.train_command  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(*json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    outputs: list[str],
    timeout_s: float,
) -> None:
    """Become the command; ends this process."""
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["combiner", *arguments]
    runpy.run_module("combiner_core", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _serve()
