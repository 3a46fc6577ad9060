"""Learning the postfilter of sound: from coded clips, and what a decoder knows of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core import bitstream
from combiner_core.budget import Budget
from combiner_core.codec import encode
from combiner_core.devices import half_precision
from combiner_core.events import result_of
from combiner_core.families import OneCodec
from combiner_core.multires.audio.field import AudioField
from combiner_core.multires.audio.postfilter import SoundPostfilter, SoundPostfilterConfig
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.coding_order import follow
from combiner_core.multires.model import AudioModel
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.reception import receiver, receiving
from combiner_core.multires.train.learner import (
    History,
    Learner,
    Schedule,
    resumed,
)
from combiner_core.multires.train.sounds import Samples, Source
from combiner_core.multires.train.spectral_loss import SpectralLoss
from combiner_core.options import DeviceName, EncodeOptions
from combiner_core.signals import Signal

_WARM_UP_STEPS = 200
_MAX_NORM = 1.0
_BETAS, _DECAY = (0.9, 0.98), 1e-3
_FORGETTING = 0.001
# tells the random numbers of examples from those of steps
_OF_EXAMPLES = 1

Half = NDArray[np.float16]


@dataclass(frozen=True)
class ExampleConfig:
    """Clips that are made to learn from.

    Attributes:
        count: how many.
        length_s: of each.
        rates_kbps: the least and the greatest, in thousands of bits a second; their logarithms are
            uniform in between.
        seed: of everything random.
    """

    count: int = 900
    length_s: float = 5.0
    rates_kbps: tuple[float, float] = (4.5, 28.0)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or self.length_s <= 0:
            raise ValueError("the number of examples and their length must be positive")


@dataclass(frozen=True)
class PostfilterTrainConfig:
    """Settings of the learning of a postfilter.

    Attributes:
        postfilter: the network.
        examples: that it learns from.
        steps: gradient steps.
        batch: parts of examples in each.
        frames: of the transform in a part.
        learning_rate: of AdamW (Loshchilov & Hutter 2019) after warming up, until it falls.
        fall: steps at the end in which it falls to nothing; half of all by default.
        seed: of everything random but the examples.
    """

    postfilter: SoundPostfilterConfig = field(default_factory=SoundPostfilterConfig)
    examples: ExampleConfig = field(default_factory=ExampleConfig)
    steps: int = 1500
    batch: int = 8
    frames: int = 84
    learning_rate: float = 1.5e-3
    fall: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.frames) < 1 or (self.fall or 0) < 0:
            raise ValueError("steps, batch and frames must be positive")


@dataclass(frozen=True, eq=False)
class CodedClip:
    """A clip before and after the codec, with all that its postfilter is given.

    Attributes:
        original: samples (samples,).
        sound: as they are decoded (samples,).
        unfilled: the same without noise in the place of what was not coded (samples,).
        deviations: expected errors of the bands of each frame (frames, bands), full scale being 1.
        log_noise: log2 of the noise scale, full scale being 1.
    """

    original: Half
    sound: Half
    unfilled: Half
    deviations: NDArray[np.float32]
    log_noise: float


@dataclass(frozen=True)
class PostfilterTrainProgress:
    """State after a step.

    Attributes:
        step: steps done, of `steps`.
        loss: see `SpectralLoss`, a running mean.
        elapsed_s: seconds of all steps.
    """

    step: int
    steps: int
    loss: float
    elapsed_s: float


def coded_examples(
    preset: MultiresPreset, source: Source, config: ExampleConfig, device: DeviceName = "cpu"
) -> Iterator[CodedClip]:
    """Examples, one after the other, each random by its number alone.

    Args:
        preset: that codes them, of an audio model, whose postfilter is left out.
        source: of the clips, at the sample rate of the model.
        config: which examples.
        device: where to compute.
    """
    samples = round(config.length_s * model_of(preset).config.sample_rate)
    for number in range(config.count):
        generator = np.random.default_rng((config.seed, number, _OF_EXAMPLES))
        piece = source.draw(samples, generator)
        while not np.ptp(piece):
            # silence is not coded
            piece = source.draw(samples, generator)
        kbps = float(np.exp(generator.uniform(*np.log(config.rates_kbps))))
        yield coded_clip(preset, piece, kbps, device)


@torch.no_grad()
def coded_clip(
    preset: MultiresPreset, samples: Samples, kbps: float, device: DeviceName = "cpu"
) -> CodedClip:
    """A clip coded for ears.

    Args:
        preset: of an audio model, whose postfilter is left out.
        samples: at the sample rate of the model (samples,), not all the same.
        kbps: size of the file, in thousands of bits a second.
        device: where to compute.

    Raises:
        BudgetError: there are too few bits.
    """
    model = model_of(preset).without_postfilter()
    bare = replace(preset, model=model)
    codec = OneCodec(MultiresCodec(bare))
    signal = Signal.audio(samples[None], model.config.sample_rate)
    options = EncodeOptions("multires", effort="fast", device=device, tune="perceptual")
    coded = result_of(encode(signal, Budget(kbps, "kbps"), options, codec))
    file = bitstream.read(coded.data)
    clip, noise, decoder = receiver(bare, file.header, file.payload, device)
    assert isinstance(clip, AudioField)
    bars = clip.error_bars()
    decoded = follow(clip.coding_order(noise), receiving(decoder, bars))
    sound, unfilled, deviations, log_noise = (
        part[0].cpu().numpy() for part in clip.filter_inputs(decoded, noise, bars)
    )
    original, sound, unfilled = (part.astype(np.float16) for part in (samples, sound, unfilled))
    return CodedClip(original, sound, unfilled, deviations, float(log_noise))


def mean_losses(
    postfilter: SoundPostfilter, clips: Sequence[CodedClip], loss: SpectralLoss
) -> tuple[float, float]:
    """Mean losses of clips as they are decoded, and after the postfilter."""
    before, after = [], []
    device = next(postfilter.parameters()).device
    for clip in clips:
        batch = _Batch.of([clip], device)
        with torch.no_grad():
            before.append(float(loss(batch.sound, batch.original)))
            after.append(float(loss(batch.corrected(postfilter), batch.original)))
    return float(np.mean(before)), float(np.mean(after))


class PostfilterTrainer:
    """Stochastic gradient steps, resumable.

    Args:
        config: settings.
        examples: made by `coded_examples`, or other ones, of whole length or longer than a part.
        sample_rate: of these in Hz.
        checkpoint: file to resume from if it exists and to save to. Its numbers of steps, in all
            and of the fall, may be other ones.
        device: where to compute.

    Raises:
        ValueError: there are no examples, or too short ones; or the checkpoint is damaged or
            belongs to other settings.
    """

    def __init__(
        self,
        config: PostfilterTrainConfig,
        examples: Sequence[CodedClip],
        sample_rate: int,
        checkpoint: Path | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if (
            not examples
            or min(len(one.original) for one in examples) < config.frames * config.postfilter.hop
        ):
            raise ValueError(f"there must be examples, of {config.frames} frames or more")
        self._config, self._examples, self._checkpoint = config, examples, checkpoint
        self._device, self._spectral_loss = torch.device(device), SpectralLoss(sample_rate)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = SoundPostfilter(config.postfilter)
        saved = resumed(checkpoint, asdict(config))
        self._model = model.to(  # type: ignore[call-overload]
            self._device, memory_format=torch.channels_last
        )
        optimiser = torch.optim.AdamW(self._model.parameters(), betas=_BETAS, weight_decay=_DECAY)
        fall = config.steps // 2 if config.fall is None else config.fall
        self._learner = Learner(
            self._model,
            [(1.0, optimiser)],
            Schedule(config.steps, config.learning_rate, _WARM_UP_STEPS, fall),
            History() if saved is None else saved.history,
            _MAX_NORM,
            _FORGETTING,
        )
        if saved is not None:
            self._learner.restore(saved, saved.history.done)

    @property
    def postfilter(self) -> SoundPostfilter:
        """A running mean of the network."""
        average = self._learner.average
        assert isinstance(average, SoundPostfilter)
        return average

    def run(self, save_every: int = 100) -> Iterator[PostfilterTrainProgress]:
        """Train; yields after every step."""
        steps, settings = self._config.steps, asdict(self._config)
        learning = self._learner.run(self._loss, steps, self._checkpoint, settings, save_every)
        for done in learning:
            yield PostfilterTrainProgress(done.step, steps, done.loss_nats, done.elapsed_s)

    def _loss(self, step: int) -> Tensor:
        generator = np.random.default_rng((self._config.seed, step))
        chosen = generator.integers(len(self._examples), size=self._config.batch)
        parts = [self._part(self._examples[place], generator) for place in chosen]
        batch = _Batch.of(parts, self._device)
        return self._spectral_loss(batch.corrected(self._model), batch.original).mean()

    def _part(self, clip: CodedClip, generator: np.random.Generator) -> CodedClip:
        """Some frames of an example."""
        count, hop = self._config.frames, self._config.postfilter.hop
        first = int(generator.integers(len(clip.original) // hop - count + 1))
        here = slice(first * hop, (first + count) * hop)
        return CodedClip(
            clip.original[here],
            clip.sound[here],
            clip.unfilled[here],
            clip.deviations[first : first + count + 1],
            clip.log_noise,
        )


@dataclass(frozen=True, eq=False)
class _Batch:
    """Clips of one length, as float32, see `CodedClip`; each with its own first dimension."""

    original: Tensor
    sound: Tensor
    unfilled: Tensor
    deviations: Tensor
    log_noise: Tensor

    @classmethod
    def of(cls, clips: Sequence[CodedClip], device: torch.device) -> _Batch:
        """Clips on a device."""
        parts = (
            np.stack([getattr(clip, name) for clip in clips])
            for name in ("original", "sound", "unfilled", "deviations", "log_noise")
        )
        return cls(*(torch.from_numpy(part).to(device).float() for part in parts))

    def corrected(self, postfilter: SoundPostfilter) -> Tensor:
        """The clips (B, samples) after a postfilter."""
        with half_precision(self.sound.device):
            result: Tensor = postfilter(self.sound, self.unfilled, self.deviations, self.log_noise)
        return result


def model_of(preset: MultiresPreset) -> AudioModel:
    """The model of a preset of sound."""
    assert isinstance(preset.model, AudioModel)
    return preset.model
