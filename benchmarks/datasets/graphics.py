"""Graphics to measure on: twelve pictures that are no photographs, drawn alike on every machine.

Three charts, two pages, two interfaces, two maps, two pieces of pixel art and a line drawing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from benchmarks.datasets.canvas import Canvas, Point

WIDTH, HEIGHT = 512, 384
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")
_INK, _GREY, _PALE = "#222222", "#888888", "#dddddd"
_TEXT = """the of a rate image field weight prior coder table and signal bits in model level noise
for every channel sample posterior length file small between picture sound basis code where"""
_WORDS = _TEXT.split()
_CODE = (
    ("def decode(data, models):", "#569cd6"),
    ('    """Weights from bits."""', "#6a9955"),
    ("    header = read(data)", "#d4d4d4"),
    ("    prior = models.find(header.hash)", "#d4d4d4"),
    ("    for group in prior.order():", "#c586c0"),
    ("        mean, scale = group.predict()", "#9cdcfe"),
    ("        bits = header.take(group.size)", "#9cdcfe"),
    ("        group.weights = mean + scale * bits", "#9cdcfe"),
    ("    if not header.complete:", "#c586c0"),
    ('        raise ValueError("cut short")', "#ce9178"),
    ("    return prior.field(range(1024))", "#c586c0"),
)


def draw_all(output: Path) -> Iterator[str]:
    """Write all pictures as PNG; yields their names."""
    output.mkdir(parents=True, exist_ok=True)
    for name, draw in GRAPHICS.items():
        draw().save(output / f"{name}.png", optimize=True)
        yield name


def _chart(title: str) -> Canvas:
    """Axes with a grid, from (50, 340) to (490, 40)."""
    canvas = Canvas(WIDTH, HEIGHT, "white")
    canvas.text((WIDTH / 2, 14), title, 15, _INK, "mm")
    for step in range(7):
        y = 340 - 50 * step
        canvas.line([(50, y), (490, y)], _PALE)
        canvas.text((44, y), f"{5 * step}", 10, _INK, "rm")
    canvas.line([(50, 36), (50, 340), (490, 340)], _INK, 1.5)
    return canvas


def _line_chart() -> Image.Image:
    canvas, rng = _chart("PSNR against rate"), random.Random(1)
    for number, colour in enumerate(_COLOURS[:4]):
        heights = [40.0 + 12 * number]
        for _ in range(22):
            heights.append(min(295, heights[-1] + rng.uniform(-6, 22 - 3 * number)))
        points = [(50 + 20 * x, 340 - height) for x, height in enumerate(heights)]
        canvas.line(points, colour, 2)
        for point in points[::3]:
            canvas.disc(point, 3.5, colour)
        canvas.line([(70, 56 + 16 * number), (95, 56 + 16 * number)], colour, 2)
        canvas.text((101, 56 + 16 * number), f"codec {number + 1}", 11, _INK, "lm")
    for step in range(0, 23, 4):
        canvas.text((50 + 20 * step, 352), f"{0.1 * step:.1f}", 10, _INK, "mm")
    return canvas.finished()


def _bar_chart() -> Image.Image:
    canvas, rng = _chart("Seconds by stage"), random.Random(2)
    for group, name in enumerate(("load", "search", "fit", "code", "verify", "write")):
        for number, colour in enumerate(_COLOURS[:3]):
            left = 60 + 72 * group + 19 * number
            canvas.box((left, 340 - rng.uniform(20, 280), left + 17, 340), colour)
        canvas.text((88 + 72 * group, 354), name, 11, _INK, "mm")
    return canvas.finished()


def _scatter_chart() -> Image.Image:
    canvas, rng = _chart("Bits and errors of 300 tiles"), random.Random(3)
    for number in range(300):
        x = rng.uniform(0, 1)
        y = min(0.98, max(0.02, 0.15 + 0.6 * x + rng.gauss(0, 0.1)))
        canvas.disc((55 + 430 * x, 340 - 300 * y), 3, _COLOURS[number % 3])
    canvas.line([(55, 295), (485, 115)], _INK, 1.5)
    return canvas.finished()


def _article() -> Image.Image:
    canvas, rng = Canvas(WIDTH, HEIGHT, "#fffefa"), random.Random(4)
    canvas.text((24, 18), "On the length of a message", 22, _INK)
    canvas.line([(24, 50), (488, 50)], _GREY)
    for left in (24, 268):
        y = 62.0
        while y < 362:
            if rng.random() < 0.08:
                canvas.text((left, y), rng.choice(_WORDS).capitalize(), 13, "#0b3d91")
                y += 20
                continue
            _line_of_words(canvas, rng, (left, y), 220)
            y += 13
    return canvas.finished()


def _line_of_words(canvas: Canvas, rng: random.Random, place: Point, width: float) -> None:
    line = ""
    while True:
        word = rng.choice(_WORDS)
        if canvas.width_of(f"{line} {word}", 10) > width:
            break
        line = f"{line} {word}".strip()
    canvas.text(place, line, 10, _INK)


def _table_page() -> Image.Image:
    canvas, rng = Canvas(WIDTH, HEIGHT, "white"), random.Random(5)
    columns = (20, 140, 215, 290, 365, 440)
    canvas.box((14, 14, 498, 38), "#2f5597")
    for left, title in zip(columns, ("codec", "bpp", "PSNR", "low", "high", "s"), strict=True):
        canvas.text((left, 26), title, 12, "white", "lm")
    for row in range(17):
        top = 38 + 20 * row
        canvas.box((14, top, 498, top + 20), "#eef2fa" if row % 2 else "white", "#c5cfe3")
        canvas.text((columns[0], top + 10), f"setting {chr(65 + row)}", 11, _INK, "lm")
        for left in columns[1:]:
            canvas.text((left, top + 10), f"{rng.uniform(0, 60):.2f}", 11, _INK, "lm")
    return canvas.finished()


def _form() -> Image.Image:
    canvas = Canvas(WIDTH, HEIGHT, "#b9c6d8")
    canvas.box((22, 18, 490, 366), "#f6f7f9", "#8d99ab", 9)
    canvas.box((22, 18, 490, 46), "#e1e5eb", "#8d99ab", 9)
    for x, colour in ((40, "#ff5f57"), (58, "#febc2e"), (76, "#28c840")):
        canvas.disc((x, 32), 6, colour)
    canvas.text((256, 32), "Settings", 13, _INK, "mm")
    for row, name in enumerate(("General", "Sound", "Pictures", "Priors", "About")):
        top = 58 + 30 * row
        if row == 2:
            canvas.box((30, top, 142, top + 26), "#2f6fed", radius=5)
        canvas.text((42, top + 13), name, 12, "white" if row == 2 else _INK, "lm")
    canvas.line([(152, 46), (152, 366)], "#c3cad6")
    for row, (name, value) in enumerate(
        (("Budget", "0.20 bpp"), ("Effort", "balanced"), ("Model", "multires"), ("Seed", "0"))
    ):
        top = 66 + 44 * row
        canvas.text((172, top + 13), name, 12, _INK, "lm")
        canvas.box((260, top, 462, top + 26), "white", "#aab4c3", 5)
        canvas.text((270, top + 13), value, 12, "#555555", "lm")
    for row, name in enumerate(("Keep the original", "Show other codecs", "Tell when done")):
        top = 250 + 24 * row
        canvas.box((172, top, 186, top + 14), "#2f6fed" if row < 2 else "white", "#8d99ab", 3)
        canvas.text((196, top + 7), name, 12, _INK, "lm")
    for left, name, fill, ink in (
        (290, "Cancel", "white", _INK),
        (382, "Apply", "#2f6fed", "white"),
    ):
        canvas.box((left, 330, left + 80, 354), fill, "#8d99ab", 6)
        canvas.text((left + 40, 342), name, 12, ink, "mm")
    return canvas.finished()


def _editor() -> Image.Image:
    canvas = Canvas(WIDTH, HEIGHT, "#1e1e1e")
    canvas.box((0, 0, WIDTH, 26), "#333333")
    canvas.box((0, 0, 110, 26), "#1e1e1e")
    canvas.text((14, 13), "decode.py", 12, "white", "lm")
    for number in range(21):
        line, colour = _CODE[number % len(_CODE)]
        top = 34 + 16 * number
        canvas.text((34, top), f"{number + 1}", 11, "#858585", "ra")
        indent = 9 * (len(line) - len(line.lstrip()))
        canvas.text((48 + indent / 1.3, top), line.lstrip(), 12, colour)
    canvas.box((0, 370, WIDTH, HEIGHT), "#007acc")
    canvas.text((10, 377), "Python  UTF-8  Ln 7, Col 20", 10, "white", "lm")
    return canvas.finished()


def _city_map() -> Image.Image:
    canvas, rng = Canvas(WIDTH, HEIGHT, "#f2efe9"), random.Random(8)
    canvas.polygon(
        [(0, 250), (120, 270), (260, 330), (400, 320), (512, 360), (512, 384), (0, 384)], "#aad3df"
    )
    for left, top, right, bottom in ((40, 40, 130, 110), (330, 180, 450, 260), (220, 30, 270, 90)):
        canvas.box((left, top, right, bottom), "#c8facc", radius=12)
    for x in range(10, 512, 46):
        for y in range(10, 240, 34):
            if rng.random() < 0.75:
                canvas.box((x + 4, y + 4, x + rng.uniform(18, 38), y + 26), "#d9d0c9", "#c0b6ae")
    for x in range(5, 512, 46):
        canvas.line([(x, 0), (x - 20, 255)], "white", 4)
    for y in range(6, 250, 34):
        canvas.line([(0, y), (512, y + 12)], "white", 4)
    road = [(0, 200), (150, 160), (300, 150), (420, 60), (512, 40)]
    canvas.line(road, "#e892a2", 9)
    canvas.line(road, "#f9d5dc", 6)
    for place, name in (((85, 75), "North Park"), ((390, 220), "Gardens"), ((250, 355), "Harbour")):
        canvas.text(place, name, 12, "#2b5d34" if place[1] < 300 else "#31687a", "mm")
    canvas.text((200, 148), "Long Street", 10, _INK, "mm")
    return canvas.finished()


def _metro_map() -> Image.Image:
    canvas = Canvas(WIDTH, HEIGHT, "white")
    routes: tuple[tuple[Point, ...], ...] = (
        ((30, 80), (180, 80), (300, 200), (480, 200)),
        ((60, 340), (60, 200), (180, 80), (180, 30)),
        ((30, 300), (240, 300), (300, 200), (420, 80), (480, 80)),
        ((420, 350), (420, 80), (300, 40)),
    )
    for route, colour in zip(routes, _COLOURS, strict=False):
        canvas.line(route, colour, 7)
    places = [
        (x0 + part * (x1 - x0), y0 + part * (y1 - y0))
        for route in routes
        for (x0, y0), (x1, y1) in pairwise(route)
        for part in (0.0, 0.5)
    ]
    for number, (x, y) in enumerate(dict.fromkeys(places)):
        canvas.disc((x, y), 5, "white", _INK)
        name = f"{_WORDS[number % len(_WORDS)].capitalize()} {number}"
        canvas.text((x + 8, y - 10), name, 9, _INK, "lm")
    return canvas.finished()


def _sprites() -> Image.Image:
    """Symmetric sprites of 16 x 16 places, each place 4 x 4 pixels."""
    rng = np.random.default_rng(10)
    picture = np.full((HEIGHT // 4, WIDTH // 4, 3), (24, 20, 37), np.uint8)
    palette = np.array(
        [[99, 199, 77], [254, 174, 52], [228, 59, 68], [0, 153, 219], [255, 255, 255]]
    )
    for top in range(0, HEIGHT // 4, 16):
        for left in range(0, WIDTH // 4, 16):
            half = rng.random((12, 6)) < 0.55
            shades = palette[rng.integers(0, 5, 2)][rng.integers(0, 2, (12, 6))]
            mask, colours = (np.concatenate([one, one[:, ::-1]], 1) for one in (half, shades))
            picture[top + 2 : top + 14, left + 2 : left + 14][mask] = colours[mask]
    return Image.fromarray(picture.repeat(4, 0).repeat(4, 1))


def _landscape() -> Image.Image:
    """Hills under a dithered sky, in 16 colours, each place 4 x 4 pixels."""
    rng = np.random.default_rng(11)
    height, width = HEIGHT // 4, WIDTH // 4
    y, x = np.mgrid[0:height, 0:width]
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
    shade = np.clip(y / 16 + bayer[y % 4, x % 4] - 0.5, 0, 4).astype(int)
    sky = np.array([[38, 43, 68], [58, 68, 102], [104, 56, 108], [181, 80, 136], [246, 117, 122]])
    picture = sky[shade].astype(np.uint8)
    for number, colour in enumerate(((25, 60, 62), (38, 92, 66), (62, 137, 72))):
        ridge = 50 + 14 * number + 8 * np.sin(x[0] / (9 + 4 * number) + 2 * number)
        picture[y > ridge] = colour
        tufts = (rng.random((height, width)) < 0.06) & (y > ridge)
        picture[tufts] = np.minimum(np.add(colour, 30), 255)
    disc = (x - 96) ** 2 + (y - 22) ** 2 < 100
    picture[disc] = (254, 231, 97)
    return Image.fromarray(picture.repeat(4, 0).repeat(4, 1))


def _line_drawing() -> Image.Image:
    canvas = Canvas(WIDTH, HEIGHT, "white")
    turns = [2 * math.pi * step / 720 for step in range(5 * 720 + 1)]
    rosette = [
        (
            150 + 88 * math.cos(turn) + 38 * math.cos(3.4 * turn),
            130 + 88 * math.sin(turn) - 38 * math.sin(3.4 * turn),
        )
        for turn in turns
    ]
    canvas.line(rosette, "black", 0.8)
    for number in range(34):
        canvas.line([(290 + 6 * number, 30), (290 + 3 * number, 30 + 6 * number)], "black", 0.7)
        canvas.line([(290 + 6 * number, 232), (494 - 3 * number, 232 - 6 * number)], "black", 0.7)
    for radius in range(6, 60, 6):
        arc = [
            (90 + radius * math.cos(t / 40), 318 + radius * math.sin(t / 40)) for t in range(252)
        ]
        canvas.line(arc, "black", 1.2)
    house = [(240, 360), (240, 290), (300, 255), (360, 290), (360, 360), (240, 360)]
    canvas.line(house, "black", 2)
    canvas.line([(285, 360), (285, 320), (310, 320), (310, 360)], "black", 1.5)
    for step in range(12):
        canvas.line([(242 + 10 * step, 288), (262 + 7 * step, 278)], "black", 0.8)
    wave = [(370 + x, 330 + 18 * math.sin(x / 9) * math.exp(-x / 90)) for x in range(130)]
    canvas.line(wave, "black", 1.2)
    return canvas.finished()


GRAPHICS: Mapping[str, Callable[[], Image.Image]] = MappingProxyType(
    {
        "chart-bars": _bar_chart,
        "chart-lines": _line_chart,
        "chart-scatter": _scatter_chart,
        "drawing-lines": _line_drawing,
        "interface-editor": _editor,
        "interface-form": _form,
        "map-city": _city_map,
        "map-metro": _metro_map,
        "page-article": _article,
        "page-table": _table_page,
        "pixels-landscape": _landscape,
        "pixels-sprites": _sprites,
    }
)
