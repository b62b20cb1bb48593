"""Whatever is sent to whatever route by whoever: no 5xx, no trace, and a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.support.fuzz import MARKS, OPENED_BY, Answer, Request, Target, open_target, requests


LARGEST_ANSWER = 256 * 1024
EXAMPLES = {"sqlite": 1_500, "postgresql": 300}
SOAK_ROUNDS = 20
SOAK_EXAMPLES = {"sqlite": 10_000, "postgresql": 1_000}


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with open_target(tmp_path) as opened:
        yield opened


def is_refusal(request: Request, answer: Answer) -> bool:
    """Whether the answer says that nothing was done."""
    if request.method == "GET" or answer.status >= 400:
        return True
    return request.session not in OPENED_BY[request.page.access]


def is_next(answer: Answer) -> bool:
    """Whether it is the next visitor's: nothing of the request before it came into it."""
    return (answer.status, answer.body) == (200, b"ok\n")


def throw(target: Target, examples: int) -> None:
    # Not shrunk: a request is read as it is, and thousands of smaller ones take minutes.
    @settings(
        max_examples=examples,
        deadline=None,
        phases=(Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def try_request(data: st.DataObject) -> None:
        request = data.draw(requests(target))
        answer, *behind = target.ask(request)
        note(f"{answer.status} for {request}")
        try:
            assert answer.status < 500
            assert len(answer.body) < LARGEST_ANSWER
            shown = request.body + request.target + request.odd
            if not MARKS.search(shown.decode("latin-1")):
                assert not MARKS.search(answer.body.decode("utf-8", "replace"))
            assert [after for after in behind if not is_next(after)] == []
            assert len(behind) == (0 if answer.headers.get("connection") == "close" else 1)
            if is_refusal(request, answer) and target.has_written():
                assert target.dump() == target.before
        finally:
            if target.has_written():
                target.put_back()

    try_request()


def test_whatever_is_sent_is_answered(target: Target, on_engine: str) -> None:
    throw(target, EXAMPLES[on_engine])


@pytest.mark.soak
@pytest.mark.parametrize("round_", range(SOAK_ROUNDS))
def test_whatever_is_sent_for_long_is_answered(target: Target, on_engine: str, round_: int) -> None:
    throw(target, SOAK_EXAMPLES[on_engine])
