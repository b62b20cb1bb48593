"""Turn two-step sign-in on and off for an account.

A password too short to protect the account alone must be changed when the second step goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password as password_core
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.account import password
from twostep.flows.policy.decide import refuse_disabling
from twostep.flows.proof.known_browsers import forget_other_known
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import apps, backup_codes, passkeys, phones
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions


@dataclass(frozen=True, slots=True)
class Disabled:
    """Two-step sign-in is off. The fields count what was deleted, or would be."""

    apps: int
    phones: int
    codes: int
    passkeys: int


def disable(turn: Turn, current: Session) -> Disabled | Refused:
    """Turn two-step sign-in off and delete all that belongs to it; enabling it again starts clean.

    Refused: NOT_ALLOWED (policy requires two-step sign-in), CHANGED (it was already off),
    PASSWORD_TOO_SHORT (the password was set under the shorter minimum).
    """
    account = turn.lock(current)
    if account is None or not account.two_step:
        return Refused(Reason.CHANGED)
    if refused := refuse_disabling(turn.env, account):
        return refused
    wiped = wipe_methods(turn, account)
    turn.record(account, disabled_event(wiped, by=turn.visitor.source.actor))
    accounts.save_two_step(turn.tx, account, on=False, now=turn.now)
    turn.notify(account, NoticeKind.TWO_STEP_DISABLED)
    return wiped


def wipe_methods(turn: Turn, account: Held) -> Disabled:
    """Delete every authenticator of the account and forget its remembered browsers."""
    forget_browsers(turn, account)
    backup_codes.remove_temporary(turn.tx, account.id)
    return Disabled(
        apps=apps.remove_all(turn.tx, account.id),
        phones=phones.remove_all(turn.tx, account.id),
        codes=backup_codes.remove_set(turn.tx, account.id),
        passkeys=passkeys.remove_all(turn.tx, account.id),
    )


def disabled_event(wiped: Disabled, *, by: str) -> Event:
    """The event that states how much was deleted."""
    return event.new_event(
        event.TWO_STEP_DISABLED,
        apps=wiped.apps,
        phones=wiped.phones,
        codes=wiped.codes,
        passkeys=wiped.passkeys,
        by=by,
    )


def view_disabling(turn: Turn, account: Account) -> Disabled | Refused:
    """What turning two-step sign-in off would delete.

    Refused: CHANGED (it is off), NOT_ALLOWED (policy requires it).
    """
    if not account.two_step:
        return Refused(Reason.CHANGED)
    if (refused := refuse_disabling(turn.env, account)) and refused.reason is Reason.NOT_ALLOWED:
        return refused
    methods = load_methods(turn.tx, account.id)
    return Disabled(
        len(methods.apps), len(methods.phones), methods.codes_left, len(methods.passkeys)
    )


async def turn_off(
    opener: TurnOpener, current: Session, account: Account, *, new: str
) -> Disabled | Refused:
    """Turn two-step sign-in off. `new`: a new password, read only if the current one is too short.

    Refused: as `disable`, and for the new password as `review_new_password`. Raises `Overloaded`.
    """
    if not account.two_step or not account.password_short:
        return await opener.run(disable, current)
    refused = refuse_disabling(opener.env, account)
    if refused and refused.reason is Reason.NOT_ALLOWED:
        return refused
    if refused := password.review_new_password(opener.env, account, new, two_step=False):
        return refused
    new_hash = await opener.env.hashes.run_known(
        account.id, password_core.hash_password, new, profile=opener.env.profile
    )
    version = account.password_version

    def finish(turn: Turn) -> Disabled | Refused:
        locked = turn.lock(current)
        if locked is None or locked.password_version != version or not locked.two_step:
            return Refused(Reason.CHANGED)
        sessions.remove_others(turn.tx, locked.id, keep=current.id)
        password.save_new(turn, locked, new=new, new_hash=new_hash, by="owner")
        return disable(turn, current)

    return await opener.run(finish)


def turn_on(turn: Turn, account: Held, current: Session) -> None:
    """Turn two-step sign-in on. Other sessions stay; the user is offered to end them.

    Other browsers were let in by the password alone, so they are no longer known.
    """
    forget_other_known(turn, account, keep=current.browser_id, reason="two_step")
    accounts.save_two_step(turn.tx, account, on=True, now=turn.now)
    backup_codes.remove_temporary(turn.tx, account.id)  # it was for this
    turn.record(account, event.new_event(event.TWO_STEP_ENABLED))
