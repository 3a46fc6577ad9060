"""Serving the page: where its files lie, how long, and what may be asked of it at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from combiner_core import CombinerError
from combiner_core.presets import DIRECTORY_VARIABLE
from demo.capacity import capacity_of
from demo.folder import own_folder
from demo.jobs import JobQueue, Lanes
from demo.settings import Settings
from demo.workers.cluster import Cluster

if TYPE_CHECKING:  # Nothing of the page is imported before the workers start.
    from starlette.types import ASGIApp

_MAX_EVENTS_WAITING = 1024
# Events that only look and draw. Those that wait for a worker come on top: of runs and of what is
# short, and of each up to twice the length of the queue, see `demo.scheduling`.
_MAX_QUICK_EVENTS, _WAITING_EVENTS = 64, 4


def serve(settings: Settings) -> None:
    """Serve the page until interrupted; what was uploaded or made is deleted at the end.

    What a server left that was killed is deleted at the start.

    Raises:
        CombinerError: the device or the cluster is not there, or nothing can listen at that
            address.
    """
    with _cluster(settings) as cluster:
        capacity = capacity_of(settings, cluster.machines() if cluster else None)
        # Stop as on Ctrl-C, tidily; Ray has a way of its own.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with (
            own_folder() as folder,
            JobQueue(
                folder / "jobs",
                Lanes(capacity, cluster),
                settings.input_limits,
                life_s=settings.files_life_s,
            ) as queue,
            _ending_undisturbed(),
        ):
            if settings.start_workers == "at-once":
                queue.warm_up()
            _serve_page(queue, settings, folder)


@contextmanager
def _cluster(settings: Settings) -> Iterator[Cluster | None]:
    """The cluster of the settings, or ``None`` for this machine, which then has the device."""
    if settings.executor == "ray":
        with closing(Cluster(settings.ray_address)) as cluster:
            yield cluster
        return
    if settings.device == "cuda":
        from combiner_core.devices import resolve  # Imports torch.

        resolve(settings.device)
    yield None


@contextmanager
def _ending_undisturbed() -> Iterator[None]:
    """Who asks for the end twice does not keep files and workers from being cleared away."""
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)


def _serve_page(queue: JobQueue, settings: Settings, folder: Path) -> None:
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "cache")  # Read by Gradio, from the first.
    # It takes seconds to import, in which the workers get ready.
    from demo import compress, page
    from demo.packing import packed
    from demo.security import Disk, exposure, guarding
    from demo.security.uploads import hide_names
    from demo.ui import sessions, theme
    from demo.visitors import Visitors

    if warning := exposure(settings):
        print(warning, file=sys.stderr, flush=True)
    if settings.presets is not None:
        os.environ[DIRECTORY_VARIABLE] = str(settings.presets)  # Read when files are inspected.
    hide_names()
    visitors = Visitors()
    disk = Disk(folder, settings.max_disk_bytes, settings.files_life_s, queue)
    blocks = page.build(queue, visitors, settings, folder)
    sessions.lighten(blocks)
    disk.keep_present()

    def outermost(app: ASGIApp) -> ASGIApp:
        return visitors.watching(packed(app, same_for_all=settings.login is None))

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
            max_threads=_MAX_QUICK_EVENTS + _WAITING_EVENTS * settings.queue_length,
            state_session_capacity=settings.max_sessions,
            app_kwargs={"lifespan": guarding(settings, disk, outermost)},
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
