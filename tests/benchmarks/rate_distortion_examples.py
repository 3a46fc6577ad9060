"""Rows of rate and distortion on curves of a known shape."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benchmarks.rate_distortion.rows import Job, OtherJob, Row

RATES = (0.07, 0.13, 0.29, 0.6)
OURS = ("multires", "siren")


def row(file: str, rate: float, codec: str, gain: float = 1.0, offset_db: float = 0.0) -> Row:
    """On a curve of 10 dB a decade that needs 1 / `gain` of the bits of the plain one."""
    psnr_db = 40 + offset_db + 10 * math.log10(gain * rate)
    return Row(job(file, rate, codec), 1000, rate, psnr_db, 1.0, 1.0, 100.0, 1)


def job(file: str, rate: float, codec: str) -> Job | OtherJob:
    """Of other codecs the rate stands for a setting of the encoder."""
    return Job(file, rate, "bpp", codec) if codec in OURS else OtherJob(file, "bpp", codec, rate)


def too_small(file: str, rate: float, codec: str) -> Row:
    return Row(job(file, rate, codec), None, None, None, None, None, 100.0, 1)


def rows(codec: str, gain: float = 1.0, files: Iterable[str] = "ab") -> list[Row]:
    return [row(file, rate, codec, gain) for file in files for rate in RATES]
