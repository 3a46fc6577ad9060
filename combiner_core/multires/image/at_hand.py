"""The picture at hand: what the fit of its targets has to know of it, whole or in parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor

from combiner_core.devices import half_precision
from combiner_core.multires.image.distortion import Distortion, PerceptualError, SquaredError
from combiner_core.multires.image.noise_map import NoiseMap, NoiseSteps
from combiner_core.multires.image.parts import Box
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import NoiseScale


@dataclass(frozen=True, eq=False)
class PictureAtHand:
    """A picture that is being encoded, or a part of it.

    Attributes:
        model: quantised; used in floating point here.
        original: pixels (1, 3, H, W) from 0 to 255.
        noise: the noise scale.
        noise_map: where it is another one.
        structure: share of the structural error in the distortion, see `distortion`.
        has_chroma: False for grey pictures, of which no chroma is coded.
    """

    model: ImageModel
    original: Tensor
    noise: NoiseScale
    noise_map: NoiseMap
    structure: float = 0.0
    has_chroma: bool = True

    def part(self, box: Box) -> PictureAtHand:
        """Rows and columns of it."""
        return replace(self, original=self.original[..., *box], noise_map=self.noise_map.part(*box))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.original.shape[2], self.original.shape[3]

    @property
    def log_noise(self) -> Tensor:
        """log2 of the noise scale (1,), float64."""
        return self.noise.tensors(1, self.original.device)[1]

    @cached_property
    def steps(self) -> NoiseSteps:
        """The noise map on the grids of the levels."""
        levels = self.model.config.prior.levels
        return NoiseSteps.of([self.noise_map], self.size, levels, self.original.device)

    @cached_property
    def gains(self) -> Tensor:
        """1 / a of each pixel (1, 1, H, W), where the noise scale is s a."""
        return self.steps.pixel_gains(self.size)

    @cached_property
    def distortion(self) -> Distortion:
        """Of decoded pixels, in nats."""
        squared = SquaredError(self.original, self.noise.value, self.gains)
        if not self.structure:
            return squared
        return PerceptualError(squared, self.original, self.structure)

    def filtered(self, pixels: Tensor, hidden: Tensor) -> Tensor:
        """Decoded pixels after the postfilter, unrounded.

        Args:
            pixels: before it (1, 3, H, W).
            hidden: values of the finest level, see `ImagePrior.coding_order`.
        """
        with half_precision(self.original.device):
            decoded: Tensor = self.model.postfilter(
                pixels, hidden, self.log_noise, self.steps.levels[1]
            )
        if not self.has_chroma:
            decoded = decoded.mean(1, keepdim=True).expand_as(decoded)
        return decoded.float()
