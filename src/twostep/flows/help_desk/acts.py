"""What an operator can do for somebody who cannot sign in; each act is recorded and the user notified.

No act reads or sets a password, and none gives a full session: what an operator hands out only opens
enrolment (security: Recovery; ASVS 6.4.4, 6.4.6).
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Status
from twostep.core.audit import event
from twostep.core.methods import recovery_codes
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.user_name import user_name_key
from twostep.delivery.mail.notice import HelpDeskAct, NoticeKind
from twostep.flows.mail_links import RESET_PASSWORD
from twostep.flows.methods.two_step import Disabled, disabled_event, wipe_methods
from twostep.flows.proof.retired_password import send_password_links
from twostep.flows.sign_in.sessions import SessionsEnded
from twostep.flows.sign_in.waiting_recovery import cancel_recovery
from twostep.flows.turn import Done, Turn, TurnOpener
from twostep.store.account import accounts, mail_links
from twostep.store.account.accounts import Held
from twostep.store.methods import backup_codes
from twostep.store.methods.backup_codes import TemporaryCode
from twostep.store.sign_in import known_browsers, sessions


TEMPORARY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Act:
    """An act on one account. `reason`: why."""

    name: str
    reason: str


def disable_account(turn: Turn, act: Act) -> Done | Refused:
    """Disable the account: every session ends and nobody can sign in."""
    account = _lock(turn, act)
    if account is None:
        return Refused(Reason.NOT_FOUND)
    accounts.save_disabled(turn.tx, account, disabled_at=turn.now)
    sessions.remove_others(turn.tx, account.id, keep="")
    disabled = event.new_event(event.ACCOUNT_DISABLED, reason=act.reason)
    turn.record(account, disabled)
    _record_act(turn, account, act, HelpDeskAct.DISABLE)
    return Done()


def enable_account(turn: Turn, act: Act) -> Done | Refused:
    """Enable a disabled account, with its password, methods and duties unchanged.

    Refused: NOT_FOUND (no such account, or not disabled).
    """
    account = _lock(turn, act)
    if account is None or account.disabled_at is None:
        return Refused(Reason.NOT_FOUND)
    accounts.save_disabled(turn.tx, account, disabled_at=None)
    enabled = event.new_event(event.ACCOUNT_ENABLED, reason=act.reason)
    turn.record(account, enabled)
    _record_act(turn, account, act, HelpDeskAct.ENABLE)
    return Done()


def end_sessions(turn: Turn, act: Act) -> SessionsEnded | Refused:
    """End every session of the account."""
    account = _lock(turn, act)
    if account is None:
        return Refused(Reason.NOT_FOUND)
    count = sessions.remove_others(turn.tx, account.id, keep="")
    _record_act(turn, account, act, HelpDeskAct.SESSIONS_END)
    return SessionsEnded(count)


def reset_methods(turn: Turn, act: Act) -> Disabled | Refused:
    """Remove every method, retire the password and mail links to every address.

    Two-step sign-in stays mandatory: until a method is enrolled, a session only opens enrolment.
    """
    account = _lock(turn, act)
    if account is None:
        return Refused(Reason.NOT_FOUND)
    wiped = wipe_methods(turn, account)
    cancel_recovery(turn, account, by="help_desk")
    accounts.save_two_step(turn.tx, account, on=False, now=turn.now)
    accounts.save_must_enroll(turn.tx, account, must=True)
    accounts.retire_password(turn.tx, account, now=turn.now)
    sessions.remove_others(turn.tx, account.id, keep="")
    known_browsers.remove_known_browsers(turn.tx, account.id)
    mail_links.remove_open(turn.tx, account.id, purpose=RESET_PASSWORD)
    events = (
        disabled_event(wiped, by=turn.visitor.actor),
        event.new_event(event.PASSWORD_RETIRED, reason=str(HelpDeskAct.RESET_MFA)),
    )
    turn.record(account, *events)
    link = NoticeKind.PASSWORD_SECURED
    _record_act(turn, account, act, HelpDeskAct.RESET_MFA, link=link)
    return wiped


def make_temporary_code(turn: Turn, act: Act, *, salt: bytes, digest: bytes) -> Done | Refused:
    """Store a temporary code: one use, one hour, one at a time."""
    account = _lock(turn, act)
    if account is None or account.status is Status.DISABLED:
        return Refused(Reason.NOT_FOUND)
    backup_codes.save_temporary(
        turn.tx,
        TemporaryCode(
            id=token.new_id(),
            account_id=account.id,
            salt=salt,
            profile=turn.env.profile.parameters,
            digest=digest,
            expires_at=turn.now + TEMPORARY_SECONDS,
        ),
        now=turn.now,
    )
    turn.record(account, event.new_event(event.TEMPORARY_CODE_MADE))
    _record_act(turn, account, act, HelpDeskAct.TEMPORARY_CODE)
    return Done()


async def give_temporary_code(opener: TurnOpener, act: Act) -> str | Refused:
    """Make a temporary code and return it, once. Refused: NOT_FOUND.

    While two-step sign-in is off, it confirms the first set-up in a new browser.
    """
    code = recovery_codes.new_temporary_code()
    salt = recovery_codes.new_salt()
    digest = await opener.env.hashes.run_known(
        act.name, recovery_codes.digest, code, salt=salt, profile=opener.env.profile
    )
    saved = await opener.run(make_temporary_code, act, salt=salt, digest=digest)
    return saved if isinstance(saved, Refused) else recovery_codes.format_code(code)


def send_password_link(turn: Turn, act: Act) -> Done | Refused:
    """Mail a link for a new password to every verified address."""
    account = _lock(turn, act)
    if account is None or account.status is Status.DISABLED:
        return Refused(Reason.NOT_FOUND)
    link = NoticeKind.PASSWORD_RESET_LINK
    _record_act(turn, account, act, HelpDeskAct.PASSWORD_LINK, link=link)
    return Done()


def _lock(turn: Turn, act: Act) -> Held | None:
    account = accounts.load_by_name(turn.tx, user_name_key(act.name))
    return accounts.lock(turn.tx, account.id) if account else None


def _record_act(
    turn: Turn, account: Held, act: Act, kind: HelpDeskAct, *, link: NoticeKind | None = None
) -> None:
    turn.record(account, event.new_event(event.OPERATOR_ACTED, act=str(kind), reason=act.reason))
    turn.notify(account, NoticeKind.HELP_DESK_ACT, act=str(kind), reason=act.reason)
    if link is not None:
        send_password_links(turn, account, kind=link, by=str(kind))
