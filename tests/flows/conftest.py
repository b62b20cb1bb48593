"""Every flow is tested on both engines, except where a test opens SQLite's file itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import house
from tests.support.engines import ENGINES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once on each engine; once only for a test that is marked `sqlite_file`."""
    own_file = metafunc.definition.get_closest_marker("sqlite_file")
    if "on_engine" in metafunc.fixturenames and "engine" not in metafunc.fixturenames:
        metafunc.parametrize("on_engine", ENGINES[:1] if own_file else ENGINES, indirect=True)


@pytest.fixture(autouse=True)
def on_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine under every house of the test; its name."""
    name: str = getattr(request, "param", ENGINES[0])
    if name == ENGINES[0]:
        yield name
        return
    with house.postgresql(request.getfixturevalue("postgres")):
        yield name
