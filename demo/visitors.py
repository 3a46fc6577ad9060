"""Visitors: who a request is from, and whether they still wait for its answer."""

from __future__ import annotations

import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.scheduling import Visitor
from demo.security.networks import network_of

_COOKIE, _COOKIE_LIFE_S = "combiner-visitor", 30 * 24 * 3600
_PAGE = "/"
_STREAM, _CALL = "/gradio_api/queue/data", "/gradio_api/call/"
# After this message the browser may break off first: nothing is lost.
_LAST_MESSAGE = b'data: {"msg":"close_stream"'
_DIRECT = ("/gradio_api/run/", "/gradio_api/api/")
_MAX_REMEMBERED, _LONGEST_NAME = 4096, 64
# Who asked, but does not listen for so long, will not.
_COMING_S = 30.0


@dataclass(frozen=True)
class Listener:
    """Somebody who waits for an answer.

    Attributes:
        visitor: who it is.
        has_left: tells whether they hung up meanwhile.
    """

    visitor: Visitor
    has_left: Callable[[], Awaitable[bool]]


class Visitors:
    """Tells visitors apart, by network and then by browser or session, and who hung up.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Sessions, and when their last stream of answers was broken off.
        self._broken: OrderedDict[str, float] = OrderedDict()
        self._heard: Counter[str] = Counter()  # Streams of answers that are open, by session.

    def watching(self, app: ASGIApp) -> ASGIApp:
        """An app whose requests are seen here."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (session := _session_heard(scope)):
                await self._watch(session[:_LONGEST_NAME], app, scope, receive, send)
            elif scope["type"] == "http" and scope["path"] == _PAGE and not _cookie(scope):
                await app(scope, receive, _naming(send))
            else:
                await app(scope, receive, send)

        return watched

    def listener(self, request: gr.Request) -> Listener:
        """Who waits for the answer to a request; to be called when it arrives."""
        address = request.client.host if request.client else ""
        session = str(request.session_hash or "")[:_LONGEST_NAME]
        name = request.cookies.get(_COOKIE) or session
        visitor = Visitor(network_of(address), name[:_LONGEST_NAME])
        if request.url.path.startswith(_DIRECT):
            return Listener(visitor, request.request.is_disconnected)
        arrived_s = self._clock()

        async def has_left() -> bool:
            if self._broken.get(session, arrived_s) > arrived_s:
                return True
            return session not in self._heard and self._clock() > arrived_s + _COMING_S

        return Listener(visitor, has_left)

    async def _watch(
        self, session: str, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Pass a stream of answers on; note when it ends before all were sent."""
        is_complete = has_left = False
        self._heard[session] += 1

        async def received() -> Message:
            nonlocal has_left
            message = await receive()
            if message["type"] == "http.disconnect" and not is_complete:
                has_left = True
                self._note(session)
            return message

        async def sent(message: Message) -> None:
            nonlocal is_complete
            if message["type"] == "http.response.body":
                is_last = message.get("body", b"").startswith(_LAST_MESSAGE)
                is_complete = is_complete or is_last or not message.get("more_body", False)
            await send(message)

        try:
            await app(scope, received, sent)
        finally:
            self._heard[session] -= 1
            if not self._heard[session]:
                del self._heard[session]
            if not is_complete and not has_left:
                self._note(session)

    def _note(self, session: str) -> None:
        self._broken[session] = self._clock()
        self._broken.move_to_end(session)
        if len(self._broken) > _MAX_REMEMBERED:
            self._broken.popitem(last=False)


def _session_heard(scope: Scope) -> str:
    """Whose answers a request is to hear; empty for other requests."""
    path: str = scope["path"]
    if scope["method"] != "GET":
        return ""
    if path == _STREAM:
        query: str = scope["query_string"].decode("latin-1")
        return parse_qs(query).get("session_hash", [""])[0]
    # Without a session of their own, events of programs are one each.
    return path.rpartition("/")[2] if path.startswith(_CALL) else ""


def _cookie(scope: Scope) -> str:
    try:
        cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return ""
    value: str = cookies[_COOKIE].value if _COOKIE in cookies else ""
    return value


def _naming(send: Send) -> Send:
    """Give the browser a name, so that all its pages are one visitor."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            value = f"{_COOKIE}={secrets.token_urlsafe(16)}; Max-Age={_COOKIE_LIFE_S}; Path=/"
            MutableHeaders(scope=message).append("set-cookie", value)
        await send(message)

    return named
