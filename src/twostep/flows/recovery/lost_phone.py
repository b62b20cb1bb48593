"""Waiting-period recovery by mail, for somebody who has lost every second step.

    password ──▶ waiting ──time──▶ ended ──password and mailed link──▶ enrolment only
                    │                │
                    └──── link in every mail, a sign-in with a second step, another password ──▶ none

It is off unless `policy.recovery_wait_hours` is set, asks for the right password, which was not set
by mail in the last seven days, and is never open to operators. Every address is told at the start,
daily, and at the end; every phone at the start and at the end. Its end gives no session. Sources:
security: Recovery; NIST SP 800-63B-4 §4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level, Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env
from twostep.flows.mail_links import NOT_ME, NOT_ME_SECONDS, RESET_PASSWORD
from twostep.flows.policy.decide import duties_of, rules_of
from twostep.flows.recovery.tell_phones import tell_phones
from twostep.flows.sign_in.complete import SignedIn, open_session
from twostep.flows.sign_in.first_step import sign_in
from twostep.flows.sign_in.waiting_recovery import CANCEL, FINISH, cancel_recovery, end_links
from twostep.flows.turn import Done, Turn, TurnOpener
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.recovery import recoveries
from twostep.store.recovery.recoveries import Recovery
from twostep.store.sign_in import sessions


DAY_SECONDS = 86_400
QUIET_SECONDS = 7 * DAY_SECONDS  # after a password was set by mail
FINISH_SECONDS = 7 * DAY_SECONDS  # for the link that the end sends


@dataclass(frozen=True, slots=True)
class RecoverView:
    """What the page shows. `ends_at`: of the recovery that waits, None: there is none.

    `is_over`: its waiting is over, and the link is in the mail. `may_start_at`: 0, or when one may
    be started.
    """

    wait_hours: int
    ends_at: int | None
    is_over: bool
    may_start_at: int


def may_recover(env: Env, account: Account) -> bool:
    """Whether this account can ask for a recovery at all."""
    return (
        duties_of(env, account).may_recover and account.status is Status.ACTIVE and account.two_step
    )


def view_recovery(turn: Turn, half: Session) -> RecoverView | Refused:
    """The state of the account's recovery. Refused: NOT_FOUND (off, or not for this account)."""
    account = accounts.load(turn.tx, half.account_id)
    if account is None or not may_recover(turn.env, account):
        return Refused(Reason.NOT_FOUND)
    own = _load_open(turn, account)
    return RecoverView(
        wait_hours=rules_of(turn.env.settings).recovery_wait_hours,
        ends_at=own.ends_at if own else None,
        is_over=own is not None and own.ended_at is not None,
        may_start_at=_may_start_at(turn, account),
    )


def start_recovery(turn: Turn, half: Session) -> Done | Refused:
    """Begin to wait; one that waits already goes on as it is.

    Refused: NOT_FOUND, STEP_ENDED, CHANGED (the password was set by mail too lately).
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
    tell_phones(turn, account)
    return Done()


def view_cancelling(turn: Turn, *, link: str) -> Account | Refused:
    """Whose recovery a link stops. Refused: LINK_DEAD."""
    return _owner_of(turn, link, purpose=CANCEL)


def cancel_by_link(turn: Turn, *, link: str) -> Done | Refused:
    """Stop a recovery without signing in. Refused: LINK_DEAD."""
    owner = _owner_of(turn, link, purpose=CANCEL)
    account = accounts.lock(turn.tx, owner.id) if isinstance(owner, Account) else None
    digest = token.digest(link)
    if account is None or not mail_links.consume(turn.tx, digest, purpose=CANCEL, now=turn.now):
        return Refused(Reason.LINK_DEAD)
    if not cancel_recovery(turn, account, by="link"):
        return Refused(Reason.LINK_DEAD)
    return Done()


def view_finishing(turn: Turn, *, link: str) -> Account | Refused:
    """Whose recovery a link ends with. Refused: LINK_DEAD."""
    owner = _owner_of(turn, link, purpose=FINISH)
    if isinstance(owner, Refused) or not may_recover(turn.env, owner):
        return Refused(Reason.LINK_DEAD)
    return owner


async def finish_recovery(opener: TurnOpener, *, link: str, typed: str) -> SignedIn | Refused:
    """Password and mailed link together open enrolment, nothing else; the link works once.

    Refused: LINK_DEAD, and what `sign_in` says. Raises `Overloaded`.
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
    own = recoveries.load(turn.tx, half.account_id)
    if account is None or own is None or own.ended_at is None or half.level is not Level.HALF:
        return Refused(Reason.LINK_DEAD)
    if not may_recover(turn.env, account) or account.password_version != own.password_version:
        return Refused(Reason.LINK_DEAD)
    digest = token.digest(link)
    found = mail_links.load(turn.tx, digest, purpose=FINISH)
    if found is None or (found.account_id, found.subject_id) != (account.id, own.id):
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
    """The recovery that still leads somewhere."""
    own = recoveries.load(turn.tx, account.id)
    if own is None or own.password_version != account.password_version:
        return None
    return None if own.ended_at is not None and turn.now >= own.ended_at + FINISH_SECONDS else own


def _may_start_at(turn: Turn, account: Account) -> int:
    """0, or when a password that was set by mail is old enough."""
    used_at = mail_links.was_used(
        turn.tx, account.id, purpose=RESET_PASSWORD, since=turn.now - QUIET_SECONDS
    )
    return 0 if used_at is None else used_at + QUIET_SECONDS


def _owner_of(turn: Turn, link: str, *, purpose: str) -> Account | Refused:
    found = mail_links.load(turn.tx, token.digest(link), purpose=purpose)
    if (
        found is None
        or found.used_at is not None
        or not found.created_at <= turn.now < found.expires_at
    ):
        return Refused(Reason.LINK_DEAD)
    own = recoveries.load(turn.tx, found.account_id)
    account = accounts.load(turn.tx, found.account_id)
    if own is None or own.id != found.subject_id or account is None:
        return Refused(Reason.LINK_DEAD)
    return account


def mail_every_address(turn: Turn, account: Account, own: Recovery, kind: NoticeKind) -> None:
    """Mail every verified address: a link that stops it, or, at the end, the one that opens."""
    is_over = kind is NoticeKind.RECOVERY_DONE
    purpose = FINISH if is_over else CANCEL
    seconds = FINISH_SECONDS if is_over else own.ends_at - turn.now + FINISH_SECONDS
    for address in addresses.list_addresses(turn.tx, account.id):
        if address.verified_at is None:
            continue
        payload: dict[str, object] = {
            "to": address.address,
            "data": {} if is_over else {"until_at": own.ends_at},
            "action": turn.new_link(account, purpose=purpose, subject_id=own.id, seconds=seconds),
            "not_me": turn.new_link(account, purpose=NOT_ME, subject_id="", seconds=NOT_ME_SECONDS),
        }
        turn.queue_mail(account, kind, payload=payload)
