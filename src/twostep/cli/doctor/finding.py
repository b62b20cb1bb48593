"""What `twostep doctor` says: one sentence each, sorted by how bad it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from twostep.cli.shell import print_json


ERROR = "error"
WARNING = "warning"
OK = "ok"
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what is, and after it what to do. Errors make the exit code 1; what was skipped
    was not looked at, and `text` says why."""

    level: str
    about: str
    text: str


def print_findings(found: list[Finding], *, as_json: bool) -> None:
    """Print them in the order in which they were found."""
    if as_json:
        print_json([asdict(finding) for finding in found])
        return
    for finding in found:
        print(f"{finding.level:<8} {finding.about}: {finding.text}")
