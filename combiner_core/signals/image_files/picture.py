"""What a reader makes of an image file."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from combiner_core.signals.about import NOTHING_KNOWN, About
from combiner_core.signals.colour.encoding import Pixels
from combiner_core.signals.colour.tags import NO_TAGS, ColourTags


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as its file holds it: neither in sRGB, nor upright, nor opaque.

    Attributes:
        colour: of Pillow in the mode L, RGB, CMYK or LAB; or of more than eight bits (height,
            width, 1 or 3), uint16 or floating-point from 0 to 1.
        alpha: opacity (height, width), uint8, or uint16; ``None`` of opaque pictures.
        tags: what the file says of its colours.
        orientation: of EXIF, 1 to 8.
        notes: sentences on what was left out.
        about: who made it.
        metadata: what else the file says, in words: "EXIF", "XMP".
        has_frames: whether another frame could be chosen by its time.
    """

    colour: Image.Image | Pixels
    alpha: Pixels | None = None
    tags: ColourTags = NO_TAGS
    orientation: int = 1
    notes: tuple[str, ...] = ()
    about: About = NOTHING_KNOWN
    metadata: tuple[str, ...] = ()
    has_frames: bool = False
