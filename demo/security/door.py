"""Which requests come in: those to a name of this server, from its pages, for what it has."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.security.hosts import Hosts
from demo.security.refusals import refuse

_API = "/gradio_api"
_FILE = f"{_API}/file="
UPLOAD = f"{_API}/upload"
LOGIN = frozenset({"/login", "/login/"})
READING = frozenset({"GET", "HEAD"})

# What the page and Gradio's clients ask for. Gradio has more routes: ones that fetch from other
# servers, keep recordings, write links to disk, tell the token of a log-in.
_READ = frozenset(
    {
        "/",
        "/config",
        "/config/",
        "/favicon.ico",
        "/logout",
        "/manifest.json",
        "/pwa_icon",
        "/robots.txt",
        "/theme.css",
        f"{_API}/app_id",
        f"{_API}/info",
        f"{_API}/info/",
        f"{_API}/login_check",
        f"{_API}/login_check/",
        f"{_API}/openapi.json",
        f"{_API}/queue/data",
        f"{_API}/queue/status",
        f"{_API}/startup-events",
        f"{_API}/theme.css",
        f"{_API}/upload_progress",
        f"{_API}/user",
        f"{_API}/user/",
    }
)
_READ_BELOW = ("/assets/", "/static/", _FILE, f"{_API}/call/", f"{_API}/heartbeat/")
_SENT_TO = LOGIN | {
    UPLOAD,
    f"{_API}/cancel",
    f"{_API}/queue/join",
    f"{_API}/reset",
    f"{_API}/reset/",
}
_SENT_BELOW = (f"{_API}/api/", f"{_API}/call/", f"{_API}/run/")


class Door:
    """Passes requests on that may come in.

    Args:
        app: behind the door.
        hosts: names of this server.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        # Gradio makes the addresses of files from this one.
        forwarded = [
            host.strip()
            for value in headers.getlist("x-forwarded-host")
            for host in value.split(",")
        ]
        arrived_at = scope["server"][0] if scope.get("server") else None
        hosts = [*named, *forwarded]
        if len(named) != 1 or not all(self._hosts.allow(host, arrived_at) for host in hosts):
            sentence = (
                "This server does not answer to that host: whoever runs it can add the name with "
                "--allowed-host."
            )
            await refuse(400, sentence, scope, receive, send)
        elif scope["method"] not in READING and not all(
            self._hosts.allow_origin(origin, hosts) for origin in headers.getlist("origin")
        ):
            await refuse(403, "Pages of other sites may not use this server.", scope, receive, send)
        elif not _is_served(scope["method"], scope["path"]):
            await refuse(404, "There is nothing here.", scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _is_served(method: str, path: str) -> bool:
    if method in READING:
        # Gradio would fetch the file of another server.
        is_address = path.startswith(_FILE) and path[len(_FILE) :].lower().startswith("http")
        return path in _READ or (path.startswith(_READ_BELOW) and not is_address)
    return method == "POST" and (path in _SENT_TO or path.startswith(_SENT_BELOW))
