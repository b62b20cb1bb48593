"""A proxy in front: whose address counts, and what the log says when the two do not fit together."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.support.product import TestProduct, open_test_product
from twostep.flows.capped_log import MOST_SUBJECTS
from twostep.web.door.client import client_network
from twostep.web.door.request_headers import read


PROXY = "127.0.0.1"
TRUSTED = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"))


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path, trusted_proxies=TRUSTED) as opened:
        opened.add_account("alice")
        yield opened


def ask(
    product: TestProduct,
    peer: str,
    *lines: tuple[str, str],
    path: str = "/sign-in",
    method: str = "GET",
) -> int:
    """A request with its header lines as they are; the status of the answer."""

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(product.app, client=(peer, 40_000))
        async with httpx2.AsyncClient(transport=transport, base_url=product.url) as client:
            return await client.request(method, path, headers=list(lines))

    return product.run(send()).status_code


@pytest.mark.parametrize(
    ("lines", "network"),
    [
        (["203.0.113.7, 10.1.1.1"], "203.0.113.7"),
        (["203.0.113.7", "10.1.1.1"], "203.0.113.7"),
        (["198.51.100.9", "203.0.113.7", "10.1.1.1", "127.0.0.2"], "203.0.113.7"),
        (["203.0.113.7, "], "203.0.113.7"),
        (["203.0.113.7", "", " , ,", "10.1.1.1,"], "203.0.113.7"),
        ([], PROXY),
        (["", ","], PROXY),
        (["203.0.113.7, unknown"], PROXY),
        (["203.0.113.7", "198.51.100.9:4711"], "198.51.100.9"),
    ],
)
def test_several_lines_are_one_list(lines: list[str], network: str) -> None:
    headers = read([(b"x-forwarded-for", line.encode()) for line in lines])
    assert client_network(PROXY, headers.get("x-forwarded-for", ""), TRUSTED) == network


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        ([(b"cookie", b"a=1"), (b"cookie", b"b=2")], {"cookie": "a=1; b=2"}),
        ([(b"accept-language", b"de"), (b"accept-language", b"en")], {"accept-language": "de, en"}),
        ([(b"content-type", b"a/b"), (b"content-type", b"c/d")], {"content-type": "a/b, c/d"}),
        ([(b"x", b"\xe4"), (b"y", b"")], {"x": "ä", "y": ""}),
    ],
)
def test_lines_of_one_name_are_joined(
    lines: list[tuple[bytes, bytes]], headers: dict[str, str]
) -> None:
    assert read(lines) == headers


def test_cookies_in_two_lines_are_one_session(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    cookies = [("cookie", f"{name}={value}") for name, value in alice.jar.items()]
    for path in ("/settings", "/api/session"):
        assert ask(product, PROXY, *cookies, ("cookie", "theirs=1"), path=path) == 200
        assert ask(product, PROXY, ("cookie", "theirs=1"), *cookies, path=path) == 200


def test_a_proxy_that_is_not_trusted_is_named_once_an_hour(product: TestProduct) -> None:
    forwarded = ("x-forwarded-for", "203.0.113.7")
    with capture_logs() as logs:
        for _ in range(3):
            ask(product, "172.18.0.3", forwarded)
        ask(product, "172.18.0.4", forwarded)
        ask(product, PROXY, forwarded)
        product.clock.forward(3601)
        ask(product, "172.18.0.3", forwarded)
    assert [(line["event"], line["peer"], line.get("left_out")) for line in logs] == [
        ("proxy.not_trusted", "172.18.0.3", None),
        ("proxy.not_trusted", "172.18.0.4", None),
        ("proxy.not_trusted", "172.18.0.3", 2),
    ]
    assert "172.18.0.3 sends X-Forwarded-For and is not in trusted_proxies" in logs[0]["remedy"]


def test_a_trusted_proxy_that_forwards_no_address_is_named(product: TestProduct) -> None:
    with capture_logs() as logs:
        ask(product, PROXY, ("x-forwarded-for", "203.0.113.7"))
        ask(product, PROXY, path="/healthz")  # a probe comes from the machine itself
        ask(product, "203.0.113.9")  # no proxy, no header
        assert logs == []
        ask(product, PROXY)
        ask(product, PROXY, ("x-forwarded-for", " , "))
    assert [(line["event"], line["peer"]) for line in logs] == [("proxy.sends_no_address", PROXY)]


def test_a_host_that_is_not_ours_is_named_once_an_hour(product: TestProduct) -> None:
    forwarded = ("x-forwarded-for", "203.0.113.7")
    with capture_logs() as logs:
        for host in ("twostep", "twostep", "127.0.0.1:8080"):
            assert ask(product, PROXY, ("host", host), forwarded) == 421
    assert [(line["event"], line["host"]) for line in logs] == [
        ("request.foreign_host", "twostep"),
        ("request.foreign_host", "127.0.0.1:8080"),
    ]
    assert product.url in logs[0]["remedy"]


def test_strangers_fill_no_log(product: TestProduct) -> None:
    """Foreign hosts: a line an hour for each; too many share one."""
    with capture_logs() as logs:
        for number in range(3 * MOST_SUBJECTS):
            forwarded = ("x-forwarded-for", f"203.0.{number // 250}.{number % 250}")
            ask(product, PROXY, ("host", f"h{number}"), forwarded)
    assert len(logs) <= MOST_SUBJECTS + 1
    product.clock.forward(3601)
    with capture_logs() as logs:
        ask(product, PROXY, ("host", "h1"), ("x-forwarded-for", "203.0.113.7"))
    assert [line["host"] for line in logs] == ["h1"]
