"""The codec of multires fields: closed-form posteriors under a conditional prior.

The noise scale s plays the part of the square root of beta: with it the posterior that minimises
the beta-ELBO of a weight with target c under the prior N(m, v), all in units of s, is
N((m + v c) / (1 + v), v / (1 + v)). Groups of weights are coded coarse levels first, so that every
prefix of the payload is a coarser picture; each group's prior is computed from the groups before,
exactly alike on both sides. The budget is met by the choice of s.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from combiner_core import rec
from combiner_core.bitstream import Header, ImageShape
from combiner_core.devices import resolve
from combiner_core.errors import BitstreamError
from combiner_core.events import Progress
from combiner_core.families.coders import CODER_PARAMETERS, FileCoder, coder_from, coder_parameters
from combiner_core.families.multires_report import (
    Decoded,
    Reporter,
    Surface,
    answer,
    prior_arrays,
)
from combiner_core.families.payload import FittedPayload
from combiner_core.families.pictures import Pictures
from combiner_core.families.rate_search import MAX_INDEX, MIN_INDEX, Guess, search
from combiner_core.families.refinement import refine
from combiner_core.families.sounds import Sounds
from combiner_core.families.targets import Targets
from combiner_core.multires import AudioModel, ImageModel, Noise
from combiner_core.options import DeviceName, EffortName, EncodeOptions
from combiner_core.presets import MultiresPreset
from combiner_core.priors.conditional import Request, Walk, follow
from combiner_core.signals import Signal

# the search aims a little below the budget; what does not fit after all is cut off at the end
_AIM = 0.998
_LEAST_FILLED, _MOST_FILLED = 0.985, 1.01
_BLOCKS_A_COMMIT = 32
# a payload has no more bytes, whatever the budget: more than enough at the finest noise scale
_BYTES_A_VALUE, _LEAST_ROOM = 4, 4096


@dataclass(frozen=True)
class MultiresEffort:
    """What an effort level stands for.

    Attributes:
        state_bits: of the trellis.
        measured: noise scales tried just before coding, at most.
        refine_steps: gradient steps on the targets of an image.
    """

    state_bits: int
    measured: int
    refine_steps: int


EFFORTS: dict[EffortName, MultiresEffort] = {
    "fast": MultiresEffort(state_bits=14, measured=3, refine_steps=0),
    "balanced": MultiresEffort(state_bits=15, measured=3, refine_steps=10),
    "best": MultiresEffort(state_bits=16, measured=3, refine_steps=50),
}


class MultiresFamily:
    """Encoder and decoder for one multires preset.

    Args:
        preset: the model.
        effort: in the place of the one that the options name.
        coder: in the place of the one that the options and the effort name.
    """

    def __init__(
        self,
        preset: MultiresPreset,
        effort: MultiresEffort | None = None,
        coder: FileCoder | None = None,
    ) -> None:
        self._preset, self._own_effort, self._own_coder = preset, effort, coder

    def parameters(self, signal: Signal, file_bytes: int, options: EncodeOptions) -> bytes:
        """Coder, size of its state or block, and room for the index of the noise scale."""
        return coder_parameters(self._coder(options)) + bytes(2)

    def encode(
        self, signal: Signal, header: Header, payload_bytes: int, options: EncodeOptions
    ) -> Iterator[Progress | FittedPayload]:
        """Fit and code; see `Family`. The header's noise scale is not looked at."""
        device = resolve(options.device)
        effort = self._effort(options)
        coder = self._coder(options)
        surface = self._surface(header, device)
        payload_bytes = min(payload_bytes, _BYTES_A_VALUE * surface.values_count + _LEAST_ROOM)
        original = surface.values(signal)
        report = Reporter(surface, 8 * payload_bytes)
        run = _Search(self._preset.groups, surface, report, 8 * payload_bytes, options.seed)

        targets = surface.targets(original)
        noise = run.start(targets)
        if isinstance(surface, Pictures) and effort.refine_steps and options.refine:
            noise = yield from run.find(targets, noise, 1)
            model = self._preset.model
            assert isinstance(model, ImageModel)
            generator = torch.Generator(device).manual_seed(options.seed)
            steps = refine(model, original, noise, effort.refine_steps, generator)
            targets = surface.targets((yield from report.follow_fit(steps)))
        noise = yield from run.find(targets, noise, effort.measured)
        fit_s = report.elapsed_s

        # with room to spare, so that it shows by how much a file is too long
        room_bytes = payload_bytes + payload_bytes // 4 + _LEAST_ROOM
        misfits: dict[Noise, float] = {}
        while True:
            encoder = rec.GroupEncoder(coder, self._preset.groups, header.seed, room_bytes)
            walk = surface.walk(noise, synthesise=False)
            yield from report.follow_code("code", walk, noise, targets, encoder)
            filled = encoder.bits / (8 * payload_bytes)
            if _LEAST_FILLED <= filled <= _MOST_FILLED or noise in misfits:
                break
            misfits[noise] = 1 - filled if filled < 1 else 1 - 1 / filled
            if len(misfits) == 1:
                following = run.corrected(targets, noise, encoder.bits)
            else:  # the better of the two, perhaps once more
                following = min(misfits, key=misfits.__getitem__)
            if following == noise:
                break
            noise = following
        yield FittedPayload(
            encoder.payload()[:payload_bytes],
            coder_parameters(coder) + noise.index.to_bytes(2, "little"),
            encoder.kl_bits,
            encoder.side_bits,
            fit_s,
            report.elapsed_s - fit_s,
            str(device),
        )

    def decode(
        self,
        header: Header,
        payload: bytes,
        payload_bytes: int,
        scale: float,
        device_name: DeviceName,
    ) -> Signal:
        """The signal from the payload, or from the part of it that is there; see `Family`."""
        surface = self._surface(header, resolve(device_name))
        decoded, noise = self._weights(surface, header, payload)
        return surface.render(decoded, noise, scale)  # type: ignore[arg-type]

    def weights(self, header: Header, payload: bytes, device_name: DeviceName = "cpu") -> Tensor:
        """What the weights add up to, int32 in 1/16 of s: the same on every machine.

        Raises:
            BitstreamError: the parameters are none that an encoder writes.
        """
        surface = self._surface(header, resolve(device_name))
        decoded, _ = self._weights(surface, header, payload)
        return decoded if isinstance(decoded, Tensor) else decoded[0]

    def _weights(self, surface: Surface, header: Header, payload: bytes) -> tuple[Decoded, Noise]:
        if len(header.parameters) != CODER_PARAMETERS + 2:
            raise BitstreamError("The file's parameters are not those of this model.")
        index = int.from_bytes(header.parameters[CODER_PARAMETERS:], "little")
        if not MIN_INDEX <= index <= MAX_INDEX:
            raise BitstreamError(f"The file's noise scale, number {index}, is impossible.")
        noise = Noise(index, surface.unit)
        decoder = rec.GroupDecoder(
            coder_from(header.parameters), self._preset.groups, header.seed, payload
        )

        def decode(request: Request) -> Tensor:
            group = request.group
            values = decoder.decode(group.index, group.previous, *prior_arrays(request))
            return answer(values, request)

        walk: Walk[Decoded] = surface.walk(noise)
        return follow(walk, decode), noise

    def _surface(self, header: Header, device: torch.device) -> Surface:
        model, shape = self._preset.model, header.shape
        if isinstance(shape, ImageShape):
            assert isinstance(model, ImageModel)
            return Pictures(model, shape, device)
        assert isinstance(model, AudioModel)
        return Sounds(model, shape, device)

    def _effort(self, options: EncodeOptions) -> MultiresEffort:
        return self._own_effort or EFFORTS[options.effort]

    def _coder(self, options: EncodeOptions) -> FileCoder:
        if self._own_coder is not None:
            return self._own_coder
        if options.rec == "astar":
            return rec.BlockCoder(commit_blocks=_BLOCKS_A_COMMIT, noise_seed=options.seed)
        return rec.TrellisCoder(self._effort(options).state_bits)


class _Search:
    """Finds noise scales for a budget, by walks with an estimator in the place of the coder."""

    def __init__(
        self,
        groups: rec.GroupModel,
        surface: Surface,
        report: Reporter,
        budget_bits: int,
        seed: int,
    ) -> None:
        self._groups, self._surface, self._report, self._seed = groups, surface, report, seed
        self._goal_bits = _AIM * budget_bits

    def find(
        self, targets: Targets, start: Noise, most_measured: int
    ) -> Generator[Progress, None, Noise]:
        """The scale at which these targets fill the budget; see `search`."""
        steps = search(self._goal_bits, self._guess(targets), most_measured, start)
        try:
            noise = next(steps)
            while True:
                estimator = rec.GroupEstimator(self._groups, np.random.default_rng(self._seed))
                walk = self._surface.walk(noise, synthesise=False)
                yield from self._report.follow_code("search", walk, noise, targets, estimator)
                noise = steps.send(estimator.bits)
        except StopIteration as stop:
            found: Noise = stop.value
            return found

    def start(self, targets: Targets) -> Noise:
        """A scale to begin with."""
        bits_a_value = self._goal_bits / self._surface.values_count
        factor = self._surface.bits_per_guessed * bits_a_value**self._surface.growth
        return self._guess(targets).finest(self._goal_bits, factor)

    def corrected(self, targets: Targets, noise: Noise, bits: float) -> Noise:
        """The scale that fills the budget if that many bits come of another."""
        return self._guess(targets).corrected(self._goal_bits, noise, bits)

    def _guess(self, targets: Targets) -> Guess:
        surface = self._surface
        return Guess(
            lambda noise: targets.information_bits(noise.scale), surface.unit, surface.growth
        )
