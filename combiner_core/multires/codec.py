"""The codec of multires fields: closed-form posteriors under a conditional prior.

The noise scale s = sqrt(beta / 2) stands for beta: with it as unit the Gaussian posterior that
minimises the beta-ELBO of a weight with target c under the prior N(m, v) is
`gaussians.TargetPosterior`. What is sent is a point of the code of `rec.groups`, which minimises
the ELBO under the prior that the code is made for. Groups of weights are coded coarse levels first,
so that every prefix of the payload is a coarser picture; each group's prior is computed from the
groups before, exactly alike on both sides. The budget is met by the choice of s.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.anatomy import Anatomy
from combiner_core.beliefs import Belief
from combiner_core.bitstream import Header
from combiner_core.card import Card
from combiner_core.clock import Clock
from combiner_core.devices import resolve
from combiner_core.errors import CombinerError
from combiner_core.events import Progress
from combiner_core.families import Coded
from combiner_core.importance import Importance
from combiner_core.multires.audio.tuning import AudioTuning
from combiner_core.multires.coding_order import CodingOrder, follow
from combiner_core.multires.field import MANNER_BYTES, MultiresField, field_of
from combiner_core.multires.image.at_hand import PictureAtHand
from combiner_core.multires.image.dissection import Dissection
from combiner_core.multires.image.field import Decoded as ImageDecoded
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.latent_optimisation import optimise_latents
from combiner_core.multires.image.target_refinement import refine_targets
from combiner_core.multires.image.tuning import ImageTuning
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.parameters import Parameters, parameters_bytes
from combiner_core.multires.posteriors import GroupPosterior, posteriors
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.progress import Reporter
from combiner_core.multires.rate_control import RateControl
from combiner_core.multires.rate_plan import RatePlan
from combiner_core.multires.reception import receiver, receiving
from combiner_core.multires.tuning import Tuning, usual_tuning
from combiner_core.options import DecodeOptions, DeviceName, EffortName, EncodeOptions
from combiner_core.rec.groups import GroupDecoder
from combiner_core.signals import AudioShape, Signal

# no message is as long
_BYTES_A_VALUE, _SPARE_BYTES = 8, 4096

# what a coding order returns; of a picture also the finest level's hidden values
Decoded = Tensor | ImageDecoded


@dataclass(frozen=True)
class MultiresEffort:
    """What an effort level stands for.

    Attributes:
        states: of the trellis.
        latent_steps: gradient steps on the targets of an image.
        trials: of the code, by which these are refined.
    """

    states: int
    latent_steps: int
    trials: int = 0


EFFORTS: Mapping[EffortName, MultiresEffort] = MappingProxyType(
    {
        "fast": MultiresEffort(states=32, latent_steps=0),
        "balanced": MultiresEffort(states=256, latent_steps=6, trials=4),
        "best": MultiresEffort(states=256, latent_steps=12, trials=6),
    }
)


class MultiresCodec:
    """Encoder and decoder under one multires prior; see `families.Codec`.

    Args:
        preset: the model.
        effort: in the place of the one that the options name.
        tuning: in the place of that of the tune that the options name.
    """

    def __init__(
        self,
        preset: MultiresPreset,
        effort: MultiresEffort | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self.preset, self._own_effort, self._own_tuning = preset, effort, tuning

    @property
    def card(self) -> Card:
        """What is known of the prior."""
        return self.preset.card

    def plan(
        self,
        signal: Signal,
        file_bytes: int,
        options: EncodeOptions,
        importance: Importance | None = None,
    ) -> MultiresPlan:
        """The effort, and how the signal is going to be treated.

        Raises:
            CombinerError: another relative entropy coder is asked for, or a clip has a map.
        """
        if importance is not None and signal.kind != "image":
            raise CombinerError("An importance map is for images.")
        if options.rec != EncodeOptions.rec:
            raise CombinerError(
                f"The model {self.card.name} has a coder of its own: {options.rec} is for siren."
            )
        effort = self._own_effort or EFFORTS[options.effort]
        tuning = self._own_tuning or usual_tuning(self.preset.model, options.tune)
        return MultiresPlan(self.preset, signal, file_bytes, effort, tuning, options, importance)

    def posteriors(
        self, signal: Signal, *, noise_scale: float, seed: int = 0
    ) -> Iterator[GroupPosterior]:
        """The posterior and the prior of every group of weights; see `posteriors.posteriors`."""
        self.card.check_kind(signal.kind)
        return posteriors(self.preset.model, signal, noise_scale, seed)

    def decode(
        self,
        header: Header,
        payload: bytes,
        payload_bytes: int,
        options: DecodeOptions,
        device_name: DeviceName,
    ) -> Signal:
        """The signal from the payload, or from the part of it that is there."""
        field, noise, decoder = receiver(self.preset, header, payload, device_name)
        sampler = field.sampler(header.seed, options)
        order: CodingOrder[Decoded] = field.coding_order(noise)
        answer = receiving(decoder, *([] if sampler is None else [sampler]))
        # held by nobody else, so that it can go before the picture is complete
        return field.render(follow(order, answer), noise, options, sampler)  # type: ignore[arg-type]

    def uncertainty(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> NDArray[np.float32]:
        """The deviations that a decoder expects, see `families.Codec`.

        Raises:
            BitstreamError: the parameters are none that an encoder writes.
        """
        field, noise, decoder = receiver(self.preset, header, payload, device_name)
        bars = field.error_bars()
        order: CodingOrder[Decoded] = field.coding_order(noise, synthesise=False)
        follow(order, receiving(decoder, bars))
        return field.deviations(bars, noise)  # type: ignore[arg-type]

    def belief(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Belief:
        """What the file of a picture tells: mean, a sample and deviations.

        Raises:
            BitstreamError: the parameters are none that an encoder writes.
            CombinerError: the file holds a clip.
        """
        field, noise, decoder = receiver(self.preset, header, payload, device_name)
        if not isinstance(field, ImageField):
            raise CombinerError("A clip has no mean and no sample: only pictures have.")
        sampler, bars = field.detail_sampler(header.seed), field.error_bars()
        decoded = follow(field.coding_order(noise), receiving(decoder, sampler, bars))
        mean, sample = field.mean_and_sample(decoded, noise, sampler)
        return Belief(mean, sample, field.deviations(bars, noise))

    def dissect(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Anatomy:
        """What the file of a picture is made of.

        Raises:
            BitstreamError: the parameters are none that an encoder writes.
            CombinerError: the file holds a clip.
        """
        field, noise, decoder = receiver(self.preset, header, payload, device_name)
        if not isinstance(field, ImageField):
            raise CombinerError("A clip is not taken apart: only pictures are.")
        dissection = Dissection(field, noise, decoder)
        decoded = follow(field.coding_order(noise), dissection.enter)
        parameters = Parameters.from_bytes(header.parameters)
        return dissection.anatomy(decoded, 8.0 * parameters.side_bytes, parameters.states)

    def weights(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName = "cpu"
    ) -> NDArray[np.int32]:
        """What the weights add up to, int32 in 1/16 of s: the same on every machine.

        Raises:
            BitstreamError: the parameters are none that an encoder writes.
        """
        field, noise, decoder = receiver(self.preset, header, payload, device_name)
        order: CodingOrder[Decoded] = field.coding_order(noise)
        decoded = follow(order, receiving(decoder))
        values = decoded if isinstance(decoded, Tensor) else decoded[0]
        return values.cpu().numpy()

    def modelled_samples(self, shape: AudioShape) -> float:
        """Those of the clip: it is coded at its own rate."""
        return shape.values_count

    def fields(self, header: Header) -> int:
        """One: what decoding costs depends on the size of the signal alone."""
        return 1


@dataclass(frozen=True, eq=False)
class MultiresPlan:
    """How one signal is going to be encoded; see `families.Plan`."""

    preset: MultiresPreset
    signal: Signal
    file_bytes: int
    effort: MultiresEffort
    tuning: Tuning
    options: EncodeOptions
    importance: Importance | None = None

    @property
    def parameters_bytes(self) -> int:
        """Of this tune."""
        return parameters_bytes(self.options.tune, MANNER_BYTES[self.signal.kind] * self._is_tuned)

    @cached_property
    def _is_tuned(self) -> bool:
        if self.options.tune != EncodeOptions.tune or self.importance is not None:
            return True
        return self._plain_field.needs_manner

    @cached_property
    def _plain_field(self) -> MultiresField:
        device = resolve(self.options.device)
        field = field_of(self.preset.model, self.signal.shape, device)
        return field.suited(self.signal, self.file_bytes)

    @property
    def _is_optimised(self) -> bool:
        return self.effort.latent_steps > 0 and self.options.optimise_latents

    @property
    def fields(self) -> int:
        """One."""
        return 1

    def start(self, payload_bytes: int, clock: Clock) -> Generator[Progress | Coded, None, None]:
        """Fit and code."""
        return self._encode(payload_bytes, clock)

    def _encode(self, payload_bytes: int, clock: Clock) -> Generator[Progress | Coded, None, None]:
        started_s = clock.elapsed_s
        options, effort, tables = self.options, self.effort, self.preset.tables
        device = resolve(options.device)
        plain = self._plain_field
        original = plain.values(self.signal)
        field = plain
        if self._is_tuned:
            field = self._tuned(plain, original, payload_bytes)
        side_bytes, spare_bytes = field.side_bytes(payload_bytes)
        payload_bytes -= side_bytes
        payload_bytes = min(payload_bytes, _BYTES_A_VALUE * field.values_count + _SPARE_BYTES)
        report = Reporter(field, original, 8 * payload_bytes, clock)
        control = RateControl(tables, effort.states, field, report, payload_bytes, spare_bytes)

        coefficients = field.coefficients(original)
        plan = yield from control.measured(coefficients, control.start(coefficients))
        noise = control.finest(plan)
        if isinstance(field, ImageField) and field.is_known(noise) and self._is_optimised:
            targets, plan = yield from self._fitted(field, original, noise, plan, control, report)
            coefficients = field.coefficients(targets)
        fitted_s = clock.elapsed_s
        message = yield from control.code(coefficients, plan)
        payload = message.payload[:payload_bytes]
        decode: Callable[[], Any] = partial(self._decoded, field, message.noise, payload)
        field = field.finished(self.signal, decode, message.noise)
        side = b""
        if side_bytes:
            side_bytes += payload_bytes - len(payload)
            side = field.side(original, decode, message.noise, side_bytes)
        manner = field.manner.to_bytes() if self._is_tuned else b""
        parameters = Parameters(
            effort.states, message.noise.index, options.tune, manner, len(side), field.setting
        )
        yield Coded(
            side + payload,
            parameters.to_bytes(),
            message.spent.kl_bits,
            8.0 * len(side),
            fitted_s - started_s,
            clock.elapsed_s - fitted_s,
            str(device),
        )

    def _fitted(
        self,
        field: ImageField,
        original: Tensor,
        noise: NoiseScale,
        plan: RatePlan,
        control: RateControl,
        report: Reporter,
    ) -> Generator[Progress, None, tuple[Tensor, RatePlan]]:
        """Pixels whose weights are better targets, and what groups take of about these."""
        model, trials = self.preset.model, self.effort.trials
        assert isinstance(model, ImageModel)
        assert isinstance(self.tuning, ImageTuning)
        noise_map, structure = field.manner.noise_map, self.tuning.structure
        picture = PictureAtHand(model, original, noise, noise_map, structure, field.has_chroma)
        latents = optimise_latents(picture, self.effort.latent_steps)
        targets = yield from report.follow_fit(latents, more=trials)

        def code(targets: Tensor) -> Generator[object, None, tuple[ImageDecoded, RatePlan]]:
            return control.trial(field.coefficients(targets), noise)

        refinement = refine_targets(picture, targets, trials, code)
        targets, plans = yield from report.follow_fit(refinement)
        return targets, (plan, *plans)[-1]

    def _tuned(self, plain: MultiresField, values: Tensor, payload_bytes: int) -> MultiresField:
        if isinstance(plain, ImageField):
            assert isinstance(self.tuning, ImageTuning)
            return plain.tuned(values, self.tuning, self.importance, payload_bytes)
        assert isinstance(self.tuning, AudioTuning)
        return plain.tuned(values, self.tuning, payload_bytes)

    def _decoded(self, field: MultiresField, noise: NoiseScale, payload: bytes) -> Decoded:
        """What the receiver of a message gets."""
        decoder = GroupDecoder(self.preset.tables, payload, self.effort.states)
        order: CodingOrder[Decoded] = field.coding_order(noise)
        return follow(order, receiving(decoder))
