"""Signals: pictures and sound as arrays, read from and written to files.

A name is imported when it is first used: a program that needs `Signal` alone does not wait for the
libraries of file formats.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from combiner_core.signals.audio import MAX_SAMPLES, MIN_SAMPLES, load_audio, resample, to_mono
    from combiner_core.signals.files import load, save
    from combiner_core.signals.images import MAX_PIXELS, MIN_SIDE, load_image
    from combiner_core.signals.signal import Kind, Signal
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
            "Kind": "combiner_core.signals.signal",
            "Signal": "combiner_core.signals.signal",
            "load": "combiner_core.signals.files",
            "load_audio": "combiner_core.signals.audio",
            "load_image": "combiner_core.signals.images",
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
    "Kind",
    "Signal",
    "load",
    "load_audio",
    "load_image",
    "resample",
    "save",
    "to_mono",
    "write_atomically",
]
