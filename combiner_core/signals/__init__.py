"""Signals: pictures and sound as arrays, read from and written to files."""

from combiner_core.signals.audio import MAX_SAMPLES, MIN_SAMPLES, load_audio, resample, to_mono
from combiner_core.signals.conversion import content_of, to_signal
from combiner_core.signals.files import load, save
from combiner_core.signals.images import MAX_PIXELS, MIN_SIDE, load_image
from combiner_core.signals.shape import AudioShape, ImageShape, Kind, Shape, scaled_size
from combiner_core.signals.signal import Signal
from combiner_core.signals.storage import write_atomically

__all__ = [
    "MAX_PIXELS",
    "MAX_SAMPLES",
    "MIN_SAMPLES",
    "MIN_SIDE",
    "AudioShape",
    "ImageShape",
    "Kind",
    "Shape",
    "Signal",
    "content_of",
    "load",
    "load_audio",
    "load_image",
    "resample",
    "save",
    "scaled_size",
    "to_mono",
    "to_signal",
    "write_atomically",
]
