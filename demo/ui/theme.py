"""How the page looks: colours, fonts that come with Gradio, the header and the footer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import gradio as gr

import combiner_core

STYLE = Path(__file__).with_name("style.css")
_SCRIPTS = tuple(
    Path(__file__).with_name(name)
    for name in ("connection.js", "answers.js", "drops.js", "page.js", "places.js")
)

# Steel: greys with a breath of blue, dark enough at 500 to be read on white.
_NEUTRAL = gr.themes.Color(
    name="steel",
    c50="#f6f7f8",
    c100="#eceef1",
    c200="#dde1e6",
    c300="#c3c9d1",
    c400="#98a1ad",
    c500="#5f6875",
    c600="#4a525d",
    c700="#343a44",
    c800="#1f242c",
    c900="#161a20",
    c950="#0e1116",
)
_LINKS: Mapping[str, str] = MappingProxyType(
    {
        "Paper": "https://arxiv.org/abs/2305.19185",
        "Its code": "https://github.com/cambridge-mlg/combiner",
        "API": "?view=api",
    }
)
_MARK = """<svg viewBox="0 0 48 32" width="48" height="32" aria-hidden="true" focusable="false">
<path class="prior" d="M1 29 C12 29 14 17 24 17 S36 29 47 29"/>
<path class="posterior" d="M20 29 C25 29 26 3 30 3 S35 29 40 29"/>
<path class="axis" d="M0 29.5 H48"/></svg>"""


def theme() -> gr.themes.Theme:
    """The theme; its fonts are served by the app itself, in the weights Gradio has of them."""
    look = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=_NEUTRAL,
        radius_size=gr.themes.sizes.radius_md,
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "sans-serif"],
        font_mono=[gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "monospace"],
    )
    return look.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_700",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_shadow="none",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_800",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        checkbox_label_background_fill="*neutral_100",
        checkbox_label_background_fill_dark="*neutral_800",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="*primary_900",
        checkbox_label_border_color="*neutral_200",
        checkbox_label_border_color_dark="*neutral_700",
        checkbox_label_border_color_selected="*primary_600",
        checkbox_label_border_color_selected_dark="*primary_400",
        checkbox_background_color_selected="*primary_600",
        checkbox_border_color="*neutral_400",
        checkbox_border_color_dark="*neutral_500",
        button_large_text_size="*text_md",
        button_border_width="1px",
        button_border_width_dark="1px",
        button_primary_border_color="transparent",
        button_primary_border_color_dark="transparent",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_text_color="*neutral_900",
        button_secondary_text_color_dark="*neutral_100",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_600",
        button_cancel_background_fill="white",
        button_cancel_background_fill_dark="*neutral_800",
        button_cancel_background_fill_hover="#fdecec",
        button_cancel_background_fill_hover_dark="#3a1d1f",
        button_cancel_text_color="#b42318",
        button_cancel_text_color_dark="#ff9b91",
        button_cancel_border_color="#e3a29c",
        button_cancel_border_color_dark="#7a3a36",
    )


def head() -> str:
    """What goes into the head of the page: scripts that the tabs share."""
    return "".join(f"<script>{path.read_text(encoding='utf-8')}</script>" for path in _SCRIPTS)


def header() -> str:
    """HTML of the top of the page: the name, what it is, where to read more."""
    links = "".join(f'<a href="{address}">{name}</a>' for name, address in _LINKS.items())
    return (
        f'<header class="site-header">{_MARK}<div><h1>COMBINER</h1>'
        "<p>Shrinks pictures and sound by fitting a small function to each: photographs take about "
        "half the bytes of a JPEG that looks as good.</p></div>"
        f'<nav aria-label="Read more">{links}</nav></header>'
    )


def footer() -> str:
    """HTML of the end of the page: version and credits."""
    return (
        f'<footer class="site-footer"><p>Version {combiner_core.__version__} · '
        "after Guo et al., <cite>Compression with Bayesian Implicit Neural "
        "Representations</cite>, NeurIPS 2023 · what you upload stays on the machine that runs "
        "this page and is deleted after a while.</p></footer>"
    )
