"""Memory that arrays leave behind stays with the process."""

import platform
import subprocess
import sys

import pytest

_COUNT_FAULTS = """
import resource
import numpy as np
from combiner_core.process import {keep}

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        arrays = [np.ones(n << 20, np.uint8) for n in {megabytes}]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
{keep}()
faults()
print(usual, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
@pytest.mark.parametrize(
    ("keep", "megabytes"),
    [("keep_freed_memory", (5, 15, 9)), ("keep_memory_between_steps", (50, 150, 90))],
)
def test_arrays_get_the_memory_of_those_before_them(keep: str, megabytes: tuple[int, ...]) -> None:
    program = _COUNT_FAULTS.format(keep=keep, megabytes=megabytes)
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    usual, kept = map(int, result.stdout.split())
    assert kept < usual / 10
