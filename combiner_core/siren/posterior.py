"""The posterior of a siren, learned by gradient descent on the beta-ELBO, beta driven by bits.

    L_beta(D, q_w, p_w) = E_q[distortion] + beta * KL[q_w || p_w]

Guo et al. 2023, section 3. The posterior is parametrised in prior units, w = mu_p + sigma_p z
with z ~ N(mean, std^2): a step of Adam is then a share of what the prior thinks a weight varies.
Beta is not given but found: each block of weights has a number of bits to spend, and its beta
rises while its KL is above that number and falls while it is below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from combiner_core.gaussians import NATS_PER_BIT, DiagonalGaussian, standard_kl_nats
from combiner_core.siren.coordinates import FIELD_PEAK, FieldData
from combiner_core.siren.minibatches import Minibatches
from combiner_core.siren.network import Siren

_NOISE_POOL = 1 << 22
_CONTROL_INTERVAL = 5
# beta times the bits in nats, over the distortion, of fits that have settled: about
_BETA_SHARE = 0.4
_RUNNING_MEAN_DECAY = 0.98
_WARM_UP_STEPS = 20
# in prior units: of the candidates of a code hardly one is further out, whatever a weight may gain
_FARTHEST_MEAN = 3.5


@dataclass(frozen=True)
class OptimiserConfig:
    """Settings of the gradient descent.

    Attributes:
        batch: most coordinates drawn from each signal at a step.
        learning_rate: of Adam, in prior standard deviations.
        initial_std: posterior std at the start, in prior units.
        control_gain: change of log beta a step for a KL that is e times its target.
        beta_guess_db: PSNR at which the first beta is about right.
        draws: of the weights at a step, each for a share of the coordinates; 0 draws what each
            coordinate makes of them instead, by local reparameterisation.
        follow_steps: after so many steps coordinates are drawn anew by their errors in these;
            0 draws them evenly.
    """

    batch: int = 4096
    learning_rate: float = 0.1
    initial_std: float = 0.25
    control_gain: float = 0.01
    beta_guess_db: float = 22.0
    draws: int = 4
    follow_steps: int = 0

    def __post_init__(self) -> None:
        if self.batch < 1 or min(self.learning_rate, self.initial_std, self.control_gain) <= 0:
            raise ValueError("batch, learning rate, initial std and control gain must be positive")
        if min(self.draws, self.follow_steps) < 0:
            raise ValueError("there cannot be fewer than no draws or steps")

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate at a step of a whole fit: up at first, then down a cosine to 2%."""
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps))
        return cosine * self.learning_rate * min(1.0, (step + 1) / _WARM_UP_STEPS)


class NoisePool:
    """Standard normal noise, drawn once and read from random offsets: far cheaper than fresh."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._values = torch.randn(_NOISE_POOL, generator=generator, device=generator.device)

    def __call__(self, shape: torch.Size) -> Tensor:
        """Noise of the given shape."""
        count = math.prod(shape)
        if count >= _NOISE_POOL:
            return torch.randn(shape, generator=self._generator, device=self._generator.device)
        start = int(
            torch.randint(
                _NOISE_POOL - count, (), generator=self._generator, device=self._generator.device
            )
        )
        return self._values[start : start + count].view(shape)


class Draws:
    """Everything random of a fit of several signals, or of some of them.

    What a signal gets does not depend on which others are fitted here: all that would be drawn for
    them is drawn, and left aside.

    Args:
        generator: on the device of the fit.
        total: signals in all.
        here: those of this fit.
    """

    def __init__(self, generator: torch.Generator, total: int, here: slice) -> None:
        self.generator = generator
        self._pool, self._total, self._here = NoisePool(generator), total, here

    def noise(self, shape: torch.Size) -> Tensor:
        """Standard normal noise of shape (signals here, ...)."""
        return self._pool(torch.Size([self._total, *shape[1:]]))[self._here]

    def jitters(self, count: int) -> Tensor:
        """Uniform noise from 0 to 1, float64, shape (signals here, count)."""
        drawn = [
            torch.rand(
                count, generator=self.generator, device=self.generator.device, dtype=torch.float64
            )
            for _ in range(self._total)
        ]
        return torch.stack(drawn[self._here])


class PosteriorFit:
    """Posteriors of M signals under one prior, fitted together.

    Args:
        field: the network.
        prior: mean and std of shape (D,).
        targets: the M signals.
        bits: shape (M, D), bits allocated to each weight; weights with none stay at the prior
            mean and carry no noise.
        blocks: shape (D,), the block of each weight; every block has its own beta.
        config: optimiser settings.
        randomness: a generator on the device of the fit, or what it gives to these signals, which
            are some of more.
        group: so many signals that follow each other are parts of one: their bits are held
            together, by one beta.

    Raises:
        ValueError: the signals are no such groups.

    Attributes:
        share_beta: hold the sum of all KL at the sum of all bits, by one change of beta for all.
        distortion: running mean of the expected distortion, shape (M,).
    """

    def __init__(
        self,
        field: Siren,
        prior: DiagonalGaussian,
        targets: Sequence[FieldData],
        bits: Tensor,
        blocks: Tensor,
        config: OptimiserConfig,
        randomness: torch.Generator | Draws,
        group: int = 1,
    ) -> None:
        if len(targets) % group:
            raise ValueError(f"{len(targets)} signals are no groups of {group}")
        self.field, self.prior, self.config = field, prior, config
        self._group = group
        if isinstance(randomness, torch.Generator):
            randomness = Draws(randomness, len(targets), slice(None))
        self._draws = randomness
        batch = min(config.batch, *(len(target.coordinates) for target in targets))
        self._weight_draws = min(config.draws, batch)
        self._batch = batch - batch % self._weight_draws if self._weight_draws else batch
        self._minibatches = Minibatches(targets, self._batch)
        self._bits, self._blocks = bits, blocks
        self._free = bits > 0
        self._mean = torch.zeros_like(bits).requires_grad_()
        initial = torch.full_like(bits, math.log(config.initial_std))
        self._log_std = initial.requires_grad_()
        self._adam = torch.optim.Adam(
            [self._mean, self._log_std], betas=(0.9, 0.99), fused=True, lr=config.learning_rate
        )
        guess = _BETA_SHARE * FIELD_PEAK**2 * 10 ** (-config.beta_guess_db / 10)
        signal_bits = bits.sum(1).view(-1, group).mean(1).repeat_interleave(group)
        first = torch.log(guess / (signal_bits[:, None] * NATS_PER_BIT))
        self._log_beta = first.expand(-1, int(blocks.max()) + 1).clone()
        self._steps = 0
        self.share_beta = False
        self.distortion = torch.full((len(targets),), math.nan, device=bits.device)

    def set_bits(self, bits: Tensor) -> None:
        """Change the bits of every weight, shape (M, D), where they were positive before."""
        self._bits = bits

    @property
    def mean(self) -> Tensor:
        """Posterior mean in prior units, shape (M, D)."""
        return self._mean.detach()

    @property
    def std(self) -> Tensor:
        """Posterior std in prior units, shape (M, D); of no meaning for weights not coded."""
        return self._log_std.detach().exp()

    @property
    def beta(self) -> Tensor:
        """Geometric mean of the blocks' beta, distortion per nat, shape (M,)."""
        return self._log_beta.mean(1).exp()

    def posterior(self) -> DiagonalGaussian:
        """The posterior over the weights themselves, shape (M, D)."""
        return self._scaled(self.mean, self._free * self.std)

    def kl_bits(self) -> Tensor:
        """KL[q || p] of every weight still free, in bits, shape (M, D)."""
        return torch.where(self._free, self._kl_nats().detach() / NATS_PER_BIT, 0.0)

    def step(self, learning_rate: float) -> None:
        """One minibatch gradient step on the beta-ELBO of every signal."""
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        drawn = self._minibatches.draw(self._draws.jitters(self._batch))
        posterior = self._scaled(self._mean, self._free * self._log_std.exp())
        output = self._output(drawn.coordinates, posterior)
        errors = (output - drawn.values).square().mean(2)
        distortion = (errors * drawn.weights).mean(1)
        beta = self.beta[:, None]
        relative_beta = (self._log_beta[:, self._blocks].exp() / beta) * self._free
        rate_nats = (relative_beta * self._kl_nats()).sum(1, keepdim=True)
        # the mean gradient is kept near 1 so that Adam's epsilon does not matter
        loss = ((distortion[:, None] / beta + rate_nats) / self._bits.shape[1]).sum()
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        for parameter in (self._mean, self._log_std):
            assert parameter.grad is not None
            parameter.grad *= self._free
        self._adam.step()
        with torch.no_grad():
            self._log_std.clamp_(max=0.0)
            reachable = self._mean.clamp(-_FARTHEST_MEAN, _FARTHEST_MEAN)
            self._mean.copy_(torch.where(self._free, reachable, self._mean))
        self._track(distortion.detach())
        if self.config.follow_steps:
            self._minibatches.observe(drawn, errors.detach())
            if self._steps % self.config.follow_steps == 0:
                self._minibatches.follow_errors()
        if self._steps % _CONTROL_INTERVAL == 0:
            self._control_beta()

    def _output(self, coordinates: Tensor, posterior: DiagonalGaussian) -> Tensor:
        """What the field with random weights has at coordinates (M, B, in_dims)."""
        noise, draws = self._draws.noise, self._weight_draws
        if draws:
            return self.field.sample_weights(coordinates, posterior, noise, draws)
        return self.field.sample(coordinates, posterior, noise)

    def rebase(self, prior: DiagonalGaussian) -> None:
        """Express the posteriors, and Adam's memory of them, in the units of another prior."""
        moved = self._scaled(self.mean, self.std).in_units_of(prior)
        ratio = prior.std / self.prior.std
        with torch.no_grad():
            self._mean.copy_(moved.mean)
            self._log_std.copy_(moved.std.log().clamp(max=0.0))
        state = self._adam.state.get(self._mean, {})
        if state:
            state["exp_avg"] *= ratio
            state["exp_avg_sq"] *= ratio.square()
        self.prior = prior

    def state(self) -> dict[str, Tensor]:
        """Everything that changes while fitting, for a checkpoint; the prior included."""
        tensors = {
            "prior_mean": self.prior.mean,
            "prior_std": self.prior.std,
            "mean": self.mean,
            "log_std": self._log_std.detach(),
            "log_beta": self._log_beta,
            "distortion": self.distortion,
            "generator": self._draws.generator.get_state(),
            "steps": torch.tensor(self._steps),
        }
        for number, adam_state in enumerate(self._adam.state_dict()["state"].values()):
            tensors |= {f"adam{number}.{name}": value for name, value in adam_state.items()}
        return {name: tensor.contiguous() for name, tensor in tensors.items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`; the fit goes on exactly as if it had not been interrupted."""
        self.prior = DiagonalGaussian(tensors["prior_mean"], tensors["prior_std"])
        with torch.no_grad():
            self._mean.copy_(tensors["mean"])
            self._log_std.copy_(tensors["log_std"])
        self._log_beta.copy_(tensors["log_beta"])
        self.distortion = tensors["distortion"]
        self._draws.generator.set_state(tensors["generator"].cpu())
        self._steps = int(tensors["steps"])
        adam = self._adam.state_dict()
        for number in range(2):
            prefix = f"adam{number}."
            found = {
                name.removeprefix(prefix): value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
            if found:
                adam["state"][number] = found
        self._adam.load_state_dict(adam)

    def fix(self, signal: int, weights: Tensor, values: Tensor) -> None:
        """Set weights to sent values for good.

        Args:
            signal: row.
            weights: indices, shape (N,).
            values: in prior units, shape (N,).
        """
        with torch.no_grad():
            self._mean[signal, weights] = values
            self._free[signal, weights] = False
            for parameter in (self._mean, self._log_std):
                state = self._adam.state.get(parameter, {})
                for name in ("exp_avg", "exp_avg_sq"):
                    if name in state:
                        state[name][signal, weights] = 0.0

    def _scaled(self, mean: Tensor, std: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(self.prior.mean + self.prior.std * mean, self.prior.std * std)

    def _kl_nats(self) -> Tensor:
        return standard_kl_nats(self._mean, self._log_std)

    def _track(self, distortion: Tensor) -> None:
        """Running mean of the distortion, unbiased from the first step on."""
        self._steps += 1
        share = max(1 / self._steps, 1 - _RUNNING_MEAN_DECAY)
        previous = distortion if self._steps == 1 else self.distortion
        self.distortion = previous + share * (distortion - previous)

    def _control_beta(self) -> None:
        rows, count = self._log_beta.shape
        free_bits = self._bits * self._free
        spent, goal = (
            per_weight.new_zeros(rows, count).index_add_(1, self._blocks, per_weight)
            for per_weight in (self.kl_bits(), free_bits)
        )
        if self.share_beta:
            spent, goal = spent.sum().expand_as(spent), goal.sum().expand_as(goal)
        elif self._group > 1:
            spent, goal = (
                part.view(-1, self._group, count).sum(1).repeat_interleave(self._group, 0)
                for part in (spent, goal)
            )
        error = torch.log((spent + 1e-3) / (goal + 1e-3)).clamp(-1.0, 1.0)
        self._log_beta += _CONTROL_INTERVAL * self.config.control_gain * error * (goal > 0)
