"""Settings of the app, from the command line or the environment."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from combiner_core import Limits
from combiner_core.executors import EXECUTORS, ExecutorName
from combiner_core.options import DeviceName

_PREFIX = "COMBINER_"
# Set where the app runs as a Hugging Face Space, whose proxy is not on this machine.
_SPACE_VARIABLE, _SPACE_HOST_VARIABLE = "SPACE_ID", "SPACE_HOST"
_SPACE_DOMAIN = ".hf.space"
_HOST = re.compile(r"\*|(\*\.)?[\w.-]+|\[?[0-9a-fA-F:.]*::?[0-9a-fA-F:.]*\]?")
_MOST_MEGAPIXELS = Limits.pixels / 1e6
_HERE, _EVERYWHERE = "127.0.0.1", "0.0.0.0"


def _option(
    about: str,
    read: Callable[[str], Any],
    choices: tuple[str, ...] | None = None,
    action: type[argparse.Action] | str = "store",
) -> dict[str, Any]:
    return {"help": about, "type": read, "choices": choices, "action": action}


class _Gather(argparse.Action):
    """Given several times, an option has all the values together."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, values if before is self.default else (*before, *values))


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 1 << 16:
        raise ValueError(text)
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError(text)
    return number


def _share(text: str) -> float:
    number = float(text)
    if not (0 <= number <= 1 or (number.is_integer() and 0 < number < math.inf)):
        raise ValueError(text)
    return number


def _megapixels(text: str) -> float:
    number = _positive(text)
    if number > _MOST_MEGAPIXELS:
        raise ValueError(text)
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _hosts(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or not all(_HOST.fullmatch(name) for name in names):
        raise ValueError(text)
    return names


@dataclass(frozen=True)
class InputLimits:
    """How large a signal may be.

    Attributes:
        max_pixels: of an image.
        max_seconds: of a clip.
    """

    max_pixels: int
    max_seconds: float


StartName = Literal["at-once", "when-needed"]


@dataclass(frozen=True)
class Settings:
    """Settings of the app; each field is an option `--name` and a variable `COMBINER_NAME`.

    Attributes:
        host, port: where to listen.
        allowed_host: names of this server besides those of this machine and `host`; "*" is any,
            "*.example.org" any below that.
        device: where to fit and decode.
        presets: folder of trained models; ``None`` for those shipped with the program.
        max_upload_mb: largest file accepted, in 2^20 bytes, as Gradio counts them.
        max_disk_mb: largest size of all files of the app, in 2^20 bytes.
        max_sessions: open pages whose state is kept.
        max_megapixels: largest image accepted, in 10^6 pixels.
        max_seconds: longest clip accepted.
        executor: where work is done: "local" for this machine, "ray" for a cluster.
        ray_address: of the cluster; ``None`` for one of this machine, unless RAY_ADDRESS says.
        gpus_per_worker: of the cluster: a share of one, or some; 0 for processors.
        workers: runs at a time; ``None``: by the cores of the machine, or the cluster.
        start_workers: "at-once", or "when-needed" by the first visitor.
        queue_length: runs that may wait for those at work.
        queue_length_each: those of one visitor.
        max_run_s: longest time that a run may take.
        max_memory_mb: most memory that a run may take, in 2^20 bytes; ``None``: by the machine.
        user, password: asked of visitors if given.
        files_life_s: how long uploads and results are kept.
    """

    host: str = field(default=_HERE, metadata=_option("address to listen on", str))
    port: int = field(default=7860, metadata=_option("port to listen on", _port))
    allowed_host: tuple[str, ...] = field(
        default=(),
        metadata=_option(
            "name that visitors reach this server by; may be given several times, * is any name",
            _hosts,
            action=_Gather,
        ),
    )
    device: DeviceName = field(
        default="auto", metadata=_option("where to fit and decode", str, get_args(DeviceName))
    )
    presets: Path | None = field(default=None, metadata=_option("folder of trained models", Path))
    max_upload_mb: float = field(
        default=64.0, metadata=_option("largest file accepted, in megabytes", _positive)
    )
    max_disk_mb: float = field(
        default=4096.0,
        metadata=_option("size of all uploads and results together, in megabytes", _positive),
    )
    max_sessions: int = field(
        default=256, metadata=_option("open pages whose state is kept", _whole)
    )
    max_megapixels: float = field(
        default=_MOST_MEGAPIXELS,
        metadata=_option(
            f"largest image accepted, in megapixels, {_MOST_MEGAPIXELS:g} at most", _megapixels
        ),
    )
    max_seconds: float = field(
        default=600.0, metadata=_option("longest clip accepted, in seconds", _positive)
    )
    executor: ExecutorName = field(
        default="local", metadata=_option("where work is done", str, EXECUTORS)
    )
    ray_address: str | None = field(
        default=None,
        metadata=_option(
            "HOST:PORT of the Ray cluster, or auto for the one this machine belongs to", str
        ),
    )
    gpus_per_worker: float = field(
        default=0.0, metadata=_option("GPUs of the cluster for each run, 0.25 for a share", _share)
    )
    workers: int | None = field(
        default=None,
        metadata=_option(
            "runs at a time; if not given, half as many as cores, but 2 to 8 of this machine",
            _whole,
        ),
    )
    start_workers: StartName = field(
        default="at-once",
        metadata=_option("when workers start; those who need them wait", str, get_args(StartName)),
    )
    queue_length: int = field(
        default=32, metadata=_option("runs that may wait for those at work", _count)
    )
    queue_length_each: int = field(
        default=4, metadata=_option("runs that may wait of one visitor", _count)
    )
    max_run_s: float = field(
        default=3600.0, metadata=_option("longest time that a run may take, in seconds", _positive)
    )
    max_memory_mb: float | None = field(
        default=None,
        metadata=_option(
            "most memory that a run may take, in megabytes; if not given, its share of the "
            "machine's",
            _positive,
        ),
    )
    user: str | None = field(default=None, metadata=_option("name that visitors must give", str))
    password: str | None = field(
        default=None, metadata=_option("password that visitors must give", str)
    )
    files_life_s: float = field(
        default=14400.0, metadata=_option("seconds to keep uploads and results", _positive)
    )

    @property
    def max_upload_bytes(self) -> int:
        """Largest file accepted, in bytes."""
        return math.ceil(self.max_upload_mb * 2**20)

    @property
    def max_disk_bytes(self) -> int:
        """Largest size of all files of the app, in bytes."""
        return math.ceil(self.max_disk_mb * 2**20)

    @property
    def on_space(self) -> bool:
        """Whether it is a Hugging Face Space, which is shown in a frame of another site."""
        return any(name.endswith(_SPACE_DOMAIN) for name in self.allowed_host)

    @property
    def max_pixels(self) -> int:
        """Largest image accepted, in pixels."""
        return round(self.max_megapixels * 1e6)

    @property
    def input_limits(self) -> InputLimits:
        """How large a signal may be."""
        return InputLimits(self.max_pixels, self.max_seconds)

    @property
    def login(self) -> tuple[str, str] | None:
        """Name and password that visitors must give, if any."""
        return (self.user, self.password) if self.user and self.password else None


def read(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Settings:
    """Settings from arguments, and from the environment where they say nothing.

    Args:
        arguments: of the command line; ``None`` for those of this process.
        environment: variables, of which those named `COMBINER_...` matter; empty ones do not.

    Raises:
        SystemExit: a value is not one of those allowed, or help was asked for.
    """
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="The app: serves the demo page.",
        epilog=f"Every option may also be a variable of the environment, as {_PREFIX}PORT.",
    )
    for each in fields(Settings):
        variable = _PREFIX + each.name.upper()
        default: Any = environment.get(variable) or each.default
        if each.name == "host" and default == _HERE and environment.get(_SPACE_VARIABLE):
            default = _EVERYWHERE
        parser.add_argument(
            "--" + each.name.replace("_", "-"),
            default=default,
            type=each.metadata["type"],
            choices=each.metadata["choices"],
            action=each.metadata["action"],
            help=f"{each.metadata['help']} (default: {each.default})",
        )
        _check_choice(parser, variable, default, each.metadata["choices"])
    parsed = parser.parse_args(arguments)
    if bool(parsed.user) != bool(parsed.password):
        parser.error("a user needs a password, and a password a user")
    if parsed.executor == "local" and (parsed.ray_address or parsed.gpus_per_worker):
        parser.error("an address and GPUs of a cluster need the executor ray")
    if parsed.executor == "ray" and parsed.device == "cuda" and not parsed.gpus_per_worker:
        parser.error("the device cuda of a cluster needs a number of GPUs for each worker")
    if space_host := environment.get(_SPACE_HOST_VARIABLE):
        parsed.allowed_host = (*parsed.allowed_host, space_host)
    return Settings(**vars(parsed))


def _check_choice(
    parser: argparse.ArgumentParser, variable: str, value: str, choices: tuple[str, ...] | None
) -> None:
    # argparse checks what is typed, not defaults.
    if choices is not None and value not in choices:
        parser.error(f"{variable} is {value!r}, not one of {', '.join(choices)}")
