"""Two-step sign-in on and off, for the whole account.

A password that was too short to stand alone is changed when the second step goes."""

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
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import apps, passkeys, phones
from twostep.store.methods import backup_codes as stored_codes
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions


@dataclass(frozen=True, slots=True)
class Disabled:
    """Two-step sign-in is off; how much was wiped."""

    apps: int
    phones: int
    codes: int
    passkeys: int


def disable(turn: Turn, current: Session) -> Disabled | Refused:
    """Turn two-step sign-in off and wipe all that belongs to it; enabling again starts clean.

    Refused: NOT_ALLOWED (policy asks for two-step sign-in), CHANGED (it was off already), and
    PASSWORD_TOO_SHORT where the password was set with the shorter minimum.
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
    """Delete every authenticator of the account; its browsers are no longer remembered."""
    forget_browsers(turn, account)
    stored_codes.remove_temporary(turn.tx, account.id)
    return Disabled(
        apps=apps.remove_all(turn.tx, account.id),
        phones=phones.remove_all(turn.tx, account.id),
        codes=stored_codes.remove_set(turn.tx, account.id),
        passkeys=passkeys.remove_all(turn.tx, account.id),
    )


def disabled_event(wiped: Disabled, *, by: str) -> Event:
    """The event that says how much went."""
    return event.new_event(
        event.TWO_STEP_DISABLED,
        apps=wiped.apps,
        phones=wiped.phones,
        codes=wiped.codes,
        passkeys=wiped.passkeys,
        by=by,
    )


def view_disabling(turn: Turn, account: Account) -> Disabled | Refused:
    """How much turning it off would delete.

    Refused: CHANGED (it is off), NOT_ALLOWED (policy asks for it).
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
    """Turn it off. `new`: a new password, read only where the present one is too short.

    Refused: what `disable` says, and, for the new password, what `review_password` says. Raises
    `Overloaded`.
    """
    if not account.two_step or not account.password_short:
        return await opener.run(disable, current)
    refused = refuse_disabling(opener.env, account)
    if refused and refused.reason is Reason.NOT_ALLOWED:
        return refused
    if refused := password.review(opener.env, account, new, two_step=False):
        return refused
    new_hash = await opener.env.hashes.run_known(
        password_core.hash_password, new, profile=opener.env.profile
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


def turn_on(turn: Turn, account: Held) -> None:
    """Turn it on. Other sessions live on; ending them is offered, not done."""
    accounts.save_two_step(turn.tx, account, on=True, now=turn.now)
    turn.record(account, event.new_event(event.TWO_STEP_ENABLED))
