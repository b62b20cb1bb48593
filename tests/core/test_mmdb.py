"""MMDB files: what is in them is found, and nothing in them harms whoever reads."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import mmdb as writer
from twostep.core.mmdb import MARK, find, open_mmdb


BERLIN = {"city": {"names": {"en": "Berlin"}}, "country": {"iso_code": "DE"}, "long": "x" * 400}
NETWORKS = {
    "203.0.113.0/24": BERLIN,
    "198.51.100.128/25": "text",
    "2001:db8::/32": [1, 2**31, True, False, {}],
}
values = st.recursive(
    st.text(max_size=40) | st.booleans() | st.integers(0, 2**32 - 1),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


def look_up(raw: bytes, address: str) -> Any:
    return find(open_mmdb(memoryview(raw)), ip_address(address))


@pytest.mark.parametrize("bits", [24, 28, 32])
def test_a_network_is_found_and_its_neighbours_are_not(bits: int) -> None:
    raw = writer.write(NETWORKS, bits=bits)
    for network, value in NETWORKS.items():
        read = ip_network(network)
        for address in (read[0], read[-1]):
            assert look_up(raw, str(address)) == value
        for outside in (read[0] - 1, read[-1] + 1):
            assert look_up(raw, str(outside)) is None


def test_a_file_of_old_addresses_knows_no_new_ones() -> None:
    raw = writer.write({"203.0.113.0/24": BERLIN}, version=4)
    assert look_up(raw, "203.0.113.9") == BERLIN
    assert look_up(raw, "2001:db8::1") is None


@given(values)
def test_every_value_comes_back(value: Any) -> None:
    assert look_up(writer.write({"203.0.113.0/24": value}), "203.0.113.9") == value


def test_a_pointer_leads_to_its_value_and_a_circle_is_refused() -> None:
    raw = writer.write({"203.0.113.0/24": "here", "198.51.100.0/24": "here"})
    marked = raw.rfind(MARK)
    start = raw.index(bytes(16)) + 16
    assert raw[start:marked] == b"\x44here\x44here"
    pointed = raw[: start + 5] + b"\x20\x00\x00\x00\x00" + raw[marked:]
    assert look_up(pointed, "198.51.100.1") == "here"
    circle = raw[: start + 5] + b"\x20\x05\x00\x00\x00" + raw[marked:]
    with pytest.raises(ValueError, match="nested"):
        look_up(circle, "198.51.100.1")


def test_values_that_multiply_themselves_are_refused() -> None:
    """A list of ten pointers to a list of ten pointers, seven deep: 156 bytes, ten million values."""
    size = 22
    lists = [
        b"\x0a\x04" + bytes([0x20 | at >> 8, at & 0xFF]) * 10 for at in range(size, 8 * size, size)
    ]
    body = b"".join(lists) + b"\x41x"
    assert len(body) == 7 * size + 2
    raw = writer.write({"203.0.113.0/24": "here"})
    bomb = raw.replace(b"\x44here", body)
    with pytest.raises(ValueError, match="too many"):
        look_up(bomb, "203.0.113.9")


@settings(max_examples=300)
@given(st.data())
def test_a_broken_file_is_a_value_error_and_nothing_else(data: st.DataObject) -> None:
    raw = bytearray(writer.write(NETWORKS))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for one in (bytes(raw), cut):
        for address in ("203.0.113.9", "198.51.100.200", "2001:db8::1", "8.8.8.8"):
            try:
                answer = look_up(one, address)
            except ValueError:
                continue
            assert answer is None or isinstance(answer, str | int | list | dict | bytes | float)


@pytest.mark.parametrize("raw", [b"", b"no such file", MARK, MARK + b"\xe0"])
def test_what_is_no_such_file_says_so(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"description|broken|early"):
        open_mmdb(memoryview(raw))
