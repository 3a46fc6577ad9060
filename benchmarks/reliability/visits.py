"""What visitors of the app do, and what they make of its answers."""

from __future__ import annotations

import asyncio
import html
import io
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile as sf
from PIL import Image

from benchmarks.reliability.client import Client, RefusedError
from demo.compress.purposes import OWN

_POLL_S, _CLOSE_POLL_S = 1.0, 0.1
_FIRST_SIZE = 768, 512
_RATES = ((8000, 0.5), (16_000, 1.0), (48_000, 0.5))
_SIDES = (48, 96, 160)
# What a program asks for beside a file and a number.
_QUICK = ("bytes", "multires", "fast", -1, "psnr")
_LONG = ("bytes", "siren", "best", -1, "psnr")
# what the server keeps of a page comes first among what Compress sends
_KEPT = 4
_BUDGETS = (300, 900, 2000)
_LONGEST_PATIENCE_S = 4.0
_PAUSE_S = 1.0
# Sentences of an app that has too much to do; any other is a fault.
_CLEAR = ("The queue is full: ", "You have ")
_STATE = re.compile(r'data-state="(\w+)"')
_NOTE = re.compile(r"<span>(.*?)</span>")
_ENDS = ("done", "stopped", "failed", "idle")


@dataclass
class Notes:
    """What visitors noticed.

    Attributes:
        counts: of what came of what they asked for.
        seconds: that they waited, by what for.
        faults: sentences about what must not happen.
    """

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Note how long something takes."""
        began_s = time.monotonic()
        yield
        self.seconds.setdefault(what, []).append(time.monotonic() - began_s)


class Visitor:
    """Somebody who does one thing after the other.

    Args:
        client: of this visitor alone.
        notes: of all visitors.
        seed: of what is done.
    """

    def __init__(self, client: Client, notes: Notes, seed: int) -> None:
        self._client, self._notes = client, notes
        self._random, self._noise = random.Random(seed), np.random.default_rng(seed)
        self._names, self._news = 0, dict[str, Any]()

    @property
    def habits(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """All that visitors do."""
        return (
            self.use_as_program,
            self.hang_up,
            self.use_page,
            self.stop_on_page,
            self.ask_twice,
            self.send_damaged,
        )

    async def stay(self, until_s: float) -> None:
        """Do this and that until some time by the monotonic clock."""
        while time.monotonic() < until_s:
            await self.do(self._random.choice(self.habits))
            await asyncio.sleep(self._random.uniform(0, _PAUSE_S))

    async def do(self, habit: Callable[[], Awaitable[None]]) -> None:
        """Do one thing; what must not happen is noted."""
        try:
            await habit()
        except RefusedError as refusal:
            if str(refusal).startswith(_CLEAR):
                self._notes.counts["refusals"] += 1
            else:
                self._notes.faults.append(f"{habit.__name__}: {refusal}")
        except Exception as error:
            self._notes.faults.append(f"{habit.__name__}: {type(error).__name__} {error}")

    async def use_as_program(self) -> None:
        """Compress by the endpoint, fetch the file, decompress it, fetch that."""
        budget = self._random.choice(_BUDGETS)
        file = await self._handed_in(self._random.choice((self._picture, self._clip)))
        with self._notes.timing("compress"):
            made, report = await self._client.call("compress", [file, budget, *_QUICK])
        self._notes.counts["runs done"] += 1
        data = await self._fetched(made)
        if not len(data) == report["result"]["bytes"] <= budget:
            raise RefusedError(f"a file of {len(data)} bytes for a budget of {budget}")
        with self._notes.timing("decompress"):
            decoded, _ = await self._client.call("decompress", [_file(made), 1.0, 1.0])
        self._notes.counts["decodings done"] += 1
        content = await self._fetched(decoded)
        if not content.startswith((b"\x89PNG", b"RIFF")):
            raise RefusedError("a decoded file that is no PNG or WAV")

    async def first_run(self) -> tuple[float, float]:
        """Seconds from a click on the page to a picture of the progress, and to the result.

        Raises:
            RefusedError: there is no result.
        """
        await self._client.open_page()
        name, content = self._picture(_FIRST_SIZE)
        file = await self._client.upload(name, content)
        await self._client.send("image-source change", [file])
        began_s = time.monotonic()
        job, seen = await self._compress(_asked(file, 5000, "multires", "balanced"))
        picture_s = None
        while _state(seen) not in _ENDS:
            if picture_s is None and any(_paths(seen["image-preview"])):
                picture_s = time.monotonic() - began_s
            await asyncio.sleep(_CLOSE_POLL_S)
            seen |= await self._looked(job)
        if _state(seen) != "done":
            raise RefusedError(f"The first run is {_state(seen)}.")
        result_s = time.monotonic() - began_s
        return picture_s or result_s, result_s

    async def hang_up(self) -> None:
        """Ask for something long, and leave before it is there."""
        file = await self._handed_in(self._picture)
        asked = self._client.call("compress", [file, 900, *_LONG])
        try:
            await asyncio.wait_for(asked, self._random.uniform(0, _LONGEST_PATIENCE_S))
            self._notes.counts["runs done"] += 1
        except TimeoutError:
            self._notes.counts["hang-ups"] += 1

    async def use_page(self) -> None:
        """Compress on the page, watch it, fetch the result."""
        seen = await self._watched(await self._started("fast"))
        paths = [path for path in _paths(seen) if path.endswith((".cmb", ".png", ".wav"))]
        for path in paths:
            await self._fetched({"path": path})

    async def stop_on_page(self) -> None:
        """Begin something long on the page, and press Stop."""
        job = await self._started("best", model="siren")
        await asyncio.sleep(self._random.uniform(0, _LONGEST_PATIENCE_S))
        with self._notes.timing("stop"):
            seen = await self._client.look("image-stop click", [job])
        state = _state(seen)
        if state not in ("stopped", "done"):
            raise RefusedError(f"a run that is {state} after Stop")
        self._notes.counts["stops"] += 1

    async def ask_twice(self) -> None:
        """Ask for two runs: the second must not begin before the first."""
        jobs = [await self._started("fast") for _ in range(2)]
        while True:
            # The second is looked at first: what has begun then has begun in the next look.
            late, early = [await self._looked(job) for job in reversed(jobs)]
            if _state(early) == "waiting" and _state(late) not in ("waiting", "idle"):
                raise RefusedError("a run that began before an earlier one of its visitor")
            if _state(early) != "waiting":
                break
            await asyncio.sleep(_POLL_S)
        for job in jobs:
            await self._watched(job)

    async def send_damaged(self) -> None:
        """Upload what is no picture: the sentence must name it."""
        name = self._name("txt")
        file = await self._client.upload(name, self._noise.bytes(500))
        try:
            await self._client.call("compress", [file, 900, *_QUICK])
        except RefusedError as refusal:
            if name not in str(refusal):
                raise
            self._notes.counts["damaged files told"] += 1
            return
        raise RefusedError("noise that was compressed")

    async def _started(self, effort: str, model: str = "multires") -> str:
        with self._notes.timing("page"):
            await self._client.open_page()
        file = await self._handed_in(self._picture)
        budget = self._random.choice(_BUDGETS)
        await self._client.send("image-source change", [file])
        job, _ = await self._compress(_asked(file, budget, model, effort))
        return job

    async def _compress(self, asked: list[object]) -> tuple[str, dict[str, Any]]:
        """Press Compress; returns the id of the run, and what is on the page."""
        seen = await self._client.send("image-compress click", asked)
        job = next(iter(seen.values()))
        if not isinstance(job, str):  # It stays as it is: the page shows why not.
            raise RefusedError(_note(seen))
        return job, seen

    async def _looked(self, job: str) -> dict[str, Any]:
        """What a page shows when its time has come: the status, and the rest where that is new."""
        with self._notes.timing("progress"):
            seen = await self._client.look("image-status tick", [job])
        for name in ("image-live-news", "image-news"):
            if seen[name] != self._news.get(name):
                self._news[name] = seen[name]
                with self._notes.timing("progress"):
                    seen |= await self._client.look(f"{name} change", [job])
        return seen

    async def _watched(self, job: str) -> dict[str, Any]:
        """What is on the page when a run has ended."""
        while _state(seen := await self._looked(job)) not in _ENDS:
            await asyncio.sleep(_POLL_S)
        if _state(seen) != "done":
            raise RefusedError(f"a run that is {_state(seen)}: {seen['image-status']}")
        self._notes.counts["runs done"] += 1
        return seen

    async def _handed_in(self, make: Callable[[], tuple[str, bytes]]) -> dict[str, Any]:
        name, content = make()
        file = await self._client.upload(name, content)
        self._notes.counts["uploads"] += 1
        return file

    async def _fetched(self, file: dict[str, Any]) -> bytes:
        content = await self._client.download(file["path"])
        self._notes.counts["downloads"] += 1
        return content

    def _picture(self, size: tuple[int, int] | None = None) -> tuple[str, bytes]:
        width, height = size or (self._random.choice(_SIDES) for _ in range(2))
        coarse = self._noise.integers(0, 256, (5, 5, 3), np.uint8)
        stream = io.BytesIO()
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(stream, "PNG")
        return self._name("png"), stream.getvalue()

    def _clip(self) -> tuple[str, bytes]:
        rate, seconds = self._random.choice(_RATES)
        time_s = np.arange(round(rate * seconds)) / rate
        pitches = self._noise.uniform(100, 1000, 3)
        sound = sum(np.sin(2 * np.pi * pitch * time_s) for pitch in pitches) / 4
        stream = io.BytesIO()
        sf.write(stream, sound, rate, format="WAV")
        return self._name("wav"), stream.getvalue()

    def _name(self, suffix: str) -> str:
        self._names += 1
        return f"{self._random.randrange(1 << 32):08x}-{self._names}.{suffix}"


def _file(answered: dict[str, Any]) -> dict[str, Any]:
    return {"path": answered["path"], "meta": {"_type": "gradio.FileData"}}


def _state(seen: dict[str, Any]) -> str:
    """What the status panel tells."""
    found = _STATE.search(str(seen["image-status"]))
    return found[1] if found else ""


def _note(seen: dict[str, Any]) -> str:
    """The sentence of the status panel."""
    found = _NOTE.search(str(seen["image-status"]))
    return html.unescape(found[1]) if found else ""


def _paths(value: object) -> Iterator[str]:
    """Paths of all files in an answer."""
    if isinstance(value, dict):
        if isinstance(path := value.get("path"), str):
            yield path
        for part in value.values():
            yield from _paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from _paths(part)


def _asked(file: dict[str, Any], budget: int, model: str, effort: str) -> list[object]:
    """What a page says when Compress is pressed."""
    return [*[None] * _KEPT, file, None, OWN, budget, model, effort, "psnr", 0]
