"""The page on its way to browsers: packed, as what it is made of repeats itself."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_PAGE = "/"


def packed(app: ASGIApp) -> ASGIApp:
    """An app that sends its page in about a fifth of the bytes; all else as it is."""
    zipped = GZipMiddleware(app, compresslevel=6)

    async def sent(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["path"] == _PAGE
        await (zipped if is_page else app)(scope, receive, send)

    return sent
