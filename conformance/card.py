"""What came of each row, the score, and the card as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.rows import Row


State = Literal["passed", "failed", "not run"]
SIGNS: dict[State, str] = {"passed": "ok", "failed": "FAIL", "not run": "--"}


@dataclass(frozen=True)
class Result:
    """What came of one test, and why."""

    test: str
    state: State
    why: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a row, and why."""

    row: Row
    state: State
    why: str = ""


def judge(row: Row, results: Sequence[Result]) -> Outcome:
    """A row passes when all its tests do; it was not run when one of them was not."""
    if row.absent:
        return Outcome(row, "not run", row.absent)
    for state in ("failed", "not run"):
        for result in results:
            if result.state == state:
                why = f"{result.test}: {result.why}" if state == "failed" else result.why
                return Outcome(row, state, why[:300])
    return Outcome(row, "passed") if results else Outcome(row, "not run", "no test of it was run")


def score(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Points reached, and points of all rows that were run."""
    run = [outcome for outcome in outcomes if outcome.state != "not run"]
    reached = sum(outcome.row.points for outcome in run if outcome.state == "passed")
    return reached, sum(outcome.row.points for outcome in run)


def summary(outcomes: Sequence[Outcome]) -> str:
    """The score in one line."""
    reached, possible = score(outcomes)
    states = [outcome.state for outcome in outcomes]
    left = f"{states.count('failed')} failed, {states.count('not run')} not run"
    return f"{reached} of {possible} points; {left}"


def as_text(outcomes: Sequence[Outcome]) -> str:
    """The card for a terminal."""
    lines = []
    for outcome in outcomes:
        row = outcome.row
        lines.append(f"{SIGNS[outcome.state]:5}{row.id:7} {row.weight}  {row.says}")
        lines += [f"             {outcome.why}"] if outcome.why else []
    return "\n".join([*lines, "", summary(outcomes)])


INTRODUCTION = """What `make conformance` found when it last ran. Each row is checked by one or more tests that carry its
mark: most use a running demo over HTTP, with its messages and clock, the database dump and the audit
export; the others test the same product below the web, at its flows or its algorithms. A row passes if
all its tests do. M must (3 points), S should (2), X best in class (1). A row that was not run says why,
and does not count. `make conformance ARGS='--page docs/reference/conformance.md'` writes this page."""


def as_page(outcomes: Sequence[Outcome]) -> str:
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
    for outcome in outcomes:
        row = outcome.row
        result = f"{outcome.state}: {outcome.why}" if outcome.why else outcome.state
        lines.append(f"| {row.id} | {row.weight} | {row.source} | {row.says} | {result} |")
    return "\n".join(lines) + "\n"
