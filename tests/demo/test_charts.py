"""Charts: what they show is what they were given, legible on light and dark, and small."""

from __future__ import annotations

import itertools
import json
import math
from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

import combiner_core as cc
from combiner_core.signals import Kind
from demo.codecs import CODECS, RatePoint
from demo.ui import charts, looks
from demo.ui.chart_tables import table_of

MAX_PAYLOAD_BYTES = 12_000
# From linear sRGB to cones, from their cube roots to Oklab.
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def curve(points: int, scale: float = 1.0) -> list[RatePoint]:
    return [RatePoint(100 * (i + 1), scale * (20 + math.log2(i + 1))) for i in range(points)]


def contrast(colour: str, background: float) -> float:
    """Contrast ratio as WCAG defines it, to a background of that relative luminance."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    high, low = max(luminance, background), min(luminance, background)
    return (high + 0.05) / (low + 0.05)


def apart(one: str, other: str) -> float:
    """Distance of two colours to the eye, in Oklab."""
    places = []
    for colour in (one, other):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        places.append(OKLAB @ np.cbrt(CONES @ linear))
    return float(np.linalg.norm(places[0] - places[1]))


def payload(figure: go.Figure) -> str:
    return str(figure.to_json())


def test_live_chart_frames_the_budget() -> None:
    points = curve(40)
    figure = charts.live(points, {"avif-psnr": curve(6, 1.1)}, 4000, "image")
    low, high = figure.layout.xaxis.range
    assert low == 0
    assert high > 4000
    names = [trace.name for trace in figure.data]
    assert "AVIF (tune=psnr)" in names
    run = figure.data[names.index("This run")]
    assert (run.x[-1], run.y[-1]) == (4000, round(points[-1].psnr_db, 3))
    result = charts.live(points, {}, 4000, "image", RatePoint(3990, 31.5)).data[-1]
    assert (result.name, result.x, result.y) == ("Result", (3990,), (31.5,))
    table = table_of(figure)
    assert f"<td>4,000</td><td>{points[-1].psnr_db:.2f}</td>" in table
    assert table.count("AVIF (tune=psnr)") == 6
    bottom, top = figure.layout.yaxis.range
    assert bottom < 20
    assert top > points[-1].psnr_db


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_live_chart_before_the_first_point(kind: Kind) -> None:
    json.loads(payload(charts.live([], {}, 4000, kind)))
    json.loads(payload(charts.live([RatePoint(0, math.inf)], {}, 4000, kind)))


def test_long_run_is_thinned_but_ends_where_it_is() -> None:
    points = curve(20_000)
    figure = charts.live(points, {}, 10**6, "image")
    assert len(figure.data[0].x) <= 200
    assert figure.data[0].x[-1] == points[-1].bytes_count


def test_tables_say_what_charts_show(clip: cc.Signal, rng: np.random.Generator) -> None:
    cells = np.repeat(np.arange(3), 4)[:, None] * np.full((1, 20), 10.0)
    table = table_of(charts.bit_map(cells.astype(np.float32), "image"))
    assert table.count("<tr>") == 7
    assert table.count("<td>20</td>") == 16
    assert "bits, means" in table
    table = table_of(charts.spectrogram(clip))
    assert "kHz / Time in s" in table
    assert table.count("<td>") == 48
    table = table_of(charts.waveform({"A <b>": clip}))
    assert "A &lt;b&gt;" in table
    last = clip.values[0, -clip.samples // 220 :].max()
    assert f"<td>{last:.2f}</td></tr></tbody>" in table
    for figure in charts.of_clips({"Voice": clip}):  # As it comes from a worker.
        assert table_of(go.Figure(figure.to_dict())) == table_of(figure)
    weights = rng.normal(size=(4, 30)).astype(np.float32) ** 2
    assert table_of(charts.posterior(*weights)).count('scope="row">Posterior') == 8


@pytest.mark.parametrize("shape", [(1, 1), (8, 12), (500, 333), (1, 5000)])
def test_bit_map_keeps_the_sum(shape: tuple[int, int], rng: np.random.Generator) -> None:
    bits = rng.gamma(1, 20, shape).astype(np.float32)
    figure = charts.bit_map(bits, "image")
    assert np.sum(figure.data[0].z) == pytest.approx(bits.sum(), rel=1e-4)
    assert figure.layout.yaxis.autorange == "reversed"
    assert len(payload(figure)) <= MAX_PAYLOAD_BYTES


def test_a_picture_is_seen_through_the_map_of_its_bits(rng: np.random.Generator) -> None:
    picture = np.zeros((300, 500, 3), np.uint8)
    picture[:, 250:] = 255
    figure = charts.bit_map(rng.gamma(1, 20, (75, 125)).astype(np.float32), "image", picture)
    assert figure.data[0].opacity < 1
    (beneath,) = figure.layout.images
    rows, columns = np.shape(figure.data[0].z)
    assert (beneath.x, beneath.y) == (-0.5, -0.5)  # Where the first cell begins.
    assert columns - 1 < beneath.sizex <= columns
    assert rows - 1 < beneath.sizey <= rows
    _, _, content = beneath.source.partition("base64,")
    grey = np.asarray(Image.open(BytesIO(b64decode(content))))[..., 0]
    assert grey.shape[0] / grey.shape[1] == pytest.approx(0.6, abs=0.01)
    assert grey[:, : grey.shape[1] // 3].max() < 20
    assert grey[:, -grey.shape[1] // 3 :].min() > 235


def test_spectrogram_shows_a_tone_where_it_is() -> None:
    t_s = np.arange(32000) / 16000
    tone = cc.Signal.audio(0.5 * np.sin(2 * np.pi * 3000 * t_s), 16000)
    heat = charts.spectrogram(tone, "Tone").data[0]
    loudest = np.argmax(np.asarray(heat.z).mean(axis=1))
    assert heat.y0 + loudest * heat.dy == pytest.approx(3, abs=0.2)
    assert np.max(heat.z) == 0
    assert heat.dx * np.shape(heat.z)[1] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("samples", [16, 100, 700])
def test_sounds_of_any_length_are_drawn(samples: int) -> None:
    for level in (0.0, 0.5):
        clip = cc.Signal.audio(np.full((2, samples), level), 8000)
        json.loads(payload(charts.spectrogram(clip)))
        json.loads(payload(charts.waveform({"Original": clip})))


def test_waveform_reaches_the_peaks(clip: cc.Signal) -> None:
    trace = charts.waveform({"Original": clip}).data[0]
    assert np.max(trace.y) == clip.values.max()
    assert np.min(trace.y) == clip.values.min()


def test_posterior_is_sorted_by_prior(rng: np.random.Generator) -> None:
    prior_mean, prior_std, mean, std = rng.gamma(1, 1, (4, 256)).astype(np.float32)
    figure = charts.posterior(prior_mean, prior_std, mean, std)
    widest = np.argmax(prior_std)
    shown = next(trace for trace in figure.data if trace.name == "Posterior")
    assert shown.y[0] == mean[widest]
    assert shown.error_y.array[0] == std[widest]


def test_rate_distortion_marks_what_is_quoted() -> None:
    curves = {"multires": [(0.2, 30.0), (0.1, 27.0)], "COIN": [(0.1, 23.0)], "VTM": []}
    figure = charts.rate_distortion(curves, ours={"multires"}, quoted={"COIN"}, log_rate=True)
    ours, coin, _ = figure.data
    assert list(ours.x) == [0.1, 0.2]
    assert ours.line.dash == "solid"
    assert coin.line.dash == "dash"
    assert "published" in coin.name
    assert ours.line.color != coin.line.color


def test_charts_are_small(clip: cc.Signal, rng: np.random.Generator) -> None:
    curves = {codec: curve(6) for codec in CODECS["image"]}
    weights: Any = rng.normal(0, 1, (4, 256)).astype(np.float32)
    figures = [
        charts.live(curve(5000), curves, 5000, "image"),
        charts.bit_map(rng.gamma(1, 20, (64, 96)).astype(np.float32), "audio"),
        charts.posterior(*abs(weights)),
        charts.waveform({"Original": clip, "Ours": clip}),
        charts.spectrogram(clip),
    ]
    sizes = [len(payload(figure)) for figure in figures]
    assert max(sizes) <= MAX_PAYLOAD_BYTES, sizes
    for figure in figures:
        assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_colours_stand_out_on_light_and_dark() -> None:
    for codec in (*CODECS["image"], *CODECS["audio"], "siren", "ours"):
        assert contrast(looks.colour(codec), 1.0) >= 3
        assert contrast(looks.colour(codec), 0.01) >= 3


@pytest.mark.parametrize("kind", ["image", "audio"])
def test_codecs_are_told_apart(kind: Kind) -> None:
    codecs = CODECS[kind]
    assert len({looks.sign(codec) for codec in codecs}) == len(codecs)
    for one, other in itertools.combinations((*codecs, "ours"), 2):
        assert apart(looks.colour(one), looks.colour(other)) > 0.13
    names = ("avif (tune=iq)", "avif-iq") if kind == "image" else ("opus (audio)", "opus")
    assert looks.colour(names[0]) == looks.colour(names[1])


def test_neither_clip_hides_the_other(clip: cc.Signal) -> None:
    original, ours = charts.waveform({"Original": clip, "COMBINER": clip}).data
    assert original.line.color != ours.line.color
    assert original.fillcolor == original.line.color
    assert ours.fillcolor == "rgba(0,0,0,0)"


def test_figures_of_a_kind_are_written_alike() -> None:
    points = {"jpeg": [(0.298, 30.0), (0.3, 30.125), (1234.5, 31)]}
    figure = charts.rate_distortion(points)
    assert "<td>0.298</td><td>30.00</td>" in table_of(figure)
    assert "<td>0.300</td><td>30.12</td>" in table_of(figure)
    figure = charts.rate_distortion(points, rate_digits=2, quality_digits=1)
    assert "<td>0.30</td><td>30.0</td>" in table_of(figure)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert axis.tickformat == ",.6~f"
