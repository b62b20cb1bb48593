"""Where a request comes from: the peer, or, behind trusted proxies, the nearest address that is not
one of them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


IPV6_NETWORK_BITS = 64
MOST_HOPS = 32
UNKNOWN = "unknown"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@lru_cache(maxsize=4096)
def client_network(
    peer: str, forwarded_for: str, trusted: tuple[IPv4Network | IPv6Network, ...]
) -> str:
    """The client's network: an IPv4 address, or an IPv6 /64 prefix.

    `forwarded_for`: the header's value, read from the right, and only while the hops are trusted.
    Empty elements are skipped (RFC 9110 §5.6.1.2).
    """
    address = _read(peer)
    if address is None:
        return UNKNOWN
    hops = [hop for hop in forwarded_for.split(",") if hop.strip()][-MOST_HOPS:]
    while hops and _is_trusted(address, trusted):
        nearer = _read(hops.pop().strip())
        if nearer is None:
            break
        address = nearer
    return network_of(address)


def request_id(peer: str, given: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """What a request is called in the log: the proxy's X-Request-ID if it is a plain word and the proxy
    is trusted, else a new one."""
    if _REQUEST_ID.fullmatch(given) and is_trusted_peer(peer, trusted):
        return given
    return secrets.token_hex(8)


@lru_cache(maxsize=256)
def is_trusted_peer(peer: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether the peer is one of the trusted proxies."""
    address = _read(peer)
    return address is not None and _is_trusted(address, trusted)


def network_of(address: IPv4Address | IPv6Address) -> str:
    """The unit that throttles count by: an IPv4 address, or the /64 of one IPv6 subscriber."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        if address.is_loopback:
            return str(address)
        return str(ip_network((address, IPV6_NETWORK_BITS), strict=False).network_address)
    return str(address)


def _is_trusted(
    address: IPv4Address | IPv6Address, trusted: Sequence[IPv4Network | IPv6Network]
) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in trusted)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    if text.startswith("["):  # [2001:db8::1]:4711
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:4711
        text = text.partition(":")[0]
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
