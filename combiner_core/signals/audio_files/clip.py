"""What a reader makes of a sound file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import SignalError
from combiner_core.signals.about import NOTHING_KNOWN, About

MAX_PARTS = 256


@dataclass(frozen=True, eq=False)
class Clip:
    """Samples as a file holds them.

    Attributes:
        samples: float32 (channels, samples), in the order of WAVE files; they may exceed [-1, 1].
        sample_rate: in Hz.
        channel_mask: loudspeakers of the channels as in WAVE files, `None` if nothing is said.
        notes: sentences on what was left out.
        about: who made it.
        metadata: what else the file says, in words: "title", "cover picture".
        has_frames: whether the file is a video.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    channel_mask: int | None = None
    notes: tuple[str, ...] = ()
    about: About = NOTHING_KNOWN
    metadata: tuple[str, ...] = ()
    has_frames: bool = False


def too_long(name: str, max_samples: int, stated: int = 0) -> SignalError:
    """That a file has more samples than are accepted, and how many if it states that."""
    count = f"{stated:,}" if stated > max_samples else f"more than {max_samples:,}"
    return SignalError(
        f"{name} holds {count} samples over all channels: at most {max_samples:,} are accepted."
    )


def check_parts(count: int, name: str) -> None:
    """Refuse a file put together of more parts than anyone has.

    Raises:
        SignalError: these are more than 256.
    """
    if count > MAX_PARTS:
        raise SignalError(f"{name} is put together of more than {MAX_PARTS} files.")


def joined(clips: Sequence[Clip], name: str) -> Clip:
    """One clip of the parts of a file; what is known of the first holds for all.

    Raises:
        SignalError: their channels or sample rates differ.
    """
    first = clips[0]
    if len(clips) == 1:
        return first
    for other in clips:
        if other.sample_rate != first.sample_rate:
            raise SignalError(
                f"{name} goes from {first.sample_rate:,} to {other.sample_rate:,} samples a "
                "second: give its parts one by one."
            )
        if len(other.samples) != len(first.samples):
            raise SignalError(
                f"{name} goes from {len(first.samples)} to {len(other.samples)} channels: give "
                "its parts one by one."
            )
    notes = tuple(dict.fromkeys(note for clip in clips for note in clip.notes))
    return replace(
        first, samples=np.concatenate([clip.samples for clip in clips], axis=1), notes=notes
    )
