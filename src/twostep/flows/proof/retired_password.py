"""Retire a stolen password: it no longer signs in, and its owner is mailed a reset link."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.mail_links import RESET_PASSWORD, RESET_SECONDS
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import Turn
from twostep.store.account import accounts, addresses
from twostep.store.account.accounts import Held
from twostep.store.messages import outbox
from twostep.store.sign_in import sessions


LINK_AGAIN_SECONDS = 1800
WRONG_IN_A_ROW_TO_RETIRE = 20
MILLIONTHS_TO_RETIRE = 180  # 0.018 %
GUESSING = "guessing"


def is_guessed(*, in_a_row: int, millionths: int) -> bool:
    """Whether so many wrong codes of strangers in a row, or such odds of a lucky guess, retire the password."""
    return in_a_row >= WRONG_IN_A_ROW_TO_RETIRE or is_lucky(millionths)


def is_lucky(millionths: int) -> bool:
    """Whether the summed odds of a lucky guess have reached their limit."""
    return millionths >= MILLIONTHS_TO_RETIRE


def refuse_retired(account: Account) -> Refused:
    """The refusal for a retired password; `guessed` is set if codes were guessed with it."""
    guessed = _was_guessed(account)
    return Refused(Reason.PASSWORD_RETIRED, detail={"guessed": True} if guessed else {})


def _was_guessed(account: Account) -> bool:
    return is_guessed(in_a_row=account.wrong_in_a_row, millionths=account.guess_millionths)


def retire_password(turn: Turn, account: Held, *, reason: str) -> None:
    """Retire the account's password.

    Authenticators and full sessions stay; half sessions end and browsers are forgotten.
    """
    accounts.retire_password(turn.tx, account, now=turn.now)
    sessions.remove_half(turn.tx, account.id)
    forget_browsers(turn, account)
    turn.record(account, event.new_event(event.PASSWORD_RETIRED, reason=reason))
    send_password_links(turn, account, kind=_kind(guessed=reason == GUESSING), by=reason)


def remind_of_retired(turn: Turn, account: Held) -> None:
    """Send the link again when a retired password is typed, at most twice an hour."""
    kind = _kind(guessed=_was_guessed(account))
    if not outbox.is_notice_recent(
        turn.tx, account.id, kind=kind, since=turn.now - LINK_AGAIN_SECONDS, now=turn.now
    ):
        send_password_links(turn, account, kind=kind, by="sign_in")


def _kind(*, guessed: bool) -> NoticeKind:
    return NoticeKind.PASSWORD_RETIRED if guessed else NoticeKind.PASSWORD_SECURED


def send_password_links(turn: Turn, account: Held, *, kind: NoticeKind, by: str) -> None:
    """Mail a single-use link for a new password to every verified address."""
    for address in addresses.list_addresses(turn.tx, account.id):
        if address.verified_at is None:
            continue
        payload: dict[str, object] = {
            "to": address.address,
            "data": {},
            "action": turn.new_link(
                account, purpose=RESET_PASSWORD, subject_id="", seconds=RESET_SECONDS
            ),
        }
        turn.queue_mail(account, kind, payload=payload)
    turn.record(account, event.new_event(event.PASSWORD_LINK_SENT, by=by))
