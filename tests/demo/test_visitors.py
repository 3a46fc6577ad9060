"""Visitors: who asks, and who still listens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import gradio as gr
import pytest
from gradio.server_messages import CloseStreamMessage
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from demo.scheduling import Visitor
from demo.visitors import Listener, Visitors


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def scope(path: str, query: str = "", client: str = "198.51.100.1", cookie: str = "") -> Scope:
    headers = [(b"cookie", cookie.encode())] if cookie else []
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": headers,
        "client": (client, 1234),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }


def listener(visitors: Visitors, session: str, **options: str) -> Listener:
    request = Request(scope("/gradio_api/queue/join", **options))
    return visitors.listener(gr.Request(request=request, session_hash=session))


async def stream(
    visitors: Visitors,
    session: str,
    during: Callable[[], Awaitable[None]],
    *,
    whole: bool = False,
    last: bytes = b"",
) -> None:
    """Hear the answers of a session, to their end or not, after one more message."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await during()
        if last:
            await send({"type": "http.response.body", "body": last, "more_body": True})
        if whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    where = scope("/gradio_api/queue/data", f"session_hash={session}")
    await visitors.watching(app)(where, receive, send)


def test_visitors_are_told_apart_by_network_and_name() -> None:
    visitors = Visitors()
    one = listener(visitors, "a", cookie="combiner-visitor=anna").visitor
    assert one == Visitor("198.51.100.1", "anna")
    assert one == listener(visitors, "b", cookie="combiner-visitor=anna").visitor
    assert listener(visitors, "c").visitor == Visitor("198.51.100.1", "c")
    first, second = (listener(visitors, "d", client=f"2001:db8::{n}").visitor for n in (1, 2))
    assert first == second
    mapped = listener(visitors, "d", client="::ffff:198.51.100.1").visitor
    assert mapped == listener(visitors, "d").visitor


@pytest.mark.parametrize("whole", [True, False])
def test_who_breaks_off_has_left(whole: bool) -> None:
    clock = Clock()
    visitors = Visitors(clock)

    async def hear() -> None:
        asked = listener(visitors, "s")

        async def during() -> None:
            clock.now_s += 1000
            assert not await asked.has_left()

        await stream(visitors, "s", during, whole=whole)
        assert await asked.has_left()
        # What is asked after that is another matter.
        clock.now_s += 1
        assert not await listener(visitors, "s").has_left()

    asyncio.run(hear())


def test_who_hangs_up_first_after_the_last_answer_has_not_left() -> None:
    clock = Clock()
    visitors = Visitors(clock)
    asked: list[Listener] = []

    async def ask() -> None:  # Before the server hears that the stream is no longer read.
        clock.now_s += 1
        asked.append(listener(visitors, "s"))
        clock.now_s += 1

    async def hear() -> None:
        farewell = f"data: {CloseStreamMessage().model_dump_json()}\n\n".encode()
        await stream(visitors, "s", ask, last=farewell)
        assert not await asked[0].has_left()
        await stream(visitors, "s", ask, last=b'data: {"msg":"process_completed"}\n\n')
        assert await asked[1].has_left()

    asyncio.run(hear())


def test_who_never_listens_has_left_after_a_while() -> None:
    clock = Clock()
    visitors = Visitors(clock)

    async def wait() -> None:
        asked = listener(visitors, "s")
        clock.now_s += 20
        assert not await asked.has_left()
        clock.now_s += 20
        assert await asked.has_left()

    asyncio.run(wait())
