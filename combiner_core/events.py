"""What the engine reports while it works: typed events, never printed by the engine itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from combiner_core.signals import Signal

Phase = Literal["search", "fit", "code", "verify"]


@dataclass(frozen=True, eq=False)
class LayerView:
    """Prior and posterior of some weights of one layer, spread evenly over it.

    Attributes:
        name: of the layer.
        prior_mean, prior_std, mean, std: float32, shape (N,), N at most 256; the deviation of a
            weight already coded is zero.
    """

    name: str
    prior_mean: NDArray[np.float32]
    prior_std: NDArray[np.float32]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Progress:
    """A step of the encoder.

    Attributes:
        phase: "search" (finding the noise scale that fills the budget), "fit" (learning the
            posterior), "code" (relative entropy coding; siren: progressive refinement) or "verify"
            (decoding the file once).
        step, total: steps done and steps in this phase.
        distortion: running estimate of the expected distortion, the mean squared error in the
            units of the field (values in [-1, 1]).
        psnr_db: the same as PSNR. Of a multires picture with what the postfilter made of some
            places of it when all weights had been coded the last time.
        kl_bits: KL[q || p] in the phase "fit" of all weights and fields; while coding, of the
            siren weights not yet coded, or of the multires weights coded so far.
        committed_bits, budget_bits: payload bits written, and to be written in all.
        elapsed_s: seconds since the encoder was called.
        preview: a picture, 2048 pixels a side at most, of what is coded so far, or of siren weights
            at the posterior mean, uint8 (rows, columns, 3), if there is one.
        bit_map: bits in each region of an image, or by frequency (low ones first) and time of a
            clip, float32 (rows, columns), if they are counted.
        posterior: of siren weights, in the first tile or segment.
    """

    phase: Phase
    step: int
    total: int
    distortion: float
    psnr_db: float
    kl_bits: float
    committed_bits: int
    budget_bits: int
    elapsed_s: float
    preview: NDArray[np.uint8] | None = None
    bit_map: NDArray[np.float32] | None = None
    posterior: LayerView | None = None


@dataclass(frozen=True)
class Encoded:
    """The result of an encoder, its last event.

    Attributes:
        data: the complete `.cmb` file.
        reconstruction: exactly what a decoder makes of `data`.
        psnr_db: of the reconstruction against the input.
        kl_bits: KL[q || p] of the posterior: fitted before coding, or of multires as coded.
        side_bits: information in the file's payload that is no relative entropy code.
        model: name of the preset.
        device: where the posterior was fitted.
        seconds: fit, code and total.
        notes: sentences on what of the source is not in the signal, if it was read by the face.
    """

    data: bytes
    reconstruction: Signal
    psnr_db: float
    kl_bits: float
    side_bits: float
    model: str
    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Event = Progress | Encoded


def result_of(events: Iterable[Event]) -> Encoded:
    """The result of an encoder, whose other events are let go: thousands with a picture each."""
    (last,) = deque(events, maxlen=1)
    assert isinstance(last, Encoded)
    return last
