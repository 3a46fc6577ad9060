"""One job at a time on the device, in a thread of its own that can be stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from threading import Event as Flag
from types import TracebackType
from typing import Self

import combiner_core as cc
from combiner_core.options import DeviceName, EffortName

_POLL_S = 0.25


class Runner:
    """Encodes and decodes, one job after the other; leaving its context stops what runs.

    Args:
        device: where to fit and decode.
    """

    def __init__(self, device: DeviceName) -> None:
        self._device = device
        self._presets = cc.PresetLibrary()
        self._closing = Flag()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="codec")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._worker.shutdown(cancel_futures=True)

    def encode(
        self, signal: cc.Signal, budget: cc.Budget, effort: EffortName
    ) -> Iterator[cc.Event | None]:
        """Compress a signal; closing the iterator stops the work at the engine's next event.

        Yields:
            Every quarter of a second the latest `Progress`, ``None`` as long as there is none,
            and at the end the `Encoded`.

        Raises:
            CombinerError: as `combiner_core.encode`.
        """
        options = cc.EncodeOptions(effort=effort, device=self._device)
        events = cc.encode(signal, budget, options, self._presets)
        latest: deque[cc.Progress] = deque(maxlen=1)
        stopping = Flag()
        job = self._worker.submit(self._drive, events, latest, stopping)
        try:
            while not job.done():
                yield latest[-1] if latest else None
                wait([job], _POLL_S)
            yield job.result()
        finally:
            stopping.set()
            job.cancel()

    def decode(self, data: bytes) -> cc.Signal:
        """Decompress a file, after the job that runs.

        Raises:
            CombinerError: as `combiner_core.decode`.
        """
        job = self._worker.submit(cc.decode, data, device=self._device, presets=self._presets)
        return job.result()

    def _drive(
        self, events: Iterator[cc.Event], latest: deque[cc.Progress], stopping: Flag
    ) -> cc.Encoded:
        for event in events:
            if stopping.is_set() or self._closing.is_set():
                break
            if isinstance(event, cc.Encoded):
                return event
            latest.append(event)
        raise CancelledError
