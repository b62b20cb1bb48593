"""A place beside the network, where the operator has a file that knows: in mails, sessions, history."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import maxminddb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import mmdb
from tests.support.product import Browser, TestProduct, open_test_product, words
from twostep.config import Settings
from twostep.flows.places import place_of


BERLIN = {"city": {"names": {"en": "Berlin", "ar": "برلين"}}, "country": {"iso_code": "DE"}}
ELSEWHERE = {"city": "<Lima>", "country": "PE"}
NETWORKS = {"203.0.113.0/24": BERLIN, "192.0.2.0/24": ELSEWHERE, "2001:db8::/32": {"country": 7}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "places.mmdb"
    path.write_bytes(mmdb.write(NETWORKS))
    return path


@pytest.fixture
def product(tmp_path: Path, file: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path, geo_database=str(file)) as opened:
        opened.add_account()
        yield opened


def visit(product: TestProduct, network: str) -> Browser:
    browser = product.browser(network=network)
    browser.sign_in()
    return browser


def test_mails_sessions_and_history_name_it(product: TestProduct) -> None:
    visit(product, "198.51.100.1")  # the very first browser is told to nobody
    browser = visit(product, "203.0.113.9")
    mail = product.mails()[-1]
    assert "sign-in from a new browser" in mail.subject
    assert "Berlin, Germany, Firefox on Linux, IP address 203.0.113.9" in mail.text
    assert "203.0.113.9 · Berlin, Germany" in words(browser.get("/settings/sessions"))
    assert "Berlin, Germany · 203.0.113.9" in words(browser.get("/settings/activity"))


def test_it_is_named_in_the_readers_language(product: TestProduct) -> None:
    product.add_account("amal", language="ar")
    product.browser().sign_in("amal")
    product.browser(network="203.0.113.9").sign_in("amal")
    assert "برلين" in product.mails()[-1].text
    assert "ألمانيا" in product.mails()[-1].text


def test_other_files_and_odd_values(product: TestProduct) -> None:
    visit(product, "198.51.100.1")
    page = visit(product, "192.0.2.1").get("/settings/sessions")
    assert "&lt;Lima&gt;, Peru" in page.text
    for network in ("2001:db8:1::", "unknown"):  # a value that is none, and no address at all
        assert visit(product, network).get("/settings/sessions").status_code == 200


def test_a_file_that_breaks_or_goes_names_nothing_and_one_that_is_replaced_counts(
    product: TestProduct, file: Path
) -> None:
    browser = visit(product, "203.0.113.9")

    def named() -> bool:
        return "Berlin" in words(browser.get("/settings/sessions"))

    assert named()
    for number, (raw, knows) in enumerate([(b"broken", False), (mmdb.write(NETWORKS), True)]):
        fresh = file.with_suffix(f".{number}")
        fresh.write_bytes(raw)
        fresh.replace(file)  # as updaters do
        os.utime(file, ns=(number, number))
        assert named() is knows
    file.unlink()
    assert not named()


@pytest.fixture(params=["the library in C", "the library in Python"])
def _either_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "the library in Python":  # as where no wheel fits
        monkeypatch.setattr(maxminddb, "_extension", None)


@pytest.mark.usefixtures("_either_reader")
def test_a_file_of_ipv4_names_no_place_for_ipv6(tmp_path: Path) -> None:
    file = tmp_path / "ipv4.mmdb"
    file.write_bytes(mmdb.write({"203.0.113.0/24": BERLIN}, version=4))
    with open_test_product(tmp_path, geo_database=str(file)) as product:
        product.add_account()
        assert "Berlin" in words(visit(product, "203.0.113.9").get("/settings/sessions"))
        page = visit(product, "2001:db8:1::").get("/settings/sessions")
        assert (page.status_code, "2001:db8:1:: · since" in words(page)) == (200, True)


@pytest.mark.usefixtures("_either_reader")
@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        (b"\x46Berlin", b"\x46\xff\xfe\xfd\xfc\xfb\xfa"),  # no UTF-8
        (b"\xe2\x44city", b"\x08\x00\x00\x00\x00\x00"),  # a kind of value that there is not
        (b"\xe2\x44city", b"\x20\x00\x00\x00\x00\x00"),  # a value that stands for itself
        (b"\xe2\x44city", b"\xe1\xe0\x00\x00\x00\x00"),  # a name that is no text
        (mmdb.MARK, b"\xab\xcd\xefMinMaxed.biz"),
    ],
)
def test_a_broken_file_names_nothing_and_breaks_no_page(
    product: TestProduct, file: Path, sound: bytes, broken: bytes
) -> None:
    raw = file.read_bytes()
    assert sound in raw
    file.write_bytes(raw.replace(sound, broken))
    page = visit(product, "203.0.113.9").get("/settings/sessions")
    assert (page.status_code, "Berlin" in words(page)) == (200, False)
    assert "203.0.113.9" in words(page)


@pytest.mark.usefixtures("_either_reader")
def test_no_damage_to_a_file_raises_anything() -> None:
    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        raw = bytearray(mmdb.write(NETWORKS))
        for _ in range(data.draw(st.integers(1, 6))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        length = data.draw(st.integers(1, len(raw)) | st.just(len(raw)))
        with tempfile.NamedTemporaryFile(suffix=".mmdb") as file:
            file.write(raw[:length])
            file.flush()
            named = Settings(public_url="http://localhost", geo_database=file.name)
            for network in ("203.0.113.9", "192.0.2.7", "2001:db8::", "8.8.8.8"):
                place = place_of(named, network, "en")
                assert place is None or isinstance(place, str)

    check()


def test_without_a_file_there_is_no_place(tmp_path: Path) -> None:
    with open_test_product(tmp_path) as product:
        product.add_account()
        browser = visit(product, "203.0.113.9")
        assert "203.0.113.9 · since" in words(browser.get("/settings/sessions"))
