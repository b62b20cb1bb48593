"""Recovery by mail after a waiting period, for somebody who has lost every second step.

    password ──▶ waiting ──time──▶ ended ──password and mailed link──▶ enrolment only
                    │                │
                    └──── link in any mail, a sign-in with a second step, a new password ──▶ none

A password retired by guesses only pauses it: it goes on after the new one, with three days at least left.
Off unless `policy.recovery_wait_hours` is set, and never available to operators. It requires the
password, which must not have been set by mail in the last seven days. Every address is notified at the
start, daily and at the end; every phone at the start and at the end. The end of the wait gives no
session. Sources: security: Recovery; NIST SP 800-63B-4 §4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Level, Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env
from twostep.flows.limits import count_all
from twostep.flows.mail_links import NOT_ME, NOT_ME_SECONDS, RESET_PASSWORD
from twostep.flows.policy.decide import duties_of, rules_of
from twostep.flows.recovery.tell_phones import notify_phones
from twostep.flows.sign_in.complete import SignedIn, open_session
from twostep.flows.sign_in.first_step import sign_in
from twostep.flows.sign_in.waiting_recovery import (
    CANCEL,
    DAY_SECONDS,
    FINISH,
    cancel_recovery,
    end_links,
)
from twostep.flows.turn import Done, Turn, TurnOpener
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.recovery import recoveries
from twostep.store.recovery.recoveries import Recovery
from twostep.store.sign_in import sessions


QUIET_SECONDS = 7 * DAY_SECONDS  # after a password was set by mail
FINISH_SECONDS = 7 * DAY_SECONDS  # how long the link mailed at the end works


@dataclass(frozen=True, slots=True)
class RecoverView:
    """What the page shows. `ends_at`: when the current recovery's wait ends; None if there is none.

    `is_over`: the wait is over and the link was mailed. `may_start_at`: the earliest start; 0 for now.
    """

    wait_hours: int
    ends_at: int | None
    is_over: bool
    may_start_at: int


def may_recover(env: Env, account: Account) -> bool:
    """Whether this account can use recovery at all."""
    return (
        duties_of(env, account).may_recover and account.status is Status.ACTIVE and account.two_step
    )


def view_recovery(turn: Turn, half: Session) -> RecoverView | Refused:
    """The state of the account's recovery. Refused: NOT_FOUND (off or not allowed)."""
    account = accounts.load(turn.tx, half.account_id)
    if account is None or not may_recover(turn.env, account):
        return Refused(Reason.NOT_FOUND)
    recovery = _load_open(turn, account)
    return RecoverView(
        wait_hours=rules_of(turn.env.settings).recovery_wait_hours,
        ends_at=recovery.ends_at if recovery else None,
        is_over=recovery is not None and recovery.ended_at is not None,
        may_start_at=_may_start_at(turn, account),
    )


def start_recovery(turn: Turn, half: Session) -> Done | Refused:
    """Start the waiting period; a recovery in progress continues unchanged.

    Refused: NOT_FOUND, STEP_ENDED, CHANGED (the password was set by mail too recently), SEND_LIMIT
    (begun and stopped too often: each start and each end is mailed to every address).
    """
    account = accounts.lock(turn.tx, half.account_id)
    current = sessions.load_current(
        turn.tx, half.id, digest=token.digest(turn.visitor.session_token)
    )
    if account is None or not may_recover(turn.env, account):
        return Refused(Reason.NOT_FOUND)
    if current is None or account.password_version != current.password_version:
        return Refused(Reason.STEP_ENDED)
    if _load_open(turn, account) is not None:
        return Done()
    if _may_start_at(turn, account):
        return Refused(Reason.CHANGED)
    rule = throttle.RECOVERY_START
    if refused := count_all(turn.tx, [(f"{rule.name}:{account.id}", rule)], now=turn.now):
        return refused
    ends_at = turn.now + rules_of(turn.env.settings).recovery_wait_hours * 3600
    recovery = Recovery(
        account_id=account.id,
        id=token.new_id(),
        password_version=account.password_version,
        started_at=turn.now,
        ends_at=ends_at,
        next_at=min(turn.now + DAY_SECONDS, ends_at),
        ended_at=None,
    )
    end_links(turn, account)
    recoveries.save(turn.tx, recovery)
    started = event.new_event(event.RECOVERY_STARTED, ends_at=ends_at)
    turn.record(account, started)
    mail_every_address(turn, account, recovery, NoticeKind.RECOVERY_STARTED)
    notify_phones(turn, account)
    return Done()


def view_cancelling(turn: Turn, *, link: str) -> Account | Refused:
    """The account whose recovery a link cancels. Refused: LINK_DEAD."""
    return _owner_of(turn, link, purpose=CANCEL)


def cancel_by_link(turn: Turn, *, link: str) -> Done | Refused:
    """Cancel a recovery without signing in. Refused: LINK_DEAD."""
    owner = _owner_of(turn, link, purpose=CANCEL)
    account = accounts.lock(turn.tx, owner.id) if isinstance(owner, Account) else None
    digest = token.digest(link)
    if account is None or not mail_links.consume(turn.tx, digest, purpose=CANCEL, now=turn.now):
        return Refused(Reason.LINK_DEAD)
    if not cancel_recovery(turn, account, by="link"):
        return Refused(Reason.LINK_DEAD)
    return Done()


def view_finishing(turn: Turn, *, link: str) -> Account | Refused:
    """The account whose recovery a link completes. Refused: LINK_DEAD."""
    owner = _owner_of(turn, link, purpose=FINISH)
    if isinstance(owner, Refused) or not may_recover(turn.env, owner):
        return Refused(Reason.LINK_DEAD)
    return owner


async def finish_recovery(opener: TurnOpener, *, link: str, typed: str) -> SignedIn | Refused:
    """Open enrolment, and nothing else, with the password and the mailed link, which works once.

    Refused: LINK_DEAD, and whatever `sign_in` refuses. Raises `Overloaded`.
    """
    owner = await opener.read(view_finishing, link=link)
    if isinstance(owner, Refused):
        return owner
    answer = await sign_in(opener, identifier=owner.name, typed=typed, next_path="/")
    if isinstance(answer, Refused):
        return answer
    return await opener.run(_finish, answer.session, link=link)


def _finish(turn: Turn, half: Session, *, link: str) -> SignedIn | Refused:
    account = accounts.lock(turn.tx, half.account_id)
    sessions.remove(turn.tx, half.id, account_id=half.account_id)
    recovery = recoveries.load(turn.tx, half.account_id)
    if (
        account is None
        or recovery is None
        or recovery.ended_at is None
        or half.level is not Level.HALF
    ):
        return Refused(Reason.LINK_DEAD)
    if not may_recover(turn.env, account) or account.password_version != recovery.password_version:
        return Refused(Reason.LINK_DEAD)
    digest = token.digest(link)
    row = mail_links.load(turn.tx, digest, purpose=FINISH)
    if row is None or (row.account_id, row.subject_id) != (account.id, recovery.id):
        return Refused(Reason.LINK_DEAD)
    if not mail_links.consume(turn.tx, digest, purpose=FINISH, now=turn.now):
        return Refused(Reason.LINK_DEAD)
    recoveries.remove(turn.tx, account.id)
    end_links(turn, account)
    opened = open_session(
        turn, account, level=Level.ENROL, browser_id=half.browser_id, next_path="/"
    )
    used = event.new_event(event.RECOVERY_USED)
    turn.record(account, used)
    return opened


def _load_open(turn: Turn, account: Account) -> Recovery | None:
    """The account's recovery, unless its password changed or its link has expired."""
    recovery = recoveries.load(turn.tx, account.id)
    if recovery is None or recovery.password_version != account.password_version:
        return None
    if recovery.ended_at is not None and turn.now >= recovery.ended_at + FINISH_SECONDS:
        return None
    return recovery


def _may_start_at(turn: Turn, account: Account) -> int:
    """The earliest start after a password was set by mail; 0 for now."""
    used_at = mail_links.was_used(
        turn.tx, account.id, purpose=RESET_PASSWORD, since=turn.now - QUIET_SECONDS
    )
    return 0 if used_at is None else used_at + QUIET_SECONDS


def _owner_of(turn: Turn, link: str, *, purpose: str) -> Account | Refused:
    row = mail_links.load(turn.tx, token.digest(link), purpose=purpose)
    if row is None or row.used_at is not None or not row.created_at <= turn.now < row.expires_at:
        return Refused(Reason.LINK_DEAD)
    recovery = recoveries.load(turn.tx, row.account_id)
    account = accounts.load(turn.tx, row.account_id)
    if recovery is None or recovery.id != row.subject_id or account is None:
        return Refused(Reason.LINK_DEAD)
    return account


def mail_every_address(turn: Turn, account: Account, recovery: Recovery, kind: NoticeKind) -> None:
    """Mail every verified address a link to cancel or, at the end, the link to finish."""
    is_over = kind is NoticeKind.RECOVERY_DONE
    purpose = FINISH if is_over else CANCEL
    seconds = FINISH_SECONDS if is_over else recovery.ends_at - turn.now + FINISH_SECONDS
    for address in addresses.list_addresses(turn.tx, account.id):
        if address.verified_at is None:
            continue
        payload: dict[str, object] = {
            "to": address.address,
            "data": {} if is_over else {"until_at": recovery.ends_at},
            "action": turn.new_link(
                account, purpose=purpose, subject_id=recovery.id, seconds=seconds
            ),
            "not_me": turn.new_link(account, purpose=NOT_ME, subject_id="", seconds=NOT_ME_SECONDS),
        }
        turn.queue_mail(account, kind, payload=payload)
