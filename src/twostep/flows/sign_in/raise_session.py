"""Raise a session by the authenticator that was just added: it is the fresh second factor."""

from __future__ import annotations

from dataclasses import replace

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.sign_in import session
from twostep.core.sign_in.session import Aal, Level, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.sign_in.complete import SignedIn, complete_sign_in
from twostep.flows.turn import record
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


def raise_enrolled(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    current: Session,
    *,
    amr: str,
    method: str,
    old_token: str,
    now: int,
) -> SignedIn:
    """Give the session its new assurance and cookie value; an enrolment session becomes full.

    Other enrolment sessions end: each was opened because no authenticator was there, and would let
    whoever opened it add one without showing this one.
    """
    sessions.remove_enrolling(tx, account.id, keep=current.id)
    merged = session.merge_amr(current.amr, amr)
    if current.level is Level.ENROL:
        return complete_sign_in(
            tx,
            env,
            account,
            visitor,
            half=current,
            old_token=old_token,
            amr=merged,
            aal=Aal.AAL2,
            method=method,
            next_path=current.next_path,
            now=now,
        )
    cookie = token.new_token()
    risen = replace(current, aal=Aal.AAL2, amr=merged, second_factor_at=now, seen_at=now)
    sessions.raise_session(
        tx, risen, old_digest=token.digest(old_token), new_digest=token.digest(cookie)
    )
    return SignedIn(risen, cookie)


def raise_and_tell(
    tx: Tx,
    account: Account,
    visitor: Visitor,
    risen: Session,
    *,
    old_token: str,
    by: str,
    now: int,
) -> SignedIn:
    """Give the session its new proof and a new cookie value; the old value is dead."""
    cookie = token.new_token()
    sessions.raise_session(
        tx, risen, old_digest=token.digest(old_token), new_digest=token.digest(cookie)
    )
    record(tx, account, visitor, event.new_event(event.STEP_UP_COMPLETED, by=by), now=now)
    return SignedIn(risen, cookie)
