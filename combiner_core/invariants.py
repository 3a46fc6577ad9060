"""What is kept exactly whatever the rate: grey, equal channels, silence, a single colour.

A model would come close to these, and spend bits on it. The header says them in a few bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from combiner_core.bitstream import Header
from combiner_core.sections import MAX_ROUTES, Sections
from combiner_core.signals import About, AudioShape, Signal, scaled_size

_COLOURS = 3
_DEEP_STEP = 257


def sections_of(signal: Signal, about: About) -> Sections:
    """What a file of a signal says besides."""
    constant = _constant(signal)
    equal = 0 if constant is not None else equal_channels(signal)
    routes = () if equal or constant is not None else _routes(signal)
    return Sections(equal, constant, signal.channel_mask, routes, about)


def equal_channels(signal: Signal) -> int:
    """How many equal channels there are, 0 if they differ."""
    if signal.kind == "image":
        pixels = signal.values if signal.deep is None else signal.deep
        first, *others = (pixels[..., colour] for colour in range(_COLOURS))
        return _COLOURS if all(np.array_equal(first, other) for other in others) else 0
    first, *others = signal.values
    is_equal = others and all(np.array_equal(first, other) for other in others)
    return signal.channels if is_equal else 0


def coded_part(signal: Signal, sections: Sections) -> Signal:
    """What of a signal is left for a model to code."""
    if sections.equal and signal.kind == "audio":
        return replace(signal, values=signal.values[:1], channel_mask=None)
    if sections.routes:
        coded = range(1, 1 + max(sections.routes))
        first = [sections.routes.index(route) for route in coded]
        return replace(signal, values=signal.values[first], channel_mask=None)
    return signal


def restored(coded: Signal, sections: Sections) -> Signal:
    """The signal, from what a model made of its part."""
    if coded.kind == "audio":
        values = all_channels(coded.values, sections)
        return replace(coded, values=values, channel_mask=sections.channel_mask)
    if not sections.equal:
        return coded
    deep = None if coded.deep is None else _grey(coded.deep)
    return replace(coded, values=_grey(coded.values), deep=deep)


def all_channels(values: NDArray[np.float32], sections: Sections) -> NDArray[np.float32]:
    """What is known of the coded channels of a clip, of all of them (channels, ...)."""
    if sections.equal:
        values = values.repeat(sections.equal, axis=0)
    if sections.routes:
        silence = np.zeros_like(values[:1])
        values = np.concatenate([silence, values])[list(sections.routes)]
    return values


def constant_signal(header: Header, scale: float, depth: int) -> Signal:
    """The signal of a file that says what it is.

    Args:
        header: with a constant.
        scale: of the grid.
        depth: bits of a colour, 8 or 16.
    """
    shape, constant = header.signal_shape, header.sections.constant
    assert constant is not None
    if isinstance(shape, AudioShape):
        samples = scaled_size(shape.samples, scale)
        silence = np.zeros((shape.channels, samples), np.float32)
        rate = max(1, round(shape.sample_rate * scale))
        return Signal.audio(silence, rate, header.sections.channel_mask)
    size = (scaled_size(shape.height, scale), scaled_size(shape.width, scale))
    pixel = np.array(constant, np.uint16)
    if depth > 8:
        return Signal.image(np.broadcast_to(pixel, (*size, _COLOURS)))
    level = np.rint(pixel / _DEEP_STEP).astype(np.uint8)
    return Signal.image(np.broadcast_to(level, (*size, _COLOURS)))


def _routes(signal: Signal) -> tuple[int, ...]:
    """Which of its sounding channels that differ each channel of a clip is; empty if all do."""
    if signal.kind == "image" or not 1 < signal.channels <= MAX_ROUTES:
        return ()
    different: list[NDArray[Any]] = []
    routes = []
    for channel in signal.values:
        equal = (i for i, other in enumerate(different, 1) if np.array_equal(channel, other))
        route = next(equal, 0) if channel.any() else 0
        if not route and channel.any():
            different.append(channel)
            route = len(different)
        routes.append(route)
    return tuple(routes) if len(different) < len(routes) else ()


def _constant(signal: Signal) -> tuple[int, ...] | None:
    """The one pixel of an image, nothing of a silent clip, ``None`` of all else."""
    if signal.kind == "audio":
        return None if signal.values.any() else ()
    pixels = signal.values if signal.deep is None else signal.deep
    first = pixels[0, 0]
    if not all((row == first).all() for row in pixels):
        return None
    step = _DEEP_STEP if signal.deep is None else 1
    return tuple(int(value) * step for value in first)


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """The mean of three colours, rounded, for all of them."""
    result = np.empty_like(pixels)
    for row, colours in zip(result, pixels, strict=True):
        total = colours.sum(axis=1, dtype=np.uint32)
        row[...] = ((2 * total + _COLOURS) // (2 * _COLOURS))[:, None]
    return result
