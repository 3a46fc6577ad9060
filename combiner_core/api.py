"""The face of the engine: compress what people have, and decompress it.

>>> import numpy as np
>>> import combiner_core as cc
>>> picture = np.zeros((16, 24, 3), np.uint8)
>>> picture[:, 12:] = 200
>>> file = cc.compress(picture, bytes=400, effort="fast", device="cpu")
>>> file
Compressed(202 bytes, multires-image)
>>> cc.decompress(file, device="cpu")
Signal(image, 24 x 16)
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from combiner_core.budget import Budget, Unit
from combiner_core.codec import decode, encode
from combiner_core.errors import BitstreamError, BudgetError, CombinerError
from combiner_core.events import Encoded, Event, result_of
from combiner_core.families import Codec, Models, OneCodec
from combiner_core.importance import Importance
from combiner_core.limits import DEFAULT_LIMITS, Limits
from combiner_core.options import CoderName, DeviceName, EffortName, EncodeOptions, TuneName
from combiner_core.signals import Signal, content_of, to_reading
from combiner_core.signals.about import NOTHING_KNOWN
from combiner_core.signals.storage import read_content


class Compressed(bytes):
    """The bytes of a `.cmb` file, with what the encoder said of it.

    Attributes:
        encoded: the encoder's last event: PSNR, bits, seconds and the reconstruction.
    """

    encoded: Encoded

    def __new__(cls, encoded: Encoded) -> Compressed:
        """The file of a result."""
        self = super().__new__(cls, encoded.data)
        self.encoded = encoded
        return self

    def __repr__(self) -> str:
        return f"Compressed({len(self)} bytes, {self.encoded.model})"


def compress(source: Any, **settings: Any) -> Compressed:
    """Compress an image or a clip; see `iter_compress`, which has the same arguments.

    Raises:
        CombinerError: as `iter_compress`.
    """
    return Compressed(result_of(iter_compress(source, **settings)))


def iter_compress(
    source: Any,
    *,
    bytes: int | None = None,
    bpp: float | None = None,
    kbps: float | None = None,
    sample_rate: int | None = None,
    model: str | Codec = EncodeOptions.model,
    effort: EffortName = EncodeOptions.effort,
    rec: CoderName = EncodeOptions.rec,
    seed: int = EncodeOptions.seed,
    device: DeviceName = EncodeOptions.device,
    refine: bool = EncodeOptions.refine,
    optimise_latents: bool = EncodeOptions.optimise_latents,
    tune: TuneName = EncodeOptions.tune,
    importance: Any = None,
    models: Models | None = None,
    frame_s: float | None = None,
    keep_metadata: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Generator[Event, None, None]:
    """Compress an image or a clip step by step.

    Args:
        source: a path, bytes or an open file of an image or a clip, a PIL image, an array or a
            tensor; see `signals.to_signal`.
        bytes, bpp, kbps: the largest size of the file, in one of these units: bytes, bits a pixel
            of an image, 1000 bits a second of a clip.
        sample_rate: in Hz, of an array of samples.
        model: name of a model or of a family, or a codec under a prior of one's own.
        effort, rec, seed, device, refine, optimise_latents, tune: see `EncodeOptions`.
        importance: of an image: a grey picture of any size, stretched over it, as whatever
            `signals.to_signal` takes: bits go where it is white (twice the usual precision) and
            leave where it is black (half).
        models: where names of models are looked up; by default the shipped presets.
        frame_s: of a file of a video or an animation: when to take the frame that is compressed, in
            seconds; of a video it is the sound otherwise.
        keep_metadata: whether copyright, author and date of a file are kept.
        limits: of the size of what is read and encoded.

    Returns:
        Events: `Progress` about five times a second, then one `Encoded`. The work is done between
        them, and stops when no more are asked for.

    Raises:
        SignalError: at the call: the source is no signal, could be several, is too small,
            or exceeds the limits.
        BudgetError: at the call: no budget, more than one, or one that cannot be met.
        PresetError: at the call: there is no such model.
        CombinerError: at the call: another argument is none of those allowed.
    """
    budget = _budget({"bytes": bytes, "bpp": bpp, "kbps": kbps})
    if not isinstance(model, str) and not hasattr(model, "plan"):
        raise CombinerError(f"A {type(model).__name__} is no model: give a name or a codec.")
    name = model if isinstance(model, str) else EncodeOptions.model
    options = EncodeOptions(name, effort, rec, seed, device, refine, optimise_latents, tune)
    reading = to_reading(
        source,
        sample_rate,
        frame_s=frame_s,
        max_pixels=limits.pixels,
        max_samples=limits.samples,
    )
    about = reading.about if keep_metadata else NOTHING_KNOWN
    chosen = models if isinstance(model, str) else OneCodec(model)
    wanted = None
    if importance is not None:
        mask = to_reading(importance, max_pixels=limits.pixels).signal
        wanted = Importance.of(mask.values)
    events = encode(reading.signal, budget, options, chosen, limits, about=about, importance=wanted)
    return _noted(events, reading.all_notes(keeps_about=keep_metadata))


def decompress(
    source: Any,
    *,
    fraction: float = 1.0,
    scale: float = 1.0,
    device: DeviceName = EncodeOptions.device,
    model: Codec | None = None,
    models: Models | None = None,
    depth: int = 8,
    detail: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Signal:
    """Decompress a `.cmb` file.

    Args:
        source: its bytes, a path, or a file open for reading in binary.
        fraction, scale, device, detail: see `codec.decode`.
        model: the codec, for a file that was made with a prior of one's own.
        models: where the file's model is looked up; by default the shipped presets.
        depth: bits of a colour of an image, see `codec.decode`.
        limits: of the size of what is decoded, scaled and as it is.

    Raises:
        BitstreamError: these are not the bytes of a file this program can decode.
        PresetError: the file's model is not here in this version.
        SignalError: the file cannot be read.
        CombinerError: fraction, scale, depth or detail out of range, or the limits exceeded.
    """
    content = content_of(source)
    if content is None and isinstance(source, str | os.PathLike):
        content = read_content(Path(source))
    if content is None:
        raise BitstreamError(
            f"A {type(source).__name__} is no .cmb file: give its bytes, a path or an open file."
        )
    chosen = models if model is None else OneCodec(model)
    return decode(
        content,
        fraction=fraction,
        scale=scale,
        device=device,
        models=chosen,
        limits=limits,
        depth=depth,
        detail=detail,
    )


def _noted(
    events: Generator[Event, None, None], notes: tuple[str, ...]
) -> Generator[Event, None, None]:
    """The same events, with notes in the last."""
    with closing(events):
        for event in events:
            yield replace(event, notes=notes) if isinstance(event, Encoded) else event


def _budget(amounts: dict[Unit, float | None]) -> Budget:
    given = [(unit, amount) for unit, amount in amounts.items() if amount is not None]
    if len(given) != 1:
        named = " and ".join(unit for unit, _ in given) or "nothing"
        raise BudgetError(
            f"Say how large the file may be with one of bytes, bpp and kbps; given was {named}."
        )
    (unit, amount), *_ = given
    return Budget(amount, unit)
