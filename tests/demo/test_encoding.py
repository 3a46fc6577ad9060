"""What a worker tells of a run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

import combiner_core as cc
from demo.settings import InputLimits
from demo.work import Encode, Source
from demo.workers import Setup


def test_a_preview_is_sent_once(photo: cc.Signal, tmp_path: Path) -> None:
    cc.save(photo, tmp_path / "photo.png")
    source = Source.read(tmp_path / "photo.png", "image", InputLimits(10**6, 60.0))
    options = cc.EncodeOptions(effort="fast", device="cpu")
    work = Encode(source, cc.Budget(900), options, "ours")
    events = list(work.run(Setup(device="cpu").engine()))
    progress = [each for each in events if isinstance(each, cc.Progress)]
    previews = [each.preview for each in progress if each.preview is not None]
    assert 2 <= len(previews) < len(progress)
    for one, other in pairwise(previews):
        assert one.shape != other.shape or not np.array_equal(one, other)
    assert previews[-1].shape == photo.values.shape
