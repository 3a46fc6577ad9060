"""Sound files, and changes of their channels and sample rate."""

from __future__ import annotations

import io
import math
import re
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from combiner_core.errors import SignalError
from combiner_core.limits import DEFAULT_LIMITS
from combiner_core.signals.signal import Signal
from combiner_core.signals.storage import read_content

MAX_SAMPLES = DEFAULT_LIMITS.samples
MIN_SAMPLES = 16
# scale below which `regrid` takes means
_MEANS_BELOW = 1 / 16
AUDIO_FORMATS = "WAV, FLAC, MP3, Ogg Vorbis, Opus, AIFF"

# libsndfile's log of a data chunk whose stated size in bytes does not fit the file.
_CHUNK_SIZE = re.compile(r"^ *(?:data|SSND|Data Size) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
# Programs that write to a pipe state a size near 2^31 or 2^32 because they cannot know it.
_UNKNOWN_SIZE = 0x7FFF0000


class _Content(io.BytesIO):
    """Bytes as a file that stays where it is when a damaged header points before its start."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:  # Inside libsndfile's call it would be printed, not raised.
            return self.tell()


def load_audio(path: str | PathLike[str], *, max_samples: int = MAX_SAMPLES) -> Signal:
    """Read a file that libsndfile knows (WAV, FLAC, MP3, Ogg, AIFF ...), whatever its suffix.

    Samples of floating-point and lossy files beyond [-1, 1] are clipped. That samples are missing
    at the end is told where the file states its length: not for Ogg, nor for bare MP3 streams.

    Args:
        path: the file.
        max_samples: most samples accepted, over all channels.

    Raises:
        SignalError: the file is missing, not audio, damaged, incomplete, longer than
            `max_samples`, shorter than 16 samples, silent, or has samples that are not finite.
    """
    signal = decode_audio(read_content(path), Path(path).name, max_samples=max_samples)
    if signal is None:
        raise SignalError(
            f"{Path(path).name} cannot be read: it is damaged, or not audio ({AUDIO_FORMATS})."
        )
    return signal


def decode_audio(content: bytes, name: str, *, max_samples: int = MAX_SAMPLES) -> Signal | None:
    """`load_audio` for bytes: `name` stands for them in errors, ``None`` means not audio."""
    try:
        # A stream without a name: libsndfile would judge a file by its suffix as well.
        file = sf.SoundFile(_Content(content))
    except (sf.SoundFileError, RuntimeError, ValueError, TypeError):
        return None
    with file:
        limit = max_samples // file.channels
        try:
            frames = file.read(limit + 1, dtype="float32", always_2d=True)
        except (sf.SoundFileError, RuntimeError, ValueError) as error:
            raise SignalError(
                f"{name} is damaged or incomplete: its sound cannot be decoded."
            ) from error
        if len(frames) > limit:
            raise SignalError(
                f"{name} holds {file.frames * file.channels:,} samples over all channels: "
                f"at most {max_samples:,} are accepted."
            )
        if _is_cut_short(file, len(frames), content):
            raise SignalError(f"{name} is incomplete: it ends before the length it states.")
        _check_samples(frames, name)
        return Signal.audio(frames.T, file.samplerate)


def encode_pcm16(signal: Signal, container: str) -> bytes:
    """16-bit file of a clip: `container` is ``"WAV"`` or ``"FLAC"``.

    A clip that was read from 16-bit samples is written back without loss.

    Raises:
        SignalError: the container cannot hold so many channels or this sample rate.
    """
    # Quantised here: libsndfile multiplies by 32767 on writing and divides by 32768 on reading.
    levels = np.clip(np.rint(signal.values.T * 32768.0), -32768, 32767).astype(np.int16)
    stream = io.BytesIO()
    try:
        sf.write(stream, levels, signal.sample_rate, subtype="PCM_16", format=container)
    except (sf.SoundFileError, RuntimeError, ValueError) as error:
        raise SignalError(
            f"A {container} file cannot hold {signal.channels} channels "
            f"at {signal.sample_rate:,} Hz."
        ) from error
    return stream.getvalue()


def to_mono(signal: Signal) -> Signal:
    """Mean of the channels of a clip."""
    if signal.channels == 1:
        return signal
    return Signal(signal.values.mean(axis=0, keepdims=True), "audio", signal.sample_rate)


def resample(signal: Signal, sample_rate: int, samples: int | None = None) -> Signal:
    """Change the sample rate of a clip with soxr's very-high-quality filter, without delay.

    Args:
        signal: a clip.
        sample_rate: the new rate in Hz.
        samples: the number of samples to return, to come back to a length known before. It may
            differ from the natural length by rounding only; the end is cut or filled with zeros.

    Raises:
        SignalError: the rate is not positive, nothing would be left of the clip, or `samples` is
            too far from its natural length.
    """
    if sample_rate <= 0:
        raise SignalError(f"A sample rate is positive, not {sample_rate}.")
    assert signal.sample_rate is not None
    values = signal.values
    if sample_rate != signal.sample_rate:
        values = soxr.resample(values.T, signal.sample_rate, sample_rate, quality="VHQ").T
    if samples is not None:
        # A clip holds a whole number of samples, each worth this many new ones.
        slack = math.ceil(sample_rate / signal.sample_rate) + 1
        values = _with_length(values, samples, slack)
    return Signal.audio(values, sample_rate)


def regrid(
    values: NDArray[np.float32], rate: float, new_rate: float, samples: int
) -> NDArray[np.float32]:
    """Samples (channels, n) at another rate, filtered as by `resample`, however slow that is.

    Where it is much slower, means of neighbours come first: the time of the filter grows with the
    number of samples that become one.

    Args:
        values: the samples.
        rate: theirs, in any unit.
        new_rate: in the same unit, not necessarily whole.
        samples: number to return; the end is cut or filled with zeros.
    """
    neighbours = min(values.shape[1], max(1, int(_MEANS_BELOW * rate / new_rate)))
    if neighbours > 1:
        missing = -values.shape[1] % neighbours
        padded = np.pad(values, ((0, 0), (0, missing)), "edge")
        values = padded.reshape(len(values), -1, neighbours).mean(2)
    if rate != new_rate * neighbours:
        values = soxr.resample(values.T, rate / neighbours, new_rate, quality="VHQ").T
    values = values[:, :samples]
    return np.pad(values, ((0, 0), (0, samples - values.shape[1])))


def _with_length(values: NDArray[Any], samples: int, slack: int) -> NDArray[Any]:
    missing = samples - values.shape[1]
    if abs(missing) > slack:
        raise SignalError(
            f"The resampled clip has {values.shape[1]:,} samples, too far from {samples:,}."
        )
    return np.pad(values[:, :samples], ((0, 0), (0, max(missing, 0))))


def _is_cut_short(file: sf.SoundFile, frames_read: int, content: bytes) -> bool:
    stated_in_log = _CHUNK_SIZE.findall(file.extra_info)
    if any(int(actual) < int(stated) < _UNKNOWN_SIZE for stated, actual in stated_in_log):
        return True
    # Without a Xing or Info tag the length of an MP3 file is a guess from its first frame.
    return frames_read < file.frames and (file.format != "MP3" or _has_length_tag(content))


def _has_length_tag(mp3: bytes) -> bool:
    start = 0
    if mp3[:3] == b"ID3" and len(mp3) >= 10:
        # ID3v2: ten bytes of header, whose last four give the size, seven bits each.
        start = 10 + sum(
            byte << shift for byte, shift in zip(mp3[6:10], (21, 14, 7, 0), strict=True)
        )
    first_frame = mp3[start : start + 64]
    return b"Xing" in first_frame or b"Info" in first_frame


def _check_samples(frames: NDArray[np.float32], name: str) -> None:
    if len(frames) == 0:
        raise SignalError(f"{name} holds no samples.")
    if len(frames) < MIN_SAMPLES:
        raise SignalError(
            f"{name} holds {len(frames)} samples: a clip needs at least {MIN_SAMPLES}."
        )
    if not np.isfinite(frames).all():
        raise SignalError(f"{name} has samples that are not finite numbers.")
    if not frames.any():
        raise SignalError(f"{name} is silent: every sample is zero.")
