"""What pytest is told: run the tests that carry a row's mark, and remember what came of each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from conformance.card import Outcome, Result, judge
from conformance.rows import ROWS, Row


def rows_of(item: pytest.Item) -> set[str]:
    """The rows that a test asks. The long tests of other folders are for `make soak`."""
    if item.get_closest_marker("soak") and item.path.parent.name != "conformance":
        return set()
    return {row for mark in item.iter_markers("row") for row in mark.args}


class RowResults:
    """A plugin of pytest. `wanted`: rows, or how their ids begin; none: all of them."""

    def __init__(self, wanted: Iterable[str] = ()) -> None:
        begins = tuple(wanted) or ("",)
        self._rows = [row for row in ROWS if row.id.startswith(begins)]
        self._tests: dict[str, list[str]] = {row.id: [] for row in self._rows}
        self._results: dict[str, Result] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep what asks one of the rows."""
        kept = []
        for item in items:
            rows = rows_of(item) & self._tests.keys()
            kept += [item] if rows else []
            for row in rows:
                self._tests[row].append(item.nodeid)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the worst of a test's parts: setting up, itself, tidying up."""
        before = self._results.get(report.nodeid)
        if before is None or before.state == "passed":
            self._results[report.nodeid] = as_result(report)

    def outcomes(self) -> list[Outcome]:
        """What came of each row."""
        return [judge(row, self._results_of(row)) for row in self._rows]

    def _results_of(self, row: Row) -> list[Result]:
        lost = "it was not run to its end"
        return [
            self._results.get(test, Result(test, "not run", lost)) for test in self._tests[row.id]
        ]


def as_result(report: pytest.TestReport) -> Result:
    """What a report says, with its reason in one line."""
    if report.passed:
        return Result(report.nodeid, "passed")
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        return Result(report.nodeid, "not run", str(reason).removeprefix("Skipped: "))
    crash = getattr(report.longrepr, "reprcrash", None)
    said = crash.message if crash else report.longreprtext
    return Result(report.nodeid, "failed", " ".join(said.split()))


def run_rows(tests: Path, wanted: Iterable[str] = ()) -> tuple[list[Outcome], int]:
    """Run what asks the wanted rows under `tests`; what came of each row, and pytest's exit code."""
    results = RowResults(wanted)
    code = pytest.main(
        ["-q", "--no-header", "-p", "no:cacheprovider", "-m", "", str(tests)], [results]
    )
    return results.outcomes(), int(code)
