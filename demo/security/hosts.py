"""Names that the server answers to, and pages that may send it something."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from demo.settings import Settings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Hosts:
    """Names that the server answers to.

    Attributes:
        own: those it has by itself.
        given: those it was told; "*" is any, "*.example.org" any below that.
    """

    own: frozenset[str]
    given: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Hosts:
        """As the settings say."""
        listened = settings.host.strip("[]").lower()
        given = frozenset(name.strip("[]").lower() for name in settings.allowed_host)
        return cls((_LOOPBACK | {listened}) - _EVERYWHERE, given)

    def allow(self, host: str, arrived_at: str | None) -> bool:
        """Whether a host, with or without port, is one of them.

        Args:
            host: as a request gives it.
            arrived_at: address of this machine that the request came to; as good as a name.
        """
        name = _name(host)
        return name is not None and (name in self.own or name == arrived_at or self._given(name))

    def allow_origin(self, origin: str, hosts: list[str]) -> bool:
        """Whether a page may send something here: one of this server, or of a host it was told.

        Args:
            origin: of the page.
            hosts: that the request was sent to.
        """
        try:
            page = urlsplit(origin)
            port = page.port or _DEFAULT_PORTS.get(page.scheme)
        except ValueError:
            return False
        if page.scheme not in _DEFAULT_PORTS or not page.hostname:
            return False
        for host in hosts:
            there = urlsplit(f"{page.scheme}://{host}")
            here = (there.hostname, there.port or _DEFAULT_PORTS[page.scheme])
            if here == (page.hostname, port):
                return True
        # Proxies may hide the name that the page has; "*" names no page.
        return page.hostname in self.given

    def _given(self, name: str) -> bool:
        return any(
            pattern in ("*", name) or (pattern[:2] == "*." and name.endswith(pattern[1:]))
            for pattern in self.given
        )


def exposure(settings: Settings) -> str | None:
    """A warning if the page is open to more than this machine and asks for no password."""
    if settings.login is not None or _is_loopback(settings.host):
        return None
    return (
        f"Warning: the page listens on {settings.host} and asks for no password: whoever reaches "
        "this machine can use it. Give --user and --password, or listen on 127.0.0.1."
    )


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _name(host: str) -> str | None:
    """Of a host that may have a port, in small letters; ``None`` if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and "@" not in host else None
