"""The codecs everybody has, as baselines: JPEG, WebP, AVIF, JPEG 2000, Opus, MP3, Vorbis."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import soundfile as sf
from PIL import Image

from combiner_core.errors import SignalError
from combiner_core.signals import Kind, Signal, resample

SWEEP_POINTS = 16
_BLOCK_FRAMES = 1 << 18


@dataclass(frozen=True)
class BaselineResult:
    """What one codec made of one signal.

    Attributes:
        codec: name of the codec, one of `CODECS_FOR`.
        bytes_count: size of the whole file, headers and container included.
        setting: the encoder's own number: quality for JPEG, WebP and AVIF; compression ratio for
            JPEG 2000; libsndfile's compression level, from 0 (largest) to 1, for audio.
        reconstruction: the decoded signal, of the size and sample rate of the original.
        encode_s: time of the encoding alone, in seconds.
        decode_s: time of the decoding alone, in seconds.
    """

    codec: str
    bytes_count: int
    setting: float
    reconstruction: Signal
    encode_s: float
    decode_s: float


@dataclass(frozen=True)
class _Codec:
    """An encoder with its settings, listed from the smallest file to the largest."""

    kind: Kind
    settings: tuple[float, ...]
    encode: Callable[[Signal, float], bytes]
    decode: Callable[[bytes, Signal], Signal]


def encode_at_setting(signal: Signal, codec: str, setting: float) -> BaselineResult:
    """Encode with one setting of the codec (see `BaselineResult`), and decode.

    Raises:
        SignalError: the codec is unknown, is not made for this kind of signal, cannot hold this
            one (too large, too many channels), or the setting is out of its range.
    """
    coder = _find(signal, codec)
    low, high = min(coder.settings), max(coder.settings)
    if not low <= setting <= high:
        raise SignalError(f"The setting of {codec} lies between {low:g} and {high:g}.")
    content, encode_s = _encode(coder, signal, codec, setting)
    return _decode(coder, signal, codec, setting, content, encode_s)


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
        content, encode_s = _encode(coder, signal, codec, coder.settings[middle])
        if len(content) <= max_bytes:
            low = middle + 1
            # Sizes are not strictly monotone in the setting.
            if best is None or len(content) >= len(best[1]):
                best = coder.settings[middle], content, encode_s
        else:
            high = middle
    return None if best is None else _decode(coder, signal, codec, *best)


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


def _find(signal: Signal, codec: str) -> _Codec:
    coder = _CODECS.get(codec)
    if coder is None or coder.kind != signal.kind:
        choice = ", ".join(CODECS_FOR[signal.kind])
        raise SignalError(f"{codec} is not a codec for this kind of signal: choose from {choice}.")
    return coder


def _encode(coder: _Codec, signal: Signal, codec: str, setting: float) -> tuple[bytes, float]:
    start_s = time.perf_counter()
    try:
        content = coder.encode(signal, setting)
    except (sf.SoundFileError, OSError, ValueError, RuntimeError) as error:
        raise SignalError(f"{codec} cannot hold {_describe(signal)}.") from error
    return content, time.perf_counter() - start_s


def _decode(
    coder: _Codec, signal: Signal, codec: str, setting: float, content: bytes, encode_s: float
) -> BaselineResult:
    start_s = time.perf_counter()
    reconstruction = coder.decode(content, signal)
    decode_s = time.perf_counter() - start_s
    return BaselineResult(codec, len(content), setting, reconstruction, encode_s, decode_s)


def _describe(signal: Signal) -> str:
    if signal.kind == "image":
        return f"an image of {signal.width:,} x {signal.height:,} pixels"
    return f"{signal.channels} channels at {signal.sample_rate:,} Hz"


def _pillow_encoder(
    file_format: str, options: Callable[[float], Mapping[str, object]]
) -> Callable[[Signal, float], bytes]:
    def encode(signal: Signal, setting: float) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(signal.values).save(stream, format=file_format, **options(setting))
        return stream.getvalue()

    return encode


def _pillow_decode(content: bytes, original: Signal) -> Signal:
    with Image.open(io.BytesIO(content)) as image:
        return Signal.image(np.asarray(image.convert("RGB")))


def _sndfile_encoder(
    container: str, subtype: str, rates: tuple[int, ...], **options: str
) -> Callable[[Signal, float], bytes]:
    def encode(signal: Signal, level: float) -> bytes:
        assert signal.sample_rate is not None
        # The next higher rate keeps the whole band; above the highest there is no choice.
        rate = min((r for r in rates if r >= signal.sample_rate), default=rates[-1])
        frames = np.ascontiguousarray(resample(signal, rate).values.T)
        stream = io.BytesIO()
        with sf.SoundFile(
            stream,
            "w",
            rate,
            signal.channels,
            subtype,
            format=container,
            compression_level=level,
            **options,
        ) as file:
            # libvorbis puts all that it is first given on the stack, which a long clip overflows.
            for first in range(0, len(frames), _BLOCK_FRAMES):
                file.write(frames[first : first + _BLOCK_FRAMES])
        return stream.getvalue()

    return encode


def _sndfile_decode(content: bytes, original: Signal) -> Signal:
    assert original.sample_rate is not None
    frames, rate = sf.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return resample(Signal.audio(frames.T, rate), original.sample_rate, original.samples)


_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
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

_CODECS: Mapping[str, _Codec] = MappingProxyType(
    {
        "jpeg": _Codec(
            "image",
            tuple(range(1, 96)),
            _pillow_encoder(
                "JPEG", lambda q: {"quality": int(q), "optimize": True, "progressive": True}
            ),
            _pillow_decode,
        ),
        "webp": _Codec(
            "image",
            tuple(range(101)),
            _pillow_encoder("WEBP", lambda q: {"quality": int(q), "method": 6}),
            _pillow_decode,
        ),
        "avif": _Codec(
            "image",
            tuple(range(101)),
            _pillow_encoder(
                "AVIF", lambda q: {"quality": int(q), "speed": 6, "subsampling": "4:4:4"}
            ),
            _pillow_decode,
        ),
        "jpeg2000": _Codec(
            "image",
            _RATIOS,
            _pillow_encoder(
                "JPEG2000",
                lambda ratio: {
                    "quality_mode": "rates",
                    "quality_layers": [ratio],
                    "irreversible": True,
                    "no_jp2": True,
                    "mct": 1,  # The luma-chroma transform is off by default and worth 2 dB.
                    "comment": "-",  # OpenJPEG names itself in 33 bytes otherwise.
                },
            ),
            _pillow_decode,
        ),
        "opus": _Codec(
            "audio", _LEVELS, _sndfile_encoder("OGG", "OPUS", _OPUS_RATES), _sndfile_decode
        ),
        # At a constant low rate the frames have no room for the tag that tells the delay.
        "mp3": _Codec(
            "audio",
            _LEVELS,
            _sndfile_encoder("MP3", "MPEG_LAYER_III", _MP3_RATES, bitrate_mode="AVERAGE"),
            _sndfile_decode,
        ),
        "vorbis": _Codec(
            "audio", _LEVELS, _sndfile_encoder("OGG", "VORBIS", _VORBIS_RATES), _sndfile_decode
        ),
    }
)

CODECS_FOR: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        kind: tuple(name for name, codec in _CODECS.items() if codec.kind == kind)
        for kind in ("image", "audio")
    }
)
