"""The account's own history: the audit trail as its owner sees it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from twostep.core.audit import event
from twostep.flows.mail_links import NOT_ME_SECONDS
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.audit import trail


PAGE = 1000
NEWEST = 2**62
OWNER = "self"
HIDDEN_AMONG = 50  # rows to read beyond the limit, because some may be hidden
SIGN_INS = 50  # those at the same second as the session's own are not earlier


@dataclass(frozen=True, slots=True)
class Activity:
    """One event in the account's history."""

    seq: int
    at: int
    event: str
    method: str
    outcome: str
    actor: str
    network: str
    browser: str
    data: dict[str, str | int]


# Internal events that mean nothing to the account's owner.
_HIDDEN = frozenset({"notice.sent", "code.delivered", "audit.exported"})


# Events that an owner can deny: all require the password or a session. A stranger's wrong password
# has done no harm yet.
_DENIABLE = frozenset(
    {
        event.SIGN_IN_COMPLETED,
        event.CODE_REFUSED,
        event.BROWSER_NEW,
        event.BROWSER_REMEMBERED,
        event.APP_ADDED,
        event.APP_REMOVED,
        event.PASSKEY_ADDED,
        event.PASSKEY_REMOVED,
        event.PASSKEY_COUNTED_BACK,
        event.PHONE_ADDED,
        event.PHONE_REMOVED,
        event.RECOVERY_CODES_CREATED,
        event.RECOVERY_CODE_USED,
        event.EMAIL_ADDED,
        event.EMAIL_VERIFIED,
        event.EMAIL_REMOVED,
        event.DEFAULT_CHANGED,
        event.METHOD_RENAMED,
        event.PASSWORD_CHANGED,
        event.TWO_STEP_DISABLED,
    }
)


def is_deniable(activity: Activity, *, now: int) -> bool:
    """Whether the owner may still say "This wasn't me": as long as a mailed link works."""
    return (
        activity.event in _DENIABLE
        and activity.actor == OWNER
        and 0 <= now - activity.at < NOT_ME_SECONDS
    )


def load_activity(turn: Turn, account_id: str, *, seq: int) -> Activity | None:
    """Load one event of the account by its sequence number."""
    records = trail.list_newest(turn.tx, account_id, before_seq=seq + 1, limit=1)
    return _activity(records[0].body) if records and records[0].seq == seq else None


def list_activity(
    turn: Turn,
    account_id: str,
    *,
    limit: int,
    before_seq: int = NEWEST,
    since: int = 0,
    group: str = "",
) -> list[Activity]:
    """List the newest events, at most `limit` and not older than `since`.

    `group`: only events whose names start with it, such as `app` or `phone`.
    """
    if group:
        kinds = [kind for kind in event.KINDS if kind.startswith(group) and kind not in _HIDDEN]
        records = trail.list_newest_of(
            turn.tx, account_id, kinds, before_seq=before_seq, limit=limit
        )
        return [_activity(record.body) for record in records if record.at >= since]
    listed: list[Activity] = []
    size = min(PAGE, limit + HIDDEN_AMONG)
    while len(listed) < limit:
        records = trail.list_newest(turn.tx, account_id, before_seq=before_seq, limit=size)
        for record in records:
            if record.at < since or len(listed) >= limit:
                return listed
            if record.event not in _HIDDEN:
                listed.append(_activity(record.body))
        if len(records) < size:
            return listed
        before_seq = records[-1].seq
    return listed


def load_previous_sign_in(turn: Turn, account_id: str, *, before: int) -> Activity | None:
    """The account's last sign-in before then."""
    records = trail.list_newest_of(
        turn.tx, account_id, [event.SIGN_IN_COMPLETED], before_seq=NEWEST, limit=SIGN_INS
    )
    return next((_activity(record.body) for record in records if record.at < before), None)


async def each_page(
    opener: TurnOpener, account_id: str, *, since: int, limit: int
) -> AsyncIterator[list[Activity]]:
    """Yield events back to `since`, newest first, `limit` per read so that no snapshot stays open."""
    before_seq = NEWEST
    while page := await opener.read_aside(
        list_activity, account_id, limit=limit, before_seq=before_seq, since=since
    ):
        yield page
        before_seq = page[-1].seq


def _activity(body: str) -> Activity:
    fields = json.loads(body)
    return Activity(
        seq=fields["seq"],
        at=fields["at"],
        event=fields["event"],
        method=fields["method"],
        outcome=fields["outcome"],
        actor=fields["actor"],
        network=fields["network"],
        browser=fields["browser"],
        data=fields["data"],
    )
