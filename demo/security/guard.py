"""The guard before Gradio's app: every request passes it first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import anyio.to_thread
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.security.bodies import BodyLimits
from demo.security.disk import Disk
from demo.security.door import Door
from demo.security.headers import SafeHeaders
from demo.security.hosts import Hosts
from demo.security.logins import SlowLogins
from demo.settings import Settings

_SWEEP_INTERVAL_S = 30.0
_SWEEPS_A_LIFE = 4


class Guard:
    """Lets HTTP requests through that keep to the rules; nothing here speaks WebSocket.

    Args:
        app: that is guarded.
        settings: of the app.
        disk: where uploads go.
    """

    def __init__(self, app: ASGIApp, settings: Settings, disk: Disk) -> None:
        self._app = app
        inner: ASGIApp = BodyLimits(app, settings, disk)
        if settings.login is not None:
            inner = SlowLogins(inner)
        self._guarded = SafeHeaders(Door(inner, Hosts.of(settings)), settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the server start and end."""
        if scope["type"] == "http":
            await self._guarded(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)


def guarding(
    settings: Settings, disk: Disk, watching: Callable[[ASGIApp], ASGIApp]
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """What Gradio's app does while it lives: it is guarded, and its folder swept.

    Args:
        settings: of the app.
        disk: where its files lie.
        watching: what else sees the requests that pass.
    """
    interval_s = min(_SWEEP_INTERVAL_S, settings.files_life_s / _SWEEPS_A_LIFE)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Here, before any request, and not as middleware: Gradio puts its own before those given.
        assert app.middleware_stack is not None
        app.middleware_stack = Guard(watching(app.middleware_stack), settings, disk)
        sweeping = asyncio.create_task(_sweep(disk, interval_s))
        try:
            yield
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping

    return lifespan


async def _sweep(disk: Disk, interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        await anyio.to_thread.run_sync(disk.sweep)
