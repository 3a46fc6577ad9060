"""Encode a signal into `.cmb` bytes under a budget, and decode them."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from combiner_core import bitstream
from combiner_core.admission import check_file, check_signal, check_work
from combiner_core.anatomy import Anatomy
from combiner_core.beliefs import Belief
from combiner_core.bitstream import Header
from combiner_core.budget import Budget
from combiner_core.clock import Clock
from combiner_core.devices import resolve
from combiner_core.errors import BudgetError, CombinerError
from combiner_core.events import Encoded, Event, Progress
from combiner_core.families import Codec, Coded, Models
from combiner_core.importance import Importance
from combiner_core.invariants import (
    all_channels,
    coded_part,
    constant_signal,
    restored,
    sections_of,
)
from combiner_core.limits import DEFAULT_LIMITS, Limits
from combiner_core.metrics import psnr_db
from combiner_core.options import DecodeOptions, DeviceName, EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.sections import Sections
from combiner_core.signals import About, AudioShape, ImageShape, Signal
from combiner_core.signals.about import NOTHING_KNOWN

_DEFAULT_OPTIONS = EncodeOptions()


def encode(
    signal: Signal,
    budget: Budget,
    options: EncodeOptions = _DEFAULT_OPTIONS,
    models: Models | None = None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    about: About = NOTHING_KNOWN,
    importance: Importance | None = None,
) -> Generator[Event, None, None]:
    """Compress a signal; the work is done between events and stops when none is asked for.

    Args:
        signal: an image or a clip.
        budget: the largest size of the file, header included.
        options: model, effort and so on.
        models: where the model comes from: a library of presets, by default the shipped ones, or
            `OneCodec`.
        limits: of the signal's size; who exceeds the defaults needs the same to decode.
        about: who made the signal, to be kept in the file.
        importance: where in an image the bits should go.

    Yields:
        `Progress` about five times a second, then one `Encoded`. A constant signal takes no work.

    Raises:
        SignalError: at the call: the signal is too small, or exceeds the limits.
        BudgetError: at the call: the budget is below the header, or above what the model can use.
        PresetError: at the call: there is no such model.
        CombinerError: at the call: the signal exceeds the limits at the model's own rate, or the
            model does not know the tune or the importance map.

    >>> import numpy as np
    >>> pixels = np.zeros((16, 24, 3), np.uint8)
    >>> pixels[:, 12:] = 200
    >>> options = EncodeOptions(effort="fast", device="cpu")
    >>> *progress, result = encode(Signal.image(pixels), Budget(3000), options)
    >>> len(result.data), result.model
    (202, 'multires-image')
    >>> decode(result.data, device="cpu").values.shape
    (16, 24, 3)
    """
    clock = Clock()
    check_signal(signal.shape, limits)
    resolve(options.device)
    file_bytes = budget.file_bytes(signal)
    sections = sections_of(signal, about)
    part = coded_part(signal, sections)
    codec = (models or PresetLibrary()).choose(options.model, part.shape, 8 * file_bytes)
    if sections.constant is not None:
        return clock.timed(_constant(signal, codec, options, sections, file_bytes, clock))
    plan = codec.plan(part, file_bytes, options, importance)
    check_work(codec, part.shape, plan.fields, 1.0, limits)
    payload_bytes = bitstream.max_payload_bytes(
        part.shape, plan.parameters_bytes, file_bytes, sections
    )
    if payload_bytes < 1:
        overhead_bytes = bitstream.overhead_bytes(part.shape, plan.parameters_bytes, 1, sections)
        raise _too_small(file_bytes, overhead_bytes)
    payload_bytes = min(payload_bytes, limits.payload_bytes)
    load_s = clock.elapsed_s
    work = plan.start(payload_bytes, clock)
    clock.pause()
    return clock.timed(_events(signal, sections, codec, options, work, clock, load_s))


def _constant(
    signal: Signal,
    codec: Codec,
    options: EncodeOptions,
    sections: Sections,
    file_bytes: int,
    clock: Clock,
) -> Generator[Event, None, None]:
    """The file of a signal that its header describes."""
    card = codec.card
    header = Header(signal.shape, card.id, card.prior_hash, options.seed, b"", sections)
    data = bitstream.write(header, b"")
    if len(data) > file_bytes:
        raise _too_small(file_bytes, len(data))
    depth = 8 if signal.deep is None else 16
    reconstruction = constant_signal(header, 1.0, depth)
    seconds = {"load": 0.0, "fit": 0.0, "code": 0.0, "total": clock.elapsed_s}
    yield Encoded(
        data,
        reconstruction,
        psnr_db(signal, reconstruction),
        0.0,
        0.0,
        card.name,
        "cpu",
        seconds,
    )


def _too_small(file_bytes: int, overhead_bytes: int) -> BudgetError:
    return BudgetError(
        f"A budget of {file_bytes} bytes is too small: the header alone needs {overhead_bytes}."
    )


def _events(
    signal: Signal,
    sections: Sections,
    codec: Codec,
    options: EncodeOptions,
    work: Generator[Progress | Coded, None, None],
    clock: Clock,
    load_s: float,
) -> Generator[Event, None, None]:
    """The progress of some work, then its file, decoded once."""
    last: Progress | None = None
    for event in work:
        if isinstance(event, Coded):
            break
        last = replace(event, elapsed_s=clock.elapsed_s)
        yield last
    assert isinstance(event, Coded)
    assert last is not None
    yield replace(last, phase="verify", step=0, total=1, elapsed_s=clock.elapsed_s)

    card = codec.card
    shape = coded_part(signal, sections).shape
    header = Header(shape, card.id, card.prior_hash, options.seed, event.parameters, sections)
    data = bitstream.write(header, event.payload)
    decoding = DecodeOptions(depth=8 if signal.deep is None else 16)
    reconstruction = _decoded(codec, bitstream.read(data), 1.0, decoding, options.device)
    quality_db = psnr_db(signal, reconstruction)
    seconds = {
        "load": load_s,
        "fit": event.fit_s,
        "code": event.code_s,
        "total": clock.elapsed_s,
    }
    yield Encoded(
        data,
        reconstruction,
        quality_db,
        event.kl_bits,
        event.side_bits,
        card.name,
        event.device,
        seconds,
    )


def decode(
    data: bytes,
    *,
    fraction: float = 1.0,
    scale: float = 1.0,
    device: DeviceName = "auto",
    models: Models | None = None,
    depth: int = 8,
    detail: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Signal:
    """Decompress a `.cmb` file.

    Args:
        data: the bytes of the file.
        fraction: share of the payload to use, in (0, 1]; below 1 a file cut short will do.
        scale, depth, detail: see `DecodeOptions`.
        device: where to evaluate the field; the weights are the same everywhere, values may
            differ by rounding.
        models: where to look for the model, as for `encode`.
        limits: of the size of what is decoded, scaled and as it is; see docs/limits.md.

    Raises:
        BitstreamError: the bytes are not a file this program can decode.
        PresetError: the file's model is not here in this version.
        CombinerError: fraction, scale, depth or detail out of range, or the limits exceeded.
    """
    options = DecodeOptions(scale, depth, detail)
    if not 0 < fraction <= 1:
        raise CombinerError(f"The fraction {fraction:g} is not between 0 and 1.")
    resolve(device)
    container = bitstream.read(data, allow_truncated=fraction < 1)
    header = container.header
    if depth != DecodeOptions.depth and isinstance(header.shape, AudioShape):
        raise CombinerError("A clip has no pixels: the depth is for images.")
    check_file(container, scale, limits)
    codec = (models or PresetLibrary()).for_file(header)
    if header.sections.constant is None:
        check_work(codec, header.shape, codec.fields(header), scale, limits)
    return _decoded(codec, container, fraction, options, device)


def uncertainty(
    data: bytes,
    *,
    device: DeviceName = "auto",
    models: Models | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> NDArray[np.float32]:
    """By how much a decoder expects what a `.cmb` file holds to be off.

    Args:
        data: the bytes of the file.
        device, models, limits: as for `decode`.

    Returns:
        Of an image, standard deviations (H, W) in grey levels, each the root of the mean over the
        colours. Of a clip, those of the weights of each band of its frames (channels, frames,
        bands), full scale being 1, see `multires.audio.bands`; of one that is silent, a single
        zero for each channel.

    Raises:
        BitstreamError, PresetError, CombinerError: as `decode`, or the model knows of none.
    """
    container, codec = _looked_into(data, device, models, limits)
    header = container.header
    if header.sections.constant is not None:
        if isinstance(header.shape, ImageShape):
            return np.zeros((header.shape.height, header.shape.width), np.float32)
        return np.zeros((header.shape.channels, 1, 1), np.float32)
    found = codec.uncertainty(header, container.payload, container.payload_bytes, device)
    return found if header.shape.kind == "image" else all_channels(found, header.sections)


def belief(
    data: bytes,
    *,
    device: DeviceName = "auto",
    models: Models | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Belief:
    """What the file of a picture tells a decoder: mean, a sample and deviations.

    It reads the file once and takes little longer than `decode`.

    Args:
        data: the bytes of the file.
        device, models, limits: as for `decode`.

    Raises:
        BitstreamError, PresetError, CombinerError: as `decode`, or the file holds a clip, or a
            model that knows of none.
    """
    container, codec = _looked_into(data, device, models, limits)
    header = container.header
    if header.sections.constant is not None and isinstance(header.shape, ImageShape):
        whole = constant_signal(header, 1.0, DecodeOptions.depth)
        return Belief(whole, whole, np.zeros(whole.values.shape[:2], np.float32))
    found = codec.belief(header, container.payload, container.payload_bytes, device)
    mean, sample = (restored(one, header.sections) for one in (found.mean, found.sample))
    return replace(found, mean=mean, sample=sample)


def dissect(
    data: bytes,
    *,
    device: DeviceName = "auto",
    models: Models | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Anatomy:
    """What the file of a picture is made of: levels, what was expected, where its bits are.

    It decodes the file once and takes about 60 bytes of memory more for each pixel.

    Args:
        data: the bytes of the file.
        device, models, limits: as for `decode`.

    Raises:
        BitstreamError, PresetError, CombinerError: as `decode`, or there is nothing to look at: the
            file holds a clip, a picture of one colour, or a model without levels.
    """
    container, codec = _looked_into(data, device, models, limits)
    header = container.header
    if header.sections.constant is not None:
        raise CombinerError("What is of one colour, or silent, has no weights to look at.")
    return codec.dissect(header, container.payload, container.payload_bytes, device)


def _looked_into(
    data: bytes, device: DeviceName, models: Models | None, limits: Limits
) -> tuple[bitstream.Container, Codec]:
    """A whole file within the limits, and the codec that it was made with."""
    resolve(device)
    container = bitstream.read(data)
    check_file(container, 1.0, limits)
    header = container.header
    codec = (models or PresetLibrary()).for_file(header)
    if header.sections.constant is None:
        check_work(codec, header.shape, codec.fields(header), 1.0, limits)
    return container, codec


def _decoded(
    codec: Codec,
    container: bitstream.Container,
    fraction: float,
    options: DecodeOptions,
    device: DeviceName,
) -> Signal:
    header = container.header
    if header.sections.constant is not None:
        return constant_signal(header, options.scale, options.depth)
    wanted = math.ceil(container.payload_bytes * fraction)
    payload = container.payload[:wanted]
    coded = codec.decode(header, payload, container.payload_bytes, options, device)
    return restored(coded, header.sections)
