"""Frames of videos as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from combiner_core.errors import SignalError
from combiner_core.signals.colour.encoding import Pixels
from combiner_core.signals.colour.tags import ColourTags
from combiner_core.signals.image_files.picture import Picture
from combiner_core.signals.libav import can_decode, opened, pictures_of

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_ROUNDING_S = 1e-6
# matrices of H.273: of what says nothing, videos of this height on are in that of high definition
_UNSPECIFIED, _BT709, _BT601, _HIGH_DEFINITION = 2, 1, 5, 720


def read_frame(content: bytes, name: str, max_pixels: int, frame_s: float) -> Picture | None:
    """The frame of a video that is shown at a time.

    Args:
        content: of the file.
        name: for errors.
        max_pixels: most pixels accepted.
        frame_s: seconds from the start.

    Returns:
        ``None`` if it is no video.

    Raises:
        SignalError: it is damaged, too large, or has no such frame.
    """
    import av

    is_open = False
    try:
        with opened(content) as container:
            streams = pictures_of(container)
            if not streams:
                return None
            is_open = True
            stream = streams[0]
            _check(stream, name, max_pixels)
            frame, at_s = _frame_at(container, stream, name, frame_s)
            return _picture(frame, stream, at_s, bool(container.streams.audio))
    except (av.error.FFmpegError, UnicodeDecodeError, ValueError) as error:
        if not is_open:
            return None
        raise SignalError(
            f"{name} is damaged or incomplete: its pictures cannot be decoded."
        ) from error


def _check(stream: VideoStream, name: str, max_pixels: int) -> None:
    if not can_decode(stream):
        raise SignalError(f"The pictures of {name} are coded in a way that is not read.")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > max_pixels:
        raise SignalError(
            f"{name} is {width:,} x {height:,} = {width * height:,} pixels: at most "
            f"{max_pixels:,} are accepted."
        )


def _frame_at(
    container: InputContainer, stream: VideoStream, name: str, frame_s: float
) -> tuple[VideoFrame, float]:
    """The last frame that begins by a time, and when it does."""
    stream.thread_type = "AUTO"
    unit_s = float(stream.time_base or 1)
    start_s = (stream.start_time or 0) * unit_s
    found: VideoFrame | None = None
    at_s = end_s = 0.0
    for frame in _frames_from(container, stream, int((start_s + frame_s + _ROUNDING_S) / unit_s)):
        begins_s = (frame.time if frame.time is not None else end_s + start_s) - start_s
        if found is not None and begins_s > frame_s + _ROUNDING_S:
            return found, max(at_s, 0.0)
        found, at_s = frame, begins_s
        end_s = begins_s + (frame.duration or 0) * unit_s
    if found is None or frame_s > max(end_s, at_s):
        raise SignalError(f"{name} lasts {end_s:.2f} s: it has no frame at {frame_s:g} s.")
    return found, max(at_s, 0.0)


def _frames_from(container: InputContainer, stream: VideoStream, time: int) -> Iterator[VideoFrame]:
    """All frames, or those from one on that comes before a time in units of the stream."""
    if time > 0:
        container.seek(time, stream=stream)
        frames = container.decode(stream)
        first = next(frames, None)
        if first is not None and first.pts is not None and first.pts <= time:
            yield first
            yield from frames
            return
        # some containers find a later one
        container.seek(0, stream=stream)
    yield from container.decode(stream)


def _picture(frame: VideoFrame, stream: VideoStream, at_s: float, has_sound: bool) -> Picture:
    sound = ", and its sound left out" if has_sound else ""
    note = f"It is a video: its frame at {at_s:.2f} s was used{sound}."
    tags = ColourTags(nclx=(frame.color_primaries, frame.color_trc))
    return Picture(_pixels(frame, stream), tags=tags, notes=(note,), has_frames=True)


def _pixels(frame: VideoFrame, stream: VideoStream) -> Pixels:
    """RGB of square pixels, upright: uint8, or uint16 of more than eight bits."""
    from av.video.reformatter import ColorRange

    matrix = frame.colorspace
    if matrix == _UNSPECIFIED:
        matrix = _BT709 if frame.height >= _HIGH_DEFINITION else _BT601
    aspect = stream.sample_aspect_ratio
    is_deep = any(component.bits > 8 for component in frame.format.components)
    full = frame.reformat(
        width=frame.width if not aspect else max(1, round(frame.width * float(aspect))),
        format="rgb48le" if is_deep else "rgb24",
        src_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        interpolation="BICUBIC",
    )
    pixels = np.rot90(full.to_ndarray(), round(frame.rotation / 90) % 4)
    return np.ascontiguousarray(pixels)
