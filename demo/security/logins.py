"""Log-ins: who guesses wrong waits, each time twice as long."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.security.door import LOGIN
from demo.security.networks import network_of
from demo.security.refusals import refuse

_FREE_TRIES = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_MAX_CLIENTS = 4096


@dataclass
class _Tries:
    count: int = 0
    next_at: float = 0.0


class LoginPace:
    """How soon a client may try again; remembers the last of those that failed.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def attempt(self, client: str) -> float:
        """Note a try before its outcome is known, as many may come at once.

        Returns:
            seconds to wait instead; 0 if it may go on.
        """
        now = self._clock()
        tries = self._tries.setdefault(client, _Tries())
        self._tries.move_to_end(client)
        if now < tries.next_at:
            return tries.next_at - now
        tries.count += 1
        if tries.count >= _FREE_TRIES:
            doublings = min(tries.count - _FREE_TRIES, 32)
            tries.next_at = now + min(_FIRST_WAIT_S * 2.0**doublings, _LONGEST_WAIT_S)
        if len(self._tries) > _MAX_CLIENTS:
            self._tries.popitem(last=False)
        return 0.0

    def succeeded(self, client: str) -> None:
        """Forget the tries of a client that knew the password."""
        self._tries.pop(client, None)

    def __len__(self) -> int:
        """Clients remembered."""
        return len(self._tries)


class SlowLogins:
    """Refuses log-ins that come too soon after failures.

    Args:
        app: behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._pace = app, LoginPace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["path"] not in LOGIN or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        client = network_of(scope["client"][0] if scope.get("client") else "")
        wait_s = self._pace.attempt(client)
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            sentence = f"Too many failed log-ins: try again in {seconds} s."
            await refuse(429, sentence, scope, receive, send, {"Retry-After": str(seconds)})
            return

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                self._pace.succeeded(client)
            await send(message)

        await self._app(scope, receive, seen)
