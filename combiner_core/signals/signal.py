"""The signal itself: an array of sRGB pixels or of floating-point samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from combiner_core._numbers import is_whole
from combiner_core.errors import SignalError
from combiner_core.signals.audio_files.channels import is_mask
from combiner_core.signals.shape import AudioShape, ImageShape, Kind, Shape

if TYPE_CHECKING:
    import torch
    from PIL import Image


# of 16 bits in a level of eight
_DEEP_STEP = 257


def to_8_bits(pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The nearest of 256 levels."""
    # whole numbers, and a row's worth of memory at a time
    result = np.empty(pixels.shape, np.uint8)
    for row, wide in zip(result, pixels, strict=True):
        row[...] = (wide.astype(np.uint32) + _DEEP_STEP // 2) // _DEEP_STEP
    return result


@dataclass(frozen=True, eq=False, repr=False)
class Signal:
    """An image or a clip of sound.

    Attributes:
        values: for an image uint8 of shape (height, width, 3), sRGB; for audio float32 of shape
            (channels, samples), in [-1, 1].
        kind: ``"image"`` or ``"audio"``.
        sample_rate: samples a second of each channel; ``None`` for an image.
        deep: the pixels of an image of more than eight bits to full precision, uint16 of the same
            shape; ``None`` if `values` are all there is.
        channel_mask: loudspeakers of the channels of a clip as in WAVE files, in whose order they
            are; ``None`` for the usual ones of so many channels.

    Raises:
        SignalError: the values do not have this shape, type or range, or the sample rate is
            missing, misplaced or not positive.
    """

    values: NDArray[Any]
    kind: Kind
    sample_rate: int | None = None
    deep: NDArray[np.uint16] | None = None
    channel_mask: int | None = None

    def __post_init__(self) -> None:
        if self.kind == "image":
            _check_image(self.values, self.sample_rate)
            _check_deep(self.values, self.deep)
        elif self.kind == "audio":
            _check_audio(self.values, self.sample_rate)
            if self.channel_mask is not None and not is_mask(self.channel_mask, self.channels):
                raise SignalError(
                    f"{self.channel_mask:#x} is no mask of {self.channels} loudspeakers."
                )
        else:
            raise SignalError(f"A signal is an image or audio, not {self.kind!r}.")

    @classmethod
    def image(cls, pixels: ArrayLike) -> Signal:
        """Image of sRGB pixels, of shape (height, width, 3): uint8, or uint16 up to 65535."""
        values = np.ascontiguousarray(pixels)
        if values.dtype != np.uint16:
            return cls(values, "image")
        return cls(to_8_bits(values), "image", deep=values)

    @classmethod
    def audio(cls, samples: ArrayLike, sample_rate: int, channel_mask: int | None = None) -> Signal:
        """Clip of floating-point samples, shape (channels, samples), or (samples,) for mono.

        Samples beyond [-1, 1] are clipped: synthesis and interpolation overshoot a little.
        """
        values = np.atleast_2d(np.ascontiguousarray(samples))
        if not np.issubdtype(values.dtype, np.floating):
            raise SignalError(f"Audio samples are floating-point numbers, not {values.dtype}.")
        # one of NumPy's integers would not do where files are written
        rate = int(sample_rate) if is_whole(sample_rate) else sample_rate
        clipped = np.clip(values, -1.0, 1.0).astype(np.float32, copy=False)
        return cls(clipped, "audio", rate, channel_mask=channel_mask)

    def __repr__(self) -> str:
        if self.kind == "image":
            return f"Signal(image, {self.width} x {self.height})"
        length = f"{self.duration_s:.2f} s at {self.sample_rate} Hz"
        return f"Signal(audio, {self.channels} x {length})"

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.generic]:
        values = self.values if self.kind == "image" else self.values.T
        return np.array(values, dtype=dtype, copy=True if copy is None else copy)

    def levels(self) -> NDArray[np.float32]:
        """Pixels from 0 to 255, to full precision, float32 (height, width, 3)."""
        if self.deep is None:
            return self.values.astype(np.float32)
        return self.deep.astype(np.float32) / np.float32(_DEEP_STEP)

    def to_numpy(self) -> NDArray[Any]:
        """Pixels uint8 (height, width, 3), or samples float32 (samples, channels)."""
        return self.values.copy() if self.kind == "image" else self.values.T.copy()

    def to_pil(self) -> Image.Image:
        """An image as Pillow has them.

        Raises:
            SignalError: this is a clip.
        """
        from PIL import Image

        if self.kind != "image":
            raise SignalError("A clip is no picture: take to_numpy().")
        return Image.fromarray(self.values)

    def to_torch(self) -> torch.Tensor:
        """Pixels uint8 (3, height, width), or samples float32 (samples, channels)."""
        import torch

        values = torch.from_numpy(self.to_numpy())
        return values.permute(2, 0, 1).contiguous() if self.kind == "image" else values

    @property
    def shape(self) -> Shape:
        """Its dimensions, as a file stores them."""
        if self.kind == "image":
            return ImageShape(self.width, self.height)
        assert self.sample_rate is not None
        return AudioShape(self.samples, self.channels, self.sample_rate)

    @property
    def height(self) -> int:
        """Rows of pixels of an image."""
        return self._extent("image", "height", 0)

    @property
    def width(self) -> int:
        """Columns of pixels of an image."""
        return self._extent("image", "width", 1)

    @property
    def pixels(self) -> int:
        """Height times width of an image."""
        return self.height * self.width

    @property
    def channels(self) -> int:
        """Channels of a clip."""
        return self._extent("audio", "channels", 0)

    @property
    def samples(self) -> int:
        """Samples in each channel of a clip."""
        return self._extent("audio", "samples", 1)

    @property
    def duration_s(self) -> float:
        """Length of a clip in seconds."""
        samples = self.samples
        assert self.sample_rate is not None
        return samples / self.sample_rate

    def _extent(self, kind: Kind, name: str, axis: int) -> int:
        if self.kind != kind:
            raise AttributeError(f"{name} is not defined for a signal of kind {self.kind!r}")
        return int(self.values.shape[axis])


def _check_image(values: NDArray[Any], sample_rate: int | None) -> None:
    if values.dtype != np.uint8:
        raise SignalError(f"Image values are 8-bit integers (uint8), not {values.dtype}.")
    if values.ndim != 3 or values.shape[2] != 3 or 0 in values.shape:
        raise SignalError(f"Image values have shape (height, width, 3), not {values.shape}.")
    if sample_rate is not None:
        raise SignalError("An image has no sample rate.")


def _check_deep(values: NDArray[Any], deep: NDArray[Any] | None) -> None:
    if deep is not None and (deep.dtype != np.uint16 or deep.shape != values.shape):
        raise SignalError(
            f"Deep image values are uint16 of shape {values.shape}, not {deep.dtype} of "
            f"{deep.shape}."
        )


def _check_audio(values: NDArray[Any], sample_rate: int | None) -> None:
    if values.dtype != np.float32:
        raise SignalError(f"Audio values are float32, not {values.dtype}.")
    if values.ndim != 2 or 0 in values.shape:
        raise SignalError(f"Audio values have shape (channels, samples), not {values.shape}.")
    if not np.isfinite(values).all():
        raise SignalError("Audio values must be finite numbers.")
    if np.abs(values).max() > 1:
        raise SignalError("Audio values lie between -1 and 1.")
    if sample_rate is None or not is_whole(sample_rate) or sample_rate <= 0:
        raise SignalError(f"Audio needs a positive whole sample rate, not {sample_rate!r}.")
