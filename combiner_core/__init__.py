"""COMBINER: compression with Bayesian implicit neural representations.

>>> import numpy as np
>>> import combiner_core as cc
>>> cc.Budget(0.07, "bpp").file_bytes(cc.Signal.image(np.zeros((512, 768, 3), np.uint8)))
3440

    file = cc.compress("photo.png", bpp=0.2)
    cc.decompress(file).to_pil().show()

`compress` takes paths, bytes, PIL images, arrays, tensors and samples; `iter_compress` yields what
happens on the way. Beneath them, `encode` is a generator of events that ends in an `Encoded`, and
`decode` its inverse, for a `Signal`:

    for event in cc.encode(cc.load("photo.png"), cc.Budget(0.07, "bpp")):
        print(event)
    signal = cc.decode(event.data)

A name is imported when it is first used: programs that do not code never wait for torch.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from combiner_core.anatomy import Anatomy
    from combiner_core.api import Compressed, compress, decompress, iter_compress
    from combiner_core.beliefs import Belief
    from combiner_core.budget import Budget
    from combiner_core.card import Card
    from combiner_core.codec import belief, decode, dissect, encode, uncertainty
    from combiner_core.errors import (
        BitstreamError,
        BudgetError,
        CombinerError,
        PresetError,
        SignalError,
    )
    from combiner_core.events import Encoded, Event, Progress
    from combiner_core.families import OneCodec
    from combiner_core.inspection import FileInfo, inspect
    from combiner_core.limits import Limits
    from combiner_core.metrics import psnr_db
    from combiner_core.options import EncodeOptions
    from combiner_core.presets import PresetLibrary
    from combiner_core.signals import Signal, load, save
else:
    from combiner_core._lazy import lazy_names

    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Anatomy": "combiner_core.anatomy",
            "Belief": "combiner_core.beliefs",
            "BitstreamError": "combiner_core.errors",
            "Budget": "combiner_core.budget",
            "BudgetError": "combiner_core.errors",
            "Card": "combiner_core.card",
            "CombinerError": "combiner_core.errors",
            "Compressed": "combiner_core.api",
            "EncodeOptions": "combiner_core.options",
            "Encoded": "combiner_core.events",
            "Event": "combiner_core.events",
            "FileInfo": "combiner_core.inspection",
            "Limits": "combiner_core.limits",
            "OneCodec": "combiner_core.families",
            "PresetError": "combiner_core.errors",
            "PresetLibrary": "combiner_core.presets",
            "Progress": "combiner_core.events",
            "Signal": "combiner_core.signals",
            "SignalError": "combiner_core.errors",
            "belief": "combiner_core.codec",
            "compress": "combiner_core.api",
            "decode": "combiner_core.codec",
            "decompress": "combiner_core.api",
            "dissect": "combiner_core.codec",
            "encode": "combiner_core.codec",
            "inspect": "combiner_core.inspection",
            "iter_compress": "combiner_core.api",
            "load": "combiner_core.signals",
            "psnr_db": "combiner_core.metrics",
            "save": "combiner_core.signals",
            "uncertainty": "combiner_core.codec",
        },
    )

__all__ = [
    "Anatomy",
    "Belief",
    "BitstreamError",
    "Budget",
    "BudgetError",
    "Card",
    "CombinerError",
    "Compressed",
    "EncodeOptions",
    "Encoded",
    "Event",
    "FileInfo",
    "Limits",
    "OneCodec",
    "PresetError",
    "PresetLibrary",
    "Progress",
    "Signal",
    "SignalError",
    "__version__",
    "belief",
    "compress",
    "decode",
    "decompress",
    "dissect",
    "encode",
    "inspect",
    "iter_compress",
    "load",
    "psnr_db",
    "save",
    "uncertainty",
]
