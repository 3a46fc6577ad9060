"""The page's charts: data in, plotly figures out, small and legible on light and on dark."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO
from itertools import cycle
from typing import Any, TypeVar

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

import combiner_core as cc
from combiner_core.signals import Kind, to_mono
from demo.codecs import RatePoint, label
from demo.ui.looks import OTHER_COLOURS, OURS_COLOUR, colour, is_known, sign

PointT = TypeVar("PointT")

HEIGHT_PX = 300
# 12,345, and 0 where sums of floats are nearly that
_TICKS = ",.6~f"
TEXT_COLOUR = "#7b8290"
_GRID_COLOUR = "rgba(128,136,150,0.25)"
_BAND_COLOUR = "rgba(128,136,150,0.30)"
_BEHIND_COLOUR = "rgba(128,136,150,0.55)"

# How much of a map is seen over a picture.
_VEIL, _GREY_PX, _GREY_QUALITY = 0.6, 192, 50
_MAX_CELLS = 2000
_MAX_COLUMNS = 220
_MAX_POINTS = 200
_SPECTRUM_ROWS, _SPECTRUM_COLUMNS = 64, 110
_SPECTRUM_RANGE_DB = 80.0
_SPECTRUM_WINDOW_S = 0.032


def blank(
    x_title: str,
    y_title: str,
    title: str = "",
    *,
    x_format: str | None = None,
    y_format: str | None = None,
) -> go.Figure:
    """A chart without anything in it yet, of the page's looks.

    Args:
        x_title, y_title: of the axes.
        title: of the chart.
        x_format, y_format: how a value is written where one points, and in the table of the chart.
    """
    axis: dict[str, Any] = {
        "tickformat": _TICKS,
        "gridcolor": _GRID_COLOUR,
        "zerolinecolor": _GRID_COLOUR,
        "automargin": True,
    }
    figure = go.Figure()
    figure.update_layout(
        template=None,
        height=HEIGHT_PX,
        margin={"l": 8, "r": 8, "t": 30 if title else 10, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "IBM Plex Sans, sans-serif", "color": TEXT_COLOUR, "size": 12},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={**axis, "title": {"text": x_title}, "hoverformat": x_format},
        yaxis={**axis, "title": {"text": y_title}, "hoverformat": y_format},
    )
    if title:
        figure.update_layout(title={"text": title, "font": {"size": 13}, "x": 0, "xref": "paper"})
    return figure


def add_band(figure: go.Figure, low: Any, high: Any, name: str, fill_colour: str) -> None:
    """Fill what lies between two lines of values, both of shape (n,)."""
    edge: dict[str, Any] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(y=low, showlegend=False, **edge)
    figure.add_scatter(y=high, name=name, fill="tonexty", fillcolor=fill_colour, **edge)


def live(
    points: Sequence[RatePoint],
    curves: Mapping[str, Sequence[RatePoint]],
    budget_bytes: int,
    kind: Kind,
    result: RatePoint | None = None,
    name: str = "This run",
) -> go.Figure:
    """Quality against size as a run goes on, over the curves of other codecs.

    Args:
        points: of the run so far, oldest first.
        curves: by codec, for this very signal.
        budget_bytes: marked by a line; the chart is a little more than twice as wide.
        kind: of the signal.
        result: what came of the run, if it is done.
        name: of the line of the run.
    """
    limit = 2.2 * budget_bytes
    points = thinned(points)
    quality = f"PSNR in dB{' of the sound' if kind == 'audio' else ''}"
    figure = blank("Size in bytes", quality, x_format=",.0f", y_format=".2f")
    for codec, curve in curves.items():
        figure.add_scatter(
            x=[point.bytes_count for point in curve],
            y=[round(point.psnr_db, 3) for point in curve],
            name=label(codec),
            mode="lines+markers",
            line={"color": colour(codec), "width": 1.5},
            marker={"size": 6, "symbol": sign(codec)},
        )
    figure.add_scatter(
        x=[point.bytes_count for point in points],
        y=[round(point.psnr_db, 3) for point in points],
        name=name,
        mode="lines",
        line={"color": OURS_COLOUR, "width": 3},
    )
    if result is not None:
        figure.add_scatter(
            x=[result.bytes_count],
            y=[round(result.psnr_db, 3)],
            name="Result",
            mode="markers",
            marker={"color": OURS_COLOUR, "size": 11},
        )
    figure.add_vline(budget_bytes, line={"color": TEXT_COLOUR, "width": 1, "dash": "dot"})
    figure.update_xaxes(range=[0, limit])
    seen = [
        point.psnr_db
        for curve in (points, (result,) if result else (), *curves.values())
        for point in curve
        if point.bytes_count <= limit and math.isfinite(point.psnr_db)
    ]
    if seen:
        figure.update_yaxes(range=[min(seen) - 0.5, max(seen) + 1])
    return figure


def bit_map(
    bits: NDArray[np.float32], kind: Kind, picture: NDArray[np.uint8] | None = None
) -> go.Figure:
    """Where the bits go: over the picture, or over time and frequency of a clip.

    Args:
        bits: in each region, shape (rows, columns): rows from the top of a picture, or from the
            low frequencies up.
        kind: of the signal.
        picture: of shape (height, width, channels) that is seen through the map.
    """
    pooled, side = _pooled(bits)
    is_image = kind == "image"
    figure = blank("" if is_image else "Time", "" if is_image else "Frequency")
    figure.add_heatmap(
        z=pooled,
        opacity=1 if picture is None else _VEIL,
        colorscale="Viridis",
        colorbar={
            "title": {"text": "bits"},
            "thickness": 10,
            "outlinewidth": 0,
            "tickformat": _TICKS,
        },
        hovertemplate="%{z:,.0f} bits<extra></extra>",
    )
    bare = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False}
    figure.update_xaxes(bare)
    figure.update_yaxes(bare)
    if is_image:
        figure.update_xaxes(constrain="domain")
        figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain")
    if picture is not None:
        rows, columns = (size / side for size in bits.shape)
        place = {"x": -0.5, "y": -0.5, "sizex": columns, "sizey": rows, "sizing": "stretch"}
        figure.add_layout_image(place, source=_grey(picture), xref="x", yref="y", layer="below")
    return figure


def posterior(
    prior_mean: NDArray[np.float32],
    prior_std: NDArray[np.float32],
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
) -> go.Figure:
    """Posterior of each weight (mean and standard deviation) over its prior's 95 % range.

    All arrays have shape (weights,). The weights are shown with the widest prior first.
    """
    order = np.argsort(-prior_std, kind="stable")
    prior_mean, prior_std, mean, std = (
        np.asarray(values, np.float32)[order] for values in (prior_mean, prior_std, mean, std)
    )
    figure = blank("Weight, widest prior first", "Value", x_format=",.0f")
    add_band(
        figure, prior_mean - 1.96 * prior_std, prior_mean + 1.96 * prior_std, "Prior", _BAND_COLOUR
    )
    figure.add_scatter(
        y=mean,
        error_y={"array": std, "thickness": 1, "width": 0},
        name="Posterior",
        mode="markers",
        marker={"color": OURS_COLOUR, "size": 4},
    )
    return figure


def of_clips(signals: Mapping[str, cc.Signal]) -> tuple[go.Figure, ...]:
    """Charts of one or two clips by name: waveforms, then spectrograms; none of images."""
    if any(signal.kind == "image" for signal in signals.values()):
        return ()
    return waveform(signals), *(spectrogram(signal, name) for name, signal in signals.items())


def waveform(signals: Mapping[str, cc.Signal]) -> go.Figure:
    """Clips over each other as envelopes, by name: the first as a band, the others as outlines."""
    figure = blank("Time in s", "", x_format=".2f", y_format=".2f")
    colours = (_BEHIND_COLOUR, OURS_COLOUR, *OTHER_COLOURS)
    for (name, signal), line in zip(signals.items(), cycle(colours), strict=False):
        low, high, seconds = _envelope(signal)
        is_band = not figure.data
        figure.add_scatter(
            x=np.concatenate([seconds, seconds[::-1]]),
            y=np.concatenate([low, high[::-1]]),
            name=name,
            mode="lines",
            line={"width": 0.5 if is_band else 1.25, "color": line},
            fill="toself",
            fillcolor=line if is_band else "rgba(0,0,0,0)",
            hoverinfo="skip",
        )
    return figure


def spectrogram(signal: cc.Signal, title: str = "") -> go.Figure:
    """Power of a clip over time and frequency, all channels mixed, 80 dB below its peak."""
    from scipy.signal import ShortTimeFFT  # Takes seconds, and the page never needs it.
    from scipy.signal.windows import hann

    assert signal.sample_rate is not None
    mono = to_mono(signal).values[0].astype(np.float64)
    length = min(max(16, round(_SPECTRUM_WINDOW_S * signal.sample_rate)), 2 * (signal.samples // 2))
    hop = max(1, min(length // 2, signal.samples // _SPECTRUM_COLUMNS))
    transform = ShortTimeFFT(hann(length, sym=False), hop, signal.sample_rate)
    power = _squeezed(np.square(np.abs(transform.stft(mono))))
    peak = max(float(power.max()), 1e-30)
    level_db = 10 * np.log10(np.maximum(power / peak, 10 ** (-_SPECTRUM_RANGE_DB / 10)))
    rows, columns = level_db.shape
    figure = blank("Time in s", "kHz", title, x_format=".2f", y_format=".1f")
    figure.add_heatmap(
        z=np.rint(level_db).astype(np.int8),
        x0=0,
        dx=signal.duration_s / columns,
        y0=0,
        dy=signal.sample_rate / 2000 / rows,
        zmin=-_SPECTRUM_RANGE_DB,
        zmax=0,
        colorscale="Magma",
        colorbar={"title": {"text": "dB"}, "thickness": 10, "outlinewidth": 0},
        hovertemplate="%{x:.2f} s, %{y:.1f} kHz: %{z} dB<extra></extra>",
    )
    return figure


def rate_distortion(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    *,
    rate_label: str = "Rate in bits per pixel",
    quality_label: str = "PSNR in dB",
    rate_digits: int = 3,
    quality_digits: int = 2,
    ours: Collection[str] = (),
    quoted: Collection[str] = (),
    log_rate: bool = False,
) -> go.Figure:
    """Curves of many codecs.

    Args:
        curves: (rate, quality) by name; names of `CODECS` are spelt out.
        rate_label, quality_label: titles of the axes.
        rate_digits, quality_digits: after the point.
        ours: names drawn thick.
        quoted: names of curves published by others, drawn dashed, not measured here.
        log_rate: whether the axis of rates is logarithmic.
    """
    formats = {"x_format": f".{rate_digits}f", "y_format": f".{quality_digits}f"}
    figure = blank(rate_label, quality_label, **formats)
    others = cycle(OTHER_COLOURS)
    for name, points in curves.items():
        own = name in ours
        line = colour(name) if own or is_known(name) else next(others)
        rates, quality = zip(*sorted(points), strict=True) if points else ((), ())
        figure.add_scatter(
            x=rates,
            y=[round(value, 3) for value in quality],
            name=label(name) + (" (published)" if name in quoted else ""),
            mode="lines+markers",
            line={
                "color": line,
                "width": 3 if own else 1.5,
                "dash": "dash" if name in quoted else "solid",
            },
            marker={
                "size": 7 if own or is_known(name) else 5,
                "symbol": "circle-open" if name in quoted else sign(name),
            },
        )
    below = {"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom"}
    figure.update_layout(height=460, legend=below)
    if log_rate:
        figure.update_xaxes(type="log")
    return figure


def thinned(points: Sequence[PointT], most: int = _MAX_POINTS) -> Sequence[PointT]:
    """Few enough points for a chart, the last among them."""
    step = math.ceil(len(points) / most)
    return points[::-1][::step][::-1] if step > 1 else points


def _grey(picture: NDArray[np.uint8]) -> str:
    """A small picture without colours, as an address that holds it."""
    from PIL import Image

    step = math.ceil(max(picture.shape[:2]) / _GREY_PX)
    stream = BytesIO()
    grey = picture[::step, ::step].mean(axis=2).astype(np.uint8)
    Image.fromarray(grey).save(stream, "WEBP", quality=_GREY_QUALITY)
    return f"data:image/webp;base64,{b64encode(stream.getvalue()).decode()}"


def _pooled(bits: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Sums over blocks, as large as needed for few enough cells, and their side."""
    side = next(
        side
        for side in range(1, max(bits.shape) + 1)
        if math.prod(math.ceil(extent / side) for extent in bits.shape) <= _MAX_CELLS
    )
    rows, columns = (math.ceil(extent / side) * side for extent in bits.shape)
    padded = np.zeros((rows, columns), np.float32)
    padded[: bits.shape[0], : bits.shape[1]] = bits
    blocks = padded.reshape(rows // side, side, columns // side, side)
    sums: NDArray[np.float32] = blocks.sum(axis=(1, 3))
    return sums, side


def _envelope(
    signal: cc.Signal,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Least and greatest sample of each column, and the columns' times in seconds."""
    assert signal.sample_rate is not None
    starts = _starts(signal.samples, _MAX_COLUMNS)
    low = np.minimum.reduceat(signal.values.min(axis=0), starts)
    high = np.maximum.reduceat(signal.values.max(axis=0), starts)
    return low, high, (starts / signal.sample_rate).astype(np.float32)


def _squeezed(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Peaks over blocks of rows and columns, few enough for a chart."""
    for axis, max_pieces in enumerate((_SPECTRUM_ROWS, _SPECTRUM_COLUMNS)):
        power = np.maximum.reduceat(power, _starts(power.shape[axis], max_pieces), axis=axis)
    return power


def _starts(extent: int, max_pieces: int) -> NDArray[np.int64]:
    """Where at most so many pieces of about the same length begin."""
    return np.unique(
        np.linspace(0, extent, min(extent, max_pieces), endpoint=False).astype(np.int64)
    )
