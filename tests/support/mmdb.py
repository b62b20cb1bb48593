"""Write small MMDB files, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any


MARK = b"\xab\xcd\xefMaxMind.com"


def encode(value: Any) -> bytes:
    """A value in the format's own encoding."""
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, int):
        raw = value.to_bytes((value.bit_length() + 7) // 8)
        return _control(6, len(raw)) + raw
    if isinstance(value, Mapping):
        pairs = b"".join(encode(name) + encode(inner) for name, inner in value.items())
        return _control(7, len(value)) + pairs
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encode, value))
    raise TypeError(type(value).__name__)


def _control(kind: int, size: int) -> bytes:
    small, more = size, b""
    if size >= 285:
        small, more = 30, (size - 285).to_bytes(2)
    elif size >= 29:
        small, more = 29, bytes([size - 29])
    if kind > 7:
        return bytes([small, kind - 7]) + more
    return bytes([kind << 5 | small]) + more


def write(networks: Mapping[str, Any], *, bits: int = 28, version: int = 6) -> bytes:
    """A whole file that says these values of these networks."""
    nodes: list[list[int | str | None]] = [[None, None]]
    values, places = b"", {}
    for network, value in networks.items():
        places[network] = len(values)
        values += encode(value)
        _plant(nodes, network, version=version)
    tree = b"".join(_node(one, nodes, places, bits=bits) for one in nodes)
    told = {"node_count": len(nodes), "record_size": bits, "ip_version": version}
    return tree + bytes(16) + values + MARK + encode(told)


def _plant(nodes: list[list[int | str | None]], network: str, *, version: int) -> None:
    read = ip_network(network)
    width = 128 if version == 6 else 32
    length = read.prefixlen + (width - read.max_prefixlen)
    number, node = int(read.network_address), 0
    for place in range(length):
        side = number >> (width - 1 - place) & 1
        if place == length - 1:
            nodes[node][side] = network
            return
        inner = nodes[node][side]
        if not isinstance(inner, int):
            nodes.append([None, None])
            inner = nodes[node][side] = len(nodes) - 1
        node = inner


def _node(
    one: list[int | str | None],
    nodes: list[list[int | str | None]],
    places: Mapping[str, int],
    *,
    bits: int,
) -> bytes:
    left, right = (
        len(nodes)
        if side is None
        else side
        if isinstance(side, int)
        else len(nodes) + 16 + places[side]
        for side in one
    )
    if bits == 28:
        middle = left >> 24 << 4 | right >> 24
        low = 0xFFFFFF
        return (left & low).to_bytes(3) + bytes([middle]) + (right & low).to_bytes(3)
    return left.to_bytes(bits // 8) + right.to_bytes(bits // 8)
