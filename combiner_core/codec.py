"""Encode a signal into `.cmb` bytes under a budget, and decode them."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

from combiner_core import bitstream
from combiner_core.admission import check_file, check_signal, check_work
from combiner_core.bitstream import Header
from combiner_core.budget import Budget
from combiner_core.clock import Clock
from combiner_core.devices import resolve
from combiner_core.errors import BudgetError, CombinerError
from combiner_core.events import Encoded, Event, Progress
from combiner_core.families import Codec, Coded, Models
from combiner_core.limits import DEFAULT_LIMITS, Limits
from combiner_core.metrics import psnr_db
from combiner_core.options import DeviceName, EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import Signal

MAX_SCALE = 64
_DEFAULT_OPTIONS = EncodeOptions()


def encode(
    signal: Signal,
    budget: Budget,
    options: EncodeOptions = _DEFAULT_OPTIONS,
    models: Models | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Generator[Event, None, None]:
    """Compress a signal; the work is done between events and stops when none is asked for.

    Args:
        signal: an image or a clip.
        budget: the largest size of the file, header included.
        options: model, effort and so on.
        models: where the model comes from: a library of presets, by default the shipped ones, or
            `OneCodec`.
        limits: of the signal's size; who exceeds the defaults needs the same to decode.

    Yields:
        `Progress` about five times a second, then one `Encoded`.

    Raises:
        SignalError: at the call: the signal is too small, or exceeds the limits.
        BudgetError: at the call: the budget is below the header, or above what the model can use.
        PresetError: at the call: there is no such model.
        CombinerError: at the call: the signal exceeds the limits at the model's own rate.

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
    clock = Clock()
    check_signal(signal.shape, limits)
    resolve(options.device)
    file_bytes = budget.file_bytes(signal)
    codec = (models or PresetLibrary()).choose(options.model, signal.shape, 8 * file_bytes)
    plan = codec.plan(signal, file_bytes, options)
    check_work(codec, signal.shape, plan.fields, 1.0, limits)
    payload_bytes = bitstream.max_payload_bytes(signal.shape, plan.parameters_bytes, file_bytes)
    if payload_bytes < 1:
        overhead_bytes = bitstream.overhead_bytes(signal.shape, plan.parameters_bytes, 1)
        raise BudgetError(
            f"A budget of {file_bytes} bytes is too small: the header alone needs {overhead_bytes}."
        )
    payload_bytes = min(payload_bytes, limits.payload_bytes)
    load_s = clock.elapsed_s
    work = plan.start(payload_bytes, clock)
    clock.pause()
    return clock.timed(_events(signal, codec, options, work, clock, load_s))


def _events(
    signal: Signal,
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
    header = Header(signal.shape, card.id, card.prior_hash, options.seed, event.parameters)
    data = bitstream.write(header, event.payload)
    reconstruction = _decoded(codec, bitstream.read(data), 1.0, 1.0, options.device)
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
    limits: Limits = DEFAULT_LIMITS,
) -> Signal:
    """Decompress a `.cmb` file.

    Args:
        data: the bytes of the file.
        fraction: share of the payload to use, in (0, 1]; below 1 a file cut short will do.
        scale: of the grid: 2 gives twice as many pixels along each side, or samples a second.
        device: where to evaluate the field; the weights are the same everywhere, values may
            differ by rounding.
        models: where to look for the model, as for `encode`.
        limits: of the size of what is decoded, scaled and as it is; see docs/limits.md.

    Raises:
        BitstreamError: the bytes are not a file this program can decode.
        PresetError: the file's model is not here in this version.
        CombinerError: fraction or scale out of range, or the limits exceeded.
    """
    if not 0 < fraction <= 1:
        raise CombinerError(f"The fraction {fraction:g} is not between 0 and 1.")
    if not 0 < scale <= MAX_SCALE:
        raise CombinerError(f"The scale {scale:g} is not between 0 and {MAX_SCALE}.")
    resolve(device)
    container = bitstream.read(data, allow_truncated=fraction < 1)
    header = container.header
    check_file(container, scale, limits)
    codec = (models or PresetLibrary()).for_file(header)
    check_work(codec, header.shape, codec.fields(header), scale, limits)
    return _decoded(codec, container, fraction, scale, device)


def _decoded(
    codec: Codec,
    container: bitstream.Container,
    fraction: float,
    scale: float,
    device: DeviceName,
) -> Signal:
    wanted = math.ceil(container.payload_bytes * fraction)
    payload = container.payload[:wanted]
    return codec.decode(container.header, payload, container.payload_bytes, scale, device)
