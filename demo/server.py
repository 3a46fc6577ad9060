"""Serving the page: where its files lie, how long, and what may be asked of it at once."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from combiner_core import CombinerError
from combiner_core.devices import resolve
from combiner_core.presets import DIRECTORY_VARIABLE
from combiner_core.process import keep_freed_memory
from demo import compress, page
from demo.jobs import JobQueue
from demo.security import Disk, exposure, guarding
from demo.security.uploads import hide_names
from demo.settings import Settings
from demo.ui import theme

_MAX_EVENTS_WAITING = 64


def serve(settings: Settings) -> None:
    """Serve the page until interrupted; what was uploaded or made is deleted at the end.

    Raises:
        CombinerError: the device is not there, or nothing can listen at that address.
    """
    resolve(settings.device)
    if warning := exposure(settings):
        print(warning, file=sys.stderr, flush=True)
    keep_freed_memory()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Stop as on Ctrl-C, tidily.
    with (
        TemporaryDirectory(prefix="combiner-") as folder,
        JobQueue(
            Path(folder, "jobs"),
            device=settings.device,
            presets=settings.presets,
            queue_length=settings.queue_length,
            life_s=settings.files_life_s,
        ) as queue,
    ):
        os.environ["GRADIO_TEMP_DIR"] = str(Path(folder, "cache"))  # Read by the components.
        if settings.presets is not None:
            os.environ[DIRECTORY_VARIABLE] = str(settings.presets)  # Read when files are inspected.
        hide_names()
        queue.warm_up()
        disk = Disk(Path(folder), settings.max_disk_bytes, settings.files_life_s, queue)
        blocks = page.build(queue, settings, Path(folder))
        disk.keep_present()
        blocks.queue(max_size=_MAX_EVENTS_WAITING)
        try:
            blocks.launch(
                server_name=settings.host,
                server_port=settings.port,
                auth=settings.login,
                theme=theme.theme(),
                css_paths=[theme.STYLE, compress.STYLE],
                head=theme.head(),
                max_file_size=settings.max_upload_bytes,
                state_session_capacity=settings.max_sessions,
                app_kwargs={"lifespan": guarding(settings, disk)},
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
            )
        except (OSError, OverflowError) as error:
            where = f"Port {settings.port} of {settings.host}"
            raise CombinerError(f"{where} is taken or cannot be used.") from error
        print(f"COMBINER is served at {blocks.local_url} until you press Ctrl-C.", flush=True)
        blocks.block_thread()
