"""The page on its way to browsers: made once where all see the same."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.packing import packed


class Pages:
    """An app that counts what it makes."""

    def __init__(self, *, cookies: bool = False, status: int = 200) -> None:
        self.made, self._cookies, self._status = 0, cookies, status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.made += 1
        host = dict(scope["headers"])[b"host"].decode()
        response: Response = HTMLResponse(f"<p>{host}</p>" * 900, self._status)
        if self._cookies:
            response.set_cookie("name", str(self.made))
        await response(scope, receive, send)


def asked(app: ASGIApp, *requests: tuple[str, str, dict[str, str]]) -> list[httpx.Response]:
    """Answers to requests by method, address and headers, one after the other."""

    async def answers() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return [
                await client.request(method, address, headers=headers)
                for method, address, headers in requests
            ]

    return asyncio.run(answers())


def test_a_page_is_made_once_for_each_way_to_ask() -> None:
    pages = Pages()
    app = packed(pages, same_for_all=True)
    ways = [{}, {"host": "there"}, {"accept-encoding": "identity"}, {"x-forwarded-proto": "https"}]
    requests = [("GET", "/", way) for way in ways]
    first, again = asked(app, *requests), asked(app, *requests)
    assert pages.made == len(ways)
    for one, other in zip(first, again, strict=True):
        assert one.text == other.text
        assert one.headers == other.headers
    assert "there" in again[1].text
    assert again[0].headers["content-encoding"] == "gzip"
    assert "content-encoding" not in again[2].headers


@pytest.mark.parametrize(
    ("pages", "same_for_all", "address", "method"),
    [
        (Pages(), False, "/", "GET"),
        (Pages(cookies=True), True, "/", "GET"),
        (Pages(status=404), True, "/", "GET"),
        (Pages(), True, "/?tab=audio", "GET"),
        (Pages(), True, "/config", "GET"),
        (Pages(), True, "/", "HEAD"),
    ],
    ids=["log-in", "cookie", "missing", "parameter", "other", "head"],
)
def test_what_may_differ_is_made_anew(
    pages: Pages, same_for_all: bool, address: str, method: str
) -> None:
    asked(packed(pages, same_for_all=same_for_all), *[(method, address, {})] * 3)
    assert pages.made == 3


def test_few_pages_are_kept() -> None:
    pages = Pages()
    app = packed(pages, same_for_all=True)
    many = [("GET", "/", {"host": f"host{number}"}) for number in range(40)]
    asked(app, *many)
    asked(app, many[0], many[-1])
    assert pages.made == 41
