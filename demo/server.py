"""Serving the page: where its files lie, how long, and what may be asked of it at once."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

from combiner_core import CombinerError
from combiner_core.devices import resolve
from combiner_core.options import DeviceName
from demo import page
from demo.runs import Runner

_MAX_UPLOAD = "64mb"
_MAX_WAITING = 16
_STYLE = Path(__file__).with_name("style.css")


def serve(host: str, port: int, device: DeviceName) -> None:
    """Serve the page until interrupted; what was uploaded or made is deleted at the end.

    Args:
        host: address to listen on.
        port: port to listen on.
        device: where to fit and decode.

    Raises:
        CombinerError: the device is not there, or nothing can listen at that address.
    """
    resolve(device)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Stop as on Ctrl-C, tidily.
    with TemporaryDirectory(prefix="combiner-") as folder, Runner(device) as runner:
        os.environ["GRADIO_TEMP_DIR"] = folder  # Read when the components are made.
        blocks = page.build(runner)
        blocks.queue(max_size=_MAX_WAITING)
        try:
            blocks.launch(
                server_name=host,
                server_port=port,
                theme=_theme(),
                css_paths=_STYLE,
                max_file_size=_MAX_UPLOAD,
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
            )
        except (OSError, OverflowError) as error:
            raise CombinerError(f"Port {port} of {host} is taken or cannot be used.") from error
        print(f"COMBINER is served at {blocks.local_url} until you press Ctrl-C.", flush=True)
        blocks.block_thread()


def _theme() -> gr.themes.Theme:
    """Fonts that come with Gradio, in the weights it has of them: nothing is fetched."""
    sans = gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700))
    mono = gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700))
    theme = gr.themes.Default(
        primary_hue="blue", font=[sans, "sans-serif"], font_mono=[mono, "monospace"]
    )
    # The default greys are too faint to read.
    grey = "*neutral_500"
    return theme.set(body_text_color_subdued=grey, block_info_text_color=grey)
