"""What an operator may do for somebody who cannot sign in. Each act writes an event and tells the user.

No act reads or sets a password, and none gives a full session: what an operator hands out opens
enrolment only (security: Recovery; ASVS 6.4.4, 6.4.6).
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.audit.event import Source
from twostep.core.methods import recovery_codes
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.user_name import user_name_key
from twostep.delivery.mail.notice import HelpDeskAct, NoticeKind
from twostep.flows.env import Env
from twostep.flows.messages.notify import RESET_PASSWORD, notify
from twostep.flows.methods.two_step import Disabled, disabled_event, wipe_methods
from twostep.flows.proof.retired_password import send_password_links
from twostep.flows.sign_in.sessions import Ended
from twostep.flows.turn import Done
from twostep.store.account import accounts, mail_links
from twostep.store.audit import trail as audit
from twostep.store.methods import backup_codes as stored
from twostep.store.methods.backup_codes import TemporaryCode
from twostep.store.sign_in import known_browsers, sessions
from twostep.store.tx import Tx


TEMPORARY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one account, by whom and why."""

    name: str
    source: Source
    reason: str


def disable_account(tx: Tx, env: Env, act: Act, *, now: int) -> Done | Refused:
    """Switch the account off: every session ends, nothing signs in."""
    account = _lock(tx, act)
    if account is None:
        return Refused(Reason.NOT_FOUND)
    accounts.save_disabled(tx, account.id, disabled_at=now)
    sessions.remove_others(tx, account.id, keep="")
    told = event.new_event(event.ACCOUNT_DISABLED, reason=act.reason)
    audit.append(tx, told, account_id=account.id, source=act.source, now=now)
    _tell(tx, env, account, act, HelpDeskAct.DISABLE, now=now)
    return Done()


def enable_account(tx: Tx, env: Env, act: Act, *, now: int) -> Done | Refused:
    """Switch a disabled account on again, as it was: password, methods and duties stay.

    Refused: NOT_FOUND (no such account, or it is not disabled).
    """
    account = _lock(tx, act)
    if account is None or account.disabled_at is None:
        return Refused(Reason.NOT_FOUND)
    accounts.save_disabled(tx, account.id, disabled_at=None)
    told = event.new_event(event.ACCOUNT_ENABLED, reason=act.reason)
    audit.append(tx, told, account_id=account.id, source=act.source, now=now)
    _tell(tx, env, account, act, HelpDeskAct.ENABLE, now=now)
    return Done()


def end_sessions(tx: Tx, env: Env, act: Act, *, now: int) -> Ended | Refused:
    """End every session of the account."""
    account = _lock(tx, act)
    if account is None:
        return Refused(Reason.NOT_FOUND)
    count = sessions.remove_others(tx, account.id, keep="")
    _tell(tx, env, account, act, HelpDeskAct.SESSIONS_END, now=now)
    return Ended(count)


def reset_methods(tx: Tx, env: Env, act: Act, *, now: int) -> Disabled | Refused:
    """Start again: every method goes, the password is retired, links go to every address.

    Two-step sign-in stays on as a duty: until a method is there a session opens enrolment only.
    """
    account = _lock(tx, act)
    if account is None:
        return Refused(Reason.NOT_FOUND)
    wiped = wipe_methods(tx, account, act.source, now=now)
    accounts.save_two_step(tx, account.id, on=False, now=now)
    accounts.save_must_enroll(tx, account.id, must=True)
    accounts.retire_password(tx, account.id, now=now)
    sessions.remove_others(tx, account.id, keep="")
    known_browsers.remove_known_browsers(tx, account.id)
    mail_links.remove_open(tx, account.id, purpose=RESET_PASSWORD)
    events = (
        disabled_event(wiped, by=act.source.actor),
        event.new_event(event.PASSWORD_RETIRED, reason=str(HelpDeskAct.RESET_MFA)),
    )
    audit.append_all(tx, events, account_id=account.id, source=act.source, now=now)
    link = NoticeKind.PASSWORD_SECURED
    _tell(tx, env, account, act, HelpDeskAct.RESET_MFA, now=now, link=link)
    return wiped


def make_temporary_code(
    tx: Tx, env: Env, act: Act, *, salt: bytes, digest: bytes, now: int
) -> Done | Refused:
    """Keep the help desk's code: one use, one hour, one at a time. `digest` was made outside."""
    account = _lock(tx, act)
    if account is None or account.status is Status.DISABLED or not account.two_step:
        return Refused(Reason.NOT_FOUND)
    stored.save_temporary(
        tx,
        TemporaryCode(
            id=token.new_id(),
            account_id=account.id,
            salt=salt,
            profile=env.profile.parameters,
            digest=digest,
            expires_at=now + TEMPORARY_SECONDS,
        ),
        now=now,
    )
    audit.append(
        tx,
        event.new_event(event.TEMPORARY_CODE_MADE),
        account_id=account.id,
        source=act.source,
        now=now,
    )
    _tell(tx, env, account, act, HelpDeskAct.TEMPORARY_CODE, now=now)
    return Done()


async def give_temporary_code(env: Env, act: Act, *, now: int) -> str | Refused:
    """Make a temporary code and say it once. Refused: NOT_FOUND (or two-step sign-in is off)."""
    code = recovery_codes.new_temporary_code()
    salt = recovery_codes.new_salt()
    digest = await env.hashes.run_known(recovery_codes.digest, code, salt=salt, profile=env.profile)
    done = await env.store.run(make_temporary_code, env, act, salt=salt, digest=digest, now=now)
    return done if isinstance(done, Refused) else recovery_codes.format_code(code)


def send_password_link(tx: Tx, env: Env, act: Act, *, now: int) -> Done | Refused:
    """Mail a link for a new password to every verified address."""
    account = _lock(tx, act)
    if account is None or account.status is Status.DISABLED:
        return Refused(Reason.NOT_FOUND)
    link = NoticeKind.PASSWORD_RESET_LINK
    _tell(tx, env, account, act, HelpDeskAct.PASSWORD_LINK, now=now, link=link)
    return Done()


def _lock(tx: Tx, act: Act) -> Account | None:
    found = accounts.load_by_name(tx, user_name_key(act.name))
    return accounts.lock(tx, found.id) if found else None


def _tell(
    tx: Tx,
    env: Env,
    account: Account,
    act: Act,
    kind: HelpDeskAct,
    *,
    now: int,
    link: NoticeKind | None = None,
) -> None:
    audit.append(
        tx,
        event.new_event(event.OPERATOR_ACTED, act=str(kind), reason=act.reason),
        account_id=account.id,
        source=act.source,
        now=now,
    )
    notify(
        tx,
        env,
        account,
        NoticeKind.HELP_DESK_ACT,
        visitor=None,
        now=now,
        act=str(kind),
        reason=act.reason,
    )
    if link is not None:
        send_password_links(
            tx,
            env,
            account,
            kind=link,
            source=act.source,
            by=str(kind),
            now=now,
        )
