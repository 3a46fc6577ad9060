"""Files made to cost much: what decoding them takes at most, whatever they hold.

Headers are those of small files that an encoder wrote, with a size put in that claims as much as is
accepted, or more. Payloads are random bytes, which mean something to any decoder, or none at all;
those of `siren` begin with random shares and scales as an encoder writes them, or are refused at
once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np
import torch

from benchmarks.reliability.rows import Claimed, Decoding
from benchmarks.results_files import peak_memory_mb
from combiner_core import bitstream
from combiner_core.api import compress
from combiner_core.codec import decode
from combiner_core.errors import CombinerError
from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.parameters import Parameters
from combiner_core.options import TuneName
from combiner_core.presets import PresetLibrary
from combiner_core.process import keep_freed_memory
from combiner_core.signals import AudioShape, ImageShape, Shape, Signal
from combiner_core.siren.codec import SirenCodec
from combiner_core.siren.hierarchical_prior import nearest_steps
from combiner_core.siren.payload import MAX_SHARE, Division, Streams

_LARGEST_SIDE = 1 << 18
_LONGEST = 10_000_000
_SMALL_SIDE, _SMALL_SAMPLES = 64, 4000
_SMALL_BYTES = 1000


@dataclass(frozen=True)
class _Claim:
    """What a file claims, and how it is decoded.

    Attributes:
        family: of its model.
        shape: in its header.
        payload_bytes: random ones, stated and there.
        grid: columns and rows of tiles of a `siren` image.
        scale, detail: see `combiner_core.decode`.
        is_encoded: the payload is what an encoder makes of noise of this shape instead.
        tune: with perceptual, of a clip, there is no side information.
    """

    family: str
    shape: Shape
    payload_bytes: int = 1
    grid: tuple[int, int] | None = None
    scale: float = 1.0
    detail: float | None = None
    is_encoded: bool = False
    tune: TuneName = "psnr"


CLAIMS: Mapping[str, _Claim] = MappingProxyType(
    {
        "`multires`, 5000 x 5000, 1 byte": _Claim("multires", ImageShape(5000, 5000)),
        "`multires`, 5000 x 5000, 10 MB": _Claim("multires", ImageShape(5000, 5000), _LONGEST),
        "`multires`, 5000 x 5000, 1 byte, with detail": _Claim(
            "multires", ImageShape(5000, 5000), detail=1.0
        ),
        "`multires`, 4999 x 5001, at scale 0.999": _Claim(
            "multires", ImageShape(4999, 5001), scale=0.999
        ),
        "`multires`, 262144 x 95": _Claim("multires", ImageShape(_LARGEST_SIDE, 95)),
        "`multires`, noise that was encoded, 1800 x 1800, at most 10 MB": _Claim(
            "multires", ImageShape(1800, 1800), is_encoded=True
        ),
        "`siren`, 5000 x 5000, 2025 tiles, 4 MB": _Claim(
            "siren", ImageShape(5000, 5000), 4_000_000, (45, 45)
        ),
        "`siren`, 5000 x 5000, 2025 tiles, 4 MB, at scale 10^-6": _Claim(
            "siren", ImageShape(5000, 5000), 4_000_000, (45, 45), 1e-6
        ),
        "`siren`, 262144 x 95, one tile": _Claim(
            "siren", ImageShape(_LARGEST_SIDE, 95), grid=(1, 1)
        ),
        "`multires`, 48 kHz, 29.9 million samples": _Claim(
            "multires", AudioShape(14_950_000, 2, 48_000)
        ),
        "`multires`, 48 kHz, 29.9 million samples, at scale 1.003": _Claim(
            "multires", AudioShape(14_950_000, 2, 48_000), scale=1.003
        ),
        "`multires`, noise that was encoded, 6.6 million samples, at most 10 MB": _Claim(
            "multires", AudioShape(3_300_000, 2, 48_000), is_encoded=True
        ),
        "`multires`, 8 channels at 1 MHz, 30 million": _Claim(
            "multires", AudioShape(3_750_000, 8, 1 << 20)
        ),
        "`multires`, speech, 30 million": _Claim("multires", AudioShape(30_000_000, 1, 16_000)),
        "`multires`, speech, tune perceptual, 30 million": _Claim(
            "multires", AudioShape(30_000_000, 1, 16_000), tune="perceptual"
        ),
        "`multires`, speech, tune perceptual, 12 million": _Claim(
            "multires", AudioShape(12_000_000, 1, 16_000), tune="perceptual"
        ),
        "`siren`, speech, 8.19 million at 16 kHz, 2 MB": _Claim(
            "siren", AudioShape(8_190_000, 1, 16_000), _LONGEST // 5
        ),
        "`siren`, speech, 0.51 million at 1 kHz, 8.2 million at 16 kHz, 2 MB": _Claim(
            "siren", AudioShape(511_000, 1, 1000), _LONGEST // 5
        ),
        "`siren`, speech, 29.9 million at 16 kHz": _Claim(
            "siren", AudioShape(29_900_000, 1, 16_000)
        ),
        "`multires`, 1048576 x 22": _Claim("multires", ImageShape(1 << 20, 22)),
        "`multires`, 6000 x 4000, at scale 1.44": _Claim(
            "multires", ImageShape(6000, 4000), scale=1.44
        ),
        "`siren`, 255 x 255 pixels, 255 x 255 tiles": _Claim(
            "siren", ImageShape(255, 255), grid=(255, 255)
        ),
        "`siren`, 1024 x 1024, 64 x 64 tiles": _Claim(
            "siren", ImageShape(1024, 1024), grid=(64, 64)
        ),
        "`multires`, 255 channels, at scale 0.0001": _Claim(
            "multires", AudioShape(100_000, 255, 48_000), scale=1e-4
        ),
    }
)


def run(job: Claimed) -> Decoding:
    """Decode one of the files, in this process.

    Raises:
        CombinerError: there is no such claim.
    """
    if job.name not in CLAIMS:
        raise CombinerError(f"There is no claim {job.name}.")
    claim = CLAIMS[job.name]
    keep_freed_memory()
    torch.set_num_threads(job.threads)
    library = PresetLibrary()
    encoded = partial(compress, model=claim.family, effort="fast", device="cpu", models=library)
    small = encoded(_small(claim.shape), bytes=_SMALL_BYTES, tune=claim.tune)
    decode(small, models=library, device="cpu")
    file: bytes = (
        encoded(_noise(claim.shape), bytes=_LONGEST)
        if claim.is_encoded
        else _inflated(small, claim, library)
    )
    idle_mb = peak_memory_mb()
    cpu_s, start = time.process_time(), time.monotonic()
    try:
        signal = decode(file, scale=claim.scale, detail=claim.detail, models=library, device="cpu")
        answer = f"decoded: {_size(signal)}"
    except CombinerError as refusal:
        answer = f"refused: {refusal}"
    return Decoding(
        job,
        len(file),
        answer,
        time.process_time() - cpu_s,
        time.monotonic() - start,
        idle_mb,
        peak_memory_mb(),
    )


def _size(signal: Signal) -> str:
    shape = signal.shape
    if isinstance(shape, ImageShape):
        return f"{shape.width} x {shape.height} pixels"
    return f"{shape.samples * shape.channels:,} samples"


def _inflated(small: bytes, claim: _Claim, library: PresetLibrary) -> bytes:
    """A small file with the size, the grid and the payload that are claimed."""
    noise = np.random.default_rng(1)
    header = replace(bitstream.read(small).header, shape=claim.shape)
    if claim.grid is not None:
        header = replace(header, parameters=header.parameters[:-2] + bytes(claim.grid))
    if claim.tune == "perceptual":
        told = Parameters.from_bytes(header.parameters)
        manner = replace(AudioManner.from_bytes(told.manner), gain_bytes=0)
        told = replace(told, manner=manner.to_bytes(), side_bytes=0)
        header = replace(header, parameters=told.to_bytes())
    payload = noise.bytes(claim.payload_bytes)
    codec = library.for_file(header)
    if claim.payload_bytes > 1 and isinstance(codec, SirenCodec):
        side = random_side(codec.streams(header), noise)
        payload = side + payload[len(side) :]
    return bitstream.write(header, payload)


def random_side(streams: Streams, noise: np.random.Generator) -> bytes:
    """What a payload of `siren` begins with, with shares and scales of all kinds."""
    equal = streams.equal_division
    shares = noise.integers(1, MAX_SHARE + 1, len(equal.shares)).tolist()
    return streams.side(Division(shares, nearest_steps(noise.normal(0, 8, equal.steps.shape))))


def _small(shape: Shape) -> Signal:
    if isinstance(shape, ImageShape):
        return _noise(ImageShape(_SMALL_SIDE, _SMALL_SIDE))
    return _noise(AudioShape(_SMALL_SAMPLES, min(shape.channels, 2), shape.sample_rate))


def _noise(shape: Shape) -> Signal:
    noise = np.random.default_rng(0)
    if isinstance(shape, ImageShape):
        return Signal.image(noise.integers(0, 256, (shape.height, shape.width, 3), np.uint8))
    values = noise.uniform(-0.5, 0.5, (shape.channels, shape.samples))
    return Signal.audio(values.astype(np.float32), shape.sample_rate)
