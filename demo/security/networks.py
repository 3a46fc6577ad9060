"""Where clients come from."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """Of a client: one who has an IPv6 address has 2^64 of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
