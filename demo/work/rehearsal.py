"""Work: nothing that anybody asked for, so that what is asked first need not wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

import combiner_core as cc
from demo.workers import Engine


@dataclass(frozen=True)
class Rehearse:
    """Work: load models and compile kernels by compressing a little noise of either kind."""

    def run(self, engine: Engine) -> Iterator[cc.Event]:
        """See `demo.workers.Work`."""
        noise = np.random.default_rng(0)
        signals = [
            cc.Signal.image(noise.integers(0, 256, (64, 64, 3), np.uint8)),
            cc.Signal.audio(noise.uniform(-0.5, 0.5, 8000), 16000),
        ]
        options = cc.EncodeOptions(effort="fast", device=engine.device)
        for signal in signals:
            with suppress(cc.CombinerError):  # Other presets may lack this model.
                yield from cc.encode(signal, cc.Budget(1000), options, engine.models)
