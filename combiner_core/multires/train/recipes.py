"""What the multires models differ in: signals to learn from, trainers, measures of success."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from combiner_core.distributed import ALONE, Processes
from combiner_core.errors import CombinerError
from combiner_core.multires.audio.prior import AudioPriorConfig
from combiner_core.multires.model import (
    AudioModel,
    AudioModelConfig,
    ImageModel,
    ImageModelConfig,
    Model,
    config_from,
)
from combiner_core.multires.train.audio import AudioTrainConfig, AudioTrainer
from combiner_core.multires.train.image import ImageTrainConfig, ImageTrainer
from combiner_core.multires.train.learner import Checkpoint, TrainProgress
from combiner_core.multires.train.sounds import Source, wide_source
from combiner_core.multires.train.validation import mean_image_rates, mean_rates
from combiner_core.signals import Signal, load_audio, resample, to_mono
from combiner_core.training import files_of

Item = TypeVar("Item")

SPEECH_RATE, WIDE_RATE = 16_000, 48_000
_CLIP_S = 3
# of a piece of music; less of the difference of its channels
_PIECE_S, _SIDE_SHARE = 90, 4
# without folders for validation, every so many files
_HELD_OUT = 12
_MAX_VALIDATED = 12


@dataclass(frozen=True, eq=False)
class Data:
    """Signals from folders.

    Attributes:
        learned: to learn from.
        held_out: to validate on, a dozen at most.
        files: names of those learned from.
    """

    learned: list[Signal]
    held_out: list[Signal]
    files: list[str]


def read_data(
    read: Callable[[Path], Signal], folders: Sequence[Path], validation: Sequence[Path]
) -> Data:
    """Read all files of some folders; without any for validation every twelfth is held out.

    Raises:
        CombinerError: a file cannot be read, or there are none.
    """
    paths, held_out = files_of(folders), files_of(validation)
    if not validation:
        held_out = paths[::_HELD_OUT]
        paths = [path for path in paths if path not in set(held_out)]
    if not paths or not held_out:
        raise CombinerError("There are too few files in the folders.")
    learned = [read(path) for path in paths]
    held_out = _spread(held_out, _MAX_VALIDATED)
    return Data(learned, [read(path) for path in held_out], [path.name for path in paths])


def read_music(path: Path) -> Signal:
    """The beginning of a piece at 48 kHz, as it is. Raises SignalError: it cannot be read."""
    piece = resample(load_audio(path), WIDE_RATE)
    return Signal.audio(piece.values[:, : _PIECE_S * WIDE_RATE], WIDE_RATE)


def parts_of(piece: Signal) -> list[NDArray[np.float32]]:
    """What is learned from a piece: the mean of its channels, and some of their difference."""
    if piece.channels != 2:
        return [to_mono(piece).values[0]]
    left, right = piece.values
    return [(left + right) / 2, (left - right)[: piece.samples // _SIDE_SHARE] / 2]


def middle_of(piece: Signal) -> Signal:
    """What a piece is validated on: 3 s in mono from its middle."""
    start = max(0, (piece.samples - _CLIP_S * WIDE_RATE) // 2)
    return Signal.audio(to_mono(piece).values[:, start : start + _CLIP_S * WIDE_RATE], WIDE_RATE)


def read_speech(path: Path) -> Signal:
    """A clip in mono at 16 kHz from a file. Raises SignalError: it cannot be read."""
    return resample(to_mono(load_audio(path)), SPEECH_RATE)


def wide_data(speech: Data, folders: Sequence[Path]) -> tuple[Data, Source]:
    """What a model of any sound is learned from: speech, and folders of music if there are any.

    Raises:
        CombinerError: a file cannot be read, or there are none.
    """
    clips, music = [signal.values[0] for signal in speech.learned], list[NDArray[np.float32]]()
    if folders:
        pieces = read_data(read_music, folders, [])
        music = [part for piece in pieces.learned for part in parts_of(piece)]
        held_out = [middle_of(piece) for piece in pieces.held_out]
        speech = Data(speech.learned, [*held_out, *speech.held_out], speech.files + pieces.files)
    return speech, wide_source(clips, music, WIDE_RATE)


@dataclass(frozen=True, eq=False)
class ImageRecipe:
    """How the image model is learned and measured.

    Attributes:
        settings: of the training.
        data: pictures.
        unit: of the noise scale, see `noise_scale.NoiseScale`.
        noise: scales at which the model is measured.
        noise_range: the finest and the coarsest scale of the entropy tables' examples.
        rate_unit: in which.
        fuse: whether formulas are compiled.
    """

    settings: ImageTrainConfig
    data: Data
    unit: float = 1.0
    noise: tuple[float, ...] = (50.0, 28.0, 16.0, 8.0)
    noise_range: tuple[float, float] = (4.0, 100.0)
    rate_unit: str = "bpp"
    fuse: bool = False

    def train(
        self,
        checkpoint: Path,
        warm_start: Path | None,
        device: torch.device,
        processes: Processes = ALONE,
    ) -> Iterator[tuple[TrainProgress, Model]]:
        """Progress and the running mean of the model after every step.

        Raises:
            ValueError: see `ImageTrainer`.
        """
        pictures = [signal.values for signal in self.data.learned]
        trainer = ImageTrainer(self.settings, pictures, checkpoint, warm_start, device, processes)
        if self.fuse:
            trainer.fuse()
        return ((progress, trainer.model) for progress in trainer.run())

    def model(self, saved: Checkpoint) -> ImageModel:
        """The running mean of a checkpoint's model.

        Raises:
            KeyError, TypeError, RuntimeError: it is not of an image model.
        """
        config = config_from(saved.settings["model"])
        assert isinstance(config, ImageModelConfig)
        model = ImageModel(config)
        model.load_state_dict(saved.average)
        return model

    def rates(self, model: Model, noise: float) -> tuple[float, float]:
        """Mean ideal bpp and PSNR in dB of the pictures held out."""
        assert isinstance(model, ImageModel)
        return mean_image_rates(model, [signal.values for signal in self.data.held_out], noise)

    def examples(self, count: int) -> list[Signal]:
        """Some of the pictures learned from."""
        return _spread(self.data.learned, count)


@dataclass(frozen=True, eq=False)
class AudioRecipe:
    """How an audio model is learned and measured; see `ImageRecipe`.

    Attributes:
        source: of the sounds to learn from.
        sample_rate: in Hz, of the source.
    """

    settings: AudioTrainConfig
    data: Data
    source: Source
    sample_rate: int
    unit: float = 2.0**-15
    noise: tuple[float, ...] = (0.012, 0.006, 0.003, 0.0015)
    noise_range: tuple[float, float] = (0.0005, 0.03)
    rate_unit: str = "kbps"

    def train(
        self,
        checkpoint: Path,
        warm_start: Path | None,
        device: torch.device,
        processes: Processes = ALONE,
    ) -> Iterator[tuple[TrainProgress, Model]]:
        """Progress and the running mean of the model after every step.

        Raises:
            ValueError: see `AudioTrainer`.
        """
        trainer = AudioTrainer(
            self.settings, self.source, checkpoint, warm_start, device, processes
        )
        model = self._model(self.settings.prior)
        model.prior = trainer.prior
        return ((progress, model) for progress in trainer.run())

    def model(self, saved: Checkpoint) -> AudioModel:
        """The running mean of a checkpoint's model.

        Raises:
            KeyError, TypeError, RuntimeError: it is not of an audio model.
        """
        bands = saved.settings["prior"]
        model = self._model(AudioPriorConfig(bands["hop"], tuple(bands["widths"])))
        model.prior.load_state_dict(saved.average)
        return model

    def rates(self, model: Model, noise: float) -> tuple[float, float]:
        """Mean ideal kbps and PSNR in dB of up to 3 s of the clips held out."""
        assert isinstance(model, AudioModel)
        clips = [resample(signal, self.sample_rate) for signal in self.data.held_out]
        samples = [clip.values[0, : _CLIP_S * self.sample_rate] for clip in clips]
        return mean_rates(model.prior, samples, self.sample_rate, noise)

    def examples(self, count: int) -> list[Signal]:
        """Sounds of 3 s like those learned from."""
        generator = np.random.default_rng(self.settings.seed)
        pieces = [self.source.draw(_CLIP_S * self.sample_rate, generator) for _ in range(count)]
        return [Signal.audio(piece, self.sample_rate) for piece in pieces]

    def _model(self, bands: AudioPriorConfig) -> AudioModel:
        return AudioModel(AudioModelConfig(bands, self.sample_rate))


Recipe = ImageRecipe | AudioRecipe


def _spread(items: list[Item], count: int) -> list[Item]:
    """At most so many, evenly chosen."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]
