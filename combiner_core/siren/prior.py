"""The paper's prior: one Gaussian per weight, with the rate each weight is expected to need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from combiner_core.gaussians import DiagonalGaussian

RATE_UNITS_PER_BIT = 1024
MIN_CODED_BITS = 0.02
MAX_CODED_BITS = 8.0


@dataclass(frozen=True, eq=False)
class FactorisedPrior:
    """A Gaussian per weight and the fixed-point rate at which the weight is coded.

    The rates steer where the bits of a file go, so they are integers that sender and receiver
    read from the same preset, never computed.

    Attributes:
        mean, std: float32, shape (D,).
        rates: int32, shape (D,), training-set mean of KL[q || p] in 1/1024 bit; zero for the
            weights that are not coded, which the receiver sets to the prior mean.
    """

    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    rates: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        if not self.mean.shape == self.std.shape == self.rates.shape or self.mean.ndim != 1:
            raise ValueError("mean, std and rates of a prior are vectors of one length")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all()):
            raise ValueError("mean and std of a prior must be finite")
        if (self.std <= 0).any() or (self.rates < 0).any() or not self.rates.any():
            raise ValueError("std must be positive, rates non-negative and not all zero")

    @classmethod
    def from_training(cls, prior: DiagonalGaussian, mean_kl_bits: Tensor) -> FactorisedPrior:
        """Round a learned prior and its training-set mean KL, shape (D,), to what is stored."""
        bits = mean_kl_bits.double().clamp(max=MAX_CODED_BITS)
        bits = torch.where(bits < MIN_CODED_BITS, 0.0, bits)
        rates = torch.round(bits * RATE_UNITS_PER_BIT).to(torch.int32)
        return cls(
            prior.mean.float().cpu().numpy(), prior.std.float().cpu().numpy(), rates.cpu().numpy()
        )

    @property
    def coded(self) -> npt.NDArray[np.int64]:
        """Indices of the weights that are coded."""
        return np.flatnonzero(self.rates)

    @property
    def nominal_bits(self) -> float:
        """The number of bits the prior was trained to spend on one signal."""
        return float(self.rates.sum(dtype=np.int64)) / RATE_UNITS_PER_BIT

    def gaussian(self, device: torch.device | str = "cpu") -> DiagonalGaussian:
        """The prior as tensors on a device, shape (D,)."""
        mean, std = torch.from_numpy(self.mean.copy()), torch.from_numpy(self.std.copy())
        return DiagonalGaussian(mean.to(device), std.to(device))

    def weights(
        self, order: npt.NDArray[np.int64], candidates: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Weights from received candidate values in prior units, the others at the prior mean.

        Plain float32 numpy arithmetic, so that every machine gets the same weights.

        Args:
            order: indices of the coded weights in the order in which they were sent.
            candidates: shape (N,), N at most len(order).

        Returns:
            shape (D,).
        """
        weights = self.mean.copy()
        received = order[: len(candidates)]
        weights[received] += self.std[received] * candidates
        return weights
