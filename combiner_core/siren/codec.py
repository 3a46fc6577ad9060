"""The paper's codec: fit a SIREN posterior, code it, refine what is not yet coded.

Guo et al. 2023 (COMBINER), sections 3 and 4. The weights are shuffled once and coded in that
order. Every stretch of the code has a fixed number of bits, shared out by the prior's rates, and
a beta of its own that makes the posterior's KL meet it.

A signal of several fields (tiles, segments) is first fitted under one beta for all, which divides
the bits among them as rate-distortion theory asks; the division is sent, a byte a field.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core import rec
from combiner_core.anatomy import Anatomy
from combiner_core.beliefs import Belief
from combiner_core.bitstream import Header
from combiner_core.card import Card
from combiner_core.clock import Clock
from combiner_core.devices import resolve
from combiner_core.errors import BitstreamError, BudgetError, CombinerError
from combiner_core.events import Progress
from combiner_core.families import Coded
from combiner_core.gaussians import DiagonalGaussian
from combiner_core.importance import Importance
from combiner_core.options import DecodeOptions, DeviceName, EffortName, EncodeOptions
from combiner_core.rec.parameters import CODER_PARAMETERS, FileCoder, coder_from, coder_parameters
from combiner_core.signals import AudioShape, ImageShape, Shape, Signal
from combiner_core.siren.hierarchical_prior import parts_of
from combiner_core.siren.network import Siren
from combiner_core.siren.payload import Division, Streams, allocate
from combiner_core.siren.posterior import OptimiserConfig, PosteriorFit
from combiner_core.siren.preset import SirenPreset
from combiner_core.siren.progress import Reporter
from combiner_core.siren.progressive_refinement import code_and_refine
from combiner_core.siren.tiling import AudioTiling, ImageTiling, Tiling, fields_for, most_tiles

_RENDER_CHUNK = 1 << 14
_SHARED_BETA_PART = 0.7
_MIN_BATCH = 64
_GRID_PARAMETERS = 2


@dataclass(frozen=True)
class SirenEffort:
    """What an effort level stands for.

    Attributes:
        fit_steps: gradient steps before coding.
        refine_steps: gradient steps spread over all commits.
        batch: coordinates at a step, shared evenly by all fields; at least 64 of each.
        learning_rate: at the start of the fit, in prior standard deviations; falls on a cosine.
        refine_learning_rate: constant, while coding.
        commit_bits: bits coded between two refinements.
        state_bits: of the trellis.
        block_bits: bits of the blocks that have a beta of their own.
        draws: see `OptimiserConfig`.
        follows: how often in the fit it is looked anew where the errors are.
        scale_parts: of the fit, after which the scales of the prior's parts are chosen anew.
    """

    fit_steps: int
    refine_steps: int
    batch: int
    learning_rate: float = 0.08
    refine_learning_rate: float = 0.01
    commit_bits: int = 256
    state_bits: int = 14
    block_bits: int = 256
    draws: int = OptimiserConfig.draws
    follows: int = 10
    scale_parts: tuple[float, ...] = (0.2, 0.4)


EFFORTS: Mapping[EffortName, SirenEffort] = MappingProxyType(
    {
        "fast": SirenEffort(fit_steps=2500, refine_steps=600, batch=8192),
        "balanced": SirenEffort(fit_steps=8000, refine_steps=2000, batch=8192),
        "best": SirenEffort(fit_steps=12000, refine_steps=6000, batch=16384, state_bits=16),
    }
)


class SirenCodec:
    """Encoder and decoder under one siren prior; see `families.Codec`.

    Args:
        preset: the model.
        effort: in the place of the one that the options name.
        coder: of the weights, in the place of the one that the options and the effort name.
    """

    def __init__(
        self,
        preset: SirenPreset,
        effort: SirenEffort | None = None,
        coder: FileCoder | None = None,
    ) -> None:
        self.preset, self._own_effort, self._own_coder = preset, effort, coder

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
    ) -> SirenPlan:
        """The effort, the coder, and the tiles or segments that make a file of this size best.

        Raises:
            CombinerError: another tune than PSNR is asked for, or there is an importance map.
        """
        if importance is not None:
            raise CombinerError(f"The model {self.card.name} takes no importance map.")
        if options.tune != "psnr":
            raise CombinerError(
                f"The model {self.card.name} is tuned for PSNR: {options.tune} is for multires."
            )
        effort = self._own_effort or EFFORTS[options.effort]
        coder = self._own_coder
        if coder is None and options.rec == "astar":
            blocks = max(1, effort.commit_bits // 16)
            coder = rec.BlockCoder(commit_blocks=blocks, noise_seed=options.seed)
        elif coder is None:
            coder = rec.TrellisCoder(effort.state_bits, effort.commit_bits)
        tiling = self._tiling(signal.shape, fields_for(8 * file_bytes, self.card.nominal_bits))
        return SirenPlan(self.preset, signal, tiling, effort, coder, options)

    def fit(
        self, signal: Signal, *, bits: float | None = None, steps: int = 1500, seed: int = 0
    ) -> PosteriorFit:
        """Fit a posterior without coding it: one field, or for a long clip one a segment.

        Args:
            signal: of the prior's kind.
            bits: KL divergence at which each field is held; by default what the prior was
                trained for.
            steps: of the gradient descent.
            seed: of everything random.
        """
        self.card.check_kind(signal.kind)
        tiling, prior = self._tiling(signal.shape, 1.0), self.preset.prior
        shares = torch.from_numpy(prior.rates / prior.rates.sum()).float()
        held = shares * (prior.nominal_bits if bits is None else bits)
        fit = PosteriorFit(
            Siren(self.preset.field),
            prior.gaussian(),
            tiling.field_data(signal, "cpu"),
            held.repeat(tiling.fields, 1),
            torch.zeros(len(held), dtype=torch.long),
            OptimiserConfig(learning_rate=SirenEffort.learning_rate),
            torch.Generator().manual_seed(seed),
        )
        for step in range(steps):
            fit.step(fit.config.rate_at(step, steps))
        return fit

    def decode(
        self,
        header: Header,
        payload: bytes,
        payload_bytes: int,
        options: DecodeOptions,
        device_name: DeviceName,
    ) -> Signal:
        """The signal from the payload, or from the part of it that is there."""
        device = resolve(device_name)
        weights = torch.from_numpy(self.weights(header, payload, payload_bytes)).to(device)
        field = Siren(self.preset.field, device)
        tiling = self._sent_tiling(header)
        grids = tiling.coordinates(options.scale, device)
        values = (_rendered(field, row, grid) for row, grid in zip(weights, grids, strict=True))
        return tiling.assemble(values, options.scale, options.depth)

    def uncertainty(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> NDArray[np.float32]:
        """Not known: a weight of such a network is everywhere.

        Raises:
            CombinerError: always.
        """
        raise CombinerError(f"The model {self.card.name} has no error bars.")

    def belief(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Belief:
        """Not known: all weights are coded.

        Raises:
            CombinerError: always.
        """
        raise CombinerError(f"A file of the model {self.card.name} tells one picture, and no more.")

    def dissect(
        self, header: Header, payload: bytes, payload_bytes: int, device_name: DeviceName
    ) -> Anatomy:
        """Not known: there are no levels.

        Raises:
            CombinerError: always.
        """
        raise CombinerError(f"A file of the model {self.card.name} has no levels to look at.")

    def weights(self, header: Header, payload: bytes, payload_bytes: int) -> NDArray[np.float32]:
        """All fields' weights, shape (M, D): the same on every machine.

        Raises:
            BitstreamError: as `decode`.
        """
        streams, prior = self.streams(header), self.preset.prior
        try:
            received = streams.unpack(payload, payload_bytes)
        except BudgetError as error:
            raise BitstreamError("The file's payload has an impossible length.") from error
        return np.stack([prior.weights(streams.order, part) for part in received])

    def streams(self, header: Header) -> Streams:
        """How the payload of a file is divided.

        Raises:
            BitstreamError: the header is none of this model.
        """
        fields, coder = self.fields(header), coder_from(header.parameters)
        return Streams(self.preset.prior, coder, header.seed, fields, parts_of(self.preset.field))

    def modelled_samples(self, shape: AudioShape) -> float:
        """Samples at the rate of the prior, where that is higher than the clip's."""
        assert self.preset.framing is not None
        rate = self.preset.framing.sample_rate
        return shape.values_count * max(1.0, rate / shape.sample_rate)

    def fields(self, header: Header) -> int:
        """Tiles of an image, segments of all channels of a clip."""
        return self._sent_tiling(header).fields

    def _tiling(self, shape: Shape, fields: float) -> Tiling:
        if isinstance(shape, ImageShape):
            return ImageTiling.of_about(shape, fields)
        assert self.preset.framing is not None
        return AudioTiling(shape, self.preset.framing)

    def _sent_tiling(self, header: Header) -> Tiling:
        shape, parameters = header.shape, header.parameters
        is_image = isinstance(shape, ImageShape)
        if len(parameters) != CODER_PARAMETERS + (_GRID_PARAMETERS if is_image else 0):
            raise BitstreamError("The file's parameters are not those of this model.")
        if not isinstance(shape, ImageShape):
            return self._tiling(shape, 0.0)
        rows, columns = parameters[CODER_PARAMETERS:]
        if not (0 < rows <= most_tiles(shape.height) and 0 < columns <= most_tiles(shape.width)):
            raise BitstreamError(f"The file's grid of {rows} x {columns} tiles is impossible.")
        return ImageTiling(shape, rows, columns)


def _rendered(field: Siren, weights: Tensor, grid: Tensor) -> NDArray[np.float32]:
    """Values of a field with weights (D,) on a grid (B, in_dims): (B, out_dims)."""
    values = np.empty((len(grid), field.config.out_dims), np.float32)
    for start in range(0, len(grid), _RENDER_CHUNK):
        part = slice(start, start + _RENDER_CHUNK)
        values[part] = field(grid[part], weights[None])[0].cpu().numpy()
    return values


@dataclass(frozen=True, eq=False)
class SirenPlan:
    """How one signal is going to be encoded; see `families.Plan`."""

    preset: SirenPreset
    signal: Signal
    tiling: Tiling
    effort: SirenEffort
    coder: FileCoder
    options: EncodeOptions

    @property
    def parameters(self) -> bytes:
        """For the header: coder, size of its state or block in bits; of images also the grid."""
        grid = b""
        if isinstance(self.tiling, ImageTiling):
            grid = bytes([self.tiling.rows, self.tiling.columns])
        return coder_parameters(self.coder) + grid

    @property
    def parameters_bytes(self) -> int:
        """Length of the parameters."""
        return len(self.parameters)

    @property
    def fields(self) -> int:
        """Of the grid, or segments of all channels."""
        return self.tiling.fields

    def start(self, payload_bytes: int, clock: Clock) -> Generator[Progress | Coded, None, None]:
        """Fit and code; yields progress every 0.2 s or more of steps, and the payload last.

        Raises:
            BudgetError: the payload is empty, or larger than the prior's rates can use.
        """
        prior, seed = self.preset.prior, self.options.seed
        parts = parts_of(self.preset.field)
        streams = Streams(prior, self.coder, seed, self.tiling.fields, parts)
        # refuses at once what no stream can use
        streams.lengths(payload_bytes, streams.equal_division)
        return self._encode(streams, payload_bytes, clock)

    def _encode(
        self, streams: Streams, payload_bytes: int, clock: Clock
    ) -> Generator[Progress | Coded, None, None]:
        effort, tiling = self.effort, self.tiling
        device = resolve(self.options.device)
        division, prior = streams.equal_division, self.preset.prior.gaussian(device)
        goal = streams.lengths(payload_bytes, division)
        fit = PosteriorFit(
            Siren(self.preset.field, device),
            prior,
            tiling.field_data(self.signal, device),
            torch.from_numpy(streams.bits_of_weights(goal, division)).to(device),
            torch.from_numpy(streams.blocks(max(goal), effort.block_bits)).to(device),
            OptimiserConfig(
                max(_MIN_BATCH, effort.batch // tiling.fields),
                effort.learning_rate,
                draws=effort.draws,
                follow_steps=effort.fit_steps // effort.follows if effort.follows else 0,
            ),
            torch.Generator(device).manual_seed(self.options.seed),
        )
        report = Reporter(fit, tiling, payload_bytes * 8, clock)

        fit.share_beta = True
        scale_steps = {round(part * effort.fit_steps) for part in effort.scale_parts}
        for step in range(effort.fit_steps):
            if streams.has_parts and step in scale_steps:
                division = _rescaled(fit, prior, streams, division, payload_bytes)
                goal = streams.lengths(payload_bytes, division)
                fit.set_bits(torch.from_numpy(streams.bits_of_weights(goal, division)).to(device))
            if step == round(_SHARED_BETA_PART * effort.fit_steps) and tiling.fields > 1:
                shares = allocate(fit.kl_bits().sum(1).tolist(), len(streams.order))
                division = replace(division, shares=shares)
                goal = streams.lengths(payload_bytes, division)
                fit.set_bits(torch.from_numpy(streams.bits_of_weights(goal, division)).to(device))
                fit.share_beta = False
            fit.step(fit.config.rate_at(step, effort.fit_steps))
            if report.due(last=step + 1 == effort.fit_steps):
                yield report.progress("fit", step + 1, effort.fit_steps, 0)
        fit_s, kl_bits = clock.elapsed_s, float(fit.kl_bits().sum())

        fit.share_beta = False
        encoders = yield from code_and_refine(
            fit,
            streams,
            goal,
            division,
            commit_bits=effort.commit_bits,
            steps=effort.refine_steps if self.options.refine else 0,
            learning_rate=effort.refine_learning_rate,
            report=report,
        )
        payload = streams.pack([encoder.bits() for encoder in encoders], division, payload_bytes)
        side_bits = 8 * len(streams.side(division))
        yield Coded(
            payload,
            self.parameters,
            kl_bits,
            side_bits,
            fit_s - report.started_s,
            clock.elapsed_s - fit_s,
            str(device),
        )


def _rescaled(
    fit: PosteriorFit,
    prior: DiagonalGaussian,
    streams: Streams,
    division: Division,
    payload_bytes: int,
) -> Division:
    """With the best scales for the posteriors as they are; the fit goes on in their units."""
    moved = fit.posterior().in_units_of(prior)
    squares = (moved.mean.square() + moved.std.square()).double().cpu().numpy()
    division = replace(division, steps=streams.best_steps(squares, payload_bytes))
    scales = torch.from_numpy(streams.scales(division)).to(prior.std.device)
    fit.rebase(DiagonalGaussian(prior.mean, scales * prior.std))
    return division
