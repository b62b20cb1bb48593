"""The card itself: rows, their weights, what came of each, and the score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


Weight = Literal["M", "S", "X"]
WEIGHTS: dict[Weight, int] = {"M": 3, "S": 2, "X": 1}


class NotRun(Exception):
    """The row cannot be run here; the text says why."""


@dataclass(frozen=True)
class Row:
    """One row. `weight`: M must, S should, X best in class. `source`: the requirement behind it."""

    id: str
    weight: Weight
    source: str
    says: str
    run: Callable[..., None]


@dataclass(frozen=True)
class Outcome:
    """What came of a row: passed, failed or not run, and why."""

    row: Row
    state: Literal["passed", "failed", "not run"]
    why: str = ""


ROWS: list[Row] = []


def row(
    number: str, weight: Weight, source: str, says: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put a function on the card."""

    def add(run: Callable[..., None]) -> Callable[..., None]:
        ROWS.append(Row(number, weight, source, says, run))
        return run

    return add


def expect(condition: object, why: str) -> None:
    """Fail the row unless `condition` holds."""
    if not condition:
        raise AssertionError(why)


def score(outcomes: list[Outcome]) -> tuple[int, int]:
    """Points reached and points of all rows that were run."""
    run = [one for one in outcomes if one.state != "not run"]
    reached = sum(WEIGHTS[one.row.weight] for one in run if one.state == "passed")
    return reached, sum(WEIGHTS[one.row.weight] for one in run)


def summary(outcomes: list[Outcome]) -> str:
    """The score in one line."""
    reached, possible = score(outcomes)
    failed = sum(one.state == "failed" for one in outcomes)
    left = sum(one.state == "not run" for one in outcomes)
    return f"{reached} of {possible} points; {failed} failed, {left} not run"


INTRODUCTION = """What `make conformance` found when it last ran against a demo: each row is a test over
HTTP, with the demo's messages and clock, the database's dump and the audit export. M must (3 points),
S should (2), X best in class (1). A row that was not run says why, and counts for nothing.
`make conformance ARGS='--page docs/reference/conformance.md'` writes this page."""


def as_page(outcomes: list[Outcome]) -> str:
    """The card as a page of the documentation."""
    lines = [
        "# Conformance card",
        "",
        INTRODUCTION,
        "",
        f"**{summary(outcomes)}**",
        "",
        "| row | | source | passes when | result |",
        "|---|---|---|---|---|",
    ]
    for one in outcomes:
        result = one.state + (f": {one.why}" if one.why else "")
        row_ = one.row
        lines.append(f"| {row_.id} | {row_.weight} | {row_.source} | {row_.says} | {result} |")
    return "\n".join(lines) + "\n"
