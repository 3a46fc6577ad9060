"""Clips as signals, and changes of their channels and sample rate."""

from __future__ import annotations

import io
import math
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from combiner_core.errors import SignalError
from combiner_core.limits import DEFAULT_LIMITS
from combiner_core.signals.audio_files.channels import unusual, usual_mask
from combiner_core.signals.audio_files.reading import read_clip
from combiner_core.signals.reading import Reading
from combiner_core.signals.signal import Signal
from combiner_core.signals.storage import read_content

MAX_SAMPLES = DEFAULT_LIMITS.samples
MIN_SAMPLES = 16
# scale below which `regrid` takes means
_MEANS_BELOW = 1 / 16
AUDIO_FORMATS = "WAV, FLAC, MP3, AAC in M4A or MP4, Ogg Vorbis, Opus, WebM, AIFF"

_CLIPPED = 1.0  # samples beyond this are
# libsndfile's name of a WAVE file that names loudspeakers, and where it does
_EXTENSIBLE = "WAVEX"
_MASK_AT = slice(40, 44)
_MOST_PLAIN = 2


def load_audio(path: str | PathLike[str], *, max_samples: int = MAX_SAMPLES) -> Signal:
    """Read a sound file, or the sound of a video, whatever its suffix.

    All of it is read, whatever lengths its header states (`audio_files.reading`). Samples beyond
    [-1, 1] are clipped.

    Args:
        path: the file.
        max_samples: most samples accepted, over all channels.

    Raises:
        SignalError: the file is missing, has no sound that is known, is damaged, incomplete, longer
            than `max_samples`, shorter than 16 samples, or has samples that are not finite.
    """
    reading = read_audio(read_content(path), Path(path).name, max_samples=max_samples)
    if reading is None:
        raise SignalError(
            f"{Path(path).name} cannot be read: it is damaged, or not audio ({AUDIO_FORMATS})."
        )
    return reading.signal


def read_audio(content: bytes, name: str, *, max_samples: int = MAX_SAMPLES) -> Reading | None:
    """`load_audio` for bytes, with what was left out.

    Args:
        content: of the file.
        name: stands for it in errors.
        max_samples: as for `load_audio`.

    Returns:
        ``None`` if it has no sound that is known.

    Raises:
        SignalError: as `load_audio`.
    """
    clip = read_clip(content, name, max_samples)
    if clip is None:
        return None
    _check_samples(clip.samples, name)
    notes = clip.notes
    beyond = np.abs(clip.samples) > _CLIPPED
    if beyond.any():
        peak = float(np.abs(clip.samples).max())
        notes += (
            f"{np.count_nonzero(beyond):,} of its samples were clipped to full scale: they reach "
            f"{peak:.3g}.",
        )
    mask = unusual(clip.channel_mask, len(clip.samples))
    signal = Signal.audio(clip.samples, clip.sample_rate, mask)
    return Reading(signal, notes, clip.about, clip.metadata, clip.has_frames)


def encode_pcm16(signal: Signal, container: str) -> bytes:
    """16-bit file of a clip: `container` is ``"WAV"`` or ``"FLAC"``.

    A clip that was read from 16-bit samples is written back without loss. A WAVE file of more than
    two channels says which loudspeakers they are for.

    Raises:
        SignalError: the container cannot hold so many channels or this sample rate.
    """
    # quantised here: libsndfile multiplies by 32767 on writing and divides by 32768 on reading
    levels = np.clip(np.rint(signal.values.T * 32768.0), -32768, 32767).astype(np.int16)
    has_mask = container == "WAV" and (
        signal.channels > _MOST_PLAIN or signal.channel_mask is not None
    )
    form = _EXTENSIBLE if has_mask else container
    stream = io.BytesIO()
    try:
        sf.write(stream, levels, signal.sample_rate, subtype="PCM_16", format=form)
    except (sf.SoundFileError, RuntimeError, ValueError) as error:
        raise SignalError(
            f"A {container} file cannot hold {signal.channels} channels "
            f"at {signal.sample_rate:,} Hz."
        ) from error
    content = bytearray(stream.getvalue())
    if has_mask:
        # libsndfile knows the loudspeakers of some numbers of channels only
        mask = signal.channel_mask or usual_mask(signal.channels)
        content[_MASK_AT] = mask.to_bytes(4, "little")
    return bytes(content)


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
    return Signal.audio(values, sample_rate, signal.channel_mask)


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


def _check_samples(samples: NDArray[np.float32], name: str) -> None:
    count = samples.shape[1]
    if count == 0:
        raise SignalError(f"{name} holds no samples.")
    if count < MIN_SAMPLES:
        raise SignalError(f"{name} holds {count} samples: a clip needs at least {MIN_SAMPLES}.")
    if not np.isfinite(samples).all():
        raise SignalError(f"{name} has samples that are not finite numbers.")
