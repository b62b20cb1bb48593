"""The account's own history: the audit trail as its owner sees it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from twostep.core.audit import event
from twostep.flows.mail_links import NOT_ME_SECONDS
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.audit import trail as audit


PAGE = 1000
NEWEST = 2**62
OWNER = "self"
HIDDEN_AMONG = 50  # read beyond the limit: so many rows may be hidden ones


@dataclass(frozen=True, slots=True)
class Activity:
    """One past event of the account."""

    seq: int
    at: int
    event: str
    method: str
    outcome: str
    actor: str
    network: str
    browser: str
    data: dict[str, str | int]


# The machine room's own events say nothing to the account's owner.
_HIDDEN = frozenset({"notice.sent", "code.delivered", "audit.exported"})


# What somebody can say was not them: it takes the password, or a session. A stranger's wrong password
# has done nothing yet.
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


def is_deniable(told: Activity, *, now: int) -> bool:
    """Whether its owner may say "No" to "Was this you?": as long as a mailed link would work."""
    return told.event in _DENIABLE and told.actor == OWNER and 0 <= now - told.at < NOT_ME_SECONDS


def load_activity(turn: Turn, account_id: str, *, seq: int) -> Activity | None:
    """One event of the account by its number."""
    found = audit.list_newest(turn.tx, account_id, before_seq=seq + 1, limit=1)
    return _activity(found[0].body) if found and found[0].seq == seq else None


def list_activity(
    turn: Turn,
    account_id: str,
    *,
    limit: int,
    before_seq: int = NEWEST,
    since: int = 0,
    group: str = "",
) -> list[Activity]:
    """The newest events, at most `limit`, not older than `since`.

    `group`: only events whose name begins so, as `app` or `phone`.
    """
    found: list[Activity] = []
    size = PAGE if group else min(PAGE, limit + HIDDEN_AMONG)
    while len(found) < limit:
        records = audit.list_newest(turn.tx, account_id, before_seq=before_seq, limit=size)
        for record in records:
            if record.at < since or len(found) >= limit:
                return found
            if record.event in _HIDDEN or not record.event.startswith(group):
                continue
            found.append(_activity(record.body))
        if len(records) < size:
            return found
        before_seq = records[-1].seq
    return found


async def each_page(
    opener: TurnOpener, account_id: str, *, since: int, limit: int
) -> AsyncIterator[list[Activity]]:
    """Every event since then, the newest first, `limit` at a time, so that no snapshot stays open."""
    before_seq = NEWEST
    while page := await opener.read(
        list_activity, account_id, limit=limit, before_seq=before_seq, since=since
    ):
        yield page
        before_seq = page[-1].seq


def _activity(body: str) -> Activity:
    told = json.loads(body)
    return Activity(
        seq=told["seq"],
        at=told["at"],
        event=told["event"],
        method=told["method"],
        outcome=told["outcome"],
        actor=told["actor"],
        network=told["network"],
        browser=told["browser"],
        data=told["data"],
    )
