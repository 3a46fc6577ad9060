"""All that is measured of the paper's model: the poster's table, its figures and its ablations.

Command lines of the benchmarks, one after the other; each goes on where it was broken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import BENCHMARKS, IMAGES

_RESULTS = f"--out {{root}}/{BENCHMARKS}/results"
_MANY = f"--processes {{processes}} --threads 1 {_RESULTS}"
_RATES = f"rd --codecs siren {_MANY}"
_TIMES = f"time --models siren --data {{photographs}} --limit 1 {_RESULTS}/time-siren.json"
_ABLATION = f"ablation --family siren {_MANY}"
_PHOTOGRAPHS = "--data {photographs} --unit bpp --rates"
_CLIPS = "--data {clips} --unit kbps --rates"

_COMMANDS = (
    f"{_RATES}/siren-kodak.json {_PHOTOGRAPHS} 0.07 0.13 0.29 --efforts fast --seeds 0 1 2",
    f"{_RATES}/siren-kodak.json {_PHOTOGRAPHS} 0.07 0.13 0.29 --efforts balanced best",
    f"{_RATES}/siren-speech.json {_CLIPS} 5.33 8 16 --efforts fast",
    f"{_TIMES} --rates 0.07 0.11 0.13 0.22 0.29 --efforts fast --repeats 3",
    f"{_TIMES} --rates 0.13 --efforts balanced best",
    "descent --data {training} --out {priors}",
    f"{_ABLATION}/ablation-siren.json {_PHOTOGRAPHS} 0.13 --limit 4 --updates {{priors}}",
    f"{_ABLATION}/ablation-siren-clips.json {_CLIPS} 8 --limit 2",
    "report --root {root}",
    f"figures --data {{root}}/{BENCHMARKS} --out {{root}}/{IMAGES}",
)


@dataclass(frozen=True)
class Places:
    """What to measure on, and where to write.

    Attributes:
        photographs, clips: folders of those to code.
        training: folder of photographs that the priors of an ablation learn from.
        priors: folder for those.
        root: of the repository, whose results are completed and whose documents are written.
    """

    photographs: Path
    clips: Path
    training: Path
    priors: Path
    root: Path


def commands(places: Places, processes: int) -> list[list[str]]:
    """The arguments of the commands, in their order.

    Args:
        places: folders.
        processes: jobs at a time, except where time is what is measured.
    """
    known = {**vars(places), "processes": processes}
    return [[word.format(**known) for word in command.split()] for command in _COMMANDS]
