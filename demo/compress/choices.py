"""What can be chosen of a run beside its size, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import combiner_core as cc
from combiner_core.options import EffortName, TuneName
from combiner_core.signals import Kind

TUNES: Mapping[Kind, tuple[str, TuneName]] = MappingProxyType(
    {"image": ("The eye", "perceptual"), "audio": ("The ear", "perceptual")}
)
TUNE_NOTES: Mapping[Kind, str] = MappingProxyType(
    {
        "image": "For the eye, errors go where they are seen least. PSNR, which tells how near "
        "each pixel is, falls by about 1 dB.",
        "audio": "For the ear, errors go where they are heard least. PSNR, which tells how near "
        "each sample is, falls by some dB.",
    }
)
# By family of models.
EFFORT_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "multires": "For the same quality balanced takes 6 % fewer bytes than fast, best hardly "
        "fewer still.",
        "siren": "More effort fits the paper's model for longer: better at the same size.",
    }
)


def options(model: str, effort: EffortName, tune: TuneName) -> cc.EncodeOptions:
    """Of what was chosen; the paper's own model knows of no other tune."""
    if model != cc.EncodeOptions.model:
        tune = cc.EncodeOptions.tune
    return cc.EncodeOptions(model=model, effort=effort, tune=tune)
