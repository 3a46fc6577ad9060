"""A canvas with smooth edges: everything is drawn four times as large and averaged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
Box = tuple[float, float, float, float]

_SCALE = 4


class Canvas:
    """Lengths are in pixels of the finished picture, (0, 0) its upper left corner.

    Args:
        width, height: of the picture.
        background: a colour as Pillow takes it.
    """

    def __init__(self, width: int, height: int, background: str) -> None:
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), background)
        self._draw = ImageDraw.Draw(self._image)

    def finished(self) -> Image.Image:
        """The picture."""
        return self._image.reduce(_SCALE)

    def line(self, points: Iterable[Point], colour: str, width: float = 1.0) -> None:
        """A line through points."""
        scaled = [_scaled(point) for point in points]
        self._draw.line(scaled, colour, max(1, round(width * _SCALE)), joint="curve")

    def polygon(self, points: Iterable[Point], fill: str) -> None:
        """A filled polygon."""
        self._draw.polygon([_scaled(point) for point in points], fill)

    def box(
        self, box: Box, fill: str | None, outline: str | None = None, radius: float = 0
    ) -> None:
        """A rectangle (left, top, right, bottom), with a frame of one pixel."""
        corners = _scaled(box)
        self._draw.rounded_rectangle(corners, radius * _SCALE, fill, outline, _SCALE)

    def disc(self, centre: Point, radius: float, fill: str, outline: str | None = None) -> None:
        """A circle, with a frame of one pixel and a half."""
        x, y = centre
        box = _scaled((x - radius, y - radius, x + radius, y + radius))
        self._draw.ellipse(box, fill, outline, round(1.5 * _SCALE))

    def text(self, place: Point, text: str, size: float, colour: str, anchor: str = "la") -> None:
        """A line of text; `anchor` as in Pillow."""
        font = ImageFont.load_default(size * _SCALE)
        x, y = place
        self._draw.text((x * _SCALE, y * _SCALE), text, colour, font, anchor=anchor)

    def width_of(self, text: str, size: float) -> float:
        """Width of a line of text."""
        font = ImageFont.load_default(size * _SCALE)
        return float(self._draw.textlength(text, font)) / _SCALE


def _scaled(numbers: Sequence[float]) -> tuple[float, ...]:
    return tuple(number * _SCALE for number in numbers)
