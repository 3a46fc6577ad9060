"""Other codecs as people use them, each at points of its own encoder.

`BASELINES` names them. Pictures count with whole files, as ours do; of sound only what the packets
hold counts, which is less than their files: the comparison is then with the codec, and not with a
container made for hours of sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.baselines.baseline import Baseline, Coding
from benchmarks.baselines.images import IMAGE_BASELINES
from benchmarks.baselines.sound import SOUND_BASELINES

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {baseline.name: baseline for baseline in (*IMAGE_BASELINES, *SOUND_BASELINES)}
)

__all__ = ["BASELINES", "Baseline", "Coding"]
