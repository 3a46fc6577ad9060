"""Pixels of more than eight bits, which Pillow does not keep: by libav."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from combiner_core.signals.colour.encoding import Pixels
from combiner_core.signals.libav import opened

if TYPE_CHECKING:
    from av import VideoFrame

# formats whose values are those of the file
_PLAIN = ("gray16", "rgb48", "rgba64")
_FLOATS = ("rgbf32", "rgbaf32", "gbrpf32", "gbrapf32", "grayf32")
# mean difference in levels: chroma is interpolated in many ways
_AGREEMENT = 2.0


def still(content: bytes, codec: str) -> Pixels | None:
    """The pixels of a file of one picture.

    Args:
        content: its bytes, whose size has been checked.
        codec: of libav: "png", "tiff" or "jpeg2000".

    Returns:
        (height, width, channels), uint16 or floating point; ``None`` if that cannot be had.
    """
    import av
    from av.video.codeccontext import VideoCodecContext

    try:
        decoder = av.CodecContext.create(codec, "r")
        assert isinstance(decoder, VideoCodecContext)
        frames = [*decoder.decode(av.Packet(content)), *decoder.decode(None)]
    except (av.error.FFmpegError, ValueError, OSError):
        return None
    return _pixels(frames[0]) if frames else None


def avif(content: bytes, size: tuple[int, int]) -> Pixels | None:
    """The colours of an AVIF file of 10 or 12 bits, of this width and height, as `still`."""
    import av
    from av.video.reformatter import ColorRange

    try:
        with opened(content, "mov") as container:
            stream = container.streams.video[0]
            if (stream.codec_context.width, stream.codec_context.height) != size:
                return None
            frame = next(container.decode(stream))
            full = frame.reformat(
                format="rgb48le", dst_color_range=ColorRange.JPEG, interpolation="BICUBIC"
            )
            return full.to_ndarray()
    except (av.error.FFmpegError, ValueError, OSError, IndexError, StopIteration):
        return None


def agree(deep: Pixels, levels: NDArray[np.uint8]) -> bool:
    """Whether deep pixels are those of eight bits that another reader made of the same file.

    Args:
        deep: uint16 (height, width, channels).
        levels: uint8 (height, width, channels).
    """
    if deep.shape[:2] != levels.shape[:2]:
        return False
    channels = min(deep.shape[2], levels.shape[2], 3)
    difference = deep[..., :channels] * np.float32(1 / 257) - levels[..., :channels]
    distance = np.abs(difference)
    # Pillow makes 0 of the white of deep JPEG 2000
    return bool(np.minimum(distance, 256 - distance).mean() < _AGREEMENT)


def _pixels(frame: VideoFrame) -> Pixels | None:
    name = frame.format.name.removesuffix("le").removesuffix("be")
    if name == "ya16":
        both: Pixels = frame.reformat(format="rgba64le").to_ndarray()
        return both[..., [0, 3]]
    if name not in _PLAIN and name not in _FLOATS:
        return None
    pixels: Pixels = frame.to_ndarray()
    return pixels if pixels.ndim == 3 else pixels[..., None]
