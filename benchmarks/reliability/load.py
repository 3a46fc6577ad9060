"""Many visitors at once: whatever they ask for must end, and nothing of it may stay.

The app is started as `python app.py` starts it, but that files go soon. The first visitor comes as
soon as it is served. Then everything that visitors do is done once, and memory and disk are taken
when the files of that are gone. Then the visitors come, each from an address of its own, and do
this and that side by side. At the end memory and disk must come back to within a tenth of what they
were.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np

from benchmarks.reliability import app
from benchmarks.reliability.app import App
from benchmarks.reliability.client import Client, Event, RefusedError, page_events
from benchmarks.reliability.rows import Job, Row
from benchmarks.reliability.visits import Notes, Visitor
from combiner_core.errors import CombinerError

_SETTLING_S = 240.0
_LOOK_S = 2.0
_MOST_DISK = 1.1
_MINUTE_S = 60.0
# 127.0.0.1 is the server's own.
_FIRST_ADDRESS = 2


def run(job: Job) -> Row:
    """Measure.

    Raises:
        CombinerError: something was neither done nor clearly refused, memory or disk did not come
            back, or the app left something behind.
    """
    with tempfile.TemporaryDirectory() as temp:
        options = ("--files-life-s", str(job.files_life_s), "--workers", str(job.workers))
        with app.running(Path(temp), *options) as served:
            return asyncio.run(_Crowd(served, job).come_and_go())


class _Crowd:
    """The visitors of one measurement."""

    def __init__(self, served: App, job: Job) -> None:
        self._app, self._job = served, job
        self._notes = Notes()
        self._memory_mb = self._disk_mb = 0.0

    async def come_and_go(self) -> Row:
        first_picture_s, first_result_s = await first_visit(self._app.url)
        events = await page_events(self._app.url)
        before = await self._settled_after_one(events)
        await self._come(events)
        if self._notes.faults:
            raise CombinerError(
                f"{len(self._notes.faults)} faults, first of all {self._notes.faults[0]}."
            )
        after = await self._settled(before)
        return Row(
            self._job,
            self._app.start_s,
            first_picture_s,
            first_result_s,
            dict(sorted(self._notes.counts.items())),
            {what: _spread(seconds) for what, seconds in sorted(self._notes.seconds.items())},
            (before[0], self._memory_mb, after[0]),
            (before[1], self._disk_mb, after[1]),
        )

    async def _settled_after_one(self, events: dict[str, Event]) -> tuple[float, float]:
        """Memory and disk when everything has been done once, and its files are gone."""
        notes = Notes()
        async with Client.at(self._app.url, _address(0), events) as client:
            visitor = Visitor(client, notes, self._job.seed)
            for habit in visitor.habits:
                await visitor.do(habit)
        if notes.faults:
            raise CombinerError(f"With one visitor already: {notes.faults[0]}.")
        await asyncio.sleep(self._job.files_life_s)
        return await self._settled(None)

    async def _come(self, events: dict[str, Event]) -> None:
        until_s = time.monotonic() + self._job.minutes * _MINUTE_S
        async with AsyncExitStack() as stack:
            staying = []
            for number in range(self._job.visitors):
                client = await stack.enter_async_context(
                    Client.at(self._app.url, _address(number), events)
                )
                visitor = Visitor(client, self._notes, self._job.seed + 1 + number)
                staying.append(visitor.stay(until_s))
            watching = asyncio.create_task(self._watch())
            try:
                await asyncio.gather(*staying)
            finally:
                watching.cancel()
            if watching.done():  # The app has ended.
                watching.result()

    async def _watch(self) -> None:
        while True:
            memory_mb, disk_mb = await self._taken()
            self._memory_mb = max(self._memory_mb, memory_mb)
            self._disk_mb = max(self._disk_mb, disk_mb)
            await asyncio.sleep(_LOOK_S)

    async def _taken(self) -> tuple[float, float]:
        """Memory and disk, in MiB."""
        return await asyncio.to_thread(lambda: (self._app.memory_mb(), self._app.disk_mb()))

    async def _settled(self, before: tuple[float, float] | None) -> tuple[float, float]:
        """Memory and disk when they change no more, or are back where they were.

        Raises:
            CombinerError: they do not come back.
        """
        deadline_s = time.monotonic() + _SETTLING_S
        now = last = await self._taken()
        while time.monotonic() < deadline_s:
            await asyncio.sleep(self._job.files_life_s / 2)
            last, now = now, await self._taken()
            is_still = now[1] == last[1] and max(now[0], last[0]) < 1.01 * min(now[0], last[0])
            if is_still if before is None else self._is_back(before, now):
                return now
        if before is None:
            return now
        was, is_now = (
            f"{memory:.0f} MB of memory, {disk:.1f} of disk" for memory, disk in (before, now)
        )
        raise CombinerError(f"The app has {is_now}, where it had {was} before.")

    def _is_back(self, before: tuple[float, float], now: tuple[float, float]) -> bool:
        return now[0] <= self._job.most_memory * before[0] and now[1] <= _MOST_DISK * before[1]


async def first_visit(url: str) -> tuple[float, float]:
    """The first visitor's wait for a picture of the progress, and for the result, in seconds.

    Raises:
        CombinerError: there is no result.
    """
    async with Client.at(url, _address(0), await page_events(url)) as client:
        try:
            return await Visitor(client, Notes(), 0).first_run()
        except RefusedError as refusal:
            raise CombinerError(str(refusal)) from refusal


def _address(number: int) -> str:
    return f"127.0.{(number + _FIRST_ADDRESS) // 250}.{(number + _FIRST_ADDRESS) % 250}"


def _spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    median, high = np.percentile(seconds, (50, 95))
    return round(float(median), 3), round(float(high), 3), round(max(seconds), 3)
