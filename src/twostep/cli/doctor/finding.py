"""The findings of `twostep doctor`, each with a level and a short text."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from twostep.cli.shell import print_json


ERROR = "error"
WARNING = "warning"
OK = "ok"
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what was found, then what to do. Errors make the exit code 1; for a skipped check
    `text` says why."""

    level: str
    about: str
    text: str


def print_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Print them in the order they were found."""
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    for finding in findings:
        print(f"{finding.level:<8} {finding.about}: {finding.text}")
