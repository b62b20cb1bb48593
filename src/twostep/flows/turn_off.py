"""Turn two-step sign-in off; a password that was too short to stand alone is changed with it."""

from __future__ import annotations

from twostep.core import password as password_core
from twostep.core.account import Account
from twostep.core.refusal import Reason, Refused
from twostep.core.session import Session
from twostep.flows import password
from twostep.flows.env import Env, Visitor
from twostep.flows.lock_session import lock_owner
from twostep.flows.remove import Disabled, disable, refuse_disabling
from twostep.store import sessions
from twostep.store.methods import load_methods
from twostep.store.tx import Tx


def view_disabling(tx: Tx, env: Env, account: Account) -> Disabled | Refused:
    """How much turning it off would delete.

    Refused: CHANGED (it is off), NOT_ALLOWED (policy asks for it).
    """
    if not account.two_step:
        return Refused(Reason.CHANGED)
    if (refused := refuse_disabling(env, account)) and refused.reason is Reason.NOT_ALLOWED:
        return refused
    methods = load_methods(tx, account.id)
    return Disabled(
        len(methods.apps), len(methods.phones), methods.codes_left, len(methods.passkeys)
    )


async def turn_off(
    env: Env, visitor: Visitor, current: Session, account: Account, *, new: str, now: int
) -> Disabled | Refused:
    """Turn it off. `new`: a new password, read only where the present one is too short.

    Refused: what `disable` says, and, for the new password, what `review_password` says. Raises
    `Overloaded`.
    """
    if not account.two_step or not account.password_short:
        return await env.store.run(disable, env, visitor, current, now=now)
    refused = refuse_disabling(env, account)
    if refused and refused.reason is Reason.NOT_ALLOWED:
        return refused
    if refused := password.review(env, account, new, two_step=False):
        return refused
    new_hash = await env.hashes.run_known(password_core.hash_password, new, profile=env.profile)
    version = account.password_version

    def finish(tx: Tx) -> Disabled | Refused:
        locked = lock_owner(tx, current)
        if locked is None or locked.password_version != version or not locked.two_step:
            return Refused(Reason.CHANGED)
        sessions.remove_others(tx, locked.id, keep=current.id)
        password.save_new(tx, env, locked, visitor, new=new, new_hash=new_hash, by="owner", now=now)
        return disable(tx, env, visitor, current, now=now)

    return await env.store.run(finish)
