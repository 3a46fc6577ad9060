"""CDF 9/7 wavelets by lifting, in floating point and, to the last bit alike, in integers.

A level splits an array of n samples along an axis into ceil(n / 2) low and as many high
coefficients; for odd n the last high coefficient does not exist: it is zero, and ignored.
Boundaries are mirrored, so constants have no high coefficients anywhere. The basis is nearly
orthonormal (Cohen, Daubechies & Feauveau 1992; lifting steps of Daubechies & Sweldens 1998), the
steps rounded to multiples of 1/4096. Tensors of integers are transformed by integer arithmetic:
every machine gets the same numbers from the same coefficients.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SHIFT = 12
_ONE = 1 << _SHIFT
# integers for which no step of a synthesis leaves 32 bits
_SMALL = 1 << 13
# what is transformed together: large pictures would take several times their memory, and no
# processor keeps them at hand
_VALUES_TOGETHER = 1 << 19
# rows on either side that those between them depend on, or a few more
_REACH = 4
# predict, update, predict, update, in 1/4096
_STEPS = (-6497, -217, 3616, 1817)
# what a low and a high coefficient are multiplied by on synthesis, in 1/4096
_LOW_GAIN, _HIGH_GAIN = 3563, 4709


def split(values: Tensor) -> tuple[Tensor, Tensor]:
    """One level of analysis of arrays in floating point.

    Args:
        values: (B, C, H, W).

    Returns:
        The low-pass array (B, C, h, w) and the details (B, 3 C, h, w), h = ceil(H / 2) and
        w = ceil(W / 2): first those of the rows' low and the columns' high frequencies, then the
        converse, then both high.
    """
    batch, channels, height, width = values.shape
    size = (-(-height // 2), -(-width // 2))
    lows = values.new_empty(batch, channels, *size)
    details = values.new_empty(batch, 3 * channels, *size)
    rows = max(_REACH, _VALUES_TOGETHER // (batch * channels * width) // 2 * 2)
    for start in range(0, height, rows):
        first = max(0, start - _REACH)
        parts = _split(values[:, :, first : start + rows + _REACH])
        known = slice((start - first) // 2, (start - first + rows) // 2)
        for whole, part in zip((lows, details), parts, strict=True):
            whole[:, :, start // 2 : (start + rows) // 2] = part[:, :, known]
    return lows, details


def join(
    low: Tensor, details: Tensor, height: int, width: int, out: Tensor | None = None
) -> Tensor:
    """The inverse of `split`, in the arithmetic of `low`: (B, C, height, width).

    Integers are put into `out` if it is given.
    """
    low_high, high_low, high_high = details.chunk(3, 1)
    lows = _synthesise(low, low_high, 2, height)
    highs = _synthesise(high_low, high_high, 2, height)
    return _synthesise(lows, highs, 3, width, out)


def _split(values: Tensor) -> tuple[Tensor, Tensor]:
    low, high = _analyse(values, 3)
    low_low, low_high = _analyse(low, 2)
    high_low, high_high = _analyse(high, 2)
    return low_low, torch.cat([low_high, high_low, high_high], 1)


def _analyse(values: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    length = values.shape[axis]
    if length % 2:
        values = torch.cat([values, values.narrow(axis, length - 1, 1)], axis)
    even, odd = _halves(values, axis)
    for first, second in (_STEPS[:2], _STEPS[2:]):
        odd = _next(even, axis).add_(even).mul_(first / _ONE).add_(odd)
        odd = _mirror_last(odd, axis, length)
        even = _previous(odd, axis).add_(odd).mul_(second / _ONE).add_(even)
    return even.mul_(_ONE / _LOW_GAIN), _clear_last(odd, axis, length).mul_(_ONE / _HIGH_GAIN)


def _synthesise(
    low: Tensor, high: Tensor, axis: int, length: int, out: Tensor | None = None
) -> Tensor:
    if low.is_floating_point():
        return _lifted(low, high, axis, length)
    other = 5 - axis
    if out is None:
        size = list(low.shape)
        size[axis] = length
        out = low.new_empty(size)
    lines = max(1, _VALUES_TOGETHER // length)
    for start in range(0, low.shape[other], lines):
        part = out.narrow(other, start, min(lines, low.shape[other] - start))
        lows, highs = (half.narrow(other, start, part.shape[other]) for half in (low, high))
        if not _small(lows, highs):
            # products of large numbers need 64 bits; others are the same in 32, and faster
            lows, highs = lows.long(), highs.long()
        part.copy_(_lifted(lows, highs, axis, length))
    return out


def _lifted(low: Tensor, high: Tensor, axis: int, length: int) -> Tensor:
    even, odd = _times_(low.clone(), _LOW_GAIN), _times_(high.clone(), _HIGH_GAIN)
    odd = _mirror_last(odd, axis, length)
    for first, second in (_STEPS[2:], _STEPS[:2]):
        even -= _times_(_previous(odd, axis).add_(odd), second)
        odd -= _times_(_next(even, axis).add_(even), first)
        odd = _mirror_last(odd, axis, length)
    both = torch.stack([even, odd], axis + 1).flatten(axis, axis + 1)
    return both.narrow(axis, 0, length)


def _small(*arrays: Tensor) -> bool:
    if arrays[0].dtype != torch.int32:
        return True
    return all(int(part.abs().amax()) < _SMALL for part in arrays if part.numel())


def _times_(values: Tensor, factor: int) -> Tensor:
    if values.is_floating_point():
        return values.mul_(factor / _ONE)
    return values.mul_(factor).add_(_ONE // 2).bitwise_right_shift_(_SHIFT)


def _halves(values: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    pairs = values.unflatten(axis, (-1, 2))
    return pairs.select(axis + 1, 0), pairs.select(axis + 1, 1)


def _next(even: Tensor, axis: int) -> Tensor:
    last = even.shape[axis] - 1
    return torch.cat([even.narrow(axis, 1, last), even.narrow(axis, last, 1)], axis)


def _previous(odd: Tensor, axis: int) -> Tensor:
    return torch.cat([odd.narrow(axis, 0, 1), odd.narrow(axis, 0, odd.shape[axis] - 1)], axis)


def _mirror_last(odd: Tensor, axis: int, length: int) -> Tensor:
    """Gives the sample after the end of an array of odd length the value of its mirror image."""
    if length % 2 == 0:
        return odd
    last = odd.shape[axis] - 1
    if last == 0:
        return _clear_last(odd, axis, length)
    return torch.cat([odd.narrow(axis, 0, last), odd.narrow(axis, last - 1, 1)], axis)


def _clear_last(odd: Tensor, axis: int, length: int) -> Tensor:
    """Sets the coefficient that an array of odd length does not have to zero."""
    if length % 2 == 0:
        return odd
    last = odd.shape[axis] - 1
    missing = torch.zeros_like(odd.narrow(axis, last, 1))
    return torch.cat([odd.narrow(axis, 0, last), missing], axis)
