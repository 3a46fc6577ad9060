"""`python -m demo.work`: rehearse once, so that kernels are compiled before the page starts."""

from __future__ import annotations

import combiner_core as cc
from demo.work import Rehearse
from demo.workers import Engine

if __name__ == "__main__":
    for _event in Rehearse().run(Engine(cc.PresetLibrary(), "cpu")):
        pass
