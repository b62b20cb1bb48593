"""One served demo for the run, put back to its start for each test, and alice in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.product import AppEntry
from tests.support.served import ServedDemo, Visitor, served_demo


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDemo]:
    folder = tmp_path_factory.mktemp("conformance") / "demo"
    with served_demo(folder, "password.profile=test") as demo:
        yield demo


@pytest.fixture
def demo(served: ServedDemo) -> ServedDemo:
    served.reset()
    return served


@pytest.fixture
def alice(demo: ServedDemo) -> Visitor:
    """Alice's browser, signed in; two-step sign-in is off."""
    return demo.half()


@pytest.fixture
def entry(demo: ServedDemo, alice: Visitor) -> AppEntry:
    """Her authenticator app, set up five minutes ago: two-step sign-in is on."""
    entry = alice.enroll_app()
    demo.later(300)
    return entry


@pytest.fixture
def thief(demo: ServedDemo, entry: AppEntry) -> Visitor:
    """A browser elsewhere in which her password was typed."""
    return demo.half("127.0.0.9")
