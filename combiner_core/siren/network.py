"""The field of the paper: a sine network on Fourier-embedded coordinates, every weight random.

Dupont et al. 2021 (COIN) and Sitzmann et al. 2020 (SIREN) for the network, Tancik et al. 2020 for
Fourier features, Guo et al. 2023 (COMBINER) for its Bayesian form. The frequency w0 of SIREN is
absorbed in the weights: a prior with its own mean and scale for every weight makes the two
parametrisations the same model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise, starmap

import torch
from torch import Tensor

from combiner_core.gaussians import DiagonalGaussian
from combiner_core.siren.positional_encodings import PositionalEncodings
from combiner_core.siren.sine_layer import affine, sine_layer

_TINY_VARIANCE = 1e-12
# of an encoding's weight, before anything is learned
_ENCODING_STD = 0.5

NoiseSource = Callable[[torch.Size], Tensor]


@dataclass(frozen=True)
class SirenConfig:
    """Shape of the network.

    Attributes:
        in_dims: number of coordinates (2 for images, 1 for audio).
        out_dims: number of values at a coordinate (3 for RGB, 1 for audio).
        frequencies: Fourier frequencies; each gives a cosine and a sine.
        min_cycles, max_cycles: range of the frequencies, in cycles per unit of coordinate.
        hidden: width of the hidden layers.
        layers: number of linear layers, the last one included.
        encodings: that the first and the last layer see beside their inputs, if any.
    """

    in_dims: int
    out_dims: int
    frequencies: int = 32
    min_cycles: float = 0.5
    max_cycles: float = 16.0
    hidden: int = 48
    layers: int = 6
    encodings: PositionalEncodings | None = None

    def __post_init__(self) -> None:
        if self.in_dims not in (1, 2) or self.out_dims < 1:
            raise ValueError(f"no siren maps {self.in_dims} coordinates to {self.out_dims} values")
        if min(self.frequencies, self.hidden) < 1 or self.layers < 2:
            raise ValueError("a siren needs frequencies, hidden units and two layers or more")
        if not 0 < self.min_cycles <= self.max_cycles:
            raise ValueError("frequencies must be positive and ascending")
        if self.encodings is not None and self.in_dims != 1:
            raise ValueError("positional encodings of a siren are of one coordinate")


class Siren:
    """f(x | w) for a batch of M weight vectors; holds no weights itself."""

    def __init__(self, config: SirenConfig, device: torch.device | str = "cpu") -> None:
        self.config = config
        self._encodings = config.encodings
        channels = 0 if self._encodings is None else self._encodings.channels
        widths = [2 * config.frequencies, *[config.hidden] * (config.layers - 1), config.out_dims]
        first, *others, last = pairwise(widths)
        seen = [(fan_in + channels, fan_out) for fan_in, fan_out in (first, last)]
        self._shapes = [seen[0], *others, seen[1]]
        sizes = {f"layer{n}": (ins + 1) * outs for n, (ins, outs) in enumerate(self._shapes)}
        if self._encodings is not None:
            sizes["encodings"] = self._encodings.weight_count
        self._sizes = sizes
        self._frequencies = _frequencies(config).to(device)

    @property
    def weight_count(self) -> int:
        """D, the number of weights and biases."""
        return sum(self._sizes.values())

    @property
    def groups(self) -> dict[str, slice]:
        """The weights of each layer (its bias last), and of encodings, as slices of the vector."""
        ends = [0, *accumulate(self._sizes.values())]
        return dict(zip(self._sizes, starmap(slice, pairwise(ends)), strict=True))

    def initial_prior(self, relative_std: float, generator: torch.Generator) -> DiagonalGaussian:
        """SIREN's initialisation as prior mean, and a share of its scale as prior std, shape (D,).

        Args:
            relative_std: prior std over the std of the initialisation.
            generator: source of randomness, on the CPU.
        """
        means, stds = [], []
        for number, (fan_in, fan_out) in enumerate(self._shapes):
            bound = math.sqrt(6.0 / fan_in)
            matrix = (2 * torch.rand(fan_in, fan_out, generator=generator) - 1) * bound
            bias = (2 * torch.rand(1, fan_out, generator=generator) - 1) * math.pi
            if number == len(self._shapes) - 1:
                bias = torch.zeros_like(bias)
            means.append(torch.cat([matrix, bias]).flatten())
            stds.append(torch.full(((fan_in + 1) * fan_out,), relative_std * bound / math.sqrt(3)))
        if self._encodings is not None:
            means.append(torch.zeros(self._encodings.weight_count))
            stds.append(torch.full((self._encodings.weight_count,), _ENCODING_STD))
        return DiagonalGaussian(torch.cat(means), torch.cat(stds))

    def __call__(self, coordinates: Tensor, weights: Tensor) -> Tensor:
        """Evaluate the field.

        Args:
            coordinates: shape (B, in_dims), shared by all weight vectors.
            weights: shape (M, D).

        Returns:
            shape (M, B, out_dims).
        """
        return self._evaluate(coordinates[None], weights)

    def sample(
        self, coordinates: Tensor, posterior: DiagonalGaussian, noise: NoiseSource
    ) -> Tensor:
        """Evaluate the field with random weights by local reparameterisation.

        The pre-activations are Gaussian with mean h W and variance h^2 sigma_W^2 and are drawn
        independently at each coordinate (Kingma, Salimans & Welling 2015); weights of encodings
        are drawn once.

        Args:
            coordinates: shape (M, B, in_dims).
            posterior: mean and std of shape (M, D).
            noise: returns standard normal draws of the shape asked for.

        Returns:
            shape (M, B, out_dims).
        """
        (means, own_mean), (stds, own_std) = map(self.parts, (posterior.mean, posterior.std))
        encodings = self._encoded(coordinates, own_mean + own_std * noise(own_mean.shape))
        hidden = _joined(self._embed(coordinates), encodings)
        for number, (mean, std) in enumerate(zip(means, stds, strict=True), 1):
            if number == len(self._shapes):
                hidden = _joined(hidden, encodings)
            variance = affine(hidden.square(), std.square())
            pre_activation = affine(hidden, mean)
            # the root has no gradient at zero, where all weights of a unit are already sent
            scale = variance.clamp_min(_TINY_VARIANCE).sqrt()
            pre_activation = pre_activation + scale * noise(pre_activation.shape)
            hidden = pre_activation.sin()
        return pre_activation

    def sample_weights(
        self, coordinates: Tensor, posterior: DiagonalGaussian, noise: NoiseSource, draws: int
    ) -> Tensor:
        """Evaluate the field with weights drawn `draws` times, each for a share of coordinates.

        The same distribution at each coordinate as `sample`, for less than half of the work;
        coordinates of a share have their weights in common, so gradients are noisier.

        Args:
            coordinates: shape (M, B, in_dims), B a multiple of `draws`; a share is every
                `draws`-th of them.
            posterior, noise: as for `sample`.
            draws: of the weights of each field.

        Returns:
            shape (M, B, out_dims).
        """
        fields, count, _ = coordinates.shape
        shares = coordinates.view(fields, count // draws, draws, -1).transpose(1, 2)
        drawn = noise(torch.Size([fields, draws, self.weight_count]))
        weights = posterior.mean[:, None] + posterior.std[:, None] * drawn
        values = self._evaluate(shares.flatten(0, 1), weights.flatten(0, 1))
        values = values.view(fields, draws, count // draws, -1)
        return values.transpose(1, 2).reshape(fields, count, -1)

    def _evaluate(self, coordinates: Tensor, weights: Tensor) -> Tensor:
        """At coordinates (M or 1, B, in_dims) under weights (M, D): (M, B, out_dims)."""
        (*layers, last), own = self.parts(weights)
        encodings = self._encoded(coordinates, own)
        hidden = _joined(self._embed(coordinates).expand(len(weights), -1, -1), encodings)
        for layer in layers:
            hidden = sine_layer(hidden, layer)
        return affine(_joined(hidden, encodings), last)

    def _embed(self, coordinates: Tensor) -> Tensor:
        phase = 2 * math.pi * (coordinates @ self._frequencies)
        return torch.cat([phase.cos(), phase.sin()], -1)

    def _encoded(self, coordinates: Tensor, weights: Tensor) -> Tensor | None:
        return None if self._encodings is None else self._encodings(coordinates, weights)

    def parts(self, weights: Tensor) -> tuple[list[Tensor], Tensor]:
        """Weights (M, D) as matrices of the layers, (M, fan_in + 1, fan_out), and of encodings.

        The last row of a matrix is the bias; those before it are of encodings where a layer sees
        them.
        """
        sizes = [*self._sizes.values()] + ([0] if self._encodings is None else [])
        # one split has one gradient, where every slice would have one of all weights
        *matrices, own = weights.split(sizes, 1)
        layers = [
            matrix.view(-1, fan_in + 1, fan_out)
            for matrix, (fan_in, fan_out) in zip(matrices, self._shapes, strict=True)
        ]
        return layers, own


def _joined(hidden: Tensor, encodings: Tensor | None) -> Tensor:
    return hidden if encodings is None else torch.cat([hidden, encodings], -1)


def _frequencies(config: SirenConfig) -> Tensor:
    """Log-spaced radii; in two dimensions at golden-angle directions. Shape (in_dims, F)."""
    steps = torch.arange(config.frequencies, dtype=torch.float64)
    ratio = config.max_cycles / config.min_cycles
    radius = config.min_cycles * ratio ** ((steps + 0.5) / config.frequencies)
    if config.in_dims == 1:
        return radius[None].float()
    angle = math.pi * ((steps * (math.sqrt(5.0) - 1) / 2) % 1)
    return torch.stack([radius * angle.cos(), radius * angle.sin()]).float()
