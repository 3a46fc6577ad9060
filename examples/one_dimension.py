"""COMBINER in one dimension: rows of a photograph as sums of cosines, coded from end to end."""

import math
from pathlib import Path

import torch

import combiner_core as cc
from combiner_core.gaussians import DiagonalGaussian, closed_form_prior, linear_posterior
from combiner_core.rec import BlockCoder, Key, encode

ROWS = Path(__file__).parent.parent / "assets" / "explain" / "rows.png"


def main(beta: float = 2.0**-6) -> None:
    """Print what the first row costs under a prior of the others, and how it is received."""
    rows = cc.load(ROWS).to_torch()[0].double() / 127.5 - 1
    x = (torch.arange(128).double() + 0.5) / 128
    basis = torch.cos(math.pi * x[:, None] * torch.arange(128))  # the field: f(x | w) = basis @ w
    p = DiagonalGaussian(0 * x, 1 + 0 * x)
    for _ in range(10):  # coordinate descent: posteriors under the prior, the prior of posteriors
        p = closed_form_prior(linear_posterior(p, basis, rows[1:], beta))
    q = linear_posterior(p, basis, rows, beta)
    kl_bits, sent, coder, key = q.kl_bits(p), q.in_units_of(p), BlockCoder(), Key(0, 0)
    rates = (64 * kl_bits[1:].mean(0)).round().long().clamp(min=1).numpy()
    length = coder.round_bits(math.ceil(1.3 * float(kl_bits[0].sum())))
    bits = encode(coder, sent.mean[0].numpy(), sent.std.numpy(), rates, length, key)
    values = basis @ (p.mean + p.std * torch.from_numpy(coder.decode(bits, rates, length, key)))

    psnr_db = 10 * math.log10(4 / (values - rows[0]).square().mean())
    print(f"KL {kl_bits[0].sum():.0f} bits, {len(bits)} sent, decoded at {psnr_db:.2f} dB")


if __name__ == "__main__":
    main()
