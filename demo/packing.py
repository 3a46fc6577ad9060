"""The page on its way to browsers: packed, as what it is made of repeats itself, and made once."""

from __future__ import annotations

from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGE = "/"
# All that a page without parameters, and without log-in, depends on.
_ASKED_BY = (
    *("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-gradio-server"),
    *("accept-encoding", "range"),
)
_MAX_PAGES = 16


def packed(app: ASGIApp, *, same_for_all: bool) -> ASGIApp:
    """An app that sends its page in about a fifth of the bytes; all else as it is.

    Args:
        app: that makes it.
        same_for_all: whether nobody has to log in: then a page is made once, as that takes longer
            than anything else that visitors begin with.
    """
    zipped = GZipMiddleware(app, compresslevel=6)
    made = OrderedDict[tuple[object, ...], list[Message]]()

    async def sent(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != _PAGE:
            await app(scope, receive, send)
            return
        if not same_for_all or scope["method"] != "GET" or scope["query_string"]:
            await zipped(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = (scope["scheme"], scope.get("root_path"), *map(headers.get, _ASKED_BY))
        if page := made.get(asked):
            for message in page:
                await send(_copied(message))
            return
        messages: list[Message] = []

        async def noted(message: Message) -> None:
            messages.append(_copied(message))
            await send(message)

        await zipped(scope, receive, noted)
        if _is_page(messages):
            made[asked] = messages
            if len(made) > _MAX_PAGES:
                made.popitem(last=False)

    return sent


def _is_page(messages: list[Message]) -> bool:
    """Whether an answer is one, to its end, and has nothing that is for one visitor alone."""
    if not messages or messages[0].get("status") != 200:
        return False
    names = {name.lower() for name, _ in messages[0]["headers"]}
    return b"set-cookie" not in names and not messages[-1].get("more_body", False)


def _copied(message: Message) -> Message:
    """The same with headers of its own, to which others may add."""
    return {**message, "headers": list(message["headers"])} if "headers" in message else message
