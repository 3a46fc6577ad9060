"""The codecs everybody has, as baselines: JPEG, WebP, AVIF, JPEG 2000, Opus, MP3, Vorbis."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import soundfile as sf
from PIL import Image, ImageFile

from combiner_core.errors import SignalError
from combiner_core.signals import Kind, Signal, resample

SWEEP_POINTS = 16
_BLOCK_FRAMES = 1 << 18
# Three values of at most 26 bits.
_JPEG_PX_BYTES = 10
# Who changes what Pillow has for all of its callers.
_ONE_AT_A_TIME = Lock()

# What AVIF's encoder works for: the PSNR, or looks (its default for stills, dearer by PSNR).
AvifTune = Literal["psnr", "iq"]


@dataclass(frozen=True)
class BaselineResult:
    """What one codec made of one signal.

    Attributes:
        codec: name of the codec.
        data: the whole file, headers and container included.
        setting: the encoder's own number: quality for JPEG, WebP and AVIF; compression ratio for
            JPEG 2000; libsndfile's compression level, from 0 (largest) to 1, for audio.
        reconstruction: the decoded signal, of the size and sample rate of the original.
        encode_s: time of the encoding alone, in seconds.
        decode_s: time of the decoding alone, in seconds.
    """

    codec: str
    data: bytes
    setting: float
    reconstruction: Signal
    encode_s: float
    decode_s: float

    @property
    def bytes_count(self) -> int:
        """Size of the file."""
        return len(self.data)


@dataclass(frozen=True)
class Codec:
    """An encoder with its settings.

    Attributes:
        name: for messages and tables.
        kind: of signals that it codes.
        settings: from the smallest file to the largest.
        encode: a file of a signal with one of the settings, or one between them.
        decode: such a file, given the original, whose size and sample rate it comes back with.
    """

    name: str
    kind: Kind
    settings: tuple[float, ...]
    encode: Callable[[Signal, float], bytes]
    decode: Callable[[bytes, Signal], Signal]


def encode_at_setting(signal: Signal, codec: str | Codec, setting: float) -> BaselineResult:
    """Encode with one setting of the codec (see `BaselineResult`), and decode.

    Args:
        signal: what to encode.
        codec: one of `CODECS_FOR`, or one that is described.
        setting: the encoder's own number.

    Raises:
        SignalError: the codec is unknown, is not made for this kind of signal, cannot hold this
            one (too large, too many channels), or the setting is out of its range.
    """
    coder = _find(signal, codec)
    low, high = min(coder.settings), max(coder.settings)
    if not low <= setting <= high:
        raise SignalError(f"The setting of {coder.name} lies between {low:g} and {high:g}.")
    content, encode_s = _encode(coder, signal, setting)
    return _decode(coder, signal, setting, content, encode_s)


def encode_within(signal: Signal, codec: str, max_bytes: int) -> BaselineResult | None:
    """Encode with the best setting whose file has at most `max_bytes` bytes, and decode.

    Found by bisection over the codec's settings. ``None`` means that even the smallest setting
    gives a larger file.

    Raises:
        SignalError: the codec is unknown, is not made for this kind of signal or cannot hold it.
    """
    coder = _find(signal, codec)
    best: tuple[float, bytes, float] | None = None
    low, high = 0, len(coder.settings)
    while low < high:
        middle = (low + high) // 2
        content, encode_s = _encode(coder, signal, coder.settings[middle])
        if len(content) <= max_bytes:
            low = middle + 1
            # Sizes are not strictly monotone in the setting.
            if best is None or len(content) >= len(best[1]):
                best = coder.settings[middle], content, encode_s
        else:
            high = middle
    return None if best is None else _decode(coder, signal, *best)


def sweep(
    signal: Signal, codec: str, points: int = SWEEP_POINTS, share: float = 1.0
) -> Iterator[BaselineResult]:
    """Rate-distortion curve: settings over the codec's range, smallest files first.

    Args:
        signal: what to encode.
        codec: one of `CODECS_FOR`.
        points: how many settings.
        share: of the range, from its low end; 1 is the whole of it.

    Raises:
        SignalError: the codec is unknown, is not made for this kind of signal or cannot hold it.
    """
    settings = _find(signal, codec).settings
    for index in np.linspace(0, share * (len(settings) - 1), points).round().astype(int):
        yield encode_at_setting(signal, codec, settings[index])


def pillow_codec(
    name: str,
    file_format: str,
    settings: Sequence[float],
    options: Callable[[float], Mapping[str, object]],
) -> Codec:
    """A codec for images that Pillow has.

    Args:
        name: of the codec.
        file_format: as Pillow calls it.
        settings: from the smallest file to the largest.
        options: what Pillow's `save` is given with a setting.
    """

    def encode(signal: Signal, setting: float) -> bytes:
        return pillow_bytes(Image.fromarray(signal.values), file_format, **options(setting))

    return Codec(name, "image", tuple(settings), encode, _pillow_decode)


def pillow_bytes(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    """The file that Pillow writes, of pictures without any order as well.

    Args:
        picture: to write.
        file_format: as Pillow calls it.
        options: of its `save`.
    """
    stream = io.BytesIO()
    try:
        picture.save(stream, format=file_format, **options)
    except OSError:
        if file_format != "JPEG":
            raise
        # A JPEG file that is optimised needs room for the whole, which Pillow guesses too small.
        stream = io.BytesIO()
        with _ONE_AT_A_TIME:
            usual, ImageFile.MAXBLOCK = ImageFile.MAXBLOCK, _JPEG_PX_BYTES * math.prod(picture.size)
            try:
                picture.save(stream, format=file_format, **options)
            finally:
                ImageFile.MAXBLOCK = usual
    return stream.getvalue()


def avif(name: str, tune: AvifTune, speed: int, max_threads: int = 0) -> Codec:
    """AVIF without chroma subsampling, by its quality.

    Args:
        name: of the codec.
        tune: what it works for.
        speed: 10 is the fastest and 0 the best.
        max_threads: of the encoder; 0 takes as many as there are cores.
    """
    return pillow_codec(
        name,
        "AVIF",
        range(101 if tune == "psnr" else 100),  # No tuning for looks goes with lossless coding.
        lambda quality: {
            "quality": int(quality),
            "speed": speed,
            "subsampling": "4:4:4",
            "advanced": {"tune": tune},
            **({"max_threads": max_threads} if max_threads else {}),
        },
    )


def at_supported_rate(signal: Signal, rates: Sequence[int]) -> Signal:
    """A clip at the next higher of some sample rates, which keeps the whole band.

    Above the highest there is no choice.
    """
    assert signal.sample_rate is not None
    return resample(signal, min((r for r in rates if r >= signal.sample_rate), default=max(rates)))


def sndfile_decode(content: bytes, original: Signal) -> Signal:
    """A file of sound as libsndfile decodes it, at the original's rate and length."""
    assert original.sample_rate is not None
    frames, rate = sf.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return resample(Signal.audio(frames.T, rate), original.sample_rate, original.samples)


def _find(signal: Signal, codec: str | Codec) -> Codec:
    coder = _CODECS.get(codec) if isinstance(codec, str) else codec
    if coder is None or coder.kind != signal.kind:
        name = codec if isinstance(codec, str) else codec.name
        choice = ", ".join(CODECS_FOR[signal.kind])
        raise SignalError(f"{name} is not a codec for this kind of signal: choose from {choice}.")
    return coder


def _encode(coder: Codec, signal: Signal, setting: float) -> tuple[bytes, float]:
    start_s = time.perf_counter()
    try:
        content = coder.encode(signal, setting)
    except (sf.SoundFileError, OSError, ValueError, RuntimeError) as error:
        raise SignalError(f"{coder.name} cannot hold {_describe(signal)}.") from error
    return content, time.perf_counter() - start_s


def _decode(
    coder: Codec, signal: Signal, setting: float, content: bytes, encode_s: float
) -> BaselineResult:
    start_s = time.perf_counter()
    reconstruction = coder.decode(content, signal)
    decode_s = time.perf_counter() - start_s
    return BaselineResult(coder.name, content, setting, reconstruction, encode_s, decode_s)


def _describe(signal: Signal) -> str:
    if signal.kind == "image":
        return f"an image of {signal.width:,} x {signal.height:,} pixels"
    return f"{signal.channels} channels at {signal.sample_rate:,} Hz"


def _pillow_decode(content: bytes, original: Signal) -> Signal:
    with Image.open(io.BytesIO(content)) as image:
        return Signal.image(np.asarray(image.convert("RGB")))


def _sndfile_codec(
    name: str, container: str, subtype: str, rates: tuple[int, ...], **options: str
) -> Codec:
    def encode(signal: Signal, level: float) -> bytes:
        supported = at_supported_rate(signal, rates)
        frames = np.ascontiguousarray(supported.values.T)
        stream = io.BytesIO()
        with sf.SoundFile(
            stream,
            "w",
            supported.sample_rate,
            supported.channels,
            subtype,
            format=container,
            compression_level=level,
            **options,
        ) as file:
            # libvorbis puts all that it is first given on the stack, which a long clip overflows.
            for first in range(0, len(frames), _BLOCK_FRAMES):
                file.write(frames[first : first + _BLOCK_FRAMES])
        return stream.getvalue()

    return Codec(name, "audio", _LEVELS, encode, sndfile_decode)


OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# Vorbis has no fixed rates, but its tuning covers these.
_VORBIS_RATES = _MP3_RATES

# Bit rates are linear in the level: steps of about 2 % of Opus's range of 6 to 256 kbit/s.
# At level 1 LAME refuses to start.
_LEVELS = tuple(
    round(0.999 - 0.999 * float(kbps - 6) / 250, 6) for kbps in np.geomspace(6, 256, 192)
)
# Compression ratios of JPEG 2000, 1/32 octave apart.
_RATIOS = tuple(round(2.0 ** (step / 32), 3) for step in range(12 * 32, -1, -1))


def _jpeg_options(quality: float) -> Mapping[str, object]:
    return {"quality": int(quality), "optimize": True, "progressive": True}


def _webp_options(quality: float) -> Mapping[str, object]:
    return {"quality": int(quality), "method": 6}


def _jpeg2000_options(ratio: float) -> Mapping[str, object]:
    return {
        "quality_mode": "rates",
        "quality_layers": [ratio],
        "irreversible": True,
        "no_jp2": True,
        "mct": 1,  # The luma-chroma transform is off by default and worth 2 dB.
        "comment": "-",  # OpenJPEG names itself in 33 bytes otherwise.
    }


_CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        codec.name: codec
        for codec in (
            pillow_codec("jpeg", "JPEG", range(1, 96), _jpeg_options),
            pillow_codec("webp", "WEBP", range(101), _webp_options),
            avif("avif-psnr", "psnr", speed=6),
            avif("avif-iq", "iq", speed=6),
            pillow_codec("jpeg2000", "JPEG2000", _RATIOS, _jpeg2000_options),
            _sndfile_codec("opus", "OGG", "OPUS", OPUS_RATES),
            # At a constant low rate the frames have no room for the tag that tells the delay.
            _sndfile_codec("mp3", "MP3", "MPEG_LAYER_III", _MP3_RATES, bitrate_mode="AVERAGE"),
            _sndfile_codec("vorbis", "OGG", "VORBIS", _VORBIS_RATES),
        )
    }
)

CODECS_FOR: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        kind: tuple(name for name, codec in _CODECS.items() if codec.kind == kind)
        for kind in ("image", "audio")
    }
)
