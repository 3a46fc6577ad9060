"""The paper's codec: fit a SIREN posterior, code it, refine what is not yet coded.

Guo et al. 2023 (COMBINER), sections 3 and 4. The weights are shuffled once and coded in that
order. Every stretch of the code has a fixed number of bits, shared out by the prior's rates, and
a beta of its own that makes the posterior's KL meet it. After every commit the weights sent are
set to what the receiver will see, and the rest of the posterior is fitted on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from combiner_core import rec
from combiner_core.bitstream import Header
from combiner_core.devices import resolve
from combiner_core.errors import BitstreamError, BudgetError
from combiner_core.events import Phase, Progress
from combiner_core.families import framing
from combiner_core.fields.grids import Target
from combiner_core.fields.siren import Siren
from combiner_core.fit import OptimiserConfig, PosteriorFit
from combiner_core.metrics import psnr_from_mse_db
from combiner_core.options import DeviceName, EffortName, EncodeOptions
from combiner_core.presets import SirenPreset
from combiner_core.signals import Signal

_FIELD_PEAK = 2.0
_EVENT_INTERVAL_S = 0.2
_RENDER_CHUNK = 1 << 14
_WARM_UP_STEPS = 20
_CODERS = ("trellis", "astar")


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
        block_weight_bits: bits of the blocks that have a beta of their own.
    """

    fit_steps: int
    refine_steps: int
    batch: int
    learning_rate: float = 0.1
    refine_learning_rate: float = 0.01
    commit_bits: int = 512
    state_bits: int = 14
    block_weight_bits: int = 256


EFFORTS: dict[EffortName, SirenEffort] = {
    "fast": SirenEffort(fit_steps=1500, refine_steps=500, batch=4096),
    "balanced": SirenEffort(fit_steps=3000, refine_steps=1000, batch=4096),
    "best": SirenEffort(fit_steps=16000, refine_steps=6000, batch=8192, state_bits=16),
}


@dataclass(frozen=True)
class FittedPayload:
    """What the encoder of a family hands to the container.

    Attributes:
        payload: the bytes.
        kl_bits: KL[q || p] of the posterior before coding, all fields.
        fit_s, code_s: seconds spent fitting before coding, and coding with refinement.
        device: where the fit ran.
    """

    payload: bytes
    kl_bits: float
    fit_s: float
    code_s: float
    device: str


class SirenFamily:
    """Encoder and decoder for one siren preset."""

    def __init__(self, preset: SirenPreset) -> None:
        self._preset = preset

    def parameters(self, options: EncodeOptions) -> bytes:
        """Two bytes for the header: the coder, and the size of its state or block in bits."""
        coder = self._coder(options)
        size = coder.state_bits if isinstance(coder, rec.TrellisCoder) else coder.block_bits
        return bytes([_CODERS.index(options.rec), size])

    def encode(
        self, signal: Signal, header: Header, payload_bytes: int, options: EncodeOptions
    ) -> Iterator[Progress | FittedPayload]:
        """Fit and code; yields progress at least every 0.2 s of steps, and the payload last.

        Raises:
            BudgetError: the payload is empty, or larger than the prior's rates can use.
        """
        device = resolve(options.device)
        effort = EFFORTS[options.effort]
        targets = framing.targets(signal, self._preset.framing, device)
        streams = _Streams(self._preset, self._coder(options), header.seed, len(targets))
        stream_bits = streams.lengths(payload_bytes)
        encoders = streams.encoders(stream_bits)
        fit = self._start_fit(targets, streams, stream_bits, effort, options.seed, device)
        report = _Reporter(fit, payload_bytes * 8)

        for step in range(effort.fit_steps):
            rate = _cosine(step, effort.fit_steps) * effort.learning_rate
            fit.step(rate * min(1.0, (step + 1) / _WARM_UP_STEPS))
            if report.due(last=step + 1 == effort.fit_steps):
                yield report.progress("fit", step + 1, effort.fit_steps, 0)
        fit_s, kl_bits = report.elapsed_s, float(fit.kl_bits().sum())

        order = torch.from_numpy(streams.order).to(device)
        total = -(-max(stream_bits) // effort.commit_bits)
        steps = effort.refine_steps // total if options.refine else 0
        while not all(encoder.done for encoder in encoders):
            for row, encoder in enumerate(encoders):
                if encoder.done:
                    continue
                before = encoder.position
                values = encoder.commit(
                    fit.mean[row, order].cpu().numpy(), fit.std[row, order].cpu().numpy()
                )
                sent = order[before : encoder.position]
                fit.fix(row, sent, torch.from_numpy(values).to(device))
            committed = sum(encoder.committed_bits for encoder in encoders)
            last = all(encoder.done for encoder in encoders)
            done = -(-encoders[0].committed_bits // effort.commit_bits)
            yield report.progress("code", done, max(total, done), committed)
            for _ in range(0 if last else steps):
                fit.step(effort.refine_learning_rate)
                if report.due():
                    yield report.progress("code", done, max(total, done), committed)
        payload = streams.pack([encoder.bits() for encoder in encoders], payload_bytes)
        code_s = report.elapsed_s - fit_s
        yield FittedPayload(payload, kl_bits, fit_s, code_s, str(device))

    def decode(
        self,
        header: Header,
        payload: bytes,
        payload_bytes: int,
        scale: float,
        device_name: DeviceName,
    ) -> Signal:
        """The signal from the payload, or from the part of it that is there.

        Args:
            header: of the file.
            payload: the first bytes of the payload.
            payload_bytes: its full length.
            scale: of the grid on which to evaluate the field.
            device_name: where to evaluate it.

        Raises:
            BitstreamError: the parameters or the length are none that an encoder writes.
        """
        device = resolve(device_name)
        preset = self._preset
        weights = self._weights(header, payload, payload_bytes)
        field = Siren(preset.field, device)
        values = []
        grids = framing.coordinates(header.shape, preset.framing, scale, device)
        for row, grid in zip(torch.from_numpy(weights).to(device), grids, strict=True):
            parts = [field(part, row[None])[0] for part in torch.split(grid, _RENDER_CHUNK)]
            values.append(torch.cat(parts).cpu().numpy())
        return framing.assemble(values, header.shape, preset.framing, scale)

    def _weights(self, header: Header, payload: bytes, payload_bytes: int) -> NDArray[np.float32]:
        """All fields' weights, shape (M, D): the same on every machine."""
        if len(header.parameters) != 2 or header.parameters[0] >= len(_CODERS):
            raise BitstreamError("The file's coder is unknown to this version.")
        name, size = _CODERS[header.parameters[0]], header.parameters[1]
        try:
            coder = _make_coder(name, size)
        except ValueError as error:
            raise BitstreamError(f"The file's coder has an impossible size, {size}.") from error
        fields = framing.field_count(header.shape, self._preset.framing)
        streams = _Streams(self._preset, coder, header.seed, fields)
        try:
            received = streams.unpack(payload, payload_bytes)
        except BudgetError as error:
            raise BitstreamError("The file's payload has an impossible length.") from error
        return np.stack([self._preset.prior.weights(streams.order, part) for part in received])

    def _coder(self, options: EncodeOptions) -> rec.TrellisCoder | rec.BlockCoder:
        effort = EFFORTS[options.effort]
        if options.rec == "astar":
            blocks = max(1, effort.commit_bits // 16)
            return rec.BlockCoder(commit_blocks=blocks, noise_seed=options.seed)
        return rec.TrellisCoder(effort.state_bits, effort.commit_bits)

    def _start_fit(
        self,
        targets: list[Target],
        streams: _Streams,
        stream_bits: list[int],
        effort: SirenEffort,
        seed: int,
        device: torch.device,
    ) -> PosteriorFit:
        prior = self._preset.prior
        bits = np.zeros((len(targets), len(prior.mean)), np.float32)
        for row, length in zip(bits, stream_bits, strict=True):
            row[streams.order] = streams.rates * (length / streams.rates.sum(dtype=np.int64))
        blocks = np.zeros(len(prior.mean), np.int64)
        middle = np.cumsum(streams.rates, dtype=np.int64) - streams.rates // 2
        count = max(1, max(stream_bits) // effort.block_weight_bits)
        blocks[streams.order] = np.minimum(middle * count // middle[-1], count - 1)
        return PosteriorFit(
            Siren(self._preset.field, device),
            prior.gaussian(device),
            targets,
            torch.from_numpy(bits).to(device),
            torch.from_numpy(blocks).to(device),
            OptimiserConfig(batch=effort.batch, learning_rate=effort.learning_rate),
            torch.Generator(device).manual_seed(seed),
        )


class _Streams:
    """One code stream per field, interleaved bit by bit in the payload.

    A prefix of the payload is then a prefix of every stream.
    """

    def __init__(self, preset: SirenPreset, coder: rec.Coder, seed: int, count: int) -> None:
        coded = preset.prior.coded
        self.order = coded[rec.permutation(len(coded), seed)]
        self.rates = preset.prior.rates[self.order]
        self._coder, self._seed, self._count = coder, seed, count

    def lengths(self, payload_bytes: int) -> list[int]:
        """Bits of each stream."""
        total = payload_bytes * 8
        lengths = [
            self._coder.round_bits(self._share(total, stream)) for stream in range(self._count)
        ]
        if min(lengths) < 1:
            raise BudgetError("The budget leaves no bits for the signal itself.")
        most = self._coder.largest_total_bits(self.rates)
        if max(lengths) > most:
            raise BudgetError(
                f"The model can use at most about {most * self._count // 8} bytes on this signal."
            )
        return lengths

    def encoders(self, lengths: list[int]) -> list[rec.StreamEncoder]:
        """A fresh encoder for every stream."""
        return [
            self._coder.encoder(self.rates, length, rec.Key(self._seed, stream))
            for stream, length in enumerate(lengths)
        ]

    def pack(self, streams: list[rec.Bits], payload_bytes: int) -> bytes:
        """Bit i of stream s is bit i * M + s of the payload; what is left over is zero."""
        bits = np.zeros(payload_bytes * 8, np.uint8)
        for number, stream in enumerate(streams):
            bits[number :: self._count][: len(stream)] = stream
        return np.packbits(bits).tobytes()

    def unpack(self, payload: bytes, payload_bytes: int) -> list[NDArray[np.float32]]:
        """Candidate values received for each stream."""
        bits = np.unpackbits(np.frombuffer(payload, np.uint8))
        return [
            self._coder.decode(
                bits[stream :: self._count][:length],
                self.rates,
                length,
                rec.Key(self._seed, stream),
            )
            for stream, length in enumerate(self.lengths(payload_bytes))
        ]

    def _share(self, total: int, stream: int) -> int:
        return (total - stream + self._count - 1) // self._count


class _Reporter:
    """Makes progress events, at most one every 0.2 s unless it is the last."""

    def __init__(self, fit: PosteriorFit, budget_bits: int) -> None:
        self._fit, self._budget_bits = fit, budget_bits
        self._started = self._reported = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def due(self, last: bool = False) -> bool:
        return last or time.monotonic() - self._reported >= _EVENT_INTERVAL_S

    def progress(self, phase: Phase, step: int, total: int, committed_bits: int) -> Progress:
        self._reported = time.monotonic()
        distortion = float(self._fit.distortion.mean())
        return Progress(
            phase,
            step,
            total,
            distortion,
            psnr_from_mse_db(distortion, _FIELD_PEAK),
            float(self._fit.kl_bits().sum()),
            committed_bits,
            self._budget_bits,
            self.elapsed_s,
        )


def _make_coder(name: str, size: int) -> rec.TrellisCoder | rec.BlockCoder:
    return rec.TrellisCoder(size) if name == "trellis" else rec.BlockCoder(size)


def _cosine(step: int, total: int) -> float:
    """From 1 to 0.02."""
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total))
