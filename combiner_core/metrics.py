"""Distortion and rate in the units in which codecs are compared."""

from __future__ import annotations

import math

import numpy as np

from combiner_core.errors import SignalError
from combiner_core.signals import Signal

IMAGE_PEAK = 255.0
AUDIO_PEAK = 2.0


def psnr_from_mse_db(mse: float, peak: float) -> float:
    """Peak signal-to-noise ratio 10 log10(peak^2 / MSE) in dB; infinite if the MSE is zero."""
    return 10.0 * math.log10(peak**2 / mse) if mse > 0.0 else math.inf


def psnr_db(original: Signal, reconstruction: Signal) -> float:
    """PSNR in dB over all values: peak 255 over RGB for images, peak 2 over samples for audio.

    Raises:
        SignalError: the two differ in kind, shape or sample rate.
    """
    if _format(original) != _format(reconstruction):
        raise SignalError("Only signals of the same kind, size and sample rate can be compared.")
    difference = np.subtract(original.values, reconstruction.values, dtype=np.float32)
    mse = np.mean(np.square(difference, out=difference), dtype=np.float64)
    return psnr_from_mse_db(float(mse), IMAGE_PEAK if original.kind == "image" else AUDIO_PEAK)


def bpp(bits: float, signal: Signal) -> float:
    """Rate of an image in bits a pixel."""
    return bits / signal.pixels


def kbps(bits: float, signal: Signal) -> float:
    """Rate of a clip in kilobits (1000 bits) a second, all channels together."""
    return bits / 1000.0 / signal.duration_s


def _format(signal: Signal) -> tuple[object, ...]:
    return signal.kind, signal.values.shape, signal.sample_rate
