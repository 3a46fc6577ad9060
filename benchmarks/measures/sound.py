"""What ears might say of a clip: means over its channels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from combiner_core.signals import Signal, resample

if TYPE_CHECKING:
    from visqol import VisqolApi

VisqolMode = Literal["speech", "audio"]

_SPEECH_HZ, _MUSIC_HZ = 16_000, 48_000
_Samples = NDArray[np.float64]


def pesq_wb(original: Signal, reconstruction: Signal) -> float | None:
    """PESQ, wide band (ITU-T P.862.2): about 1 to 4.6.

    ``None`` without the package `pesq`, and for clips in which it finds no speech.
    """
    if find_spec("pesq") is None:
        return None
    from pesq import PesqError, pesq

    def score(first: _Samples, second: _Samples) -> float:
        return float(pesq(_SPEECH_HZ, first, second, "wb"))

    try:
        return _mean_over_channels(original, reconstruction, _SPEECH_HZ, score)
    except PesqError:
        return None


def estoi(original: Signal, reconstruction: Signal) -> float | None:
    """Extended short-time objective intelligibility (Jensen and Taal, 2016): 1 at most.

    ``None`` without the package `pystoi`, and for clips with too little speech.
    """
    if find_spec("pystoi") is None:
        return None
    from pystoi import stoi

    def score(first: _Samples, second: _Samples) -> float:
        return float(stoi(first, second, _SPEECH_HZ, extended=True))

    with warnings.catch_warnings():
        # of clips with too little speech it warns, and returns a number that means nothing
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return _mean_over_channels(original, reconstruction, _SPEECH_HZ, score)
        except RuntimeWarning:
            return None


def visqol(original: Signal, reconstruction: Signal, mode: VisqolMode) -> float | None:
    """ViSQOL version 3 (Chinen et al., 2020): a mean opinion score, at most about 5.

    ``None`` without the package `visqol-python`, or without its lattice for speech.

    Args:
        original, reconstruction: clips of the same rate, length and channels.
        mode: "speech" compares them at 16 kHz, "audio" at 48 kHz.
    """
    needed = ("visqol", "ai_edge_litert") if mode == "speech" else ("visqol",)
    if any(find_spec(package) is None for package in needed):
        return None
    sample_rate = _SPEECH_HZ if mode == "speech" else _MUSIC_HZ

    def score(first: _Samples, second: _Samples) -> float:
        return float(_visqol(mode).measure_from_arrays(first, second, sample_rate).moslqo)

    return _mean_over_channels(original, reconstruction, sample_rate, score)


def zimtohrli(original: Signal, reconstruction: Signal) -> float | None:
    """Zimtohrli (Alakuijala et al., 2025), as a mean opinion score of 1 to 5.

    ``None`` without the package `zimtohrli`.
    """
    if find_spec("zimtohrli") is None:
        return None
    from zimtohrli import mos_from_signals

    def score(first: _Samples, second: _Samples) -> float:
        return float(mos_from_signals(first, second))

    return _mean_over_channels(original, reconstruction, _MUSIC_HZ, score)


def _mean_over_channels(
    original: Signal,
    reconstruction: Signal,
    sample_rate: int,
    score: Callable[[_Samples, _Samples], float],
) -> float:
    first, second = (
        resample(signal, sample_rate).values.astype(np.float64)
        for signal in (original, reconstruction)
    )
    return float(np.mean([score(*channels) for channels in zip(first, second, strict=True)]))


@cache
def _visqol(mode: VisqolMode) -> VisqolApi:
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode=mode, use_lattice_model=mode == "speech")
    return api
