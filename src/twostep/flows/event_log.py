"""Security events in the log: one line for each event of the audit trail, once it is committed.

Refusals that wait for the event that counts them have lines too, when they happen, as have those that
are not for the trail: strangers' forms from elsewhere, and requests during a pause. Strangers cause those as often as they like, so a network has
`LINES_A_MINUTE` of them and all networks together `MOST_LINES_A_MINUTE`; what goes beyond is counted
in one line a minute. The sum of `count` over all lines is the number of events, exactly.
The format is documented in `docs/how-to/monitor.md`; fields are added, never changed.
Source: ASVS 16.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import structlog
from structlog.typing import FilteringBoundLogger

from twostep.core.audit import event
from twostep.core.audit.event import Event
from twostep.core.audit.occurrence import Occurrence


MINUTE_SECONDS = 60
LINES_A_MINUTE = 10
MOST_LINES_A_MINUTE = 300
MOST_COUNTED = 100  # different lines that count; past that, all further networks share theirs

# Fields of events that are logged; a new one is not until it is named here or below.
LOGGED = frozenset(
    {
        *(
            "aal",
            "act",
            "ahead_seconds",
            "all",
            "amr",
            "apps",
            "browsers",
            "by",
            "chains",
            "channel",
        ),
        *("checkpoint", "days", "distinct", "ends_at", "events", "failed", "kept", "kind", "left"),
        *("limit", "model", "passkeys", "path", "phones", "provider", "purpose", "reason"),
        *(
            "region",
            "role",
            "rows",
            "sent",
            "sessions",
            "shown",
            "since",
            "span",
            "state",
            "stored",
        ),
        *("synced", "to", "tries", "undone", "until_at", "verified"),
    }
)
# What people wrote, digits of a number, hosts of databases; `count` is a field of every line; and
# what `logs.redact` would black out by its name.
WITHHELD = frozenset({"codes", "count", "hint", "key", "name", "source", "target"})
# Here the reason is a sentence about somebody.
_WRITTEN_REASONS = frozenset(
    {
        event.ACCOUNT_DISABLED,
        event.ACCOUNT_ENABLED,
        event.AUDIT_ACCEPTED,
        event.OPERATOR_ACTED,
    }
)


class EventLog:
    """The security events of one process. Use from one event loop.

    `networks`: whether lines name the visitor's network. `logger`: by default, the process's own.
    """

    def __init__(
        self, *, networks: bool = True, logger: FilteringBoundLogger | None = None
    ) -> None:
        self._networks = networks
        self._log = logger or structlog.get_logger(__name__)
        self._minute = 0
        self._lines: Counter[str] = Counter()
        self._counted: Counter[tuple[str, str, str, str]] = Counter()

    def write(self, occurrences: Iterable[Occurrence], *, now: int) -> None:
        """Log what a transaction has committed. `now`: Unix seconds."""
        for each in occurrences:
            if each.seq is not None or self._has_place(each.source.network, now):
                self._write_line(each)
            else:
                self._count(each.event, each.source.network)

    def flush(self) -> None:
        """Write the lines that count."""
        for (kind, outcome, reason, network), count in self._counted.items():
            self._write(kind, outcome, network=network, count=count, data=_reason(reason))
        self._counted.clear()

    def _has_place(self, network: str, now: int) -> bool:
        minute = now // MINUTE_SECONDS
        if minute != self._minute:
            self.flush()
            self._lines.clear()
            self._minute = minute
        if self._lines[network] >= LINES_A_MINUTE or self._lines.total() >= MOST_LINES_A_MINUTE:
            return False
        self._lines[network] += 1
        return True

    def _count(self, counted: Event, network: str) -> None:
        reason = str(counted.data.get("reason", ""))
        key = (counted.kind, str(counted.outcome), reason, network)
        if key not in self._counted and len(self._counted) >= MOST_COUNTED:
            key = (*key[:3], "")
        self._counted[key] += 1

    def _write_line(self, each: Occurrence) -> None:
        happened, source = each.event, each.source
        self._write(
            happened.kind,
            happened.outcome,
            network=source.network,
            count=1,
            data=_data(happened),
            account=each.account_id,
            actor=source.actor,
            method=happened.method,
            browser=source.browser,
            request_id=source.request_id,
            chain=each.chain,
            seq=each.seq,
        )

    def _write(self, kind: str, outcome: str, *, network: str, **fields: object) -> None:
        fields = _EMPTY | fields
        network = _subnet(network) if self._networks else ""
        # Somebody's mistakes are no warning; a forged form, or somebody else's id, is.
        is_attack = (kind, outcome) == (event.REQUEST_REFUSED, event.Outcome.REFUSED)
        write = self._log.warning if is_attack else self._log.info
        write(kind, type="audit", outcome=str(outcome), network=network, **fields)


_EMPTY: dict[str, object] = {
    "account": None, "actor": "", "method": "", "browser": "", "request_id": "", "chain": "",
    "seq": None,
}  # fmt: skip


def _data(happened: Event) -> dict[str, str | int]:
    withheld = {"reason"} if happened.kind in _WRITTEN_REASONS else set()
    return {
        name: value
        for name, value in happened.data.items()
        if name in LOGGED and name not in withheld
    }


def _reason(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}


def _subnet(network: str) -> str:
    """An IPv6 network with its length, so that whoever bans it bans all of it."""
    return f"{network}/64" if network.endswith("::") else network
