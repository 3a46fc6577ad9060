"""Bits of coders over the ideal, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks import frames, intervals, markdown
from benchmarks.rec_overhead import image_weights, random_weights
from benchmarks.rec_overhead.coders import CoderChoice


def frame_of_random_weights(rows: Sequence[random_weights.Row]) -> pd.DataFrame:
    """Rows as `frames.frame`, with the columns `percent` and `encode_us_per_bit` besides."""
    return frames.frame(random_weights.BENCHMARK, rows).assign(
        percent=np.array([row.percent for row in rows], float),
        encode_us_per_bit=np.array([row.encode_us_per_bit for row in rows], float),
    )


def frame_of_image_weights(rows: Sequence[image_weights.Row]) -> pd.DataFrame:
    """Rows of coders, not of the ideal, as `frames.frame`, with three columns besides.

    `bpp` are bits a pixel, `side_percent` the share of the side bits, and `percent` the bits over
    those of the ideal; NaN where that is unknown, see `image_weights.overhead`.
    """
    ideals = {row.job: row for row in rows if row.job.choice is None}
    coded = [row for row in rows if row.job.choice is not None]
    overheads = [image_weights.overhead(row, ideals) for row in coded]
    data = frames.frame(image_weights.BENCHMARK, coded)
    return data.assign(
        bpp=data["bits"] / data["pixels"],
        side_percent=100 * data["side_bits"] / data["bits"],
        percent=100 * np.array(overheads, float),
    )


def of_random_weights(data: pd.DataFrame) -> str:
    """Overhead in per cent of the ideal, by coder and bits a weight, with intervals over seeds.

    Args:
        data: of `frame_of_random_weights`.
    """
    all_bits = sorted(data["mean_bits"].unique())
    lines = []
    for coder, found in data.groupby(["coder", "size"]):
        percents = [found.loc[found["mean_bits"] == bits, "percent"] for bits in all_bits]
        cells = (intervals.of_mean(one.to_numpy()).text(1) if len(one) else "" for one in percents)
        lines.append((CoderChoice(*coder).text, *cells, f"{found['encode_us_per_bit'].mean():.3g}"))
    header = (f"{bits:g} bits a weight, %" for bits in all_bits)
    return markdown.table(("coder", *header, "us a bit"), lines)


def of_image_weights(data: pd.DataFrame) -> str:
    """Means over images for each coder and noise scale, as a Markdown table.

    The overhead is over the images that have one; where some have none, their number is given.

    Args:
        data: of `frame_of_image_weights`.
    """
    lines = []
    groups = data.groupby(["model", "coder", "size", "noise_index"])
    for (model, coder, size, noise_index), found in groups:
        known = found["percent"].dropna()
        percent = intervals.of_mean(known.to_numpy()).text(2) if len(known) else "unknown"
        if 0 < len(known) < len(found):
            percent += f" (of {len(known)})"
        mean = found[["bpp", "side_percent", "code_s"]].mean()
        lines.append(
            (
                model,
                CoderChoice(coder, size).text,
                str(noise_index),
                str(len(found)),
                f"{mean['bpp']:.4f}",
                percent,
                "" if np.isnan(mean["side_percent"]) else f"{mean['side_percent']:.1f}",
                f"{mean['code_s']:.3g}",
            )
        )
    header = ("model", "coder", "noise", "images", "bpp", "overhead % (95 %)", "side %", "code s")
    return markdown.table(header, lines)
