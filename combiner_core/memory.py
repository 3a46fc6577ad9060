"""How the process handles the memory that arrays leave behind."""

from __future__ import annotations

import ctypes
import platform

# parameters of mallopt, from malloc.h, and the largest threshold that it takes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_THRESHOLD_BYTES = 32 << 20
_KEPT_BYTES = 256 << 20


def keep_freed_memory() -> None:
    """Have the C library keep up to 256 MB of freed memory for the next arrays.

    Else it hands the memory of most arrays back and asks for new pages every time, which takes a
    tenth of the time of encoding and decoding. For programs to call at their start: it concerns
    the whole process. It does nothing where the library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD_BYTES)
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
