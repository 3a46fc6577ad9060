"""Where clients come from."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """Of a client: one who has an IPv6 address has 2^64 of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:  # As a server that listens for both sees IPv4.
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
