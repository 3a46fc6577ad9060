"""What counts as a number where users give one: NumPy's do as well, text and `None` do not."""

from __future__ import annotations

from numbers import Integral, Real


def is_whole(value: object) -> bool:
    """Whether it is an integer of any type."""
    return isinstance(value, Integral)


def is_real(value: object) -> bool:
    """Whether it is a real number of any type."""
    return isinstance(value, Real)
