"""Raise a session by the authenticator that was just added: it is the fresh second factor."""

from __future__ import annotations

from dataclasses import replace

from twostep.core import session, token
from twostep.core.session import Aal, Level, Session
from twostep.flows.env import Env
from twostep.flows.sign_in import SignedIn
from twostep.store import sessions
from twostep.store.tx import Tx


def raise_enrolled(
    tx: Tx, env: Env, current: Session, *, amr: str, old_token: str, now: int
) -> SignedIn:
    """Give the session its new assurance and cookie value; an enrolment session becomes full."""
    cookie = token.new_token()
    risen = replace(
        current,
        level=Level.FULL,
        aal=Aal.AAL2,
        amr=session.merge_amr(current.amr, amr),
        second_factor_at=now,
        seen_at=now,
    )
    if current.level is Level.ENROL:
        risen = replace(risen, created_at=now, expires_at=now + env.limits.total_seconds)
    sessions.raise_session(
        tx, risen, old_digest=token.digest(old_token), new_digest=token.digest(cookie)
    )
    return SignedIn(risen, cookie)
