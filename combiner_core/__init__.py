"""COMBINER: compression with Bayesian implicit neural representations.

>>> import numpy as np
>>> import combiner_core as cc
>>> cc.Budget(0.07, "bpp").file_bytes(cc.Signal.image(np.zeros((512, 768, 3), np.uint8)))
3440

`encode` is a generator of events that ends in an `Encoded`; `decode` is its inverse:

    signal = cc.load("photo.png")
    for event in cc.encode(signal, cc.Budget(0.07, "bpp")):
        print(event)
    reconstruction = cc.decode(event.data)

A name is imported when it is first used: programs that do not code never wait for torch.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from combiner_core.budget import Budget
    from combiner_core.codec import decode, encode
    from combiner_core.errors import (
        BitstreamError,
        BudgetError,
        CombinerError,
        PresetError,
        SignalError,
    )
    from combiner_core.events import Encoded, Event, Progress
    from combiner_core.inspection import FileInfo, inspect
    from combiner_core.metrics import psnr_db
    from combiner_core.options import EncodeOptions
    from combiner_core.presets import Card, PresetLibrary
    from combiner_core.signals import Signal, load, save
else:
    from combiner_core._lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "BitstreamError": "combiner_core.errors",
            "Budget": "combiner_core.budget",
            "BudgetError": "combiner_core.errors",
            "Card": "combiner_core.presets",
            "CombinerError": "combiner_core.errors",
            "EncodeOptions": "combiner_core.options",
            "Encoded": "combiner_core.events",
            "Event": "combiner_core.events",
            "FileInfo": "combiner_core.inspection",
            "PresetError": "combiner_core.errors",
            "PresetLibrary": "combiner_core.presets",
            "Progress": "combiner_core.events",
            "Signal": "combiner_core.signals",
            "SignalError": "combiner_core.errors",
            "decode": "combiner_core.codec",
            "encode": "combiner_core.codec",
            "inspect": "combiner_core.inspection",
            "load": "combiner_core.signals",
            "psnr_db": "combiner_core.metrics",
            "save": "combiner_core.signals",
        },
    )

__all__ = [
    "BitstreamError",
    "Budget",
    "BudgetError",
    "Card",
    "CombinerError",
    "EncodeOptions",
    "Encoded",
    "Event",
    "FileInfo",
    "PresetError",
    "PresetLibrary",
    "Progress",
    "Signal",
    "SignalError",
    "__version__",
    "decode",
    "encode",
    "inspect",
    "load",
    "psnr_db",
    "save",
]
