"""Reads an export of the audit trail, one event a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from twostep.core.audit import event
from twostep.core.audit.audit_chain import Record
from twostep.core.audit.audit_review import AuditFinding, Fault


PAGE = 1000


def read_pages(path: Path, findings: list[AuditFinding]) -> Iterator[list[Record]]:
    """Yield an export in pages; faulty lines are added to `findings`."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        records = _read_lines(lines, findings)
        while page := list(islice(records, PAGE)):
            yield page


def _read_lines(lines: Iterable[str], findings: list[AuditFinding]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        record = _read_line(line.rstrip("\r\n"))
        if record is not None:
            yield record
        elif line.strip():
            text = f"line {number} is no event"
            findings.append(AuditFinding(Fault.FILE, "export", number, text))


def _read_line(line: str) -> Record | None:
    """Parse one line.

    The hashed bytes are those before the two hashes, taken as they are. If another program has
    rewritten the line, they are serialised again.
    """
    end = len(line) - _HASHES_LENGTH
    hashes = _HASHES.fullmatch(line, end) if end > 0 else None
    at, chain, kind, seq = (_between(line, *marks) for marks in _MARKS)
    numbers = at + seq
    are_numbers = numbers.isascii() and at.isdecimal() and seq.isdecimal()
    if hashes is None or not (are_numbers and chain and kind):
        return _read_rewritten(line)
    before, after = hashes.groups()
    fields = (chain, int(seq), int(at), kind, line[:end] + "}")
    return Record(*fields, bytes.fromhex(before), bytes.fromhex(after))


def _between(line: str, before: str, after: str) -> str:
    start = line.find(before) + len(before)
    end = line.find(after, start)
    return line[start:end] if start >= len(before) and end > 0 else ""


def _read_rewritten(line: str) -> Record | None:
    try:
        fields = json.loads(line)
        before, after = bytes.fromhex(fields["prev_hash"]), bytes.fromhex(fields["hash"])
        rest = {name: value for name, value in fields.items() if name not in _NOT_HASHED}
        body = json.dumps(rest, separators=(",", ":"), sort_keys=True)
        return Record(
            fields["chain"], fields["seq"], fields["at"], fields["event"], body, before, after
        )
    except (ValueError, KeyError, TypeError):
        return None


_NOT_HASHED = frozenset({"prev_hash", "hash"})
_HASHES = re.compile(r',"prev_hash":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}')
_HASHES_LENGTH = 154
# The text around each value of a record: keys are sorted, and quotation marks inside values are
# escaped, so none of these can occur anywhere else.
_MARKS = (
    (',"at":', ',"browser":"'),
    (',"chain":"', '","data":{'),
    ('},"event":"', '","method":"'),
    (',"seq":', ',"prev_hash":"'),
)


def range_of(path: Path) -> tuple[int | None, int]:
    """The checkpoints that the export's own event names, its newest: up to which it is whole, and from
    which. None if there is no such event."""
    newest, limit, since = 0, None, 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if f'"{event.AUDIT_EXPORTED}"' in line and (record := _read_line(line.rstrip("\r\n"))):
                data = json.loads(record.body)["data"]
                if record.seq > newest:
                    newest, since = record.seq, int(data.get("since", 0))
                limit = max(limit or 0, int(data.get("checkpoint", 0)))
    return limit, since
