"""How a program uses the machine: the memory that arrays leave behind, threads that wait.

For programs to call at their start: what is set concerns the whole process.
"""

from __future__ import annotations

import ctypes
import os
import platform

# parameters of mallopt, from malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# larger arrays are given back: holes that they leave are rarely filled, and grow the process
_LARGEST_KEPT_BYTES = 16 << 20
_KEPT_BYTES = 128 << 20
# the most that mallopt takes, and for arrays that of older versions
_LARGEST_KEEPABLE_BYTES = 32 << 20
_EVERYTHING = (1 << 31) - 1

_LACK_OF_MEMORY = ("not enough memory", "allocate memory", "out of memory")

_THREAD_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
_SPIN_COUNT = 6000  # about what threads wait for each other where nothing else runs


def keep_freed_memory() -> None:
    """Have the C library keep up to 128 MB of freed memory for the next arrays.

    Else it hands the memory of most arrays back and asks for new pages every time, which takes a
    tenth of the time of encoding and decoding. It does nothing where the library is not glibc.
    """
    _keep(_LARGEST_KEPT_BYTES, _KEPT_BYTES)


def keep_memory_between_steps() -> None:
    """Have the C library keep freed memory, as much as it can be told to.

    For a training, whose steps need arrays of the same sizes again and again: new pages for the
    larger ones take up to half of its time.
    """
    _keep(_LARGEST_KEEPABLE_BYTES, _EVERYTHING)  # where more is refused
    _keep(_EVERYTHING, _EVERYTHING)


def _keep(largest_bytes: int, total_bytes: int) -> None:
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_MMAP_THRESHOLD, largest_bytes)
    mallopt(_TRIM_THRESHOLD, total_bytes)


def calm_threads() -> None:
    """Have threads of torch that wait for each other sleep soon, unless the user chose otherwise.

    By default they spin for milliseconds: on a busy machine that is the time in which the thread
    waited for would have run. The library reads this once: call it before torch is imported.
    """
    if not any(name in os.environ for name in _THREAD_VARIABLES):
        os.environ["GOMP_SPINCOUNT"] = str(_SPIN_COUNT)


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is too little memory, in the words of any library."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _LACK_OF_MEMORY)
