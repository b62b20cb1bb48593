"""Take a stolen password away: it no longer signs in, and its owner is sent a link for a new one."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Source
from twostep.core.refusal import Reason, Refused
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import RESET_PASSWORD, RESET_SECONDS, new_link, queue_mail
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import record
from twostep.store.account import accounts, addresses
from twostep.store.audit import trail as audit
from twostep.store.messages import outbox
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


LINK_AGAIN_SECONDS = 1800
WRONG_IN_A_ROW_TO_RETIRE = 20
MILLIONTHS_TO_RETIRE = 180  # 0.018 %
GUESSING = "guessing"


def is_guessed(*, in_a_row: int, millionths: int) -> bool:
    """Whether so many wrong codes, or so much chance, take the password away."""
    return in_a_row >= WRONG_IN_A_ROW_TO_RETIRE or millionths >= MILLIONTHS_TO_RETIRE


def refuse_retired(account: Account) -> Refused:
    """The right but retired password; `guessed` says that codes were guessed with it."""
    guessed = _was_guessed(account)
    return Refused(Reason.PASSWORD_RETIRED, detail={"guessed": 1} if guessed else {})


def _was_guessed(account: Account) -> bool:
    return is_guessed(in_a_row=account.wrong_in_a_row, millionths=account.guess_millionths)


def retire_password(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, reason: str, now: int
) -> None:
    """Retire the password of a locked account. Authenticators and full sessions stay; no browser is
    remembered any longer."""
    accounts.retire_password(tx, account.id, now=now)
    sessions.remove_half(tx, account.id)
    forget_browsers(tx, account, visitor.source, now=now)
    record(tx, account, visitor, event.new_event(event.PASSWORD_RETIRED, reason=reason), now=now)
    send_password_links(
        tx,
        env,
        account,
        kind=_kind(guessed=reason == GUESSING),
        source=visitor.source,
        by=reason,
        now=now,
    )


def remind_of_retired(tx: Tx, env: Env, account: Account, visitor: Visitor, *, now: int) -> None:
    """The right but retired password was typed: send the link again, not more than twice an hour."""
    kind = _kind(guessed=_was_guessed(account))
    if not outbox.is_notice_recent(
        tx, account.id, kind=kind, since=now - LINK_AGAIN_SECONDS, now=now
    ):
        send_password_links(
            tx,
            env,
            account,
            kind=kind,
            source=visitor.source,
            by="sign_in",
            now=now,
        )


def _kind(*, guessed: bool) -> NoticeKind:
    return NoticeKind.PASSWORD_RETIRED if guessed else NoticeKind.PASSWORD_SECURED


def send_password_links(
    tx: Tx, env: Env, account: Account, *, kind: NoticeKind, source: Source, by: str, now: int
) -> None:
    """Mail a one-use link for a new password to every verified address."""
    for address in addresses.list_addresses(tx, account.id):
        if address.verified_at is None:
            continue
        payload: dict[str, object] = {
            "to": address.address,
            "at": now,
            "browser": source.browser,
            "network": source.network,
            "data": {},
            "action": new_link(
                tx, account, purpose=RESET_PASSWORD, subject_id="", seconds=RESET_SECONDS, now=now
            ),
        }
        queue_mail(tx, env, account, kind, payload=payload, now=now)
    audit.append(
        tx,
        event.new_event(event.PASSWORD_LINK_SENT, by=by),
        account_id=account.id,
        source=source,
        now=now,
    )
