"""Beside a run: curves of other codecs; afterwards their files of its size, what ours tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

import combiner_core as cc
from combiner_core.signals import Kind, write_atomically
from combiner_core.signals.storage import read_content
from demo.codecs import CODECS, RatePoint
from demo.media import SUFFIXES
from demo.scheduling import Scheduler, Ticket, Visitor
from demo.work import Judge, Quality, Reencode, Reencoded, Reveal, Revealed, Source, Sweep
from demo.workers import StoppedError

OURS = "ours"


@dataclass(frozen=True)
class Entry:
    """What one codec made of the signal.

    Attributes:
        codec: its name, or `OURS`.
        bytes_count: size of the file.
        psnr_db, perceived, similarity: see `demo.work.Quality`.
        encode_s, decode_s: how long it took, in seconds.
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
class Looks:
    """What the file of an image tells beside the picture.

    Attributes:
        faithful, natural: the picture without detail and with all of it.
        screens: both for the screen, if they are large.
        detail, most_levels: see `demo.work.Revealed`.
        unsure: map of the expected errors.
    """

    faithful: Path
    natural: Path
    screens: tuple[Path | None, Path | None]
    detail: float
    unsure: Path
    most_levels: float


@dataclass(frozen=True)
class ComparisonState:
    """How far a comparison is.

    Attributes:
        curves: by codec, for this signal.
        entries: by codec; ``None`` for one that cannot make a file this small.
        failures: why there is no entry, by codec.
        looks: what our file tells beside the picture; ``None`` if it does not, or not yet.
        complete: whether no more entries will come.
        settled: whether nothing more will, curves included.
    """

    curves: Mapping[str, Sequence[RatePoint]] = field(default_factory=dict)
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    looks: Looks | None = None
    complete: bool = False
    settled: bool = False


@dataclass(frozen=True)
class Ours:
    """The result of the run.

    Attributes:
        original, decoded: the signals as files, without loss.
        compressed: the file.
        bytes_count: its size.
        psnr_db: of the decoded signal.
        encode_s, decode_s: how long it took, in seconds.
    """

    original: Path
    decoded: Path
    compressed: Path
    bytes_count: int
    psnr_db: float
    encode_s: float
    decode_s: float


class BaselineComparison:
    """The comparison of one run with other codecs; a codec that fails costs its own row alone.

    Args:
        kind: of the signal.
        open_file: reads what is compressed, or another file of this run.
        stem: of the decoded files' paths; their folder is there.
        background: does the work.
        visitor: whose run it is.
        with_others: whether there are others than ours.
    """

    def __init__(
        self,
        kind: Kind,
        open_file: Callable[[Path | None], Source],
        stem: Path,
        background: Scheduler,
        visitor: Visitor,
        *,
        with_others: bool = True,
    ) -> None:
        self._kind, self._open, self._stem = kind, open_file, stem
        self._background, self._visitor = background, visitor
        self._codecs = CODECS[kind] if with_others else ()
        self._curves: dict[str, Sequence[RatePoint]] = {}
        self._entries: dict[str, Entry | None] = {}
        self._failures: dict[str, str] = {}
        self._looks: Looks | None = None
        self._tickets: set[Ticket[Any]] = set()
        self._sweeps: dict[str, Ticket[Any]] = {}
        self._rows, self._abandoned = 0, False
        # Whoever holds it may write files; nobody does once all is abandoned.
        self._writing = RLock()

    def state(self) -> ComparisonState:
        """How far it is."""
        curves, entries, failures = self._curves.copy(), self._entries.copy(), self._failures.copy()
        complete = self._abandoned or 0 < self._rows == len(entries) + len(failures)
        settled = self._abandoned or (complete and not self._tickets)
        return ComparisonState(curves, entries, failures, self._looks, complete, settled)

    def draw_curves(self) -> None:
        """Begin with the curves."""
        self._draw(self._codecs)

    def _draw(self, codecs: Iterable[str]) -> None:
        for codec in codecs:
            ticket = self._later(
                partial(lambda codec: Sweep(self._open(None), codec), codec),
                partial(self._curves.__setitem__, codec),
            )
            if ticket is not None:
                self._sweeps[codec] = ticket

    def _put_off_curves(self) -> list[str]:
        """Take back what waits of them; returns the codecs."""
        waiting = [
            codec
            for codec, ticket in self._sweeps.items()
            if not (ticket.result.running() or ticket.result.done())
        ]
        for codec in waiting:
            self._sweeps.pop(codec).cancel()
        return waiting

    def compare(self, ours: Ours) -> None:
        """Measure the result of the run and look into it, then what codecs make of its size."""
        self._rows = 1 + len(self._codecs)
        # Our own row comes before curves that nobody has begun with.
        put_off = self._put_off_curves()
        self._later(
            lambda: Judge(self._open(ours.original), self._open(ours.decoded)),
            partial(self._enter_ours, ours),
            OURS,
        )
        if self._kind == "image" and self._codecs:
            self._later(lambda: Reveal(read_content(ours.compressed)), self._reveal)
        for codec in self._codecs:
            self._later(
                partial(lambda codec: Reencode(self._open(None), codec, ours.bytes_count), codec),
                partial(self._enter, codec),
                codec,
            )
        self._draw(put_off)

    def abandon(self) -> None:
        """Do no more."""
        with self._writing:
            self._abandoned = True
            tickets = list(self._tickets)
        for ticket in tickets:
            ticket.cancel()

    def _later(
        self, make: Callable[[], Any], note: Callable[[Any], None], row: str | None = None
    ) -> Ticket[Any] | None:
        """Have some work done, and note its result, or the reason in a row if it has one."""
        with self._writing:
            if self._abandoned:
                return None
            try:
                ticket: Ticket[Any] = self._background.submit(self._visitor, make)
            except StoppedError:
                return None
            self._tickets.add(ticket)
        ticket.result.add_done_callback(partial(self._ended, ticket, note, row))
        return ticket

    def _ended(
        self, ticket: Ticket[Any], note: Callable[[Any], None], row: str | None, result: Future[Any]
    ) -> None:
        with self._writing:
            self._tickets.discard(ticket)
            if self._abandoned:
                return
            try:
                note(result.result())
            except CancelledError:
                pass
            except cc.CombinerError as error:
                if row is not None:
                    self._failures[row] = str(error)

    def _enter_ours(self, ours: Ours, quality: Quality) -> None:
        self._entries[OURS] = Entry(
            OURS,
            ours.bytes_count,
            ours.psnr_db,
            quality.perceived,
            quality.similarity,
            ours.encode_s,
            ours.decode_s,
            ours.decoded,
        )

    def _reveal(self, revealed: Revealed | None) -> None:
        if revealed is None:
            return
        screens = [
            self._written(f"{name}-screen.webp", screen) if screen else None
            for name, screen in zip(("faithful", "natural"), revealed.screens, strict=True)
        ]
        self._looks = Looks(
            self._written("faithful.png", revealed.faithful),
            self._written("natural.png", revealed.natural),
            (screens[0], screens[1]),
            revealed.detail,
            self._written("unsure.png", revealed.unsure),
            revealed.most_levels,
        )

    def _written(self, name: str, content: bytes) -> Path:
        file = self._stem.with_name(f"{self._stem.name}-{name}")
        write_atomically(file, content)
        return file

    def _enter(self, codec: str, result: Reencoded | None) -> None:
        if result is None:
            self._entries[codec] = None
            return
        file = self._written(f"{codec}{SUFFIXES[self._kind]}", result.reconstruction)
        self._entries[codec] = Entry(
            codec,
            result.bytes_count,
            result.quality.psnr_db,
            result.quality.perceived,
            result.quality.similarity,
            result.encode_s,
            result.decode_s,
            file,
        )
