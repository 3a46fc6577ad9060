"""Image files of all kinds: which reader gets which."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from combiner_core.errors import SignalError
from combiner_core.signals.image_files import heif, jxl, pillow_files, tiff
from combiner_core.signals.image_files.picture import Picture

MIN_SIDE = 8


def read_picture(
    content: bytes, name: str, max_pixels: int, frame_s: float | None = None
) -> Picture | None:
    """The picture of a file, or the frame of an animation that is shown at a time.

    Args:
        content: its bytes.
        name: for errors.
        max_pixels: most pixels accepted, checked before anything is decoded. Pillow's own
            ceiling, twice ``PIL.Image.MAX_IMAGE_PIXELS``, holds as well.
        frame_s: that time in seconds; ``None`` for the first.

    Returns:
        ``None`` if it is no picture that is known.

    Raises:
        SignalError: it is damaged, incomplete, too large, has a side shorter than 8 pixels, or no
            such frame.
    """

    def check_size(width: int, height: int) -> None:
        if width * height > max_pixels:
            raise SignalError(
                f"{name} is {width:,} x {height:,} = {width * height:,} pixels: "
                f"at most {max_pixels:,} are accepted."
            )
        if min(width, height) < MIN_SIDE:
            raise SignalError(
                f"{name} is {width} x {height} pixels: "
                f"an image needs at least {MIN_SIDE} pixels on each side."
            )

    with warnings.catch_warnings():
        # warnings about doubtful files show paths of the installation
        warnings.filterwarnings("ignore", module=r"PIL\.")
        found = jxl.read(content, name, check_size)
        if isinstance(found, bytes):
            content, found = found, None
        for read in (heif.read, tiff.read):
            found = found or read(content, name, check_size)
        if found is not None:
            if frame_s:
                raise SignalError(f"{name} is one picture: it has no frame at {frame_s:g} s.")
            return found
        try:
            with Image.open(io.BytesIO(content), formats=pillow_files.DECODERS) as image:
                check_size(*image.size)
                return pillow_files.read(image, content, name, frame_s)
        except UnidentifiedImageError:
            return None
        except (SignalError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            ceiling = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
            raise SignalError(
                f"{name} is larger than {ceiling:,} pixels, the most that is accepted."
            ) from error
        except Exception as error:  # the decoders meet hostile bytes with many kinds of exception
            raise SignalError(
                f"{name} is damaged or incomplete: its picture cannot be decoded."
            ) from error
