"""Every flow is tested on both engines, except where a test opens a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import house
from tests.support.engines import ENGINES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once on each engine; once only for a test that is marked `sqlite_file`, or that asks for an
    engine or a server itself."""
    of_its_own = metafunc.definition.get_closest_marker("sqlite_file")
    if not of_its_own and not {"engine", "postgres"} & set(metafunc.fixturenames):
        metafunc.parametrize("on_engine", ENGINES, indirect=True)


@pytest.fixture(autouse=True)
def on_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine under every house of the test; its name."""
    name: str = getattr(request, "param", ENGINES[0])
    if name == ENGINES[0]:
        yield name
        return
    with house.postgresql(request.getfixturevalue("postgres")):
        yield name
