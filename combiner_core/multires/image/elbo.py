"""The beta-ELBO of a picture as a differentiable function of its targets and of the networks.

With the noise scale s = sqrt(beta / 2) in the place of beta (`gaussians`), minus the ELBO in nats
is the sum of the KL divergences and of the squared errors of the decoded pixels over 2 s^2. Of the
weights, rate and distortion together are known in closed form (`scale_mixture`); what the decoded
pixels' errors are more or less than those of the weights is added. Where the noise scale is s a,
errors there count 1 / a^2.

In training everything that depends on a weight sees it as it will be decoded: quantised. Gradients
go through its posterior's mean instead. Where targets of one picture are found it sees the
posterior's mean itself: with a biased gradient, targets drift from what they should be.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

import torch
from torch import Tensor

from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.folding import is_of_chroma
from combiner_core.multires.image.noise_map import STEPS_PER_OCTAVE, NoiseSteps
from combiner_core.multires.model import ImageModel
from combiner_core.scale_mixture import ScaleMixture

# levels from here on have so few weights in a window that its share of all stands for it
_COARSE = 5


@dataclass(frozen=True)
class Window:
    """The part of a picture in which the finest level is looked at, for training.

    Attributes:
        row, column, side: in pixels, multiples of 32.
    """

    row: int
    column: int
    side: int

    def on_folded_grid(self, level: int) -> tuple[slice, slice]:
        """Rows and columns of a level's folded grid."""
        row, column, side = (part >> (level + 1) for part in (self.row, self.column, self.side))
        return slice(row, row + side), slice(column, column + side)

    @property
    def places(self) -> tuple[slice, slice]:
        """Rows and columns of pixels."""
        return slice(self.row, self.row + self.side), slice(self.column, self.column + self.side)


@dataclass(frozen=True)
class ImageElbo:
    """Terms of the beta-ELBO, one number a picture (B,).

    Attributes:
        weight_nats: of all weights, the least negative beta-ELBO, less log(2 pi) / 2 for each. With
            a window the finest level's count as many times as it is smaller than the picture.
        weight_error_nats: half the squared errors of the weights in the window in noise scales.
        decoded: pixels of the window, (B, 3, H, W), unrounded; grey if there is no chroma.
    """

    weight_nats: Tensor
    weight_error_nats: Tensor
    decoded: Tensor


def image_elbo(
    model: ImageModel,
    targets: Mapping[int, Tensor],
    size: tuple[int, int],
    log_noise: Tensor,
    steps: NoiseSteps,
    *,
    quantised: bool = True,
    window: Window | None = None,
    curvatures: MutableMapping[int, Tensor] | None = None,
    has_chroma: bool = True,
) -> ImageElbo:
    """Evaluate.

    Args:
        model: in floating point, quantised or not.
        targets: by level, see `ImageField.coefficients`, divided by s.
        size: height and width of the pictures.
        log_noise: log2 of the noise scale of each (B,), float64.
        steps: where the noise scale is another one.
        quantised: whether weights are decoded as quantised, or as their posteriors' means.
        window: of the finest level.
        curvatures: where to enter how far each posterior's mean goes to its target, from 0 to 1, of
            the shapes of targets: about the second derivatives of `weight_nats`.
        has_chroma: False for grey pictures, of which no chroma is coded.
    """
    answers = _Answers(model, targets, size, quantised, window, curvatures)
    noise = torch.exp2(log_noise)
    places = None if window is None else window.on_folded_grid(1)
    order = model.prior.coding_order(
        size, noise, log_noise, steps, exact=False, window=places, has_chroma=has_chroma
    )
    values, hidden = follow(order, answers.answer)
    synthesised = to_pixels(values * noise.float()[:, None, None, None])
    here = steps.levels[1] if places is None else steps.levels[1][..., *places]
    decoded = model.postfilter(synthesised, hidden, log_noise, here)
    if not has_chroma:
        decoded = decoded.mean(1, keepdim=True).expand_as(decoded)
    return ImageElbo(answers.weight_nats, answers.weight_error_nats, decoded)


def coarse_nats(
    model: ImageModel,
    targets: Mapping[int, Tensor],
    size: tuple[int, int],
    log_noise: Tensor,
    steps: NoiseSteps,
    finest: int,
) -> Tensor:
    """`ImageElbo.weight_nats` of the levels from `finest` on."""
    answers = _Answers(model, targets, size)
    noise = torch.exp2(log_noise)
    order = model.prior.coding_order(
        size, noise, log_noise, steps, exact=False, synthesise=False, finest=finest
    )
    follow(order, answers.answer)
    return answers.weight_nats


class _Answers:
    """Answers a coding order with decoded weights, and adds up what they come to."""

    def __init__(
        self,
        model: ImageModel,
        targets: Mapping[int, Tensor],
        size: tuple[int, int],
        quantised: bool = True,
        window: Window | None = None,
        curvatures: MutableMapping[int, Tensor] | None = None,
    ) -> None:
        self._mixtures, self._targets = model.prior.mixtures, targets
        self._quantised, self._window, self._curvatures = quantised, window, curvatures
        self._share = 1.0 if window is None else window.side**2 / (size[0] * size[1])
        some = next(iter(targets.values()))
        self.weight_nats = self.weight_error_nats = some.new_zeros(len(some))

    def answer(self, prior: GroupPrior) -> Tensor:
        group, mean = prior.group, prior.mean
        confined = self._window is not None and group.level == 1
        target = self._part(self._targets, prior, confined)
        # the coarsest low-pass array, of all colours, counts as luma
        is_chroma = prior.noise_steps is not None and is_of_chroma(group.channels)
        mixture = self._mixtures[int(is_chroma)]
        assert isinstance(mixture, ScaleMixture)
        log_variance, gain = prior.log_variance, mean.new_ones(())
        offset = target - mean
        if prior.noise_steps is not None:
            octaves = prior.noise_steps.float() / STEPS_PER_OCTAVE
            gain = torch.exp2(-octaves)
            offset = offset * gain
            log_variance = log_variance - 2 * octaves
        terms = mixture(offset, log_variance)
        weight = 1 / self._share if confined else 1.0
        self.weight_nats = self.weight_nats + weight * (terms.loss_nats * group.coded).sum(
            (1, 2, 3)
        )
        if self._curvatures is not None:
            self._enter_curvature(prior, terms.shift, offset)
        shift = terms.shift
        if self._quantised:
            quantised = mixture.quantised(offset, log_variance)
            shift = shift + (quantised - shift).detach()
        shift = shift * group.coded
        error = offset * group.coded - shift
        self.weight_error_nats = self.weight_error_nats + self._inside(error, group.level, confined)
        answer: Tensor = mean * group.coded + shift / gain
        return answer

    def _part(self, levels: Mapping[int, Tensor], prior: GroupPrior, confined: bool) -> Tensor:
        group = prior.group
        level = levels[group.level]
        if confined:
            assert self._window is not None
            level = level[..., *self._window.on_folded_grid(1)]
        rows = slice(group.first_row, group.first_row + prior.mean.shape[2])
        return level[:, list(group.channels), rows]

    def _enter_curvature(self, prior: GroupPrior, shift: Tensor, offset: Tensor) -> None:
        group = prior.group
        share = torch.where(offset == 0, 0, (shift / offset).detach()) * group.coded
        rows = slice(group.first_row, group.first_row + prior.mean.shape[2])
        assert self._curvatures is not None
        self._curvatures[group.level][:, list(group.channels), rows] = share

    def _inside(self, error: Tensor, level: int, confined: bool) -> Tensor:
        """Half the squared errors inside the window."""
        share = 1.0
        if self._window is not None and not confined:
            if level >= _COARSE:
                share = self._share
            else:
                error = error[..., *self._window.on_folded_grid(level)]
        return share * 0.5 * error.square().sum((1, 2, 3))
