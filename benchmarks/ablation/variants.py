"""The codecs of an ablation: each as it is but for one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Literal

from benchmarks.ablation import priors
from benchmarks.rate_distortion.rows import RateUnit
from benchmarks.rec_overhead.coders import CoderChoice, choices
from combiner_core.families import Codec
from combiner_core.multires import codec as multires
from combiner_core.multires.codec import MultiresCodec, MultiresEffort
from combiner_core.multires.image.prior import STAGES
from combiner_core.multires.preset import MultiresPreset
from combiner_core.options import EncodeOptions
from combiner_core.rec.dependent_quantiser import SCALAR, STATE_COUNTS
from combiner_core.siren import codec as siren
from combiner_core.siren.codec import SirenCodec, SirenEffort
from combiner_core.siren.preset import SirenPreset

FamilyName = Literal["siren", "multires"]

UNCHANGED = "as it is"
_FAST = siren.EFFORTS["fast"]
_BALANCED = multires.EFFORTS["balanced"]


@dataclass(frozen=True)
class SirenVariant:
    """A siren codec: effort, coder in its place, refinement or not, and change of the preset.

    Attributes:
        units: of the rates of signals for which it differs from the codec as it is.
    """

    effort: SirenEffort = _FAST
    coder: CoderChoice | None = None
    refine: bool = True
    change: Callable[[SirenPreset], SirenPreset] = field(default=lambda preset: preset)
    units: tuple[RateUnit, ...] = ("bpp", "kbps")

    def codec(self, codec: Codec) -> SirenCodec:
        """Of the codec as it is. Raises TypeError for one of another family."""
        if not isinstance(codec, SirenCodec):
            raise TypeError("not a siren codec")
        coder = None if self.coder is None else self.coder.make(self.effort.commit_bits)
        return SirenCodec(self.change(codec.preset), self.effort, coder)  # type: ignore[arg-type]

    def options(self, seed: int) -> EncodeOptions:
        """With this one's choices."""
        return EncodeOptions(seed=seed, device="cpu", refine=self.refine)


@dataclass(frozen=True)
class MultiresVariant:
    """A multires codec, likewise."""

    effort: MultiresEffort = _BALANCED
    optimise_latents: bool = True
    change: Callable[[MultiresPreset], MultiresPreset] = field(default=lambda preset: preset)
    units: tuple[RateUnit, ...] = ("bpp",)

    def codec(self, codec: Codec) -> MultiresCodec:
        """Of the codec as it is. Raises TypeError for one of another family."""
        if not isinstance(codec, MultiresCodec):
            raise TypeError("not a multires codec")
        return MultiresCodec(self.change(codec.preset), self.effort)

    def options(self, seed: int) -> EncodeOptions:
        """With this one's choices."""
        return EncodeOptions(seed=seed, device="cpu", optimise_latents=self.optimise_latents)


Variant = SirenVariant | MultiresVariant


def _coders(own_state_bits: int) -> Iterator[tuple[str, CoderChoice]]:
    """All but the trellis that the codec has anyway."""
    for choice in choices(("trellis", "greedy", "astar"), (10, 14, 16), (8, 16)):
        if choice != CoderChoice("trellis", own_state_bits):
            yield f"REC: {choice.text}", choice


def _siren() -> Iterator[tuple[str, SirenVariant]]:
    yield UNCHANGED, SirenVariant()
    yield "refinement: off", SirenVariant(refine=False)
    yield "prior: isotropic", SirenVariant(change=priors.isotropic_siren)
    yield "prior: before the first update", SirenVariant(change=priors.untrained_siren)
    clips: tuple[RateUnit, ...] = ("kbps",)
    yield "encodings: off", SirenVariant(change=priors.without_encodings, units=clips)
    yield "scales of parts: off", SirenVariant(replace(_FAST, scale_parts=()), units=clips)
    for name, coder in _coders(_FAST.state_bits):
        yield name, SirenVariant(coder=coder)
    yield "blocks with a beta: 64 bits", SirenVariant(replace(_FAST, block_bits=64))
    yield "blocks with a beta: one block", SirenVariant(replace(_FAST, block_bits=1 << 20))
    yield "refinement every: 2048 bits", SirenVariant(replace(_FAST, commit_bits=2048))
    yield "weights: local reparameterisation", SirenVariant(replace(_FAST, draws=0))
    yield "weights: 1 draw a step", SirenVariant(replace(_FAST, draws=1))
    yield "coordinates: drawn evenly", SirenVariant(replace(_FAST, follows=0))
    for batch in (2048, 16384):
        yield f"minibatch: {batch} coordinates", SirenVariant(replace(_FAST, batch=batch))
    for steps in (1200, 5000):
        yield f"steps: {steps}", SirenVariant(replace(_FAST, fit_steps=steps))


def _multires() -> Iterator[tuple[str, MultiresVariant]]:
    yield UNCHANGED, MultiresVariant()
    for effort_name, effort in multires.EFFORTS.items():
        if effort != _BALANCED:
            yield f"effort: {effort_name}", MultiresVariant(effort)
    yield "targets: what reproduces the signal", MultiresVariant(optimise_latents=False)
    for steps in (3, 12, 24):
        effort = replace(_BALANCED, latent_steps=steps)
        yield f"latent optimisation: {steps} steps", MultiresVariant(effort)
    for trials in (0, 2, 8):
        effort = replace(_BALANCED, trials=trials)
        yield f"target refinement: {trials} trials", MultiresVariant(effort)
    yield "g: none", MultiresVariant(change=priors.without_postfilter)
    for name, change in _multires_priors():
        yield f"prior: {name}", MultiresVariant(change=change)
    for states in STATE_COUNTS:
        if states not in (SCALAR, _BALANCED.states):
            yield f"coder: {states} states", MultiresVariant(replace(_BALANCED, states=states))
    yield "coder: no neighbours", MultiresVariant(change=priors.without_neighbours)
    yield "coder: tables not learned", MultiresVariant(change=priors.without_learned_tables)


def _multires_priors() -> Iterator[tuple[str, Callable[[MultiresPreset], MultiresPreset]]]:
    without = priors.without_networks
    yield "means zero", priors.without_means
    for stage in range(max(STAGES)):
        name = f"no network for stage {stage + 1} of every level"
        yield name, partial(without, stages=slice(stage, stage + 1))
    for count in (1, 2, 3):
        name = f"no network for the finest {count} levels"
        yield name, partial(without, levels=slice(count))
    yield "no network", without
    yield "isotropic", priors.isotropic_multires


VARIANTS: Mapping[FamilyName, Mapping[str, Variant]] = MappingProxyType(
    {
        "siren": MappingProxyType(dict(_siren())),
        "multires": MappingProxyType(dict(_multires())),
    }
)
