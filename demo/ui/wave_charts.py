"""The charts of the paper's method in one dimension: a fit in, plotly figures and facts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from demo.ui.charts import TEXT_COLOUR, add_band, blank
from demo.ui.looks import OURS_COLOUR
from demo.work.wave_fits import Draw, Fit, Received, wave_text

_BAND_COLOUR = "rgba(59,130,246,0.25)"
_RECEIVED_COLOUR = "#d9622b"
_PRIOR_COLOUR = "#8b5cf6"
_CURVE_POINTS = 161


def panels(
    fits: Sequence[Fit], fit: Fit, received: Received, weight: int, draw: Draw
) -> tuple[tuple[str, go.Figure], ...]:
    """What is told, as HTML, and drawn of each step, in turn."""
    return (
        (_field_fact(fit, received), field(fit, received, weight)),
        (_weight_fact(fit, weight), densities(fit, weight)),
        (_draw_fact(draw), candidates(fit, weight, draw)),
        (_trade_fact(fit, received), trade_off(fits, fit, received)),
    )


def field(fit: Fit, received: Received, weight: int) -> go.Figure:
    """The signal, what the posterior makes of it, and what was received."""
    figure = blank("Position", "Value")
    mean, spread = fit.mean_values.numpy(), 1.96 * fit.std_values.numpy()
    add_band(figure, _short(mean - spread), _short(mean + spread), "95 % of samples", _BAND_COLOUR)
    wave = (fit.posterior.mean[weight] * fit.basis[:, weight]).numpy()
    lines = (
        ("The chosen wave", wave, {"color": _PRIOR_COLOUR, "width": 1.5, "dash": "dot"}),
        ("Signal", fit.signal.numpy(), {"color": TEXT_COLOUR, "width": 2.5}),
        ("Received", received.values.numpy(), {"color": _RECEIVED_COLOUR, "width": 1.5}),
    )
    for name, values, line in lines:
        figure.add_scatter(y=_short(values), name=name, mode="lines", line=line)
    return figure


def densities(fit: Fit, weight: int) -> go.Figure:
    """Prior and posterior of a weight, drawn equally high."""
    figure = blank("Value of the weight", "", x_format=".3f")
    shown = (("Prior", fit.prior, _PRIOR_COLOUR), ("Posterior", fit.posterior, OURS_COLOUR))
    for name, gaussian, line in shown:
        mean, std = float(gaussian.mean[weight]), float(gaussian.std[weight])
        steps = np.linspace(-4, 4, _CURVE_POINTS)
        figure.add_scatter(
            x=_short(mean + std * steps),
            y=_short(np.exp(-(steps**2) / 2)),
            name=name,
            mode="lines",
            line={"color": line, "width": 2.5},
            fill="tozeroy",
            hovertemplate="%{x}",
        )
    _same_axes(figure, fit, weight)
    return figure


def candidates(fit: Fit, weight: int, draw: Draw) -> go.Figure:
    """The candidates for a weight, how much each is worth, and the one that was chosen."""
    figure = blank("Value of the weight", "", x_format=".3f")
    figure.add_bar(
        x=_short(draw.candidates),
        y=_short(draw.importance),
        width=float(fit.prior.std[weight]) / 60,
        marker={"color": OURS_COLOUR},
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=_short(draw.candidates),
        y=_short(draw.importance),
        name="Candidates",
        mode="markers",
        marker={"color": _PRIOR_COLOUR, "size": 5},
        hovertemplate="%{x}",
    )
    figure.add_scatter(
        x=[round(draw.value, 4)],
        y=[round(float(draw.importance[draw.index]), 4)],
        name=f"Sent: {draw.code}",
        mode="markers",
        marker={"color": _RECEIVED_COLOUR, "size": 13, "symbol": "diamond"},
    )
    _same_axes(figure, fit, weight)
    return figure


def trade_off(fits: Sequence[Fit], chosen: Fit, received: Received) -> go.Figure:
    """Rate and distortion of every beta, of the chosen one, and of what was received."""
    figure = blank("Bits", "PSNR in dB", x_format=",.0f", y_format=".2f")
    figure.add_scatter(
        x=[round(fit.total_bits, 1) for fit in fits],
        y=[round(fit.expected_psnr_db, 2) for fit in fits],
        name="Every β: KL divergence",
        mode="lines+markers",
        line={"color": OURS_COLOUR, "width": 2},
        marker={"size": 5},
    )
    marks = (
        ("This β", chosen.total_bits, chosen.expected_psnr_db, OURS_COLOUR, "circle"),
        ("The file", received.bits, received.psnr_db, _RECEIVED_COLOUR, "diamond"),
    )
    for name, bits, psnr_db, colour, symbol in marks:
        figure.add_scatter(
            x=[round(bits, 1)],
            y=[round(psnr_db, 2)],
            name=name,
            mode="markers",
            marker={"color": colour, "size": 13, "symbol": symbol},
        )
    figure.update_xaxes(rangemode="tozero")
    return figure


def _same_axes(figure: go.Figure, fit: Fit, weight: int) -> None:
    """The axes that prior, posterior and candidates are compared on."""
    prior_mean, prior_std = float(fit.prior.mean[weight]), float(fit.prior.std[weight])
    mean, std = float(fit.posterior.mean[weight]), float(fit.posterior.std[weight])
    low = min(prior_mean - 3.2 * prior_std, mean - 3.2 * std)
    high = max(prior_mean + 3.2 * prior_std, mean + 3.2 * std)
    figure.update_xaxes(range=[low, high])
    figure.update_yaxes(range=[0, 1.08], showticklabels=False)


def _short(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]


def _field_fact(fit: Fit, received: Received) -> str:
    return (
        f"β = {fit.beta:.2g} buys a posterior of <b>{fit.total_bits:,.0f} bits</b>; the sample "
        f"that was received has a PSNR of <b>{received.psnr_db:.2f} dB</b>."
    )


def _weight_fact(fit: Fit, weight: int) -> str:
    return (
        f"Wave {weight + 1}, {wave_text(fit, weight)}: "
        f"KL[q‖p] = <b>{float(fit.kl_bits[weight]):.2f} bits</b>."
    )


def _draw_fact(draw: Draw) -> str:
    return (
        f"Of {len(draw.candidates):,} candidates number {draw.index:,} was chosen: the file holds "
        f"<b>{draw.code}</b>, the receiver reads <b>{draw.value:.3f}</b>."
    )


def _trade_fact(fit: Fit, received: Received) -> str:
    return (
        f"KL divergence <b>{fit.total_bits:,.0f} bits</b> for {fit.expected_psnr_db:.2f} dB on "
        f"average; the file <b>{received.bits:,} bits</b> for {received.psnr_db:.2f} dB."
    )
