"""Whose address a stranger's is, for limits: kept in memory only, never logged or stored."""

from __future__ import annotations

import ipaddress

_LONGEST_ADDRESS = 64
_IPV6_CUSTOMER_BITS = 64
"""One customer's line has at least so much of IPv6 to itself (RFC 6177), and may use all of it."""


def address_group(address: str) -> str:
    """What is counted as one address: an IPv4 address, or the /64 network of an IPv6 one.

    An IPv4 address written as IPv6 (::ffff:192.0.2.1) counts as IPv4. A port, as some proxies add
    it, is passed over. What is no address at all is a group of its own.
    """
    try:
        parsed = ipaddress.ip_address(_without_port(address.strip()))
    except ValueError:
        return address[:_LONGEST_ADDRESS]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_CUSTOMER_BITS), strict=False))


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, _port = address.partition(":")
    return host if colon and "." in host else address
