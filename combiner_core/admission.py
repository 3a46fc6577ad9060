"""What is encoded and decoded, by its size: one sentence for everything else."""

from __future__ import annotations

from combiner_core import bitstream
from combiner_core.bitstream import Container
from combiner_core.errors import CombinerError, SignalError
from combiner_core.families import Codec
from combiner_core.limits import Limits
from combiner_core.signals import MIN_SAMPLES, MIN_SIDE, AudioShape, Shape


def check_signal(shape: Shape, limits: Limits) -> None:
    """Refuse what is too small to be worth a field, or larger than may be decoded again.

    Raises:
        SignalError: fewer than 8 pixels along a side, fewer than 16 samples, more than the limits,
            or more than a file can describe.
    """
    if isinstance(shape, AudioShape):
        if shape.samples < MIN_SAMPLES:
            raise SignalError(
                f"The clip has {shape.samples} samples: it needs at least {MIN_SAMPLES}."
            )
        if not bitstream.MIN_SAMPLE_RATE <= shape.sample_rate <= bitstream.MAX_SAMPLE_RATE:
            raise SignalError(
                f"The clip has {shape.sample_rate} samples a second: that is not between "
                f"{bitstream.MIN_SAMPLE_RATE} and {bitstream.MAX_SAMPLE_RATE}."
            )
    elif min(shape.width, shape.height) < MIN_SIDE:
        raise SignalError(
            f"The image is {shape.width} x {shape.height} pixels: it needs at least {MIN_SIDE} "
            "on each side."
        )
    excess = _excess(shape, limits)
    if excess:
        raise SignalError(excess)


def check_file(container: Container, scale: float, limits: Limits) -> None:
    """Refuse a file, or a scale, that would take too long or too much memory.

    Raises:
        CombinerError: it exceeds the limits, as it is or on the grid that is asked for.
    """
    shape = container.header.signal_shape
    excess = _excess(shape, limits)
    if excess:
        raise CombinerError(excess)
    if container.payload_bytes > limits.payload_bytes:
        raise CombinerError(
            f"The file has a payload of {container.payload_bytes:,} bytes: at most "
            f"{limits.payload_bytes:,} are accepted."
        )
    if isinstance(shape, AudioShape):
        count, most, unit = shape.values_count * scale, limits.scaled_samples, "samples"
    else:
        # no side becomes less than a pixel
        count = max(1.0, shape.width * scale) * max(1.0, shape.height * scale)
        most, unit = limits.scaled_pixels, "pixels"
    if scale != 1 and count > most:
        raise CombinerError(
            f"The output would have {count:,.0f} {unit}: at most {most:,} are accepted."
        )


def check_work(codec: Codec, shape: Shape, fields: int, scale: float, limits: Limits) -> None:
    """Refuse what is much more work under the codec than its size tells.

    Raises:
        CombinerError: too many samples at the model's own rate, or too many fields.
    """
    if isinstance(shape, AudioShape):
        modelled = codec.modelled_samples(shape) * max(1.0, scale)
        most = limits.samples if scale <= 1 else max(limits.samples, limits.scaled_samples)
        if modelled > most:
            raise CombinerError(
                f"The clip has {modelled:,.0f} samples at the rate of the model "
                f"{codec.card.name}: at most {most:,} are accepted."
            )
    if fields > limits.fields:
        raise CombinerError(
            f"The signal is divided into {fields:,} parts: at most {limits.fields:,} are accepted."
        )


def _excess(shape: Shape, limits: Limits) -> str | None:
    """What a shape has too much of, if anything, as a sentence."""
    if isinstance(shape, AudioShape):
        if shape.channels > limits.channels:
            return (
                f"The clip has {shape.channels} channels: at most {limits.channels} are accepted."
            )
        if shape.values_count > limits.samples:
            return (
                f"The clip has {shape.values_count:,} samples over all channels: at most "
                f"{limits.samples:,} are accepted."
            )
        return None
    side = min(limits.side, bitstream.MAX_SIDE)
    if max(shape.width, shape.height) > side:
        return (
            f"The image is {shape.width:,} x {shape.height:,} pixels: at most {side:,} along a "
            "side are accepted."
        )
    pixels = shape.width * shape.height
    if pixels > limits.pixels:
        return (
            f"The image is {shape.width:,} x {shape.height:,} = {pixels:,} pixels: at most "
            f"{limits.pixels:,} are accepted."
        )
    return None
