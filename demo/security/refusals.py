"""Answers that refuse: one sentence as text."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send


async def refuse(
    status: int,
    sentence: str,
    scope: Scope,
    receive: Receive,
    send: Send,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer a request with a refusal; what it still sends is not read."""
    answer = PlainTextResponse(sentence, status, headers)
    await answer(scope, receive, send)
