"""A visitor's client: pages, uploads, events and downloads, as browsers and programs ask."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx

_API = "/gradio_api"
_ANSWER_S = 600.0


class RefusedError(Exception):
    """The app said no; the text is its sentence."""


@dataclass(frozen=True)
class Event:
    """An event of the page.

    Attributes:
        number: of the event.
        inputs: how many values it takes.
        outputs: ids of the elements that its answer is for, as style sheets know them.
    """

    number: int
    inputs: int
    outputs: tuple[str, ...]


class Client:
    """One visitor.

    Args:
        http: sends the requests.
        events: of the page, see `page_events`.
    """

    def __init__(self, http: httpx.AsyncClient, events: Mapping[str, Event]) -> None:
        self._http, self._events = http, events
        self._session = uuid.uuid4().hex

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, address: str, events: Mapping[str, Event]) -> AsyncIterator[Self]:
        """A visitor who comes from an address of this machine, as 127.0.0.7."""
        # Nothing is encrypted here, and certificates take long to load.
        transport = httpx.AsyncHTTPTransport(local_address=address, verify=False)
        async with httpx.AsyncClient(base_url=url, transport=transport, timeout=_ANSWER_S) as http:
            yield cls(http, events)

    async def open_page(self) -> None:
        """Load the page, which gives the visitor a name."""
        (await self._http.get("/")).raise_for_status()

    async def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file; returns it as events take it."""
        answer = await self._http.post(f"{_API}/upload", files={"files": (name, content)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    async def download(self, path: str) -> bytes:
        """A file that an answer named."""
        answer = await self._http.get(f"{_API}/file={path}")
        answer.raise_for_status()
        return answer.content

    async def call(self, name: str, data: Sequence[object]) -> list[Any]:
        """Call an endpoint for programs; who is cancelled meanwhile hangs up.

        Raises:
            RefusedError: it says why not.
        """
        where = f"{_API}/call/{name}"
        posted = await self._http.post(where, json={"data": data})
        posted.raise_for_status()
        kind, text = "", ""
        async with self._http.stream("GET", f"{where}/{posted.json()['event_id']}") as stream:
            async for line in stream.aiter_lines():
                kind = line.removeprefix("event:").strip() if line.startswith("event:") else kind
                text = line.removeprefix("data:").strip() if line.startswith("data:") else text
        if kind != "complete":
            raise RefusedError(_sentence(text))
        answer: list[Any] = json.loads(text)
        return answer

    async def send(self, name: str, data: Sequence[object]) -> dict[str, Any]:
        """An event of the page that may wait; returns values by the ids of elements.

        Raises:
            RefusedError: the page would show why not.
        """
        event = self._events[name]
        body = {"data": _padded(data, event), "fn_index": event.number}
        joined = await self._http.post(
            f"{_API}/queue/join", json={**body, "session_hash": self._session}
        )
        joined.raise_for_status()
        number = joined.json()["event_id"]
        parameters = {"session_hash": self._session}
        async with self._http.stream("GET", f"{_API}/queue/data", params=parameters) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if message.get("event_id") != number:
                    continue
                if message["msg"] in ("process_generating", "process_completed"):
                    if not message["success"]:
                        raise RefusedError(_sentence(json.dumps(message["output"])))
                    return dict(zip(event.outputs, message["output"]["data"], strict=True))
        raise RefusedError("The answer broke off.")

    async def look(self, name: str, data: Sequence[object]) -> dict[str, Any]:
        """An event of the page that waits for nobody; returns values by the ids of elements."""
        event = self._events[name]
        body = {"data": _padded(data, event), "fn_index": event.number}
        answer = await self._http.post(
            f"{_API}/run/predict", json={**body, "session_hash": self._session}
        )
        answer.raise_for_status()
        return dict(zip(event.outputs, answer.json()["data"], strict=True))


async def page_events(url: str) -> dict[str, Event]:
    """The events of a page by an element and what happens to it, as "image-stop click".

    Where the element has no id, it is that of the first that the answer is for. Where the browser
    does something first, it is the event that follows; what it does alone is left out.
    """
    async with httpx.AsyncClient(base_url=url, timeout=_ANSWER_S) as http:
        config = (await http.get("/config")).json()
    ids = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    events = {}
    after = {event["trigger_after"]: event for event in config["dependencies"]}
    for begun in config["dependencies"]:
        event = begun if begun["backend_fn"] else after.get(begun["id"])
        if event is None or not event["backend_fn"]:
            continue  # the browser alone does that
        outputs = tuple(ids.get(each) or str(each) for each in event["outputs"])
        for target, what in begun["targets"]:
            name = ids.get(target) or next(iter(outputs), "")
            events[f"{name} {what}"] = Event(event["id"], len(event["inputs"]), outputs)
    return events


def _padded(data: Sequence[object], event: Event) -> list[object]:
    """Values of an event; the last of its inputs are what the server itself keeps."""
    return [*data, *[None] * (event.inputs - len(data))]


def _sentence(text: str) -> str:
    """What an answer says went wrong."""
    try:
        told = json.loads(text)
    except ValueError:
        return text
    return str(told["error"]) if isinstance(told, dict) and told.get("error") else str(told)
