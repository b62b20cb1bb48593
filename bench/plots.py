"""Draw the pictures of a saved run and write its table into the page about performance.

    python -m bench.plots [FILE]

Plain SVG with words for those who cannot see it; it follows the reader's light or dark theme.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench import results
from bench.results import Line


ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "bench" / "run.jsonl"
PAGE = ROOT / "docs" / "explanation" / "performance.md"
IMAGES = ROOT / "docs" / "images"
PEER = "django-two-factor-auth"
BEGIN, END = "<!-- figures of the run -->", "<!-- end of the figures -->"

WIDTH, LEFT, RIGHT = 780, 310, 90
TOP, BAR, GAP = 44, 22, 12
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.head{font-weight:600;font-size:15px}"
    ".own{fill:#0b6bcb}.peer{fill:#8a6d00}.limit{fill:#6e7781}.aim{stroke:#b42318;stroke-width:2}"
    ".aimed{fill:#b42318;font-size:11px}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#58a6ff}.peer{fill:#d4a72c}"
    ".limit{fill:#8b949e}.aim{stroke:#ff7b72}.aimed{fill:#ff7b72}}"
)


@dataclass(frozen=True)
class Bar:
    """One bar: a figure of the run. `kind`: own, peer or limit."""

    label: str
    id: str
    what: str
    kind: str = "own"


@dataclass(frozen=True)
class Figure:
    """One picture. `aim`: where the target's mark stands; `log`: a step is a factor of ten."""

    name: str
    title: str
    unit: str
    bars: tuple[Bar, ...]
    aim: float | None = None
    log: bool = False


FIGURES = (
    Figure(
        "performance-second-step", "Second steps a second, 16 clients, all durable", "/s",
        (
            Bar("Twostep, SQLite", "P1", "second step, SQLite, 16 clients"),
            Bar("Twostep, PostgreSQL", "P2", "second step, PostgreSQL, 16 clients"),
            Bar(PEER, "P1", f"{PEER}: second step, 16 clients", "peer"),
            Bar("the bare work alone", "P1", "bare work: second step, 16 clients", "limit"),
        ),
        aim=2000,
    ),
    Figure(
        "performance-second-step-p99", "Second step, slowest of a hundred, 16 clients", "ms",
        (
            Bar("Twostep, SQLite", "P1", "second step, SQLite, 16 clients, p99"),
            Bar("Twostep, PostgreSQL", "P2", "second step, PostgreSQL, 16 clients, p99"),
            Bar(PEER, "P1", f"{PEER}: second step, 16 clients, p99", "peer"),
        ),
        aim=40, log=True,
    ),
    Figure(
        "performance-session-check", "Session checks a second, 64 clients", "/s",
        (
            Bar("Twostep, SQLite", "P3", "session check, SQLite"),
            Bar("Twostep, PostgreSQL", "P3", "session check, PostgreSQL"),
            Bar(PEER, "P3", f"{PEER}: session check", "peer"),
            Bar("bare Starlette", "P3", "bare Starlette: session check", "limit"),
        ),
        aim=10_000,
    ),
    Figure(
        "performance-sign-in", "Whole sign-ins a second, both steps, 16 clients", "/s",
        (
            Bar("Twostep, Argon2id", "P4", "full sign-in, 16 clients"),
            Bar(f"{PEER}, PBKDF2", "P4", f"{PEER}: full sign-in, 16 clients", "peer"),
            Bar("Argon2id alone", "P4", "bare work: Argon2 hashes", "limit"),
        ),
    ),
    Figure(
        "performance-wizard", "CPU of the set-up page with its QR code", "ms CPU",
        (
            Bar("Twostep", "P5", "wizard's page with QR code"),
            Bar(PEER, "P5", f"{PEER}: wizard's page with QR code", "peer"),
        ),
        aim=5,
    ),
    Figure(
        "performance-memory", "Memory after load", "MB",
        (
            Bar("Twostep, one process", "P7", "memory of the server after load, PSS"),
            Bar(
                f"{PEER}, two", "P7", f"{PEER}: memory of two workers after load, PSS", "peer"
            ),
        ),
        aim=120,
    ),
    Figure(
        "performance-flood", "Slowest of a hundred while 200 passwords/s arrive", "ms",
        (
            Bar("Twostep, session check", "P9", "session check, p99 in a flood of 200 passwords/s"),
            Bar("Twostep, second step", "P9", "second step, p99 in a flood of 200 passwords/s"),
            Bar(
                f"{PEER}, session check", "P9", f"{PEER}: session check, p99 in the same flood", "peer"
            ),
            Bar(f"{PEER}, second step", "P9", f"{PEER}: second step, p99 in the same flood", "peer"),
        ),
        aim=50, log=True,
    ),
)  # fmt: skip


def value_of(bar: Bar, lines: Sequence[Line]) -> float:
    """The figure of a bar. Raises `LookupError` where the run has none."""
    for line in lines:
        if (line.id, line.what) == (bar.id, bar.what):
            return line.value
    raise LookupError(f"the run has no {bar.id} “{bar.what}”")


def number(value: float) -> str:
    """A figure for readers: three digits that count."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def draw(figure: Figure, lines: Sequence[Line]) -> str:
    """The picture as SVG."""
    values = [value_of(bar, lines) for bar in figure.bars]
    most = max([*values, figure.aim or 0.0])
    height = TOP + len(values) * (BAR + GAP) + 22
    description = "; ".join(
        f"{bar.label}: {number(value)} {figure.unit}"
        for bar, value in zip(figure.bars, values, strict=True)
    )
    aim = f" The target is {number(figure.aim)} {figure.unit}." if figure.aim else ""
    scale = " Each step of the scale is a factor of ten." if figure.log else ""
    head = escape(figure.title) + (" (logarithmic)" if figure.log else "")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        f' width="{WIDTH}" height="{height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(figure.title)}</title>',
        f'<desc id="d">{escape(description)}.{aim}{scale}</desc>',
        f"<style>{STYLE}</style>",
        f'<text class="head" x="0" y="18">{head}</text>',
    ]
    for place, (bar, value) in enumerate(zip(figure.bars, values, strict=True)):
        parts += _bar(bar, number(value) + f" {figure.unit}", _length(value, most, figure), place)
    if figure.aim:
        x = LEFT + _length(figure.aim, most, figure)
        said = f"target {number(figure.aim)}"
        parts += [
            f'<line class="aim" x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{height - 20}"/>',
            f'<text class="aimed" x="{x}" y="{height - 6}" text-anchor="middle">{said}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, said: str, length: int, place: int) -> list[str]:
    y = TOP + place * (BAR + GAP)
    middle = y + BAR - 6
    return [
        f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{bar.kind}" x="{LEFT}" y="{y}" width="{length}" height="{BAR}" rx="3"/>',
        f'<text x="{LEFT + length + 6}" y="{middle}">{escape(said)}</text>',
    ]


def _length(value: float, most: float, figure: Figure) -> int:
    room = WIDTH - LEFT - RIGHT
    share = math.log10(max(value, 1)) / math.log10(most) if figure.log else value / most
    return max(2, round(room * share))


def table(lines: Sequence[Line]) -> str:
    """The run's own figures as a table; the peers' stand in the column they are compared in."""
    rows = [
        "| # | what | measured | compared with | ratio | target | |",
        "|---|---|---|---|---|---|---|",
    ]
    order = {name: place for place, name in enumerate(dict.fromkeys(line.id for line in lines))}
    for line in sorted(lines, key=lambda row: (_rank(row.id), order[row.id])):
        if line.what.startswith((f"{PEER}:", "bare ")):
            continue
        ratio = "" if line.ratio is None else f"{line.ratio:.2g}"
        met = "" if not line.target else "met" if line.met else "**missed**"
        cells = (line.id, line.what, f"{number(line.value)} {line.unit}", line.against, ratio,
                 line.target, met)  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _rank(number: str) -> int:
    return int(number[1:]) if number[1:].isdecimal() else 99


def heading(path: Path) -> str:
    """When, where and with what the run was made."""
    head = results.read_surroundings(path)
    machine, versions = head["machine"], head["versions"]
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Run of {head['date']} on {machine['cores']} cores ({machine['cpu']},"
        f" {machine['memory_gib']} GiB, {machine['system']}): {said}.\n"
    )


def page_text(page: str, path: Path) -> str:
    """The page with the run's table in it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{heading(path)}\n{table(results.read(path))}{END}{after}"


def main() -> None:
    """Write pictures and table."""
    path = Path(sys.argv[1]) if sys.argv[1:] else RUN
    lines = results.read(path)
    for figure in FIGURES:
        (IMAGES / f"{figure.name}.svg").write_text(draw(figure, lines), encoding="utf-8")
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8"), path), encoding="utf-8")


if __name__ == "__main__":
    main()
