"""One result is one JSON object on a line of its own; `--save` keeps the lines of a run."""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One figure. `against`: what `ratio` compares it with. `met`: without a target, true."""

    id: str
    what: str
    value: float
    unit: str
    ratio: float | None
    against: str
    target: str
    met: bool


class Results:
    """Where figures go: to standard output and, where one is named, into a file."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def say(
        self,
        number: str,
        what: str,
        value: float,
        unit: str,
        *,
        target: str = "",
        met: bool = True,
        against: str = "",
        ratio: float | None = None,
    ) -> None:
        """Print one figure. `what` stays the same from run to run: pictures are drawn by it."""
        line = Line(
            number, what, round(value, 2), unit,
            None if ratio is None else round(ratio, 4), against, target, met,
        )  # fmt: skip
        self.lines.append(line)
        print(json.dumps(asdict(line)), flush=True)


RESULTS = Results()
say = RESULTS.say


def cpu_name() -> str:
    """The processor's name, where the machine tells it."""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def surroundings(peers: dict[str, str]) -> dict[str, object]:
    """Machine, versions and date, as they stand at the head of a saved run."""
    import os
    import sqlite3

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("uvicorn", "starlette", "uvloop", "httptools", "cryptography", "psycopg")
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": {
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "memory_gib": round(memory),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: metadata.version(name) for name in names},
            **peers,
        },
    }


def save(path: Path, peers: dict[str, str]) -> None:
    """Write what was said to a file: first the surroundings, then a line for each figure. Figures
    that the file has and this run did not measure stay, so that a run may be made in parts."""
    kept: dict[tuple[str, str], Line] = {}
    if path.exists():
        kept = {(line.id, line.what): line for line in read(path)}
    kept |= {(line.id, line.what): line for line in RESULTS.lines}
    rows = [surroundings(peers), *(asdict(line) for line in kept.values())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(path: Path) -> list[Line]:
    """The figures of a saved run."""
    rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    return [Line(**row) for row in rows if "id" in row]


def read_surroundings(path: Path) -> dict[str, dict[str, str]]:
    """The head of a saved run."""
    return json.loads(path.read_text(encoding="utf-8").partition("\n")[0])  # type: ignore[no-any-return]
