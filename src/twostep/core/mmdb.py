"""Read an MMDB file: what is known of a network, found bit by bit (MaxMind DB file format 2.0).

A tree of bits leads to a place in a section of typed values. The file comes from elsewhere, so whatever
is wrong with it is one `ValueError`, and nothing in it can make the reader go round in circles.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any


MARK = b"\xab\xcd\xefMaxMind.com"
LONGEST_END = 128 * 1024  # the description begins so near to the file's end
SEPARATOR = 16  # zero bytes between the tree and the values
DEEPEST = 32
# Of one network. A real one has some hundred values; pointers could else multiply them without end.
MOST_VALUES = 20_000
MOST_BYTES = 1024 * 1024
_POINTER, _TEXT, _DOUBLE, _BYTES, _UINT16, _UINT32, _MAP, _INT32 = range(1, 9)
_UINT64, _UINT128, _ARRAY = 9, 10, 11
_BOOLEAN, _FLOAT = 14, 15
# Where the five bits of a size say "and more": how many bytes follow, and what they are added to.
_LONGER = {29: (1, 29), 30: (2, 285), 31: (3, 65_821)}
_POINTED = (0, 2048, 526_336, 0)


@dataclass(frozen=True, slots=True)
class Mmdb:
    """An opened file. `data`: all of it; `values_at`: where the values begin, in bytes."""

    data: memoryview
    nodes: int
    record_bits: int
    is_ipv6: bool
    values_at: int


def open_mmdb(data: memoryview) -> Mmdb:
    """Read the description at the end. ValueError when this is no such file."""
    end = bytes(data[-LONGEST_END:])
    at = end.rfind(MARK)
    if at < 0:
        raise ValueError("it has no description at its end")
    told, _ = _guarded(lambda: _Values(memoryview(end), at + len(MARK)).read(at + len(MARK)))
    try:
        nodes, bits, version = (
            int(told[name]) for name in ("node_count", "record_size", "ip_version")
        )
    except (KeyError, TypeError, ValueError):
        raise ValueError("its description lacks something") from None
    tree = nodes * bits // 4
    if bits not in {24, 28, 32} or version not in {4, 6} or tree + SEPARATOR > len(data):
        raise ValueError("its description cannot be true")
    return Mmdb(data, nodes, bits, version == 6, tree + SEPARATOR)


def find(mmdb: Mmdb, address: IPv4Address | IPv6Address) -> Any:
    """What the file says of the network that an address lies in; None: nothing. ValueError: broken."""
    if address.version == 6 and not mmdb.is_ipv6:
        return None
    width = 128 if mmdb.is_ipv6 else 32
    number, node = int(address), 0
    for place in range(width - 1, -1, -1):
        node = _guarded(lambda: _record(mmdb, node, number >> place & 1))  # noqa: B023  called at once
        if node >= mmdb.nodes:
            break
    if node <= mmdb.nodes:
        return None
    at = mmdb.values_at + node - mmdb.nodes - SEPARATOR
    value, _ = _guarded(lambda: _Values(mmdb.data, mmdb.values_at).read(at))
    return value


def _record(mmdb: Mmdb, node: int, side: int) -> int:
    """Where a node leads to, on the left (0) or right (1) side."""
    size = mmdb.record_bits // 4
    raw = bytes(mmdb.data[node * size : (node + 1) * size])
    if len(raw) != size:
        raise ValueError("the tree ends too early")
    if mmdb.record_bits == 28:  # the middle byte holds four bits of each
        high = raw[3] >> 4 if side == 0 else raw[3] & 0x0F
        return high << 24 | int.from_bytes(raw[:3] if side == 0 else raw[4:])
    half = size // 2
    return int.from_bytes(raw[:half] if side == 0 else raw[half:])


def _guarded(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (IndexError, TypeError, UnicodeDecodeError, struct.error):
        raise ValueError("it is broken") from None


class _Values:
    """The typed values, read one by one; pointers count from `base`."""

    def __init__(self, data: memoryview, base: int) -> None:
        self._data = data
        self._base = base
        self._values_left = MOST_VALUES
        self._bytes_left = MOST_BYTES

    def read(self, at: int, *, depth: int = 0) -> tuple[Any, int]:
        """A value and where the next one begins."""
        self._values_left -= 1
        if depth > DEEPEST or self._values_left < 0:
            raise ValueError("its values are nested too deeply, or too many")
        control = self._data[at]
        at += 1
        kind = control >> 5
        if kind == _POINTER:
            return self._follow(control, at, depth=depth)
        if kind == 0:
            kind = 7 + self._data[at]
            at += 1
        size = control & 0x1F
        if size in _LONGER:
            more, plus = _LONGER[size]
            size = plus + self._number(at, more)
            at += more
        return self._value(kind, size, at, depth=depth)

    def _follow(self, control: int, at: int, *, depth: int) -> tuple[Any, int]:
        length = control >> 3 & 3
        high = 0 if length == 3 else (control & 7) << 8 * (length + 1)
        place = (high | self._number(at, length + 1)) + _POINTED[length]
        value, _ = self.read(self._base + place, depth=depth + 1)
        return value, at + length + 1

    def _value(self, kind: int, size: int, at: int, *, depth: int) -> tuple[Any, int]:
        if kind == _MAP:
            found = {}
            for _ in range(size):
                name, at = self.read(at, depth=depth + 1)
                found[name], at = self.read(at, depth=depth + 1)
            return found, at
        if kind == _ARRAY:
            values = []
            for _ in range(size):
                value, at = self.read(at, depth=depth + 1)
                values.append(value)
            return values, at
        if kind == _BOOLEAN:
            return size == 1, at
        raw = self._bytes(at, size)
        return _scalar(kind, raw), at + size

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._bytes(at, size))

    def _bytes(self, at: int, size: int) -> bytes:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise ValueError("its values are too long")
        raw = bytes(self._data[at : at + size])
        if len(raw) != size:
            raise ValueError("it ends too early")
        return raw


def _scalar(kind: int, raw: bytes) -> Any:
    if kind == _TEXT:
        return raw.decode()
    if kind in {_UINT16, _UINT32, _UINT64, _UINT128}:
        return int.from_bytes(raw)
    if kind == _INT32:
        return int.from_bytes(raw.rjust(4, b"\0"), signed=True)
    if kind in {_DOUBLE, _FLOAT}:
        return struct.unpack(">d" if kind == _DOUBLE else ">f", raw)[0]
    if kind == _BYTES:
        return raw
    raise ValueError(f"it has a value of the unknown kind {kind}")
