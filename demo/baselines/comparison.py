"""Other codecs beside a run: their curves while it goes on, their files of its size afterwards."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock, get_native_id

import combiner_core as cc
from demo.baselines import codecs
from demo.baselines.codecs import MeasuredResult, RatePoint
from demo.media import SUFFIXES

OURS = "ours"
_NICENESS = 10
# Larger signals have no curves: a sweep would take longer than the run.
_MAX_CURVE_PIXELS = 2_000_000
_MAX_CURVE_S = 60.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """What one codec made of the signal.

    Attributes:
        codec: its name, or `OURS`.
        bytes_count: size of the file.
        psnr_db, perceived, similarity, encode_s, decode_s: as in
            `demo.baselines.codecs.MeasuredResult`.
        file: the decoded signal, without loss.
    """

    codec: str
    bytes_count: int
    psnr_db: float
    perceived: float | None
    similarity: float | None
    encode_s: float | None
    decode_s: float | None
    file: Path


@dataclass(frozen=True)
class ComparisonState:
    """How far a comparison is.

    Attributes:
        curves: by codec, for this signal.
        entries: by codec; ``None`` for one that cannot make a file this small.
        complete: whether no more entries will come.
    """

    curves: Mapping[str, Sequence[RatePoint]]
    entries: Mapping[str, Entry | None]
    complete: bool


class BaselineComparison:
    """The comparison of one run with other codecs, in a pool of threads of low priority.

    Args:
        signal: what is compressed.
        stem: of the decoded files' paths; their folder is there when the run is done.
        pool: see `background_pool`.
        codecs: to compare with.
    """

    def __init__(
        self, signal: cc.Signal, stem: Path, pool: ThreadPoolExecutor, codecs: Sequence[str]
    ) -> None:
        self._signal: cc.Signal | None = signal
        self._stem, self._pool, self._codecs = stem, pool, codecs
        self._curves: dict[str, list[RatePoint]] = {}
        self._entries: dict[str, Entry | None] = {}
        self._complete = False
        self._lock = Lock()

    def state(self) -> ComparisonState:
        """How far it is."""
        with self._lock:
            return ComparisonState(dict(self._curves), dict(self._entries), self._complete)

    def draw_curves(self) -> None:
        """Begin with the curves."""
        for codec in self._codecs:
            self._later(partial(self._sweep, codec))

    def compare(self, encoded: cc.Encoded, decoded: Path) -> None:
        """Measure the result of the run, then what the codecs make of its size.

        Args:
            encoded: result of the run.
            decoded: the file of its reconstruction.
        """
        self._later(partial(self._measure, encoded, decoded))
        for codec in self._codecs:
            self._later(partial(self._fit, codec, len(encoded.data)))
        self._later(lambda signal: self.abandon())

    def abandon(self) -> None:
        """Do no more, and let go of the signal."""
        with self._lock:
            self._complete, self._signal = True, None

    def _later(self, work: Callable[[cc.Signal], None]) -> None:
        self._pool.submit(self._run, work)

    def _run(self, work: Callable[[cc.Signal], None]) -> None:
        signal = self._signal
        if signal is None:
            return
        try:
            work(signal)
        except cc.SignalError:
            pass  # The codec cannot hold such a signal.
        except Exception:
            _LOG.exception("a comparison failed")

    def _measure(self, encoded: cc.Encoded, decoded: Path, signal: cc.Signal) -> None:
        seconds = encoded.seconds
        encode_s = seconds["load"] + seconds["fit"] + seconds["code"]
        result = codecs.measured(
            signal,
            OURS,
            len(encoded.data),
            encoded.reconstruction,
            encode_s=encode_s,
            decode_s=seconds["total"] - encode_s,  # The encoder ends with decoding.
        )
        self._enter(OURS, result, decoded)

    def _sweep(self, codec: str, signal: cc.Signal) -> None:
        is_image = signal.kind == "image"
        if signal.pixels > _MAX_CURVE_PIXELS if is_image else signal.duration_s > _MAX_CURVE_S:
            return
        curve = codecs.curve(signal, codec)
        with self._lock:
            self._curves[codec] = curve

    def _fit(self, codec: str, max_bytes: int, signal: cc.Signal) -> None:
        result = codecs.at_size(signal, codec, max_bytes)
        if result is None:
            with self._lock:
                self._entries[codec] = None
            return
        file = self._stem.with_name(f"{self._stem.name}-{codec}{SUFFIXES[signal.kind]}")
        cc.save(result.reconstruction, file)
        self._enter(codec, result, file)

    def _enter(self, codec: str, result: MeasuredResult, file: Path) -> None:
        entry = Entry(
            codec,
            result.bytes_count,
            result.psnr_db,
            result.perceived,
            result.similarity,
            result.encode_s,
            result.decode_s,
            file,
        )
        with self._lock:
            self._entries[codec] = entry


def background_pool() -> ThreadPoolExecutor:
    """One thread that yields the processor to others."""
    return ThreadPoolExecutor(1, thread_name_prefix="background", initializer=_be_nice)


def _be_nice() -> None:
    # On Linux the priority is that of the thread alone; elsewhere the call is not there.
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)
