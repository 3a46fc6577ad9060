"""Sound that libav decodes: of FLAC, MP3, Ogg, MP4 and other containers, those with video, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import SignalError
from combiner_core.signals.about import NOTHING_KNOWN, About
from combiner_core.signals.audio_files.channels import wave_order
from combiner_core.signals.audio_files.clip import Clip, too_long
from combiner_core.signals.libav import (
    ATTACHED,
    best_sound,
    can_decode,
    opened,
    pictures_of,
    tags_of,
)

if TYPE_CHECKING:
    from av import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

VIDEO_NOTE = (
    "It is a video: its sound was used, and its pictures left out; one of them can be chosen by "
    "its time."
)
# zero of integer samples, and what one is worth
_INTEGERS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "u8": (128.0, 2.0**-7),
        "s16": (0.0, 2.0**-15),
        "s32": (0.0, 2.0**-31),
        "s64": (0.0, 2.0**-63),
    }
)
# whose stated length is counted, not guessed; by the first of libav's names
_COUNTED = frozenset({"avi", "caf", "flac", "matroska", "mov", "ogg", "tta", "wav", "wv"})
# whose frames are the whole file
_BARE = frozenset({"aac", "ac3", "dts", "eac3", "truehd"})
# what may be missing of a stated length, which is often rounded
_SLACK_S = 0.05
_MICROSECONDS = 1_000_000


def read(content: bytes, name: str, max_samples: int, *, form: str | None = None) -> Clip | None:
    """The sound of a file.

    Args:
        content: its bytes.
        name: for errors.
        max_samples: most samples accepted, over all channels.
        form: the container, as libav calls it; ``None`` to guess.

    Returns:
        ``None`` if it is nothing that libav opens, or has no sound.

    Raises:
        SignalError: it is damaged, incomplete, or has too many samples.
    """
    import av

    is_open = False
    try:
        with opened(content, form) as container:
            stream = best_sound(container)
            if stream is None:
                return None
            is_open = True
            if not can_decode(stream):
                raise SignalError(f"The sound of {name} is coded in a way that is not read.")
            return _read(container, stream, content, name, max_samples)
    except (av.error.FFmpegError, UnicodeDecodeError, ValueError) as error:
        if not is_open:
            return None
        raise SignalError(
            f"{name} is damaged or incomplete: its sound cannot be decoded."
        ) from error


def said(content: bytes) -> tuple[About, tuple[str, ...]]:
    """What a file says of its sound, apart from it, as `Clip` has it."""
    import av

    try:
        with opened(content) as container:
            stream = best_sound(container)
            if stream is not None:
                return _said(container, stream)
    except (av.error.FFmpegError, UnicodeDecodeError, ValueError):
        pass  # the sound may be read all the same
    return NOTHING_KNOWN, ()


def _said(container: InputContainer, stream: AudioStream) -> tuple[About, tuple[str, ...]]:
    tags = tags_of(container.metadata, stream.metadata)
    about = About.of({**tags, "author": tags.get("artist") or tags.get("author")})
    has_cover = any(video.disposition & ATTACHED for video in container.streams.video)
    others = [name for name in tags if name not in ("artist", *(vars(about)))]
    return about, (*others, *(["cover picture"] if has_cover else []))


def _read(
    container: InputContainer, stream: AudioStream, content: bytes, name: str, max_samples: int
) -> Clip:
    decoded = _decoded(container, stream, name, max_samples)
    meant = _samples_meant(container, stream, decoded, name)
    notes: list[str] = []
    is_video = bool(pictures_of(container))
    if is_video:
        notes.append(VIDEO_NOTE)
    tracks = len(container.streams.audio)
    if tracks > 1:
        place = list(container.streams.audio).index(stream) + 1
        notes.append(f"Of its {tracks} tracks of sound only number {place} was read.")
    left = len(content) - decoded.bytes_read
    if _form(container) in _BARE and left > 0:
        notes.append(f"{left:,} bytes that are no whole frame were left out.")
    about, metadata = _said(container, stream)
    return Clip(
        decoded.samples[:, :meant],
        decoded.rate,
        decoded.mask,
        tuple(notes),
        about,
        metadata,
        is_video,
    )


@dataclass(frozen=True, eq=False)
class _Decoded:
    samples: NDArray[np.float32]
    rate: int
    mask: int | None
    packets: int
    bytes_read: int


def _decoded(
    container: InputContainer, stream: AudioStream, name: str, max_samples: int
) -> _Decoded:
    blocks: list[NDArray[np.float32]] = []
    count = packets = bytes_read = 0
    kind: tuple[int, tuple[str, ...]] | None = None
    for packet in container.demux(stream):
        packets += packet.size > 0
        bytes_read += packet.size
        for frame in packet.decode():
            found = (frame.sample_rate, tuple(channel.name for channel in frame.layout.channels))
            kind = kind or found
            if found != kind:
                raise SignalError(f"{name} changes its channels or its sample rate on the way.")
            count += frame.samples * len(found[1])
            if count > max_samples:
                stated = _stated_samples(container, stream, found[0]) or 0
                raise too_long(name, max_samples, stated * len(found[1]))
            blocks.append(_samples(frame, len(found[1])))
    if kind is None:
        raise SignalError(f"{name} holds no samples.")
    rate, names = kind
    order, mask = wave_order(names)
    return _Decoded(np.concatenate(blocks, axis=1)[order], rate, mask, packets, bytes_read)


def _samples(frame: AudioFrame, channels: int) -> NDArray[np.float32]:
    """Shape (channels, samples)."""
    values: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, channels).T
    scale = _INTEGERS.get(frame.format.packed.name)
    if scale is None:
        return values.astype(np.float32)
    zero, unit = scale
    return ((values - zero) * unit).astype(np.float32)


def _samples_meant(
    container: InputContainer, stream: AudioStream, decoded: _Decoded, name: str
) -> int:
    """How many of the samples are not there only to fill the last frame.

    Raises:
        SignalError: there are fewer than the file states.
    """
    form, samples, rate = _form(container), decoded.samples.shape[1], decoded.rate
    frame_samples = stream.codec_context.frame_size
    # frames of one length are counted one by one
    is_short = form == "mov" and frame_samples > 1 and decoded.packets < stream.frames
    stated = _stated_samples(container, stream, rate)
    if form not in _COUNTED or stated is None:
        stated = samples
    slack = 0 if form == "flac" else max(round(_SLACK_S * rate), 2 * frame_samples)
    if is_short or samples < stated - slack:
        raise SignalError(f"{name} is incomplete: it ends before the length it states.")
    # only an edit list tells the end of the sound itself
    return stated if form == "mov" and stated < samples < stated + 2 * frame_samples else samples


def _stated_samples(container: InputContainer, stream: AudioStream, rate: int) -> int | None:
    if stream.duration is not None and stream.time_base is not None:
        return round(stream.duration * stream.time_base * rate)
    # that of the longest stream
    if container.duration is not None and not container.streams.video:
        return round(container.duration * rate / _MICROSECONDS)
    return None


def _form(container: InputContainer) -> str:
    return container.format.name.partition(",")[0]
