"""Verifies the sequence of checkpoints: signatures, numbers, roots, and whose keys they are."""

from __future__ import annotations

from collections.abc import Iterable

from twostep.core.audit.audit_chain import START, Head
from twostep.core.audit.audit_checkpoint import (
    CHECKPOINTS,
    Checkpoint,
    Signed,
    is_signed_by,
    read_checkpoint,
)
from twostep.core.audit.audit_review import AuditFinding, Fault, Vouched


class CheckpointReview:
    """Reads checkpoints, oldest first, and collects what they vouch for and any problems.

    `trusted`: public keys from the key file; None if unknown, so that only the sequence is
    verified. A checkpoint of another key counts if a later one of a trusted key builds on it.
    `start`: number and root of the last purged checkpoint. `vouch_to`: later ones vouch for
    nothing.
    `in_file`: the sequence may begin anywhere (a file that was moved away and started again) and
    may contain the same checkpoint twice (two writers).
    """

    def __init__(
        self,
        trusted: frozenset[bytes] | None,
        *,
        start: Head | None = None,
        vouch_to: int | None = None,
        in_file: bool = False,
    ) -> None:
        self.findings: list[AuditFinding] = []
        self.vouched: dict[str, Vouched] = {}
        self.roots: dict[int, bytes] = {}
        self.made_at: dict[int, int] = {}
        self._trusted = trusted
        self._vouch_to = vouch_to
        self._in_file = in_file
        self._last = start or Head(0, START)
        self._foreign: list[int] = []

    @property
    def newest(self) -> int:
        """The number of the last checkpoint read."""
        return self._last.seq

    def feed(self, numbered: Iterable[tuple[int, Signed]]) -> None:
        """Verify checkpoints, each with the number it is stored under."""
        for seq, signed in numbered:
            try:
                checkpoint = read_checkpoint(signed.body)
            except ValueError:
                self._add(seq, "is no checkpoint at all")
                continue
            if checkpoint.seq != seq:
                self._add(seq, f"says that it is number {checkpoint.seq}")
                continue
            if self._in_file and self.roots.get(seq) == signed.root:
                continue
            self._judge(checkpoint, signed)
            self.roots[seq] = signed.root
            self._last = Head(seq, signed.root)
            self.made_at[seq] = checkpoint.at

    def finish(self) -> list[AuditFinding]:
        """Judge the keys of the newest checkpoints, and return all problems."""
        if self._foreign:
            since = self._foreign[0]
            self._add(since, "and what follows is signed by a key that is not in the key file")
            self._foreign = []
        return self.findings

    def _judge(self, checkpoint: Checkpoint, signed: Signed) -> None:
        if not is_signed_by(signed, checkpoint.public_key):
            self._add(checkpoint.seq, "was changed: its signature does not match")
            return
        if checkpoint.seq != self._last.seq + 1:
            if not (self._in_file and self._last.seq == 0):
                lost = f"checkpoints {self._last.seq + 1} to {checkpoint.seq - 1} are missing"
                self._add(checkpoint.seq, f"follows number {self._last.seq}: {lost}")
        elif checkpoint.before != self._last.hash:
            self._add(checkpoint.seq, "does not stand on the one before it")
        if self._trusted is None or checkpoint.public_key in self._trusted:
            self._foreign = []
        else:
            self._foreign.append(checkpoint.seq)
        if self._vouch_to is not None and checkpoint.seq > self._vouch_to:
            return
        for chain, head in checkpoint.heads.items():
            known = self.vouched.get(chain)
            if known is None or known.head.seq <= head.seq:
                self.vouched[chain] = Vouched(head, checkpoint.seq)

    def _add(self, seq: int, what: str) -> None:
        text = f"checkpoint {seq} {what}"
        self.findings.append(AuditFinding(Fault.CHECKPOINT, CHECKPOINTS, seq, text))


def compare(
    database: CheckpointReview, file: CheckpointReview, *, purged: int, settled_before: int
) -> list[AuditFinding]:
    """Return the differences between the checkpoint file and the database.

    `purged`: checkpoints up to this number were purged from the database. `settled_before`: later
    ones may not have been written to the file yet.
    """
    findings = [
        _disagreement(seq, f"checkpoint {seq} is another one in the file than in the database")
        for seq, root in file.roots.items()
        if database.roots.get(seq, root) != root
    ]
    missing = [seq for seq in file.roots if seq > purged and seq not in database.roots]
    if missing:
        text = (
            f"{len(missing)} checkpoints of the file, {min(missing)} to {max(missing)}, are not in"
            " the database: it was cut, or an older copy was put back"
        )
        findings.append(_disagreement(min(missing), text))
    if any(seq > file.newest and at < settled_before for seq, at in database.made_at.items()):
        text = (
            f"the file ends at checkpoint {file.newest}, the database at {database.newest}: the file"
            " was cut or could not be written"
        )
        findings.append(_disagreement(file.newest, text))
    return findings


def merge(first: dict[str, Vouched], other: dict[str, Vouched]) -> dict[str, Vouched]:
    """For each chain, keep the entry that vouches for more of it."""
    merged = dict(first)
    for chain, promised in other.items():
        known = merged.get(chain)
        if known is None or known.head.seq < promised.head.seq:
            merged[chain] = promised
    return merged


def _disagreement(seq: int, text: str) -> AuditFinding:
    return AuditFinding(Fault.FILE, CHECKPOINTS, seq, text)
