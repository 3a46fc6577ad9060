"""Signals as sets of equal fields, and back: an image is one field, a clip one or more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.bitstream import AudioShape, ImageShape, Shape
from combiner_core.fields.grids import Target, audio_coordinates, image_coordinates, scaled_size
from combiner_core.presets import AudioFraming
from combiner_core.signals import Signal, resample


def shape_of(signal: Signal) -> Shape:
    """The dimensions a file stores."""
    if signal.kind == "image":
        return ImageShape(signal.width, signal.height)
    assert signal.sample_rate is not None
    return AudioShape(signal.samples, signal.channels, signal.sample_rate)


def field_count(shape: Shape, framing: AudioFraming | None) -> int:
    """How many fields represent a signal of this shape."""
    if isinstance(shape, ImageShape):
        return 1
    assert framing is not None
    return shape.channels * len(_segments(shape, framing))


def targets(
    signal: Signal, framing: AudioFraming | None, device: torch.device | str
) -> list[Target]:
    """The data of every field of a signal; channels outermost, then segments in time."""
    if signal.kind == "image":
        return [Target.image(signal.values, device)]
    assert framing is not None
    shape = shape_of(signal)
    assert isinstance(shape, AudioShape)
    segments = _segments(shape, framing)
    values = resample(signal, framing.sample_rate, sum(segments)).values
    return [
        Target.audio(part, framing.segment_samples, device)
        for channel in values
        for part in np.split(channel, list(accumulate(segments))[:-1])
    ]


def coordinates(
    shape: Shape, framing: AudioFraming | None, scale: float, device: torch.device | str
) -> list[Tensor]:
    """Where to evaluate each field, `scale` times as finely as the signal was given."""
    if isinstance(shape, ImageShape):
        return [image_coordinates(shape.height, shape.width, scale).to(device)]
    assert framing is not None
    lengths = _segments(shape, framing)
    ends = [scaled_size(end, scale) for end in accumulate(lengths)]
    counts = [end - start for start, end in pairwise([0, *ends])]
    unit = framing.segment_samples
    channel = [
        audio_coordinates(length, unit, count).to(device)
        for length, count in zip(lengths, counts, strict=True)
    ]
    return channel * shape.channels


def assemble(
    values: Sequence[NDArray[np.float32]], shape: Shape, framing: AudioFraming | None, scale: float
) -> Signal:
    """The signal from the values of its fields on `coordinates(shape, framing, scale, ...)`."""
    if isinstance(shape, ImageShape):
        rows, columns = scaled_size(shape.height, scale), scaled_size(shape.width, scale)
        pixels = np.rint((values[0] + 1) * 127.5).clip(0, 255).astype(np.uint8)
        return Signal.image(pixels.reshape(rows, columns, 3))
    assert framing is not None
    joined = np.concatenate([part[:, 0] for part in values]).reshape(shape.channels, -1)
    rate = max(1, round(framing.sample_rate * scale))
    modelled = Signal.audio(joined, rate)
    return resample(
        modelled,
        max(1, round(shape.sample_rate * scale)),
        scaled_size(shape.samples, scale),
    )


def _segments(shape: AudioShape, framing: AudioFraming) -> list[int]:
    """Lengths of the segments of one channel at the model's rate: as equal as they can be."""
    samples = max(1, -(-shape.samples * framing.sample_rate // shape.sample_rate))
    count = -(-samples // framing.segment_samples)
    return [samples * (i + 1) // count - samples * i // count for i in range(count)]
