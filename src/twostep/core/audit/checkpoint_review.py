"""Verifying the row of checkpoints: signatures, numbers, roots, and whose keys they are."""

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
    """Reads checkpoints, oldest first, and collects what they vouch for and what is wrong.

    `trusted`: public keys of the key file; None: not known here, so that only the row itself is
    verified. A checkpoint of another key counts when a later one of a trusted key stands on it.
    `start`: the number and root of the last checkpoint that was purged. `vouch_to`: later ones
    vouch for nothing. `in_file`: the row may begin anywhere (a file that was put away and begun
    anew) and may hold the same checkpoint twice (two writers).
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
        """The number of the last checkpoint that was read."""
        return self._last.seq

    def feed(self, numbered: Iterable[tuple[int, Signed]]) -> None:
        """Verify checkpoints, each with the number under which it is kept."""
        for seq, signed in numbered:
            try:
                told = read_checkpoint(signed.body)
            except ValueError:
                self._add(seq, "is no checkpoint at all")
                continue
            if told.seq != seq:
                self._add(seq, f"says that it is number {told.seq}")
                continue
            if self._in_file and self.roots.get(seq) == signed.root:
                continue
            self._judge(told, signed)
            self.roots[seq] = signed.root
            self._last = Head(seq, signed.root)
            self.made_at[seq] = told.at

    def finish(self) -> list[AuditFinding]:
        """Judge the newest keys; everything that was found."""
        if self._foreign:
            since = self._foreign[0]
            self._add(since, "and what follows is signed by a key that is not in the key file")
            self._foreign = []
        return self.findings

    def _judge(self, told: Checkpoint, signed: Signed) -> None:
        if not is_signed_by(signed, told.public_key):
            self._add(told.seq, "was changed: its signature does not match")
            return
        if told.seq != self._last.seq + 1:
            if not (self._in_file and self._last.seq == 0):
                lost = f"checkpoints {self._last.seq + 1} to {told.seq - 1} are missing"
                self._add(told.seq, f"follows number {self._last.seq}: {lost}")
        elif told.before != self._last.hash:
            self._add(told.seq, "does not stand on the one before it")
        if self._trusted is None or told.public_key in self._trusted:
            self._foreign = []
        else:
            self._foreign.append(told.seq)
        if self._vouch_to is not None and told.seq > self._vouch_to:
            return
        for chain, head in told.heads.items():
            known = self.vouched.get(chain)
            if known is None or known.head.seq <= head.seq:
                self.vouched[chain] = Vouched(head, told.seq)

    def _add(self, seq: int, what: str) -> None:
        text = f"checkpoint {seq} {what}"
        self.findings.append(AuditFinding(Fault.CHECKPOINT, CHECKPOINTS, seq, text))


def compare(
    database: CheckpointReview, file: CheckpointReview, *, purged: int, settled_before: int
) -> list[AuditFinding]:
    """What the checkpoint file and the database say differently.

    `purged`: checkpoints up to this number have left the database rightly. `settled_before`: one
    made later than that may still be on its way to the file.
    """
    found = [
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
        found.append(_disagreement(min(missing), text))
    if any(seq > file.newest and at < settled_before for seq, at in database.made_at.items()):
        text = (
            f"the file ends at checkpoint {file.newest}, the database at {database.newest}: the file"
            " was cut or could not be written"
        )
        found.append(_disagreement(file.newest, text))
    return found


def merge(one: dict[str, Vouched], other: dict[str, Vouched]) -> dict[str, Vouched]:
    """For each chain what vouches for more of it."""
    merged = dict(one)
    for chain, promised in other.items():
        known = merged.get(chain)
        if known is None or known.head.seq < promised.head.seq:
            merged[chain] = promised
    return merged


def _disagreement(seq: int, text: str) -> AuditFinding:
    return AuditFinding(Fault.FILE, CHECKPOINTS, seq, text)
