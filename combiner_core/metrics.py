"""Distortion and rate in the units in which codecs are compared."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import SignalError
from combiner_core.signals import Signal

IMAGE_PEAK = 255.0
AUDIO_PEAK = 2.0

_MS_SSIM_MIN_SIDE = 161  # Five scales of windows of 11 pixels.
_MS_SSIM_STRIP = 2_000_000
_WINDOW_S = 0.032
_FLOOR_DB = -80.0
_SILENCE = 1e-30


def psnr_from_mse_db(mse: float, peak: float) -> float:
    """Peak signal-to-noise ratio 10 log10(peak^2 / MSE) in dB; infinite if the MSE is zero."""
    return 10.0 * math.log10(peak**2 / mse) if mse > 0.0 else math.inf


def psnr_db(original: Signal, reconstruction: Signal) -> float:
    """PSNR in dB over all values: peak 255 over RGB for images, peak 2 over samples for audio.

    Raises:
        SignalError: the two differ in kind, shape or sample rate.
    """
    _check_comparable(original, reconstruction)
    difference = np.subtract(_precise(original), _precise(reconstruction), dtype=np.float32)
    mse = np.mean(np.square(difference, out=difference), dtype=np.float64)
    return psnr_from_mse_db(float(mse), IMAGE_PEAK if original.kind == "image" else AUDIO_PEAK)


def ms_ssim(original: Signal, reconstruction: Signal) -> float | None:
    """Multi-scale structural similarity of two images, at most 1, the mean over R, G and B.

    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment"
    (2003): five scales, so ``None`` for images with a side shorter than 161 pixels. Of an image
    of more than 2 megapixels the mean over strips of about that size, to bound the memory.

    Raises:
        SignalError: the two are not images of the same size.
    """
    _check_comparable(original, reconstruction, "image")
    if min(original.width, original.height) < _MS_SSIM_MIN_SIDE:
        return None
    strips = min(original.pixels // _MS_SSIM_STRIP, original.height // _MS_SSIM_MIN_SIDE) or 1
    pairs = zip(
        *(np.array_split(image.values, strips) for image in (original, reconstruction)), strict=True
    )
    return float(np.mean([_ms_ssim_of(*pair) for pair in pairs]))


def log_spectral_distance_db(original: Signal, reconstruction: Signal) -> float:
    """Distance of two clips as the ear might see them: 0 if they are the same, in dB.

    The root mean square over frequencies of the difference of the two power spectra in dB, then
    the mean over time and channels (Gray and Markel, "Distance measures for speech processing",
    1976). Windows last 32 ms; what lies 80 dB below the original's peak in a channel
    counts as silence.

    Raises:
        SignalError: the two are not clips of the same length, channels and sample rate.
    """
    from scipy.signal import ShortTimeFFT  # Half a second to import, and seldom needed.
    from scipy.signal.windows import hann

    _check_comparable(original, reconstruction, "audio")
    assert original.sample_rate is not None
    length = min(round(_WINDOW_S * original.sample_rate), 2 * (original.samples // 2))
    window = hann(length, sym=False).astype(np.float32)
    transform = ShortTimeFFT(window, max(1, length // 2), original.sample_rate)
    distances_db = []
    for channels in zip(original.values, reconstruction.values, strict=True):
        first, second = (np.square(np.abs(transform.stft(samples))) for samples in channels)
        floor = max(float(first.max()) * 10 ** (_FLOOR_DB / 10), _SILENCE)
        ratio = np.maximum(first, floor) / np.maximum(second, floor)
        distances_db.append(np.sqrt(np.mean(np.square(10 * np.log10(ratio)), axis=0)).mean())
    return float(np.mean(distances_db))


def bpp(bits: float, signal: Signal) -> float:
    """Rate of an image in bits a pixel."""
    return bits / signal.pixels


def kbps(bits: float, signal: Signal) -> float:
    """Rate of a clip in kilobits (1000 bits) a second, all channels together."""
    return bits / 1000.0 / signal.duration_s


def _precise(signal: Signal) -> NDArray[Any]:
    return signal.values if signal.deep is None else signal.levels()


def _check_comparable(first: Signal, second: Signal, kind: str | None = None) -> None:
    formats = [(signal.kind, signal.values.shape, signal.sample_rate) for signal in (first, second)]
    if formats[0] != formats[1]:
        raise SignalError("Only signals of the same kind, size and sample rate can be compared.")
    if kind not in (None, first.kind):
        raise SignalError(f"This measure is for signals of the kind {kind!r} alone.")


def _ms_ssim_of(*pair: NDArray[np.uint8]) -> float:
    import torch  # A second to import, and most measures do without.
    from pytorch_msssim import ms_ssim as library_ms_ssim  # Of comparisons, not of coding.

    # Channels vary fastest, as in `values`: filtering is several times faster so.
    tensors = (torch.from_numpy(values.astype(np.float32))[None] for values in pair)
    channels_first = (tensor.permute(0, 3, 1, 2) for tensor in tensors)
    with torch.inference_mode():
        return float(library_ms_ssim(*channels_first, data_range=IMAGE_PEAK))
