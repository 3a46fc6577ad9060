"""The paper's codec: fit a SIREN posterior, code it, refine what is not yet coded.

Guo et al. 2023 (COMBINER), sections 3 and 4. The weights are shuffled once and coded in that
order. Every stretch of the code has a fixed number of bits, shared out by the prior's rates, and
a beta of its own that makes the posterior's KL meet it. After every commit the weights sent are
set to what the receiver will see, and the rest of the posterior is fitted on.

A signal of several fields (tiles, segments) is first fitted under one beta for all, which divides
the bits among them as rate-distortion theory asks; the division is sent, a byte a field.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from combiner_core import rec
from combiner_core.bitstream import Header, ImageShape
from combiner_core.devices import resolve
from combiner_core.errors import BitstreamError, BudgetError
from combiner_core.events import Progress
from combiner_core.families.coders import CODER_PARAMETERS, FileCoder, coder_from, coder_parameters
from combiner_core.families.layout import (
    AudioLayout,
    ImageLayout,
    Layout,
    shape_of,
)
from combiner_core.families.payload import FittedPayload
from combiner_core.families.siren_report import Reporter
from combiner_core.families.streams import Streams, allocate
from combiner_core.fields.siren import Siren
from combiner_core.fit import OptimiserConfig, PosteriorFit
from combiner_core.options import DeviceName, EffortName, EncodeOptions
from combiner_core.presets import SirenPreset
from combiner_core.signals import Signal

_RENDER_CHUNK = 1 << 14
_WARM_UP_STEPS = 20
_SHARED_BETA_PART = 0.7
_MIN_BATCH = 64


@dataclass(frozen=True)
class SirenEffort:
    """What an effort level stands for.

    Attributes:
        fit_steps: gradient steps before coding.
        refine_steps: gradient steps spread over all commits.
        batch: coordinates of each field at a step.
        learning_rate: at the start of the fit, in prior standard deviations; falls on a cosine.
        refine_learning_rate: constant, while coding.
        commit_bits: bits coded between two refinements.
        state_bits: of the trellis.
        block_bits: bits of the blocks that have a beta of their own.
    """

    fit_steps: int
    refine_steps: int
    batch: int
    learning_rate: float = 0.08
    refine_learning_rate: float = 0.01
    commit_bits: int = 512
    state_bits: int = 14
    block_bits: int = 256


EFFORTS: dict[EffortName, SirenEffort] = {
    "fast": SirenEffort(fit_steps=1500, refine_steps=500, batch=4096),
    "balanced": SirenEffort(fit_steps=4000, refine_steps=1500, batch=4096),
    "best": SirenEffort(fit_steps=16000, refine_steps=6000, batch=8192, state_bits=16),
}


class SirenFamily:
    """Encoder and decoder for one siren preset.

    Args:
        preset: the model.
        effort: in the place of the one that the options name.
        coder: in the place of the one that the options and the effort name.
    """

    def __init__(
        self,
        preset: SirenPreset,
        effort: SirenEffort | None = None,
        coder: FileCoder | None = None,
    ) -> None:
        self._preset, self._own_effort, self._own_coder = preset, effort, coder

    def parameters(self, signal: Signal, file_bytes: int, options: EncodeOptions) -> bytes:
        """For the header: coder, size of its state or block in bits; for images also the grid."""
        parameters = coder_parameters(self._coder(options))
        shape = shape_of(signal)
        if isinstance(shape, ImageShape):
            layout = ImageLayout.of_about(shape, self._preset.card.fields_for(file_bytes * 8))
            parameters += bytes([layout.rows, layout.columns])
        return parameters

    def encode(
        self, signal: Signal, header: Header, payload_bytes: int, options: EncodeOptions
    ) -> Iterator[Progress | FittedPayload]:
        """Fit and code; yields progress at least every 0.2 s of steps, and the payload last.

        Raises:
            BudgetError: the payload is empty, or larger than the prior's rates can use.
        """
        device = resolve(options.device)
        effort = self._effort(options)
        prior = self._preset.prior
        layout = self._layout(header)
        streams = Streams(prior, self._coder(options), header.seed, layout.fields)
        shares = streams.equal_shares
        goal = streams.lengths(payload_bytes, shares)
        fit = PosteriorFit(
            Siren(self._preset.field, device),
            prior.gaussian(device),
            layout.targets(signal, device),
            torch.from_numpy(streams.bits_of_weights(goal)).to(device),
            torch.from_numpy(streams.blocks(max(goal), effort.block_bits)).to(device),
            OptimiserConfig(max(_MIN_BATCH, effort.batch // layout.fields), effort.learning_rate),
            torch.Generator(device).manual_seed(options.seed),
        )
        report = Reporter(fit, layout, payload_bytes * 8)

        fit.share_beta = True
        for step in range(effort.fit_steps):
            if step == round(_SHARED_BETA_PART * effort.fit_steps) and layout.fields > 1:
                shares = allocate(fit.kl_bits().sum(1).tolist())
                goal = streams.lengths(payload_bytes, shares)
                fit.schedule(torch.from_numpy(streams.bits_of_weights(goal)).to(device))
                fit.share_beta = False
            rate = _cosine(step, effort.fit_steps) * effort.learning_rate
            fit.step(rate * min(1.0, (step + 1) / _WARM_UP_STEPS))
            if report.due(last=step + 1 == effort.fit_steps):
                yield report.progress("fit", step + 1, effort.fit_steps, 0)
        fit_s, kl_bits = report.elapsed_s, float(fit.kl_bits().sum())

        fit.share_beta = False
        encoders = streams.encoders(goal)
        order = torch.from_numpy(streams.order).to(device)
        commits = -(-max(goal) // effort.commit_bits)
        steps = effort.refine_steps // commits if options.refine else 0
        committed = 0
        threads = os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            while not all(encoder.done for encoder in encoders):
                # streams of unequal length end together
                due = [
                    row
                    for row, encoder in enumerate(encoders)
                    if not encoder.done
                    and encoder.committed_bits * max(goal) <= committed * goal[row]
                ]
                means, stds = (part[:, order].cpu().numpy() for part in (fit.mean, fit.std))
                for start in range(0, len(due), threads):
                    rows = due[start : start + threads]
                    before = [encoders[row].position for row in rows]
                    # the search runs outside the interpreter's lock, and streams are independent
                    sent = pool.map(
                        lambda encoder, mean, std: encoder.commit(mean, std),
                        [encoders[row] for row in rows],
                        means[rows],
                        stds[rows],
                    )
                    for row, first, values in zip(rows, before, list(sent), strict=True):
                        weights = order[first : encoders[row].position]
                        fit.fix(row, weights, torch.from_numpy(values).to(device))
                    if report.due():
                        yield report.progress("code", *report.share(encoders))
                committed += effort.commit_bits
                last = all(encoder.done for encoder in encoders)
                yield report.progress("code", *report.share(encoders))
                for _ in range(0 if last else steps):
                    fit.step(effort.refine_learning_rate)
                    if report.due():
                        yield report.progress("code", *report.share(encoders))
        payload = streams.pack([encoder.bits() for encoder in encoders], shares, payload_bytes)
        code_s = report.elapsed_s - fit_s
        side_bits = 8 * len(encoders) if len(encoders) > 1 else 0
        yield FittedPayload(
            payload, header.parameters, kl_bits, side_bits, fit_s, code_s, str(device)
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
        device = resolve(device_name)
        weights = torch.from_numpy(self.weights(header, payload, payload_bytes)).to(device)
        field = Siren(self._preset.field, device)
        layout = self._layout(header)
        values = []
        for row, grid in zip(weights, layout.coordinates(scale, device), strict=True):
            parts = [field(part, row[None])[0] for part in torch.split(grid, _RENDER_CHUNK)]
            values.append(torch.cat(parts).cpu().numpy())
        return layout.assemble(values, scale)

    def weights(self, header: Header, payload: bytes, payload_bytes: int) -> NDArray[np.float32]:
        """All fields' weights, shape (M, D): the same on every machine.

        Raises:
            BitstreamError: as `decode`.
        """
        coder = self._coder_of(header)
        layout = self._layout(header)
        streams = Streams(self._preset.prior, coder, header.seed, layout.fields)
        try:
            received = streams.unpack(payload, payload_bytes)
        except BudgetError as error:
            raise BitstreamError("The file's payload has an impossible length.") from error
        return np.stack([self._preset.prior.weights(streams.order, part) for part in received])

    def _layout(self, header: Header) -> Layout:
        shape, framing = header.shape, self._preset.framing
        if not isinstance(shape, ImageShape):
            assert framing is not None
            return AudioLayout(shape, framing)
        rows, columns = header.parameters[2:4]
        if not (0 < rows <= shape.height and 0 < columns <= shape.width):
            raise BitstreamError(f"The file's grid of {rows} x {columns} tiles is impossible.")
        return ImageLayout(shape, rows, columns)

    def _coder_of(self, header: Header) -> FileCoder:
        if len(header.parameters) != CODER_PARAMETERS + (2 if header.kind == "image" else 0):
            raise BitstreamError("The file's parameters are not those of this model.")
        return coder_from(header.parameters)

    def _effort(self, options: EncodeOptions) -> SirenEffort:
        return self._own_effort or EFFORTS[options.effort]

    def _coder(self, options: EncodeOptions) -> FileCoder:
        if self._own_coder is not None:
            return self._own_coder
        effort = self._effort(options)
        if options.rec == "astar":
            blocks = max(1, effort.commit_bits // 16)
            return rec.BlockCoder(commit_blocks=blocks, noise_seed=options.seed)
        return rec.TrellisCoder(effort.state_bits, effort.commit_bits)


def _cosine(step: int, total: int) -> float:
    """From 1 to 0.02."""
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total))
