"""Write small MMDB files, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any


MARK = b"\xab\xcd\xefMaxMind.com"
RECORD_BYTES = 3


def encode(value: Any) -> bytes:
    """A value in the format's own encoding."""
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, int):
        return _number(6, value)
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


def write(networks: Mapping[str, Any], *, version: int = 6) -> bytes:
    """A whole file that says these values of these networks. `version`: 4 knows no IPv6."""
    nodes: list[list[int | str | None]] = [[None, None]]
    values, places = b"", {}
    for network, value in networks.items():
        places[network] = len(values)
        values += encode(value)
        _plant(nodes, network, version=version)
    tree = b"".join(_record(side, len(nodes), places) for node in nodes for side in node)
    return tree + bytes(16) + values + MARK + _description(len(nodes), version)


def _description(nodes: int, version: int) -> bytes:
    """The map at the end, each number in the one type that the format wants there."""
    fields = {
        "node_count": _number(6, nodes),
        "record_size": _number(5, RECORD_BYTES * 8),
        "ip_version": _number(5, version),
        "database_type": encode("Test-City"),
        "languages": encode(["en"]),
        "binary_format_major_version": _number(5, 2),
        "binary_format_minor_version": _number(5, 0),
        "build_epoch": _number(9, 1_795_500_000),
        "description": encode({"en": "for tests"}),
    }
    pairs = b"".join(encode(name) + raw for name, raw in fields.items())
    return _control(7, len(fields)) + pairs


def _number(kind: int, value: int) -> bytes:
    raw = value.to_bytes((value.bit_length() + 7) // 8)
    return _control(kind, len(raw)) + raw


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


def _record(side: int | str | None, nodes: int, places: Mapping[str, int]) -> bytes:
    """Where one side of a node leads: to a node, to a value, or, with the number of nodes, nowhere."""
    if side is None:
        side = nodes
    elif isinstance(side, str):
        side = nodes + 16 + places[side]
    return side.to_bytes(RECORD_BYTES)
