"""Work: COMBINER in one dimension, as controls ask for it; see `demo.work.wave_fits`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import plotly.graph_objects as go

from demo.workers import Engine

SIGNALS = ("A busy row of a photograph", "A calmer row", "16 ms of speech")
# Binary logarithms of the betas on offer, which are squared errors per nat.
EXPONENTS = tuple(half / 2 for half in range(-20, -3))


@dataclass(frozen=True, eq=False)
class ShownWaves:
    """What there is to see.

    Attributes:
        panels: a fact, as HTML, and a chart: of the fit, of one weight, of sending it, and of rate
            against distortion.
    """

    panels: tuple[tuple[str, go.Figure], ...]


@dataclass(frozen=True)
class Waves:
    """Work: fit, send and receive a signal.

    Attributes:
        signal: one of `SIGNALS`.
        exponent: one of `EXPONENTS`.
        wave: whose weight is shown, from 1.
        seed: of the sample.
    """

    signal: str
    exponent: float
    wave: int
    seed: int

    def run(self, engine: Engine) -> Iterator[ShownWaves]:
        """See `demo.workers.Work`.

        Raises:
            ValueError: there is no such signal, or no such exponent.
        """
        from demo.ui import wave_charts  # Either imports torch, which the page never does.
        from demo.work import wave_fits

        fits = wave_fits.fits(self.signal)
        fit, weight = fits[EXPONENTS.index(self.exponent)], self.wave - 1
        received = wave_fits.receive(fit, self.seed)
        draw = wave_fits.draw(fit, weight, self.seed)
        yield ShownWaves(wave_charts.panels(fits, fit, received, weight, draw))
