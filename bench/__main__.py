"""Run the benchmarks named on the command line, or all but P8, which takes an hour.

python -m bench [P1 …] [--save FILE]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import checks, crowd, flood, pages, peer, provider, results, sign_ins, steps, trail


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {
    number: measures
    for module in (steps, checks, sign_ins, pages, flood, provider, trail, crowd)
    for number, measures in module.MEASURES.items()
}
LONG = frozenset({"P8"})


def main() -> None:
    """Run what was asked for, each measure in a folder of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="P1", help="what to measure")
    parser.add_argument("--save", type=Path, help="keep the figures, with machine and versions")
    asked = parser.parse_args()
    wanted = asked.numbers or [number for number in MEASURES if number not in LONG]
    if unknown := set(wanted) - set(MEASURES):
        parser.error(f"unknown: {' '.join(sorted(unknown))}; there are {' '.join(MEASURES)}")
    for number in wanted:
        for measure in MEASURES[number]:
            with tempfile.TemporaryDirectory(prefix="twostep-bench-") as folder:
                measure(Path(folder))
            if asked.save:
                results.save(asked.save, peer.versions())


if __name__ == "__main__":
    main()
