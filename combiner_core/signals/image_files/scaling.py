"""Numbers of pixels in ranges of their own, as shares of white."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import SignalError

# a smaller share of the numbers outside the usual range is clipped, not stretched
_FEW = 0.05


def shares_of_white(
    values: NDArray[Any], name: str, *, stretch_few: bool
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Floating-point numbers from 0 to 1, and integers from 0 to 65535, as shares of white.

    Where they lie in another range it is stretched from least to greatest; a single value outside
    becomes black or white.

    Args:
        values: of all pixels.
        name: for errors.
        stretch_few: also if few of them lie outside, which are clipped otherwise.

    Returns:
        from 0 to 1, and sentences on what was done.

    Raises:
        SignalError: some are not finite.
    """
    is_float = np.issubdtype(values.dtype, np.floating)
    if is_float and not np.isfinite(values).all():
        raise SignalError(f"{name} has pixels that are not finite numbers.")
    usual = 1.0 if is_float else 65535.0
    low, high = float(values.min()), float(values.max())
    notes: tuple[str, ...] = ()
    if low < 0 or high > usual:
        few = not stretch_few and np.mean((values < 0) | (values > usual)) < _FEW
        if low == high or few:
            notes = (f"Its values reach from {low:g} to {high:g}: clipped to 0 to {usual:g}.",)
            low, high = 0.0, usual
        else:
            notes = (f"Its values reach from {low:g} to {high:g}: stretched from black to white.",)
    else:
        low, high = 0.0, usual
    shares = ((values.astype(np.float64) - low) / (high - low)).clip(0.0, 1.0)
    return shares.astype(np.float32), notes
