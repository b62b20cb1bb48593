"""The end of a second step, whatever passed it: a full session, and the browser remembered if wished."""

from __future__ import annotations

from dataclasses import replace

from twostep.core.account import Account
from twostep.core.authenticator import MethodKind
from twostep.core.session import Aal, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.remember_browser import remember
from twostep.flows.sign_in import SignedIn, complete_sign_in
from twostep.store.tx import Tx


def complete_step(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    half: Session,
    old_token: str,
    amr: str,
    method: str,
    remembers_after: MethodKind | None,
    now: int,
) -> SignedIn:
    """Raise the half session by what was shown; `remembers_after`: of which kind it was, where the
    browser shall be remembered."""
    signed_in = complete_sign_in(
        tx,
        env,
        account,
        visitor,
        half=half,
        old_token=old_token,
        amr=amr,
        aal=Aal.AAL2,
        method=method,
        next_path=half.next_path,
        now=now,
    )
    if remembers_after is None:
        return signed_in
    cookie = remember(tx, env, account, visitor, kind=remembers_after, now=now)
    return replace(signed_in, remember_token=cookie)
