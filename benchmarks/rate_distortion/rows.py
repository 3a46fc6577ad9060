"""Rows of rate and distortion: what was asked of ours and of other codecs, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks import results_files
from combiner_core import metrics
from combiner_core.signals import Signal

RateUnit = Literal["bpp", "kbps"]


def rate_of(unit: RateUnit, signal: Signal, byte_count: int) -> float:
    """Of so many bytes that stand for a signal."""
    measure = metrics.bpp if unit == "bpp" else metrics.kbps
    return measure(8 * byte_count, signal)


@dataclass(frozen=True)
class Job:
    """One file at one rate with a model of ours.

    Attributes:
        file: name of the file.
        rate, unit: the budget, in "bpp" or "kbps".
        codec: a model or family as in `EncodeOptions`.
        effort, rec, refine, seed, tune: as in `EncodeOptions`.
    """

    file: str
    rate: float
    unit: RateUnit
    codec: str
    effort: str = "balanced"
    rec: str = "trellis"
    refine: bool = True
    seed: int = 0
    tune: str = "psnr"

    @property
    def is_baseline(self) -> bool:
        """The codec is none of ours."""
        return False

    @property
    def point(self) -> float:
        """What all files were asked for alike: the rate."""
        return self.rate

    @property
    def setting(self) -> str:
        """The codec, the effort and what is not the default, as tables name it."""
        extras = [self.effort]
        if self.rec != "trellis":
            extras.append(self.rec)
        if not self.refine:
            extras.append("no refinement")
        if self.tune != "psnr":
            extras.append(f"tune {self.tune}")
        return f"{self.codec} {', '.join(extras)}"


@dataclass(frozen=True)
class OtherJob:
    """One file with another codec at one of its settings.

    Attributes:
        file: name of the file.
        unit: of its rate.
        codec: one of `baselines.BASELINES`.
        point: the encoder's own number, alike for all files.
    """

    file: str
    unit: RateUnit
    codec: str
    point: float

    @property
    def is_baseline(self) -> bool:
        """The codec is none of ours."""
        return True

    @property
    def setting(self) -> str:
        """The codec, as tables name it."""
        return self.codec

    @property
    def seed(self) -> int:
        """Others have none."""
        return 0


@dataclass(frozen=True)
class Row:
    """What was measured for a job; sizes and times are None where a codec cannot go so small.

    Attributes:
        job: what was done.
        bytes: of ours and of pictures the size of the whole file; of sound by others that of its
            packets, without a container.
        actual_rate: of these bytes, in the unit of the job.
        psnr_db: of the decoded file.
        encode_s, decode_s: wall-clock seconds, the preset already loaded.
        peak_memory_mb: largest resident size of the process when decoding had ended; None for
            other codecs, which share a process.
        threads: of the process.
        kl_bits, side_bits: as in `Encoded`; None for other codecs.
        ms_ssim: of images of at least 161 pixels a side.
        prior: name of the preset, and the hash by which files name it; None for other codecs.
        encoder: version and settings of another codec.
        scores: what eyes or ears might say; see `measures.scores`.
    """

    job: Job | OtherJob
    bytes: int | None
    actual_rate: float | None
    psnr_db: float | None
    encode_s: float | None
    decode_s: float | None
    peak_memory_mb: float | None
    threads: int
    kl_bits: float | None = None
    side_bits: float | None = None
    ms_ssim: float | None = None
    prior: str | None = None
    encoder: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def ms_ssim_db(self) -> float | None:
        """MS-SSIM as -10 log10(1 - x), in which equal steps look alike."""
        if self.ms_ssim is None or self.ms_ssim >= 1:
            return None
        return -10 * math.log10(1 - self.ms_ssim)


OURS = results_files.Benchmark("rate-distortion", Job, Row)
OTHERS = results_files.Benchmark("other-codecs", OtherJob, Row, isolated=False)


def read_rows(path: Path) -> list[Row]:
    """The rows of a results file, of ours or of other codecs.

    Raises:
        CombinerError: it is missing, damaged, of another version or of another kind.
    """
    is_other = results_files.kind_of(path) == OTHERS.kind
    return (OTHERS if is_other else OURS).rows(path)
