"""The card: no row without its test, no mark without its row, and a score that is what it says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.card import Outcome, Result, as_page, as_text, judge, summary
from conformance.rows import ROWS


ROOT = Path(__file__).parents[2]
ASKED, ABSENT = ROWS[0], next(row for row in ROWS if row.absent)
PASSED, FAILED = Result("a", "passed"), Result("b", "failed", "assert 1 == 2")
SKIPPED = Result("c", "not run", "chromium is missing")


def marked_rows() -> set[str]:
    """What every `pytest.mark.row(…)` under tests names."""
    calls = [
        node
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row"
    ]
    return {str(ast.literal_eval(word)) for call in calls for word in call.args}


def test_every_row_has_a_test_or_says_why_it_has_none() -> None:
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert marked_rows() == {row.id for row in ROWS if not row.absent}


@pytest.mark.parametrize(
    ("results", "state", "why"),
    [
        ([PASSED, PASSED], "passed", ""),
        ([PASSED, SKIPPED, FAILED], "failed", "b: assert 1 == 2"),
        ([PASSED, SKIPPED], "not run", "chromium is missing"),
        ([], "not run", "no test of it was run"),
    ],
)
def test_a_row_passes_when_all_its_tests_do(results: list[Result], state: str, why: str) -> None:
    assert judge(ASKED, results) == Outcome(ASKED, state, why)
    assert judge(ABSENT, results) == Outcome(ABSENT, "not run", ABSENT.absent)


def test_what_was_not_run_counts_for_nothing() -> None:
    results = ([PASSED], [FAILED], [SKIPPED])
    outcomes = [judge(row, said) for row, said in zip(ROWS[:3], results, strict=True)]
    assert summary(outcomes) == "3 of 6 points; 1 failed, 1 not run"
    text, page = as_text(outcomes), as_page(outcomes)
    for said in ("assert 1 == 2", "chromium is missing", summary(outcomes)):
        assert said in text
        assert said in page


def test_the_kept_page_has_every_row() -> None:
    page = (ROOT / "docs/reference/conformance.md").read_text(encoding="utf-8")
    shown = [line.split(" | ")[:4] for line in page.splitlines() if line.startswith("| ")][1:]
    assert shown == [[f"| {row.id}", row.weight, row.source, row.says] for row in ROWS]


ASKING = """
import pytest

@pytest.fixture
def broken():
    yield
    raise OSError("no power")

@pytest.mark.row("OTP-01", "OTP-02")
def test_right(): pass

@pytest.mark.row("OTP-02")
@pytest.mark.parametrize("number", [1, 2])
def test_wrong(number): assert number == 1

@pytest.mark.row("OTP-03")
def test_tidying_up(broken): pass

@pytest.mark.row("OTP-04")
def test_skipped(): pytest.skip("no chromium")

@pytest.mark.soak
@pytest.mark.row("OTP-05")
def test_for_long(): pass

@pytest.mark.row("IOP-01")
def test_of_another_row(): pass

def test_of_no_row(): pass
"""
RUN = """
import sys
from conformance.card import as_text
from conformance.collect import run_rows
outcomes, code = run_rows(sys.argv[1], ["OTP-0"])
print(f"{as_text(outcomes[:5])}, exit code {code}")
"""


def test_tests_are_run_and_read_by_their_marks(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(ASKING, encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    signs = re.findall(r"^(ok|FAIL|--) +OTP-0(\d) ", ran.stdout, re.MULTILINE)
    assert signs == [("ok", "1"), ("FAIL", "2"), ("FAIL", "3"), ("--", "4"), ("--", "5")]
    assert "3 of 9 points; 2 failed, 2 not run, exit code 1" in ran.stdout
    for why in ("test_wrong[2]: assert 2 == 1", "OSError: no power", " no chromium", "no test of"):
        assert why in ran.stdout
    assert "3 deselected" in ran.stdout
