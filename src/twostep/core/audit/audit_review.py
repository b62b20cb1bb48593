"""Verifies the audit trail: each record against the one before it, its text and the checkpoints.

Records are fed in any number of pages, in order within each chain. A chain may have a signed start
(older records were purged), and must reach at least as far as a checkpoint vouches for. Nothing is
serialised again: the stored bytes are the hashed bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from twostep.core.audit.audit_chain import Head, Record, hash_record


class Fault(StrEnum):
    """What can be wrong with an audit trail."""

    CHANGED = "changed"  # a record is not what was written
    GAP = "gap"  # records are missing in the middle or at the start
    ORDER = "order"  # a record is in another's place
    CUT = "cut"  # the newest records are missing
    CHECKPOINT = "checkpoint"  # a checkpoint is changed, missing or forged
    FILE = "file"  # the checkpoint file and the database disagree, or a file cannot be read
    START = "start"  # a chain's signed start is not genuine
    FOREIGN = "foreign"  # the program did not write a chain's end
    UNSIGNED = "unsigned"  # no checkpoint covers what one should have covered long ago


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One problem. `about`: a chain or `checkpoints`; `seq`: the record's number, 0 for none."""

    fault: Fault
    about: str
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """A chain's head in the newest checkpoint that includes it."""

    head: Head
    checkpoint: int


@dataclass(frozen=True, slots=True)
class KnownStart:
    """Where a chain begins. `problem`: why the signed start is invalid, or empty."""

    head: Head
    problem: str = ""


class ChainReview:
    """Reads records and collects problems.

    `vouched`: the checkpoints' newest heads, by chain. `starts`: signed starts by chain; the caller
    fills in those that `needs_start` and `unread` name, reading them after the records.
    `knows_starts`: False if there are no starts to read. `settled_before`: checkpoints should cover
    whatever is older (Unix seconds).
    """

    def __init__(
        self,
        vouched: Mapping[str, Vouched],
        *,
        knows_starts: bool = True,
        settled_before: int = 0,
    ) -> None:
        self.findings: list[AuditFinding] = []
        self.starts: dict[str, KnownStart] = {}
        self.records = 0
        self.unknown_starts = 0
        self._vouched = vouched
        self._knows_starts = knows_starts
        self._heads: dict[str, Head] = {}
        self._ahead: dict[str, Head] = {}  # starts that are later than the first record read
        self._settled_before = settled_before
        self._unsigned: dict[str, int] = {}  # the first record that a checkpoint should cover

    @property
    def chains(self) -> int:
        """How many chains had records."""
        return len(self._heads)

    def head_of(self, chain: str) -> Head | None:
        """The last record read of a chain, or None."""
        return self._heads.get(chain)

    def needs_start(self, records: Iterable[Record]) -> set[str]:
        """The chains of these records whose start must be known before they are fed."""
        first: dict[str, int] = {}
        for record in records:
            if record.chain not in self._heads:
                first.setdefault(record.chain, record.seq)
        return {chain for chain, seq in first.items() if seq != 1}

    def unread(self) -> set[str]:
        """Chains that a checkpoint vouches for but that had no records."""
        return self._vouched.keys() - self._heads.keys()

    def feed(self, records: Iterable[Record]) -> None:
        """Verify records, which must be in order within each chain."""
        heads = self._heads
        chain, seq, digest, promised = "", 0, b"", None
        count = 0
        for record in records:
            count += 1
            if record.chain != chain:
                if chain:
                    heads[chain] = Head(seq, digest)
                chain = record.chain
                head = heads.get(chain) or self._begin(record)
                seq, digest, promised = head.seq, head.hash, self._vouched.get(chain)
            if record.seq != seq + 1:
                self._out_of_step(record, seq)
                if record.seq <= seq:
                    continue
            elif record.prev_hash != digest:
                self._add_fault(Fault.CHANGED, record, "does not follow the one before it")
            seq, digest = record.seq, record.hash
            self._judge(record, promised)
        if chain:
            heads[chain] = Head(seq, digest)
        self.records += count

    def _judge(self, record: Record, promised: Vouched | None) -> None:
        self._judge_text(record)
        covered = 0 if promised is None else promised.head.seq
        if promised is not None and covered == record.seq:
            self._compare_vouched(record, promised)
        if self._ahead:
            self._compare_start(record)
        if record.seq > covered and record.at < self._settled_before:
            self._unsigned.setdefault(record.chain, record.seq)

    def add_foreign(self, chain: str, stored: Head) -> None:
        """The stored head is not the program's, unless it has no tag yet and a checkpoint vouches for
        just this one."""
        vouched = self._vouched.get(chain)
        if stored.tag or vouched is None or vouched.head != stored:
            seq = vouched.head.seq if vouched else 0
            text = (
                f"Twostep did not write all of what follows record {seq}: the end has no valid tag"
            )
            self._add(Fault.FOREIGN, chain, stored.seq, text)

    def compare_head(self, chain: str, stored: Head) -> None:
        """Compare a chain's end with the head stored with its account."""
        head = self._heads.get(chain)
        if head is None:
            begun = self._begun(chain)
            head = begun.head if begun else Head()
        if head.seq < stored.seq:
            lost = _numbers(head.seq + 1, stored.seq)
            self._add(Fault.CUT, chain, stored.seq, f"{lost} missing at the end")
        elif head.seq > stored.seq or head.hash != stored.hash:
            self._add(Fault.CUT, chain, stored.seq, "the account names another end of the chain")

    def finish(self) -> list[AuditFinding]:
        """Look for chains that end too early or are not signed, and return all problems."""
        self._judge_unsigned()
        for chain, promised in self._vouched.items():
            head = self._heads.get(chain)
            if head is None:
                begun = self._begun(chain)
                head = begun.head if begun else Head()
                if head.seq == promised.head.seq and head.hash != promised.head.hash:
                    self._add(Fault.START, chain, head.seq, "the signed start names another record")
            if head.seq < promised.head.seq:
                lost = _numbers(head.seq + 1, promised.head.seq)
                text = (
                    f"{lost} missing at the end: checkpoint {promised.checkpoint} vouches for them"
                )
                self._add(Fault.CUT, chain, promised.head.seq, text)
        return self.findings

    def _judge_unsigned(self) -> None:
        if self._unsigned and not self._vouched:
            text = (
                f"no checkpoint is left, though events of {len(self._unsigned)} chains are older than"
                " two minutes. If none was ever signed, start the server: it signs within a minute."
            )
            self._add(Fault.UNSIGNED, "checkpoints", 0, text)
            return
        for chain, seq in self._unsigned.items():
            text = f"record {seq} is older than two minutes, and no checkpoint covers it"
            self._add(Fault.UNSIGNED, chain, seq, text)

    def _begin(self, record: Record) -> Head:
        """Return the head before a chain's first record."""
        if record.seq == 1:
            return Head()
        as_it_stands = Head(record.seq - 1, record.prev_hash)
        if not self._knows_starts:
            self.unknown_starts += 1
            return as_it_stands
        begun = self._begun(record.chain)
        if begun is None or begun.head.seq < record.seq - 1:
            first = begun.head.seq + 1 if begun else 1
            lost = _numbers(first, record.seq - 1)
            why = "" if begun else ", and no signed start says that they were purged"
            self._add(Fault.GAP, record.chain, record.seq, f"{lost} missing{why}")
            return as_it_stands
        if begun.head.seq == record.seq - 1:
            return begun.head
        # Purged between two pages, or since an export: the start is later.
        self._ahead[record.chain] = begun.head
        return as_it_stands

    def _begun(self, chain: str) -> KnownStart | None:
        begun = self.starts.get(chain)
        if begun is None or not begun.problem:
            return begun
        self._add(Fault.START, chain, begun.head.seq, begun.problem)
        return None

    def _judge_text(self, record: Record) -> None:
        if hash_record(record.prev_hash, record.body) != record.hash:
            self._add_fault(Fault.CHANGED, record, "was changed: its text does not have its hash")
        elif not _agrees(record):
            self._add_fault(Fault.CHANGED, record, "was changed: its columns differ from its text")

    def _compare_vouched(self, record: Record, promised: Vouched) -> None:
        if promised.head.hash != record.hash:
            what = f"is not the one that checkpoint {promised.checkpoint} vouches for"
            self._add_fault(Fault.CHANGED, record, what)

    def _compare_start(self, record: Record) -> None:
        start = self._ahead.get(record.chain)
        if start is not None and start.seq == record.seq and start.hash != record.hash:
            self._add_fault(Fault.CHANGED, record, "is not the one that the signed start names")

    def _out_of_step(self, record: Record, seq: int) -> None:
        if record.seq <= seq:
            self._add_fault(Fault.ORDER, record, f"stands behind record {seq}")
        else:
            lost = _numbers(seq + 1, record.seq - 1)
            self._add(Fault.GAP, record.chain, record.seq, f"{lost} missing")

    def _add_fault(self, fault: Fault, record: Record, what: str) -> None:
        self._add(fault, record.chain, record.seq, f"record {record.seq} {what}")

    def _add(self, fault: Fault, chain: str, seq: int, text: str) -> None:
        self.findings.append(AuditFinding(fault, chain, seq, text))


def _agrees(record: Record) -> bool:
    """Whether chain, number, time and kind in the text match the columns.

    The text is JSON with sorted keys and escaped quotation marks, so these pieces can occur only
    where they belong.
    """
    body = record.body
    return (
        body.endswith(f',"seq":{record.seq}}}')
        and f',"at":{record.at},"browser":"' in body
        and f',"chain":"{record.chain}","data":{{' in body
        and f'}},"event":"{record.event}","method":"' in body
    )


def _numbers(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"
