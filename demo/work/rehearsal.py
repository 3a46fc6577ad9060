"""Work that nobody asked for: so that what is asked first need not wait, and to tell how long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

import combiner_core as cc
from combiner_core.signals import Shape
from demo.workers import Engine

_SAMPLE_RATE = 16000
_BUDGET = cc.Budget(1000)
_USUAL_BPP, _USUAL_KBPS = 0.5, 16.0


@dataclass(frozen=True)
class Rehearse:
    """Work: load models and compile kernels by compressing a little noise of either kind."""

    def run(self, engine: Engine) -> Iterator[cc.Event]:
        """See `demo.workers.Work`."""
        for signal in (_image(64), _clip(0.5)):
            with suppress(cc.CombinerError):  # Other presets may lack this model.
                yield from cc.encode(signal, _BUDGET, _options(engine), engine.models)


@dataclass(frozen=True)
class Gauged:
    """How long a run takes.

    Attributes:
        shape: of what was compressed.
        options: how.
        seconds: that it would take if nothing else ran.
    """

    shape: Shape
    options: cc.EncodeOptions
    seconds: float


@dataclass(frozen=True)
class Gauge:
    """Work: tell how long runs take here, by one of either kind."""

    def run(self, engine: Engine) -> Iterator[Gauged]:
        """See `demo.workers.Work`."""
        import torch  # The server, which asks for this, does without.

        asked = (
            (_image(256), cc.Budget(_USUAL_BPP, "bpp")),
            (_clip(2), cc.Budget(_USUAL_KBPS, "kbps")),
        )
        options = _options(engine)
        for signal, budget in asked:
            began_s = time.process_time()
            with suppress(cc.CombinerError):
                for _event in cc.encode(signal, budget, options, engine.models):
                    pass
                cpu_s = time.process_time() - began_s
                yield Gauged(signal.shape, options, cpu_s / torch.get_num_threads())


def _options(engine: Engine) -> cc.EncodeOptions:
    """The page's own, with which everything is in use."""
    return cc.EncodeOptions(effort="fast", tune="perceptual", device=engine.device)


def _image(side: int) -> cc.Signal:
    """Clouds, whose amplitudes fall with the frequency as in photographs."""
    frequencies = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequencies[0, 0] = np.inf
    waves = np.fft.rfft2(np.random.default_rng(0).normal(size=(side, side))) / frequencies
    clouds = np.fft.irfft2(waves, s=(side, side))
    grey = (128 + 40 * clouds / clouds.std()).clip(0, 255)
    return cc.Signal.image(np.repeat(grey[..., None], 3, 2).astype(np.uint8))


def _clip(seconds: float) -> cc.Signal:
    noise = np.random.default_rng(0)
    samples = noise.uniform(-0.5, 0.5, int(seconds * _SAMPLE_RATE))
    return cc.Signal.audio(samples.astype(np.float32), _SAMPLE_RATE)
