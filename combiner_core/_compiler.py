"""Compilation of inner loops to machine code, which is kept on disk where that is possible."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])
# numbers within compiled functions, of a kind that only the compiler knows
Int = Any
Real = Any

# Sums may be contracted but never reordered; infinities and NaN do not occur.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "nnan", "ninf", "nsz"}}
# arrays that a caller holds need not be counted: it would take most of the time of a short loop
_BORROWED = {"_nrt": False}


def compiled(*parts: ModuleType) -> Callable[[Function], Function]:
    """Makes machine code, at its first call, of a function that allocates nothing.

    Args:
        parts: modules with `inlined` functions that it calls. What is kept on disk is outdated
            when one of them has changed.
    """

    def compile_(function: Function) -> Function:
        assert isinstance(function, FunctionType)
        # the compiler looks at the age of one source file: it is told that of the newest
        files = [function.__code__.co_filename, *(str(part.__file__) for part in parts)]
        newest = max(files, key=lambda file: (_modified(file), file))
        function.__code__ = function.__code__.replace(co_filename=newest)
        options = _OPTIONS | _BORROWED
        try:
            made = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no directory to keep machine code in: compile anew in each process
            made = numba.njit(**options)(function)
        return cast(Function, made)

    return compile_


def inlined(function: Function) -> Function:
    """A part of compiled functions."""
    made = numba.njit(forceinline=True, **_OPTIONS, **_BORROWED)(function)
    return cast(Function, made)


def _modified(file: str) -> int:
    """When a file was modified, in ns."""
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0
