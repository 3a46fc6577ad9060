"""Model families: each turns a signal into a payload within a budget, and a payload back."""

from combiner_core.families.layout import AudioLayout, ImageLayout, shape_of
from combiner_core.families.multires import MultiresFamily
from combiner_core.families.payload import Family, FittedPayload
from combiner_core.families.siren import SirenFamily
from combiner_core.presets import Preset, SirenPreset

__all__ = [
    "AudioLayout",
    "Family",
    "FittedPayload",
    "ImageLayout",
    "MultiresFamily",
    "SirenFamily",
    "family_of",
    "shape_of",
]


def family_of(preset: Preset) -> Family:
    """The encoder and decoder of a preset."""
    if isinstance(preset, SirenPreset):
        return SirenFamily(preset)
    return MultiresFamily(preset)
