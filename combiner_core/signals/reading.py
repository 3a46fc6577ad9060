"""What was read: a signal, and what of its source is not in it."""

from __future__ import annotations

from dataclasses import dataclass

from combiner_core.signals.about import NOTHING_KNOWN, About
from combiner_core.signals.signal import Signal


@dataclass(frozen=True, eq=False)
class Reading:
    """A signal from what people have.

    Attributes:
        signal: an image or a clip.
        notes: sentences on what was left out or changed.
        about: who made it, as far as its source says.
        metadata: what else the source says, in words: "EXIF", "title".
        has_frames: whether another frame could be chosen by its time.
    """

    signal: Signal
    notes: tuple[str, ...] = ()
    about: About = NOTHING_KNOWN
    metadata: tuple[str, ...] = ()
    has_frames: bool = False

    def all_notes(self, *, keeps_about: bool = False) -> tuple[str, ...]:
        """The notes, and what becomes of the metadata.

        Args:
            keeps_about: whether copyright, author and date are kept.
        """
        kept = list(self.about.known()) if keeps_about else []
        left = [word for word in (*self.about.known(), *self.metadata) if word not in kept]
        parts = []
        if kept:
            parts.append(f"details of the file that are kept: {', '.join(kept)}")
        if left:
            parts.append(f"details of the file that are not kept: {', '.join(left)}")
        return (*self.notes, *(f"{part[0].upper()}{part[1:]}." for part in parts))
