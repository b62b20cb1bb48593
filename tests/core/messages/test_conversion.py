"""When a country's codes count as pumped."""

from __future__ import annotations

import pytest

from twostep.core.messages.conversion import WATCHED, is_abused


@pytest.mark.parametrize(
    ("verified", "sent", "abused"),
    [(0, WATCHED, True), (9, WATCHED, True), (10, WATCHED, False), (0, WATCHED - 1, False)],
)
def test_under_a_fifth_of_fifty(verified: int, sent: int, abused: bool) -> None:  # noqa: FBT001
    assert is_abused([True] * verified + [False] * (sent - verified)) is abused


def test_only_the_newest_fifty_count() -> None:
    assert is_abused([False] * WATCHED + [True] * 1000)
    assert not is_abused([True] * WATCHED + [False] * 1000)
