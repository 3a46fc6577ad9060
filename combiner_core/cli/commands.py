"""What the commands do; each imports what it needs, so that others start at once."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, get_args

from combiner_core.cli import output
from combiner_core.errors import CombinerError
from combiner_core.limits import DEFAULT_LIMITS, Limits
from combiner_core.signals.storage import (
    check_output,
    is_standard_output,
    read_all,
    write_atomically,
)

if TYPE_CHECKING:
    from combiner_core import PresetLibrary

_MOST_MILLIONS = 1_000_000
# of a map of what is uncertain: grey levels of an image, dB of a clip
_LEVELS_PER_DEVIATION, _LEVELS_PER_DB = 4, 2


def encode(parsed: argparse.Namespace) -> None:
    """Compress a file.

    Raises:
        CombinerError: the input, the budget, the model or the output will not do.
    """
    _check_files(parsed)
    from combiner_core import Budget, EncodeOptions, codec, metrics
    from combiner_core.budget import Unit
    from combiner_core.cli.progress_bar import follow
    from combiner_core.importance import Importance
    from combiner_core.signals import read
    from combiner_core.signals.about import NOTHING_KNOWN

    limits = limits_of(parsed)
    reading = read(
        parsed.input,
        frame_s=parsed.frame,
        max_pixels=limits.pixels,
        max_samples=limits.samples,
    )
    signal = reading.signal
    unit = next(unit for unit in get_args(Unit) if getattr(parsed, unit) is not None)
    options = EncodeOptions(
        parsed.model,
        parsed.effort,
        parsed.rec,
        parsed.seed,
        parsed.device,
        tune=parsed.tune,
    )
    about = reading.about if parsed.keep_metadata else NOTHING_KNOWN
    budget = Budget(getattr(parsed, unit), unit)
    importance = None
    if parsed.importance is not None:
        importance = Importance.of(read(parsed.importance, max_pixels=limits.pixels).signal.values)
    events = codec.encode(
        signal, budget, options, limits=limits, about=about, importance=importance
    )
    result = follow(events)
    write_atomically(parsed.output, result.data)
    bits = 8 * len(result.data)
    is_image = signal.kind == "image"
    rate = {"bpp": metrics.bpp(bits, signal)} if is_image else {"kbps": metrics.kbps(bits, signal)}
    report = {
        "bytes": len(result.data),
        **rate,
        "psnr_db": result.psnr_db if math.isfinite(result.psnr_db) else None,
        "kl_bits": result.kl_bits,
        "side_bits": result.side_bits,
        "model": result.model,
        "seconds": result.seconds,
        "device": result.device,
        "notes": list(reading.all_notes(keeps_about=parsed.keep_metadata)),
    }
    output.report(report, as_json=parsed.json, aside=is_standard_output(parsed.output))


def decode(parsed: argparse.Namespace) -> None:
    """Decompress a file.

    Raises:
        CombinerError: the file, its model, the options or the output will not do.
    """
    _check_files(parsed)
    from combiner_core import PresetLibrary, codec, save

    started = time.monotonic()
    data = read_all(parsed.input)
    presets = PresetLibrary()
    loaded = time.monotonic()
    signal = codec.decode(
        data,
        fraction=parsed.fraction,
        scale=parsed.scale,
        device=parsed.device,
        models=presets,
        depth=parsed.depth,
        detail=parsed.detail,
        limits=limits_of(parsed),
    )
    decoded = time.monotonic()
    save(signal, parsed.output)
    if parsed.uncertainty is not None:
        _save_uncertainty(parsed, data, presets)
    shape: dict[str, Any] = (
        {"width": signal.width, "height": signal.height}
        if signal.kind == "image"
        else {
            "samples": signal.samples,
            "channels": signal.channels,
            "sample_rate": signal.sample_rate,
        }
    )
    seconds = {
        "load": loaded - started,
        "decode": decoded - loaded,
        "total": time.monotonic() - started,
    }
    report = {**shape, "seconds": seconds}
    output.report(report, as_json=parsed.json, aside=is_standard_output(parsed.output))


def _save_uncertainty(parsed: argparse.Namespace, data: bytes, presets: PresetLibrary) -> None:
    import numpy as np

    from combiner_core import Signal, codec, save

    deviations = codec.uncertainty(
        data, device=parsed.device, models=presets, limits=limits_of(parsed)
    )
    levels = _LEVELS_PER_DEVIATION * deviations
    if deviations.ndim == 3:
        # one channel above the other, low bands at the bottom of each
        by_band = np.concatenate([channel.T[::-1] for channel in deviations])
        levels = _LEVELS_PER_DB * 20 * np.log10(np.maximum(by_band, 1e-9)) + 255
    pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    save(Signal.image(np.repeat(pixels[..., None], 3, 2)), parsed.uncertainty)


def info(parsed: argparse.Namespace) -> None:
    """Print what a file says of itself.

    Raises:
        CombinerError: the file cannot be read, or its model is not here.
    """
    output.check()
    from combiner_core import inspect

    info = inspect(read_all(parsed.input))
    report = {
        **asdict(info.shape),
        "model": info.model,
        "tune": info.intent.tune,
        "seed": info.seed,
        "bytes": info.file_bytes,
        "payload_bytes": info.payload_bytes,
        "present_payload_bytes": info.present_bytes,
        **info.about.known(),
    }
    output.report(report, as_json=parsed.json)


def models(parsed: argparse.Namespace) -> None:
    """Print the trained models that are installed.

    Raises:
        CombinerError: there are none.
    """
    output.check()
    from combiner_core import PresetLibrary

    library = PresetLibrary()
    cards, damage = library.cards(), library.damage()
    if parsed.json:
        models = [asdict(card) for card in cards]
        output.report({"models": models, "damage": damage}, as_json=True)
        return
    for card in cards:
        output.line(
            f"{card.name:20} {card.kind:6} {card.nominal_bits / 8:8.0f} bytes  {card.about}"
        )
    for sentence in damage:
        output.line(sentence)


def limits_of(parsed: argparse.Namespace) -> Limits:
    """The usual ones, or of the size that is asked for.

    Raises:
        CombinerError: that is no size.
    """
    changed: dict[str, int] = {}
    for option, names in (
        ("max_megapixels", ("pixels", "scaled_pixels")),
        ("max_megasamples", ("samples", "scaled_samples")),
    ):
        millions = getattr(parsed, option)
        if millions is None:
            continue
        if not 0 < millions <= _MOST_MILLIONS:
            name = option.replace("_", "-")
            raise CombinerError(f"--{name} {millions:g} is not between 0 and {_MOST_MILLIONS}.")
        changed |= dict.fromkeys(names, max(1, round(millions * 1e6)))
    return replace(DEFAULT_LIMITS, **changed)


def _check_files(parsed: argparse.Namespace) -> None:
    """Better before the work, and the imports, than after it."""
    output.check()
    check_output(parsed.output, parsed.input)
    map_output = getattr(parsed, "uncertainty", None)
    if map_output is not None:
        check_output(map_output, parsed.input)
