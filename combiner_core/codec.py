"""Encode a signal into `.cmb` bytes under a budget, and decode them."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import replace

from combiner_core import bitstream
from combiner_core.bitstream import Header, Shape
from combiner_core.budget import Budget
from combiner_core.devices import resolve
from combiner_core.errors import BudgetError, CombinerError, SignalError
from combiner_core.events import Encoded, Event, Progress
from combiner_core.families import AudioLayout, FittedPayload, family_of, shape_of
from combiner_core.inspection import card_of
from combiner_core.metrics import psnr_db
from combiner_core.options import DeviceName, EncodeOptions
from combiner_core.presets import AudioFraming, PresetLibrary, SirenPreset
from combiner_core.signals import MAX_PIXELS, MAX_SAMPLES, MIN_SAMPLES, MIN_SIDE, Signal

MAX_SCALE = 64
_DEFAULT_OPTIONS = EncodeOptions()


def encode(
    signal: Signal,
    budget: Budget,
    options: EncodeOptions = _DEFAULT_OPTIONS,
    presets: PresetLibrary | None = None,
) -> Generator[Event, None, None]:
    """Compress a signal; the work is done between events and stops when none is asked for.

    Args:
        signal: an image or a clip.
        budget: the largest size of the file, header included.
        options: model, effort and so on.
        presets: where to look for trained models.

    Yields:
        `Progress` about five times a second, then one `Encoded`.

    Raises:
        SignalError: the signal is too small.
        BudgetError: the budget is below the header, or above what the model can use.
        PresetError: there is no such model.

    >>> import numpy as np
    >>> pixels = np.zeros((16, 24, 3), np.uint8)
    >>> pixels[:, 12:] = 200
    >>> options = EncodeOptions(effort="fast", device="cpu")
    >>> *progress, result = encode(Signal.image(pixels), Budget(3000), options)
    >>> len(result.data), result.model
    (3000, 'multires-image')
    >>> decode(result.data, device="cpu").values.shape
    (16, 24, 3)
    """
    started = time.monotonic()
    check_size(signal)
    library = presets or PresetLibrary()
    file_bytes = budget.file_bytes(signal)
    fields = _field_count(signal, library, options.model)
    card = library.choose(options.model, signal.kind, file_bytes * 8, fields, signal.sample_rate)
    family = family_of(library.load(card))
    parameters = family.parameters(signal, file_bytes, options)
    header = Header(shape_of(signal), card.id, card.prior_hash, options.seed, parameters)
    payload_bytes = bitstream.largest_payload_bytes(header, file_bytes)
    if payload_bytes < 1:
        least = bitstream.overhead_bytes(header, 1) + 1
        raise BudgetError(
            f"A budget of {file_bytes} bytes is too small: the header alone needs {least - 1}."
        )
    load_s = time.monotonic() - started

    fitted: FittedPayload | None = None
    last: Progress | None = None
    for event in family.encode(signal, header, payload_bytes, options):
        if isinstance(event, FittedPayload):
            fitted = event
        else:
            last = replace(event, elapsed_s=time.monotonic() - started)
            yield last
    assert fitted is not None
    assert last is not None
    yield replace(last, phase="verify", step=0, total=1, elapsed_s=time.monotonic() - started)

    data = bitstream.write(replace(header, parameters=fitted.parameters), fitted.payload)
    reconstruction = decode(data, device=options.device, presets=library)
    seconds = {
        "load": load_s,
        "fit": fitted.fit_s,
        "code": fitted.code_s,
        "total": time.monotonic() - started,
    }
    quality = psnr_db(signal, reconstruction)
    yield Encoded(
        data,
        reconstruction,
        quality,
        fitted.kl_bits,
        fitted.side_bits,
        card.name,
        fitted.device,
        seconds,
    )


def decode(
    data: bytes,
    *,
    fraction: float = 1.0,
    scale: float = 1.0,
    device: DeviceName = "auto",
    presets: PresetLibrary | None = None,
) -> Signal:
    """Decompress a `.cmb` file.

    Args:
        data: the bytes of the file.
        fraction: share of the payload to use, in (0, 1]; below 1 a file cut short will do.
        scale: of the grid: 2 gives twice as many pixels along each side, or samples a second.
        device: where to evaluate the field; the weights are the same everywhere, values may
            differ by rounding.
        presets: where to look for trained models.

    Raises:
        BitstreamError: the bytes are not a file this program can decode.
        PresetError: the file's model is not here in this version.
        CombinerError: fraction or scale out of range.
    """
    if not 0 < fraction <= 1:
        raise CombinerError(f"The fraction {fraction:g} is not between 0 and 1.")
    if not 0 < scale <= MAX_SCALE:
        raise CombinerError(f"The scale {scale:g} is not between 0 and {MAX_SCALE}.")
    resolve(device)
    library = presets or PresetLibrary()
    container = bitstream.read(data, allow_truncated=fraction < 1)
    header = container.header
    preset = library.load(card_of(header, library))
    framing = preset.framing if isinstance(preset, SirenPreset) else None
    _check_output(header.shape, scale, framing)
    family = family_of(preset)
    wanted = math.ceil(container.payload_bytes * fraction)
    payload = container.payload[:wanted]
    return family.decode(header, payload, container.payload_bytes, scale, device)


def check_size(signal: Signal) -> None:
    """Refuse what is too small to be worth a field.

    Raises:
        SignalError: fewer than 8 pixels along a side, fewer than 16 samples, or more than a file
            can describe.
    """
    if signal.kind == "image" and min(signal.width, signal.height) < MIN_SIDE:
        raise SignalError(
            f"The image is {signal.width} x {signal.height} pixels: it needs at least {MIN_SIDE} "
            "on each side."
        )
    if signal.kind == "image":
        if max(signal.width, signal.height) > bitstream.MAX_SIDE:
            raise SignalError(f"The image has a side of more than {bitstream.MAX_SIDE} pixels.")
        return
    rate = signal.sample_rate
    assert rate is not None
    if signal.samples < MIN_SAMPLES:
        raise SignalError(
            f"The clip has {signal.samples} samples: it needs at least {MIN_SAMPLES}."
        )
    if not bitstream.MIN_SAMPLE_RATE <= rate <= bitstream.MAX_SAMPLE_RATE:
        raise SignalError(
            f"The clip has {rate} samples a second: that is not between "
            f"{bitstream.MIN_SAMPLE_RATE} and {bitstream.MAX_SAMPLE_RATE}."
        )
    if signal.channels > bitstream.MAX_CHANNELS:
        raise SignalError(
            f"The clip has {signal.channels} channels: at most {bitstream.MAX_CHANNELS} are stored."
        )


def _check_output(shape: Shape, scale: float, framing: AudioFraming | None) -> None:
    """A hostile header or scale must not make the decoder fill the memory."""
    if isinstance(shape, bitstream.ImageShape):
        count, most, unit = shape.width * shape.height * scale**2, MAX_PIXELS, "pixels"
    else:
        rate = shape.sample_rate if framing is None else framing.sample_rate
        modelled = shape.samples * max(1.0, rate / shape.sample_rate)
        count, most, unit = modelled * shape.channels * scale, MAX_SAMPLES, "samples"
    if count > most:
        raise CombinerError(f"The output would have {count:.0f} {unit}; the limit is {most}.")


def _field_count(signal: Signal, library: PresetLibrary, model: str) -> int | None:
    """Segments of a clip, which all presets of a family divide alike; None for an image."""
    shape = shape_of(signal)
    if isinstance(shape, bitstream.ImageShape):
        return None
    preset = library.load(library.choose(model, signal.kind, 1.0, 1, signal.sample_rate))
    if not isinstance(preset, SirenPreset):
        return None
    assert preset.framing is not None
    return AudioLayout(shape, preset.framing).fields
