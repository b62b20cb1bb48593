"""Take a stolen password away: it no longer signs in, and its owner is sent a link for a new one."""

from __future__ import annotations

from twostep.core import event
from twostep.core.account import Account
from twostep.core.event import Source
from twostep.delivery.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.notify import RESET_PASSWORD, RESET_SECONDS, new_link, queue_mail
from twostep.flows.record import record
from twostep.flows.remember_browser import forget_browsers
from twostep.store import accounts, audit, outbox, sessions
from twostep.store.tx import Tx


LINK_AGAIN_SECONDS = 1800


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
        kind=NoticeKind.PASSWORD_RETIRED,
        source=visitor.source,
        by=reason,
        now=now,
    )


def remind_of_retired(tx: Tx, env: Env, account: Account, visitor: Visitor, *, now: int) -> None:
    """The right but retired password was typed: send the link again, not more than twice an hour."""
    if not outbox.is_notice_recent(
        tx, account.id, kind=NoticeKind.PASSWORD_RETIRED, since=now - LINK_AGAIN_SECONDS, now=now
    ):
        send_password_links(
            tx,
            env,
            account,
            kind=NoticeKind.PASSWORD_RETIRED,
            source=visitor.source,
            by="sign_in",
            now=now,
        )


def send_password_links(
    tx: Tx, env: Env, account: Account, *, kind: NoticeKind, source: Source, by: str, now: int
) -> None:
    """Mail a one-use link for a new password to every verified address."""
    for address in accounts.list_addresses(tx, account.id):
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
