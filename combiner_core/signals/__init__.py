"""Signals: pictures and sound as arrays, read from and written to files.

A name is imported when it is first used: a program that needs `Signal` alone does not wait for the
libraries of file formats.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from combiner_core.signals.about import About
    from combiner_core.signals.audio import (
        MAX_SAMPLES,
        MIN_SAMPLES,
        load_audio,
        regrid,
        resample,
        to_mono,
    )
    from combiner_core.signals.conversion import content_of, to_reading, to_signal
    from combiner_core.signals.files import load, read, save
    from combiner_core.signals.images import MAX_PIXELS, MIN_SIDE, load_image
    from combiner_core.signals.reading import Reading
    from combiner_core.signals.shape import AudioShape, ImageShape, Kind, Shape, scaled_size
    from combiner_core.signals.signal import Signal
    from combiner_core.signals.storage import write_atomically
else:
    from combiner_core._lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "MAX_PIXELS": "combiner_core.signals.images",
            "MAX_SAMPLES": "combiner_core.signals.audio",
            "MIN_SAMPLES": "combiner_core.signals.audio",
            "MIN_SIDE": "combiner_core.signals.images",
            "About": "combiner_core.signals.about",
            "AudioShape": "combiner_core.signals.shape",
            "ImageShape": "combiner_core.signals.shape",
            "Kind": "combiner_core.signals.shape",
            "Reading": "combiner_core.signals.reading",
            "Shape": "combiner_core.signals.shape",
            "content_of": "combiner_core.signals.conversion",
            "scaled_size": "combiner_core.signals.shape",
            "to_reading": "combiner_core.signals.conversion",
            "to_signal": "combiner_core.signals.conversion",
            "Signal": "combiner_core.signals.signal",
            "load": "combiner_core.signals.files",
            "load_audio": "combiner_core.signals.audio",
            "load_image": "combiner_core.signals.images",
            "read": "combiner_core.signals.files",
            "regrid": "combiner_core.signals.audio",
            "resample": "combiner_core.signals.audio",
            "save": "combiner_core.signals.files",
            "to_mono": "combiner_core.signals.audio",
            "write_atomically": "combiner_core.signals.storage",
        },
    )

__all__ = [
    "MAX_PIXELS",
    "MAX_SAMPLES",
    "MIN_SAMPLES",
    "MIN_SIDE",
    "About",
    "AudioShape",
    "ImageShape",
    "Kind",
    "Reading",
    "Shape",
    "Signal",
    "content_of",
    "load",
    "load_audio",
    "load_image",
    "read",
    "regrid",
    "resample",
    "save",
    "scaled_size",
    "to_mono",
    "to_reading",
    "to_signal",
    "write_atomically",
]
