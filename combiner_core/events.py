"""What the engine reports while it works: typed events, never printed by the engine itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from combiner_core.signals import Signal

Phase = Literal["fit", "code", "verify"]


@dataclass(frozen=True)
class Progress:
    """A step of the encoder.

    Attributes:
        phase: "fit" (learning the posterior), "code" (relative entropy coding and refinement) or
            "verify" (decoding the file once).
        step, total: steps done and steps in this phase.
        distortion: running estimate of the expected distortion, the mean squared error in the
            units of the field (values in [-1, 1]).
        psnr_db: the same as PSNR.
        kl_bits: KL[q || p] of the weights not yet coded, summed over the fields of the signal.
        committed_bits, budget_bits: payload bits written, and to be written in all.
        elapsed_s: seconds since the encoder was called.
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


@dataclass(frozen=True)
class Encoded:
    """The result of an encoder, its last event.

    Attributes:
        data: the complete `.cmb` file.
        reconstruction: exactly what a decoder makes of `data`.
        psnr_db: of the reconstruction against the input.
        kl_bits: KL[q || p] of the fitted posterior before coding.
        model: name of the preset.
        device: where the posterior was fitted.
        seconds: fit, code and total.
    """

    data: bytes
    reconstruction: Signal
    psnr_db: float
    kl_bits: float
    model: str
    device: str
    seconds: dict[str, float] = field(default_factory=dict)


Event = Progress | Encoded
