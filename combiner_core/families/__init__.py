"""Model families: each turns a signal into a payload within a budget, and a payload back."""

from combiner_core.families.siren import FittedPayload, SirenFamily

__all__ = ["FittedPayload", "SirenFamily"]
