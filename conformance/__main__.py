"""Run the tests of the card, or of the rows named on the command line, and print it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from conformance.card import as_page, as_text
from conformance.collect import run_rows


TESTS = Path(__file__).parents[1] / "tests"
HAS_RUN = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}


def main() -> int:
    """Print the card; 1 when a row failed or its tests could not be run."""
    parser = argparse.ArgumentParser("conformance", description=__doc__)
    parser.add_argument("rows", nargs="*", help="ids, or how they begin: OTP THR-01")
    parser.add_argument("--page", type=Path, help="write the card as a page, too")
    asked = parser.parse_args()
    outcomes, code = run_rows(TESTS, asked.rows)
    print(f"\n{as_text(outcomes)}")
    if asked.page is not None:
        asked.page.write_text(as_page(outcomes), encoding="utf-8")
    return 0 if code in HAS_RUN and all(row.state != "failed" for row in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
