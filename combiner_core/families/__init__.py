"""Model families: each turns a signal into a payload within a budget, and a payload back."""

from combiner_core.families.layout import AudioLayout, ImageLayout, shape_of
from combiner_core.families.siren import FittedPayload, SirenFamily

__all__ = ["AudioLayout", "FittedPayload", "ImageLayout", "SirenFamily", "shape_of"]
