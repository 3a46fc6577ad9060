"""How much a request may bring: bytes, files, and room on disk for them."""

from __future__ import annotations

import anyio
import anyio.to_thread
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.security.disk import Disk
from demo.security.door import READING, UPLOAD
from demo.security.refusals import refuse
from demo.settings import Settings

_MAX_BYTES = 1 << 20
# Boundaries and headers of the parts that the files are sent in.
_AROUND_FILES_BYTES = 1 << 16
_MAX_FILES = 4
_ROOM_CHECKED_EVERY_BYTES = 4 << 20
_DRAIN_BYTES, _DRAIN_S = 4 << 20, 2.0


class BodyLimits:
    """Refuses requests that bring too much, before or while they do.

    Args:
        app: behind it.
        settings: of the app.
        disk: where uploads go.
    """

    def __init__(self, app: ASGIApp, settings: Settings, disk: Disk) -> None:
        self._app, self._disk = app, disk
        self._max_upload_bytes = settings.max_upload_bytes + _AROUND_FILES_BYTES
        self._max_upload_mb = settings.max_upload_mb

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_upload = scope["path"] == UPLOAD
        limit = self._max_upload_bytes if is_upload else _MAX_BYTES
        boundary = _boundary(headers) if is_upload else b""
        received, delimiters, tail, room_checked_at = 0, 0, b"", 0
        started = refused = False

        async def say_no(status: int, sentence: str) -> Message:
            nonlocal refused
            if not started and not refused:
                await _drain(receive)
                await refuse(status, sentence, scope, receive, send)
            refused = True
            return {"type": "http.disconnect"}

        async def check_room(coming_bytes: int) -> bool:
            return await anyio.to_thread.run_sync(self._disk.make_room, coming_bytes)

        async def measured() -> Message:
            nonlocal received, delimiters, tail, room_checked_at
            if refused:
                return {"type": "http.disconnect"}
            message = await receive()
            body = message.get("body", b"")
            received += len(body)
            if received > limit:
                return await say_no(413, self._too_large(is_upload))
            if boundary:
                delimiters += (tail + body).count(boundary)
                tail = (tail + body)[-(len(boundary) - 1) :]
                if delimiters > _MAX_FILES + 1:
                    return await say_no(413, f"At most {_MAX_FILES} files may be sent at once.")
            if is_upload and received - room_checked_at > _ROOM_CHECKED_EVERY_BYTES:
                room_checked_at = received
                if not await check_room(0):
                    return await say_no(507, _NO_ROOM)
            return message

        async def sent(message: Message) -> None:
            nonlocal started
            if not refused:
                started = True
                await send(message)

        declared = int(headers.get("content-length") or 0)
        if declared > limit:
            await say_no(413, self._too_large(is_upload))
        elif is_upload and not await check_room(declared):
            await say_no(507, _NO_ROOM)
        else:
            try:
                await self._app(scope, measured, sent)
            except Exception:
                if not refused:  # The app takes a refusal for a client that left.
                    raise

    def _too_large(self, is_upload: bool) -> str:
        if is_upload:
            return f"At most {self._max_upload_mb:g} MB are accepted here."
        return "The request is too large."


_NO_ROOM = "There is no room for more files at present: try again in a minute."


async def _drain(receive: Receive) -> None:
    """Take in a little of what still comes: clients that cannot send on do not read the answer."""
    dropped = 0
    with anyio.move_on_after(_DRAIN_S):
        while dropped < _DRAIN_BYTES:
            message = await receive()
            dropped += len(message.get("body", b""))
            if not message.get("more_body", False):
                return


def _boundary(headers: Headers) -> bytes:
    """What stands before each file, and once more after the last."""
    _, options = parse_options_header(headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    return b"--" + boundary if boundary else b""
