"""Raise a session after a new proof, such as an authenticator that was just added."""

from __future__ import annotations

from dataclasses import replace

from twostep.core.audit import event
from twostep.core.sign_in import session
from twostep.core.sign_in.session import Aal, Level, Session
from twostep.flows.sign_in.complete import Proof, SignedIn, complete_sign_in, renew_cookie
from twostep.flows.turn import Turn
from twostep.store.account.accounts import Held
from twostep.store.sign_in import sessions


def raise_enrolled(
    turn: Turn, account: Held, current: Session, *, amr: str, method: str
) -> SignedIn:
    """Give the session its new assurance and cookie value; an enrolment session becomes full.

    Other enrolment sessions end: each was opened while there was no authenticator, and could add
    another without proving this one.
    """
    sessions.remove_enrolling(turn.tx, account.id, keep=current.id)
    merged = session.merge_amr(current.amr, amr)
    if current.level is Level.ENROL:
        return complete_sign_in(
            turn,
            account,
            half=current,
            proof=Proof(merged, Aal.AAL2, method),
            next_path=current.next_path,
        )
    raised = replace(current, aal=Aal.AAL2, amr=merged, second_factor_at=turn.now, seen_at=turn.now)
    return SignedIn(raised, renew_cookie(turn, raised))


def raise_proved(turn: Turn, account: Held, raised: Session, *, by: str) -> SignedIn:
    """Save the session with its new proof, and record the step-up. `by`: the method, or "password"."""
    turn.record(account, event.new_event(event.STEP_UP_COMPLETED, by=by))
    return SignedIn(raised, renew_cookie(turn, raised))
