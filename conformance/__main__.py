"""Run the card, or the rows named on the command line, and print it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from conformance import (
    rows_accounts,
    rows_codes,
    rows_own,
    rows_passkeys,
    rows_recovery,
    rows_requests,
    rows_sent,
)
from conformance.card import ROWS, NotRun, Outcome, Row, as_page, summary
from conformance.instance import Instance, demo


MODULES = (
    rows_codes,
    rows_sent,
    rows_recovery,
    rows_accounts,
    rows_passkeys,
    rows_requests,
    rows_own,
)


MARKS = {"passed": "ok", "failed": "FAIL", "not run": "--"}


def run_row(one: Row, instance: Instance) -> Outcome:
    """Run one row from the demo's start."""
    instance.reset()
    try:
        one.run(instance)
    except NotRun as reason:
        return Outcome(one, "not run", str(reason))
    except Exception as error:  # noqa: BLE001  whatever a row meets, the card goes on
        return Outcome(one, "failed", f"{type(error).__name__}: {error}"[:300])
    return Outcome(one, "passed")


def main() -> int:
    """Print the card; 1 when a row failed. `--page FILE` writes it as a page, too."""
    wanted = sys.argv[1:]
    page = Path(wanted.pop(wanted.index("--page") + 1)) if "--page" in wanted else None
    wanted = [name for name in wanted if name != "--page"]
    rows = [one for one in ROWS if not wanted or any(one.id.startswith(name) for name in wanted)]
    outcomes = []
    with (
        tempfile.TemporaryDirectory(prefix="twostep-card-") as folder,
        demo(Path(folder) / "data") as instance,
    ):
        for one in rows:
            outcome = run_row(one, instance)
            outcomes.append(outcome)
            print(f"{MARKS[outcome.state]:5}{one.id:7} {one.weight}  {one.says}", flush=True)
            if outcome.why:
                print(f"             {outcome.why}", flush=True)
    print(f"\n{summary(outcomes)}")
    if page is not None:
        page.write_text(as_page(outcomes))
    return 1 if any(one.state == "failed" for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
