"""The tune perceptual taken apart: files of equal size, and a table of means."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from signal_files import picture

from benchmarks.tuning import measure, tables
from combiner_core.multires.audio.tuning import SPEECH_TUNING
from combiner_core.multires.image.tuning import TUNINGS


@pytest.mark.parametrize("usual", [TUNINGS["perceptual"], SPEECH_TUNING])
def test_steps_lead_from_least_error_to_the_whole_tune(usual: measure.Tuning) -> None:
    found = measure.steps(usual)
    # which is a network's, not the tuning's
    found.pop("postfilter", None)
    tunings = list(found.values())
    assert tunings[0] == type(usual)()
    assert tunings[-1] == usual
    for before, after in pairwise(tunings):
        assert before != after


def test_every_step_is_measured_at_the_same_size(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).normal(0, 15, (64, 96, 3))
    pixels = np.clip(picture(64, 96) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noisy.png")
    jobs = measure.jobs_for("image", ["noisy.png"], [1.0], "fast")
    rows = [measure.run(job, tmp_path, 1) for job in jobs]
    assert [row.job.step for row in rows] == list(measure.steps(TUNINGS["perceptual"]))
    assert {row.bytes for row in rows} <= set(range(700, 769))
    # what is not spent on squared error shows in it
    assert rows[0].psnr_db == max(row.psnr_db for row in rows)
    assert tables.table(rows).count("\n") == len(rows) + 1
