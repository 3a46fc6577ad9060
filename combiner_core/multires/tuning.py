"""What a tune stands for, of either kind of signal."""

from __future__ import annotations

from combiner_core.multires.audio.tuning import AudioTuning, tuning_for
from combiner_core.multires.image.tuning import TUNINGS, ImageTuning
from combiner_core.multires.model import ImageModel, Model
from combiner_core.options import TuneName

Tuning = ImageTuning | AudioTuning


def usual_tuning(model: Model, tune: TuneName) -> Tuning:
    """That of a tune, for signals under a model."""
    if isinstance(model, ImageModel):
        return TUNINGS[tune]
    return tuning_for(model.config.sample_rate, tune)
