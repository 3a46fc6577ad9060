"""Random pieces of sound to learn from: recordings, and sounds made of notes and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Source(Protocol):
    """Where the pieces come from."""

    def draw(self, samples: int, generator: np.random.Generator) -> Samples:
        """A random piece, float32 (samples,), within about -1 to 1."""


@dataclass(frozen=True, eq=False)
class Clips:
    """Pieces of recordings, faster or slower, louder or quieter.

    Attributes:
        clips: float32 (samples,) each, all at one sample rate.
        speeds: the least and the greatest; pitch changes likewise.
        gains: the least and the greatest.
    """

    clips: Sequence[Samples]
    speeds: tuple[float, float] = (0.8, 1.25)
    gains: tuple[float, float] = (0.3, 2.0)

    def draw(self, samples: int, generator: np.random.Generator) -> Samples:
        """A piece of a random clip, which is as likely as it is long."""
        lengths = np.array([len(clip) for clip in self.clips], np.float64)
        clip = self.clips[generator.choice(len(self.clips), p=lengths / lengths.sum())]
        speed = _log_uniform(self.speeds, generator)
        needed = min(len(clip), int(np.ceil(samples * speed)) + 1)
        start = int(generator.integers(len(clip) - needed + 1))
        piece = soxr.resample(clip[start : start + needed], speed, 1.0, quality="HQ")[:samples]
        piece = piece * _log_uniform(self.gains, generator)
        return np.pad(piece, (0, samples - len(piece))).clip(-1, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Choice:
    """Pieces now of one source, now of another.

    Attributes:
        sources: with their shares, which add up to 1.
    """

    sources: Sequence[tuple[float, Source]]

    def draw(self, samples: int, generator: np.random.Generator) -> Samples:
        """A piece of one of them."""
        shares = [share for share, _ in self.sources]
        _, source = self.sources[generator.choice(len(self.sources), p=shares)]
        return source.draw(samples, generator)


@dataclass(frozen=True)
class Notes:
    """Chords and melodies of plucked, struck and bowed strings that no one ever built.

    Attributes:
        sample_rate: in Hz.
        most: notes of a piece, at most.
    """

    sample_rate: int
    most: int = 6

    def draw(self, samples: int, generator: np.random.Generator) -> Samples:
        """Notes of random pitch, timbre, attack, decay and vibrato."""
        total = np.zeros(samples, np.float32)
        for _ in range(int(generator.integers(1, self.most + 1))):
            total += self._note(samples, generator)
        return _level(total, generator)

    def _note(self, samples: int, generator: np.random.Generator) -> Samples:
        times = np.arange(samples) / self.sample_rate
        pitch = _log_uniform((50.0, 2500.0), generator)
        depth = generator.choice([0.0, _log_uniform((1e-4, 5e-3), generator)])
        vibrato = depth * np.sin(2 * np.pi * generator.uniform(4, 7) * times) / 5
        turn = np.exp(2j * np.pi * (pitch * (times + vibrato) + generator.random()))
        since = times - generator.uniform(-0.5, 1.0) * times[-1]
        attack = np.clip(since / _log_uniform((1e-3, 0.1), generator), 0, 1)
        fall = -_log_uniform((0.2, 20.0), generator) * since.clip(0)
        brightness = generator.uniform(0.4, 3.0)
        # each harmonic decays faster than the one below it
        harmonic = (turn * attack * np.exp(fall)).astype(np.complex64)
        damped = (turn * np.exp(generator.uniform(0, 0.5) * fall)).astype(np.complex64)
        total = np.zeros(samples, np.float32)
        for number in range(1, min(30, int(self.sample_rate / 2 / pitch)) + 1):
            total += harmonic.imag * (number**-brightness * generator.uniform(0.2, 1.0))
            harmonic = harmonic * damped
        return total * np.float32(_log_uniform((0.1, 1.0), generator))


@dataclass(frozen=True)
class Noises:
    """Noise of a random spectrum, steady or in bursts."""

    bursts: int = 6

    def draw(self, samples: int, generator: np.random.Generator) -> Samples:
        """One noise."""
        spectrum = np.fft.rfft(generator.standard_normal(samples))
        places = np.log2(np.arange(len(spectrum)) + len(spectrum) / 512)
        knots = np.linspace(places[0], places[-1], 10)
        gains = np.cumsum(generator.normal(-0.3, 0.6, len(knots)))
        shaped = np.fft.irfft(spectrum * np.exp(np.interp(places, knots, gains)), samples)
        envelope = np.full(samples, generator.choice([0.0, 1.0]))
        for start in generator.integers(samples, size=generator.integers(self.bursts + 1)):
            decay = _log_uniform((samples / 200, samples), generator)
            envelope[start:] += np.exp(-np.arange(samples - start) / decay)
        return _level(shaped * envelope, generator)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Sums of pieces from several sources, at times without the highest frequencies.

    Attributes:
        sources: with repetitions for those wanted more often.
        most: pieces in a sum, at most.
    """

    sources: Sequence[Source]
    most: int = 3

    def draw(self, samples: int, generator: np.random.Generator) -> Samples:
        """A sum of one to `most` pieces."""
        total = np.zeros(samples, np.float32)
        for _ in range(int(generator.integers(1, self.most + 1))):
            source = self.sources[int(generator.integers(len(self.sources)))]
            total += source.draw(samples, generator)
        if generator.random() < 0.5:
            spectrum = np.fft.rfft(total)
            cut = _log_uniform((0.15, 1.0), generator) * len(spectrum)
            beyond = (np.arange(len(spectrum)) - cut) / (0.01 * cut)
            spectrum /= 1 + np.exp(beyond.clip(-30, 30))
            total = np.fft.irfft(spectrum, samples).astype(np.float32)
        return total.clip(-1, 1)


def wide_source(speech: Sequence[Samples], music: Sequence[Samples], sample_rate: int) -> Source:
    """What a prior of any sound learns from: music, speech at up to several times its pitch, and
    sums of speech, notes and noise.

    Args:
        speech: at 16 kHz, taken for recordings at `sample_rate`.
        music: at `sample_rate`; none if empty.
        sample_rate: in Hz.
    """
    speakers = Clips(speech, speeds=(0.3, 1.2), gains=(0.3, 3.0))
    notes = Notes(sample_rate)
    mixture = Mixture([speakers, speakers, notes, notes, Noises()])
    if not music:
        return mixture
    # what was recorded at half of the rate to what was at one and a half times as much
    pieces = Clips(music, speeds=(2 / 3, 2.0), gains=(0.1, 1.5))
    return Choice([(0.7, pieces), (0.2, speakers), (0.1, mixture)])


def _level(piece: NDArray[np.floating], generator: np.random.Generator) -> Samples:
    """At a random loudness."""
    power = float(np.sqrt(np.mean(np.square(piece)))) + 1e-9
    return (piece * (_log_uniform((0.002, 0.2), generator) / power)).clip(-1, 1).astype(np.float32)


def _log_uniform(limits: tuple[float, float], generator: np.random.Generator) -> float:
    """A random number between the limits, its logarithm uniform."""
    return float(np.exp(generator.uniform(*np.log(limits))))
