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
"""

from combiner_core.budget import Budget
from combiner_core.codec import FileInfo, decode, encode, inspect
from combiner_core.errors import (
    BitstreamError,
    BudgetError,
    CombinerError,
    PresetError,
    SignalError,
)
from combiner_core.events import Encoded, Event, Progress
from combiner_core.metrics import psnr_db
from combiner_core.options import EncodeOptions
from combiner_core.presets import Card, PresetLibrary
from combiner_core.signals import Signal, load, save

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
    "decode",
    "encode",
    "inspect",
    "load",
    "psnr_db",
    "save",
]
