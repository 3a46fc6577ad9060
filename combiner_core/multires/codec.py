"""The codec of multires fields: closed-form posteriors under a conditional prior.

The noise scale s = sqrt(beta / 2) stands for beta: with it as unit the posterior that minimises the
beta-ELBO of a weight with target c under the prior N(m, v) is `gaussians.TargetPosterior`. Groups
of weights are coded coarse levels first, so that every prefix of the payload is a coarser picture;
each group's prior is computed from the groups before, exactly alike on both sides. The budget is
met by the choice of s.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core import rec
from combiner_core.bitstream import Header
from combiner_core.card import Card
from combiner_core.clock import Clock
from combiner_core.devices import resolve
from combiner_core.errors import BitstreamError
from combiner_core.events import Progress
from combiner_core.families import Coded
from combiner_core.multires.coding_order import CodingOrder, GroupPrior, follow
from combiner_core.multires.field import MultiresField, field_of
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.latent_optimisation import optimise_latents
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX, NoiseScale
from combiner_core.multires.posteriors import GroupPosterior, posteriors
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.progress import Reporter
from combiner_core.multires.rate_control import RateControl
from combiner_core.options import DeviceName, EffortName, EncodeOptions
from combiner_core.rec.parameters import CODER_PARAMETERS, FileCoder, coder_from, coder_parameters
from combiner_core.signals import AudioShape, Signal

# what fills the payload this badly is coded once more
_MIN_FILLED, _MAX_FILLED = 0.985, 1.01
_BLOCKS_A_COMMIT = 32
# a payload has no more bytes, whatever the budget: more than enough at the finest noise scale
_BYTES_A_VALUE, _SPARE_BYTES = 4, 4096
_SCALE_PARAMETERS = 2

# what a coding order returns; of a picture also the finest level's hidden values
Decoded = Tensor | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class MultiresEffort:
    """What an effort level stands for.

    Attributes:
        state_bits: of the trellis.
        measured: noise scales tried just before coding, at most.
        latent_steps: gradient steps on the targets of an image.
    """

    state_bits: int
    measured: int
    latent_steps: int


EFFORTS: Mapping[EffortName, MultiresEffort] = MappingProxyType(
    {
        "fast": MultiresEffort(state_bits=14, measured=3, latent_steps=0),
        "balanced": MultiresEffort(state_bits=15, measured=3, latent_steps=10),
        "best": MultiresEffort(state_bits=16, measured=3, latent_steps=50),
    }
)


class MultiresCodec:
    """Encoder and decoder under one multires prior; see `families.Codec`.

    Args:
        preset: the model.
        effort: in the place of the one that the options name.
        coder: of the weights, in the place of the one that the options and the effort name.
    """

    def __init__(
        self,
        preset: MultiresPreset,
        effort: MultiresEffort | None = None,
        coder: FileCoder | None = None,
    ) -> None:
        self.preset, self._own_effort, self._own_coder = preset, effort, coder

    @property
    def card(self) -> Card:
        """What is known of the prior."""
        return self.preset.card

    def plan(self, signal: Signal, file_bytes: int, options: EncodeOptions) -> MultiresPlan:
        """The effort and the coder; the size of the file decides nothing else here."""
        effort = self._own_effort or EFFORTS[options.effort]
        coder = self._own_coder
        if coder is None and options.rec == "astar":
            coder = rec.BlockCoder(commit_blocks=_BLOCKS_A_COMMIT, noise_seed=options.seed)
        elif coder is None:
            coder = rec.TrellisCoder(effort.state_bits)
        return MultiresPlan(self.preset, signal, effort, coder, options)

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
        scale: float,
        device_name: DeviceName,
        depth: int = 8,
    ) -> Signal:
        """The signal from the payload, or from the part of it that is there."""
        field = field_of(self.preset.model, header.shape, resolve(device_name))
        noise, receive = self._receiver(field, header, payload)
        order: CodingOrder[Decoded] = field.coding_order(noise)
        # held by nobody else, so that it can go before the picture is complete
        return field.render(follow(order, receive), noise, scale, depth)  # type: ignore[arg-type]

    def weights(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName = "cpu"
    ) -> NDArray[np.int32]:
        """What the weights add up to, int32 in 1/16 of s: the same on every machine.

        Raises:
            BitstreamError: the parameters are none that an encoder writes.
        """
        field = field_of(self.preset.model, header.shape, resolve(device_name))
        noise, receive = self._receiver(field, header, payload)
        order: CodingOrder[Decoded] = field.coding_order(noise)
        decoded = follow(order, receive)
        values = decoded if isinstance(decoded, Tensor) else decoded[0]
        return values.cpu().numpy()

    def modelled_samples(self, shape: AudioShape) -> float:
        """Those of the clip: it is coded at its own rate."""
        return shape.values_count

    def fields(self, header: Header) -> int:
        """One: what decoding costs depends on the size of the signal alone."""
        return 1

    def _receiver(
        self, field: MultiresField, header: Header, payload: bytes
    ) -> tuple[NoiseScale, Callable[[GroupPrior], Tensor]]:
        """The noise scale of a file, and what answers its coding order."""
        if len(header.parameters) != CODER_PARAMETERS + _SCALE_PARAMETERS:
            raise BitstreamError("The file's parameters are not those of this model.")
        index = int.from_bytes(header.parameters[CODER_PARAMETERS:], "little")
        if not MIN_INDEX <= index <= MAX_INDEX:
            raise BitstreamError(f"The file's noise scale, number {index}, is impossible.")
        noise = NoiseScale(index, field.unit)
        coder = coder_from(header.parameters)
        decoder = rec.GroupDecoder(coder, self.preset.tables, header.seed, payload)

        def receive(prior: GroupPrior) -> Tensor:
            return prior.answer(decoder.decode(prior.integers()))

        return noise, receive


@dataclass(frozen=True, eq=False)
class MultiresPlan:
    """How one signal is going to be encoded; see `families.Plan`."""

    preset: MultiresPreset
    signal: Signal
    effort: MultiresEffort
    coder: FileCoder
    options: EncodeOptions

    @property
    def parameters_bytes(self) -> int:
        """Coder, size of its state or block, and the index of the noise scale."""
        return CODER_PARAMETERS + _SCALE_PARAMETERS

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
        field = field_of(self.preset.model, self.signal.shape, device)
        payload_bytes = min(payload_bytes, _BYTES_A_VALUE * field.values_count + _SPARE_BYTES)
        original = field.values(self.signal)
        report = Reporter(field, 8 * payload_bytes, clock)
        control = RateControl(tables, field, report, 8 * payload_bytes, options.seed)

        coefficients = field.coefficients(original)
        noise = control.start(coefficients)
        if isinstance(field, ImageField) and effort.latent_steps and options.optimise_latents:
            noise = yield from control.find(coefficients, noise, 1)
            model = self.preset.model
            assert isinstance(model, ImageModel)
            generator = torch.Generator(device).manual_seed(options.seed)
            fit = optimise_latents(model, original, noise, effort.latent_steps, generator)
            coefficients = field.coefficients((yield from report.follow_fit(fit)))
        noise = yield from control.find(coefficients, noise, effort.measured)
        fitted_s = clock.elapsed_s

        # with room to spare, so that it shows by how much a file is too long
        room_bytes = payload_bytes + payload_bytes // 4 + _SPARE_BYTES
        misfits: dict[NoiseScale, float] = {}
        while True:
            sink = rec.MessageSink(self.coder, options.seed, room_bytes)
            encoder = rec.GroupEncoder(tables, sink)
            order = field.coding_order(noise, synthesise=False)
            spent = yield from report.follow_code("code", order, noise, coefficients, encoder)
            filled = sink.bits / (8 * payload_bytes)
            if _MIN_FILLED <= filled <= _MAX_FILLED or noise in misfits:
                break
            misfits[noise] = 1 - filled if filled < 1 else 1 - 1 / filled
            if len(misfits) == 1:
                following = control.corrected(coefficients, noise, sink.bits)
            else:  # the better of the two, perhaps once more
                following = min(misfits, key=misfits.__getitem__)
            if following == noise:
                break
            noise = following
        yield Coded(
            sink.payload()[:payload_bytes],
            coder_parameters(self.coder) + noise.index.to_bytes(_SCALE_PARAMETERS, "little"),
            spent.kl_bits,
            spent.side_bits,
            fitted_s - started_s,
            clock.elapsed_s - fitted_s,
            str(device),
        )
