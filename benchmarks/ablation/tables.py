"""What the variants of a codec cost, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks import frames, intervals, markdown
from benchmarks.ablation.measure import BENCHMARK, Row
from benchmarks.ablation.variants import UNCHANGED, VARIANTS, FamilyName


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as `frames.frame`, with two columns besides.

    `encode_s` is the time to fit and code, `difference_db` the PSNR less that of the codec as it
    is, of the same file, rate and seed; NaN where there is none.
    """
    data = frames.frame(BENCHMARK, rows)
    data = data.assign(encode_s=data["fit_s"] + data["code_s"])
    case = ["family", "rate", "unit", "file", "seed"]
    unchanged = data[data["variant"] == UNCHANGED].set_index(case)["psnr_db"]
    data = data.join(unchanged.rename("unchanged_db"), on=case)
    return data.assign(difference_db=data["psnr_db"] - data["unchanged_db"])


def summaries(data: pd.DataFrame) -> pd.DataFrame:
    """Means over files and seeds, a line for each family, rate and variant.

    Args:
        data: of `frame`.

    Returns:
        By family and rate, the variants in their order. The columns are `family`, `rate`, `unit`,
        `variant`, `files` (how many), `actual_rate`, `psnr_db`, `kl_bits` and `encode_s` (means),
        and `difference_db`, an `Interval` over files; None of the codec as it is, and without any
        file in common.
    """
    groups = data.groupby(["family", "unit", "rate", "variant"])
    found = groups[["actual_rate", "psnr_db", "kl_bits", "encode_s"]].mean()
    found = found.assign(files=groups["file"].nunique(), difference_db=groups.apply(_difference))
    found = found.reset_index()
    order = [_place(*one) for one in found[["family", "variant"]].itertuples(index=False)]
    return found.assign(order=order).sort_values(["family", "unit", "rate", "order"])


def table(data: pd.DataFrame) -> str:
    """Mean PSNR of every variant and how it differs from the codec as it is, as Markdown.

    Args:
        data: of `frame`.
    """
    header = ("codec", "changed", "files", "rate", "PSNR dB", "difference dB (95 %)", "KL bits")
    return markdown.table(
        (*header, "encode s"),
        [
            (
                f"{one.family}, {one.rate:g} {one.unit}",
                one.variant,
                str(one.files),
                f"{one.actual_rate:.4f}",
                f"{one.psnr_db:.2f}",
                one.difference_db.text(2, signed=True) if one.difference_db else "",
                f"{one.kl_bits:.0f}",
                f"{one.encode_s:.3g}",
            )
            for one in summaries(data).itertuples()
        ],
    )


def _difference(data: pd.DataFrame) -> intervals.Interval | None:
    """Over files, which count with the mean over their seeds; of rows of one variant."""
    differences = data.groupby("file")["difference_db"].mean().dropna()
    if differences.empty or data.name[-1] == UNCHANGED:
        return None
    return intervals.of_mean(differences.to_numpy())


def _place(family: FamilyName, name: str) -> tuple[int, int, str]:
    """Variants in their order, then numbers of updates."""
    names = list(VARIANTS[family])
    if name in names:
        return names.index(name), 0, name
    last = name.rpartition(" ")[2]
    return len(names), int(last) if last.isdigit() else 0, name
