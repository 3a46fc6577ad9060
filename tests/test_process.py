"""Memory that arrays leave behind stays with the process."""

import platform
import subprocess
import sys

import pytest

_COUNT_FAULTS = """
import resource
import numpy as np
from combiner_core.process import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        arrays = [np.ones(n << 20, np.uint8) for n in (5, 15, 9)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
keep_freed_memory()
faults()
print(usual, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_arrays_get_the_memory_of_those_before_them() -> None:
    result = subprocess.run(
        [sys.executable, "-c", _COUNT_FAULTS], capture_output=True, text=True, check=True
    )
    usual, kept = map(int, result.stdout.split())
    assert kept < usual / 10
