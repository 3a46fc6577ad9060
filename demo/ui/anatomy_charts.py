"""Charts of what a picture's file is made of: bits by level, and a path through the trellis."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from combiner_core.anatomy import LevelAnatomy, PathStep
from demo.ui.charts import TEXT_COLOUR, blank
from demo.ui.looks import OURS_COLOUR

_SECOND_COLOUR = "#d97706"
_CHOSEN_COLOUR = "#be185d"
_PRIOR_COLOUR = "rgba(139,92,246,0.22)"
_SPREAD = 1.96


def bits_by_level(levels: Sequence[LevelAnatomy]) -> go.Figure:
    """Shares of the weights and of the bits that levels have, the coarsest first."""
    figure = blank("Level, from coarse to fine", "Share in %")
    shown = (
        ("Weights", [level.weights for level in levels], TEXT_COLOUR),
        ("Bits", [level.bits for level in levels], OURS_COLOUR),
    )
    numbers = list(range(1, len(levels) + 1))
    for name, values, colour in shown:
        total = max(sum(values), 1e-9)
        shares = [round(100 * value / total, 2) for value in values]
        figure.add_bar(x=numbers, y=shares, name=name, marker={"color": colour})
    figure.update_layout(bargap=0.25)
    figure.update_xaxes(tickvals=numbers, showgrid=False)
    return figure


def path(steps: Sequence[PathStep]) -> go.Figure:
    """Weights that follow each other: what was expected, which points there are, which came.

    The points of the quantiser that a weight has are full, those of the other one hollow.
    """
    figure = blank("Weight", "Value in grey levels")
    numbers = list(range(1, len(steps) + 1))
    reach = 1.15 * max(max(abs(step.value - step.mean), 1.5 * _step(step)) for step in steps)
    for number, step in zip(numbers, steps, strict=True):
        low, high = (step.mean + sign * _SPREAD * step.deviation for sign in (-1, 1))
        figure.add_scatter(
            x=[number, number],
            y=[max(low, step.mean - reach), min(high, step.mean + reach)],
            mode="lines",
            line={"color": _PRIOR_COLOUR, "width": 16},
            showlegend=False,
            hoverinfo="skip",
        )
    for quantiser, name, colour in (
        (0, "First set", OURS_COLOUR),
        (1, "Second set", _SECOND_COLOUR),
    ):
        places, values, fills = [], [], []
        for number, step in zip(numbers, steps, strict=True):
            for point in _mirrored(step, quantiser):
                if abs(point - step.mean) <= reach:
                    places.append(number + 0.13 * (2 * quantiser - 1))
                    values.append(round(point, 1))
                    fills.append(colour if quantiser == step.quantiser else "rgba(0,0,0,0)")
        figure.add_scatter(
            x=places,
            y=values,
            name=name,
            mode="markers",
            marker={"color": fills, "size": 7, "line": {"color": colour, "width": 1}},
            hovertemplate="%{y}",
        )
    figure.add_scatter(
        x=[
            number + 0.13 * (2 * step.quantiser - 1)
            for number, step in zip(numbers, steps, strict=True)
        ],
        y=[round(step.value, 1) for step in steps],
        name="Sent",
        mode="lines+markers",
        line={"color": _CHOSEN_COLOUR, "width": 1.5},
        marker={
            "color": "rgba(0,0,0,0)",
            "size": 14,
            "line": {"color": _CHOSEN_COLOUR, "width": 2},
        },
        text=[f"state {step.state}, {step.bits:.1f} bits" for step in steps],
        hovertemplate="%{y}: %{text}",
    )
    figure.update_xaxes(
        tickvals=numbers,
        ticktext=[f"{number}<br>{step.state}" for number, step in zip(numbers, steps, strict=True)],
        title={"text": "Weight, and the state before it"},
        showgrid=False,
        zeroline=False,
    )
    return figure


def _mirrored(step: PathStep, quantiser: int) -> list[float]:
    """The points of a quantiser above and below the mean."""
    above = step.points[quantiser].tolist()
    return [*above, *(2 * step.mean - point for point in above[1:])]


def _step(step: PathStep) -> float:
    return float(step.points[0, 1] - step.points[0, 0])
