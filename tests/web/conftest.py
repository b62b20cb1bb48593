"""The engine under every product; `--engine postgresql` runs all of the web there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import house
from tests.support.engines import ENGINES
from tests.support.product import AppEntry, Browser, TestProduct, open_test_product
from twostep.core.account import Account


# What people do most, and what must happen once: on each engine in every run.
ON_BOTH = {
    *(
        "test_fuzz",
        "test_one_mail",
        "test_passkeys",
        "test_recover",
        "test_remembered_browsers",
        "test_requests",
    ),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once on each engine, for the files of `ON_BOTH`."""
    if metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("on_engine", ENGINES, indirect=True)


@pytest.fixture(autouse=True)
def on_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine under every product of the test; its name."""
    name: str = getattr(request, "param", request.config.getoption("--engine"))
    if name == ENGINES[0]:
        yield name
        return
    with house.postgresql(request.getfixturevalue("postgres")):
        yield name


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    """The whole product, empty."""
    with open_test_product(tmp_path) as opened:
        yield opened


@pytest.fixture
def alice(product: TestProduct) -> Account:
    """Somebody with a password."""
    return product.add_account()


@pytest.fixture
def owner(product: TestProduct, alice: Account) -> Browser:
    """Alice's browser, signed in."""
    browser = product.browser()
    browser.sign_in(alice.name)
    return browser


@pytest.fixture
def entry(owner: Browser) -> AppEntry:
    """Her authenticator app, set up."""
    return owner.enroll_app()
