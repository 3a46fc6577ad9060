"""Windows that switch: frames in which something sets in are divided into short ones.

The error of a weight, and what a weight tells, spreads over the two hops of its frame. Where a clip
changes within a frame, as at a drum or a consonant, eight short frames in its place tell the same
in fewer bits (Edler 1989). The file tells which frames are divided, a bit for each, coded. The
prior sees the bins of such a frame octave by octave, those of the first short frame first, so that
one octave foretells the next moment by moment.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from combiner_core.errors import BitstreamError
from combiner_core.multires.audio.mdct import PARTS, analyse_extended
from combiner_core.rec import small_integers

# what a frame must save, in bits and as a share of what is left, and a clip in bits
_MARGIN_BITS, _MARGIN, _WORTH_BITS = 16.0, 0.2, 128.0
# frames that are compared together, so that memory stays bounded
_FRAMES_TOGETHER = 1 << 10
# what a message cut short may seem to tell
_ANY = 127


def can_divide(hop: int) -> bool:
    """Whether frames of so many bins can be divided."""
    return hop % (2 * PARTS) == 0


def chosen(extended: Tensor, hop: int, noise: float) -> Tensor | None:
    """The frames that are better divided: bool (frames,) on the CPU, or None if it is not worth it.

    Args:
        extended: a clip with what its frames reach over, see `mdct.analyse_extended`.
        hop: bins of a frame.
        noise: about the noise scale of the file.
    """
    if not can_divide(hop):
        return None
    found, count = [], extended.shape[1] // hop - 1
    saved_bits = 0.0
    for first in range(0, count, _FRAMES_TOGETHER):
        stop = min(count, first + _FRAMES_TOGETHER)
        part = extended[:, first * hop : (stop + 1) * hop]
        every = torch.ones(stop - first, dtype=torch.bool, device=part.device)
        whole, short = (
            _bits(analyse_extended(part, hop, divided), noise) for divided in (None, every)
        )
        better = short * (1 + _MARGIN) + _MARGIN_BITS < whole
        saved_bits += float((whole - short)[better].sum())
        found.append(better)
    return torch.cat(found).cpu() if saved_bits > _WORTH_BITS else None


def to_bytes(divided: Tensor | None, most_bytes: int) -> bytes:
    """A message of the frames, or none if it would be longer than that."""
    if divided is None:
        return b""
    message = small_integers.to_bytes(divided.numpy().astype(np.int8)[None])
    return message if len(message) <= most_bytes else b""


def from_bytes(message: bytes, frames: int, is_cut: bool = False) -> Tensor:
    """Which frames are divided, by a message or by the beginning of one that is cut short.

    Raises:
        BitstreamError: no encoder writes it.
    """
    try:
        values = small_integers.from_bytes(message, (1, frames), _ANY if is_cut else 1)[0]
        if not is_cut and values.min(initial=0) < 0:
            raise ValueError("a frame is neither whole nor divided")
    except ValueError as error:
        raise BitstreamError("The file's windows are damaged.") from error
    return torch.from_numpy(values == 1)


def by_moment(weights: Tensor, divided: Tensor, bands: tuple[tuple[int, int], ...]) -> Tensor:
    """Weights (channels, frames, hop) as the prior sees them.

    Args:
        weights: those of divided frames by frequency, see `mdct.analyse_extended`.
        divided: these frames.
        bands: first bin and the one after the last of each octave.
    """
    return _reordered(weights, divided, _order(bands))


def by_frequency(weights: Tensor, divided: Tensor, bands: tuple[tuple[int, int], ...]) -> Tensor:
    """The inverse of `by_moment`."""
    return _reordered(weights, divided, _order(bands).argsort())


def _reordered(weights: Tensor, divided: Tensor, order: Tensor) -> Tensor:
    result, divided = weights.clone(), divided.to(weights.device)
    result[:, divided] = weights[:, divided][..., order.to(weights.device)]
    return result


def _order(bands: tuple[tuple[int, int], ...]) -> Tensor:
    """Bins by frequency, in the order of the short frames in each octave: (hop,)."""
    octaves = [torch.arange(*band).unflatten(0, (-1, PARTS)).T.flatten() for band in bands]
    return torch.cat(octaves)


def _bits(weights: Tensor, noise: float) -> Tensor:
    """About what each frame takes, see `Coefficients.information_bits`: (frames,)."""
    return 0.5 * torch.log2(1 + (weights / noise).square() / 2).sum((0, 2))
