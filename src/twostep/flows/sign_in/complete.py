"""The end of every sign-in: only `complete_sign_in` creates a full session.

password ──▶ begin_second_step ──▶ half session ──code──▶ complete_sign_in ──▶ full session
    └───────── two-step sign-in off, or remembered ─────▶ complete_sign_in ◀── passkey alone
    └───────── two-step sign-in required, not set up ───▶ begin_enrolment ──▶ enrol session
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods import reminder
from twostep.core.methods.authenticator import MethodKind
from twostep.core.methods.reminder import Reminder
from twostep.core.sign_in.session import (
    AMR_PASSWORD,
    HALF_SESSION_SECONDS,
    Aal,
    Level,
    Session,
)
from twostep.flows.env import Visitor
from twostep.flows.policy.decide import duties_of
from twostep.flows.proof import wrong_tries
from twostep.flows.proof.known_browsers import known_id, remember_as_known
from twostep.flows.proof.remembered_browsers import remember
from twostep.flows.sign_in.adopt_profile import adopt_profile
from twostep.flows.sign_in.waiting_recovery import cancel_recovery
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions


WRONG_CODES = "wrong_codes"  # the message that the session's first page shows


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved. `amr`: RFC 8176 names, space-separated. `method`: as `app:ID`, or ""."""

    amr: str
    aal: Aal
    method: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session was opened or raised.

    `token`: the session's new cookie value. `browser_token`: the known-browser cookie, if new.
    `remember_token`: a remembered browser's next value. `reminder`: what to remind the owner of.
    `enroll_first`: the kind of method to set up, if the session may only enrol.
    """

    session: Session
    token: str = field(repr=False)
    browser_token: str | None = field(default=None, repr=False)
    remember_token: str | None = field(default=None, repr=False)
    reminder: Reminder | None = None
    enroll_first: MethodKind | None = None


def open_session(
    turn: Turn, account: Account, *, level: Level, browser_id: str | None, next_path: str
) -> SignedIn:
    """Open a session after the right password: half (second step still due) or enrolment only.

    `browser_id`: the known browser it comes from; its allowance of wrong codes applies.
    """
    half = level is Level.HALF
    seconds = HALF_SESSION_SECONDS if half else turn.env.limits.total_seconds
    session = _new_session(account, turn.visitor, level=level, next_path=next_path, now=turn.now)
    session = replace(session, browser_id=browser_id, expires_at=turn.now + seconds)
    cookie = token.new_token()
    sessions.insert(turn.tx, session, digest=token.digest(cookie))
    enroll_first = None if half else duties_of(turn.env, account).enroll_first
    return SignedIn(session, cookie, enroll_first=enroll_first)


def complete_sign_in(
    turn: Turn,
    account: Held,
    *,
    half: Session | None,
    proof: Proof,
    next_path: str,
) -> SignedIn:
    """Create a full session: raise the half session, or open a new one.

    `half` was read under the account's lock by the visitor's cookie value, so if two answers arrive
    together only the first counts.
    """
    base = half or _new_session(
        account, turn.visitor, level=Level.FULL, next_path=next_path, now=turn.now
    )
    origin_id = half.browser_id if half else known_id(turn, account)
    adopt_profile(turn, account, base)
    browser_id, browser_token = remember_as_known(turn, account, by=proof.method)
    session = _full(turn, base, proof, browser_id=browser_id)
    if half is None:
        cookie = token.new_token()
        sessions.insert(turn.tx, session, digest=token.digest(cookie))
    else:
        cookie = renew_cookie(turn, session)
    if proof.aal is Aal.AAL2:
        session = _warn_of_wrong_codes(turn, account, session)
        _forget_tries(turn, account, browser_id=origin_id)
        cancel_recovery(turn, account, by="sign_in")
    completed = event.new_event(
        event.SIGN_IN_COMPLETED, method=proof.method, aal=str(proof.aal), amr=proof.amr
    )
    turn.record(account, completed)
    return SignedIn(session, cookie, browser_token, reminder=_remind(turn, account))


def complete_step(
    turn: Turn,
    account: Held,
    *,
    half: Session,
    amr: str,
    method: str,
    remembers_after: MethodKind | None,
) -> SignedIn:
    """Raise the half session after a second factor.

    `remembers_after`: the factor's kind if the browser should be remembered, else None.
    """
    signed_in = complete_sign_in(
        turn, account, half=half, proof=Proof(amr, Aal.AAL2, method), next_path=half.next_path
    )
    if remembers_after is None:
        return signed_in
    cookie = remember(turn, account, kind=remembers_after)
    return replace(signed_in, remember_token=cookie)


def renew_cookie(turn: Turn, raised: Session) -> str:
    """Save a raised session under a new cookie value; the old value stops working."""
    cookie = token.new_token()
    old_digest, new_digest = token.digest(turn.visitor.session_token), token.digest(cookie)
    sessions.raise_session(turn.tx, raised, old_digest=old_digest, new_digest=new_digest)
    return cookie


def _remind(turn: Turn, account: Held) -> Reminder | None:
    """Choose a reminder, at most once in fourteen days and only while two-step sign-in is on."""
    if not account.two_step or not reminder.is_due(account.spare_reminder_at, now=turn.now):
        return None
    accounts.save_spare_reminder(turn.tx, account, at=turn.now + reminder.REMIND_SECONDS)
    return reminder.choose_reminder(load_methods(turn.tx, account.id), now=turn.now)


def _full(turn: Turn, base: Session, proof: Proof, *, browser_id: str) -> Session:
    """A full session that starts now, in the visitor's browser and network."""
    visitor, now = turn.visitor, turn.now
    return replace(
        base,
        level=Level.FULL,
        aal=proof.aal,
        amr=proof.amr,
        network=visitor.network,
        browser=visitor.browser,
        browser_id=browser_id,
        password_at=base.password_at if AMR_PASSWORD in proof.amr.split() else None,
        second_factor_at=now if proof.aal is Aal.AAL2 else None,
        created_at=now,
        seen_at=now,
        expires_at=now + turn.env.limits.total_seconds,
    )


def _warn_of_wrong_codes(turn: Turn, account: Held, session: Session) -> Session:
    """The session's first page says that wrong codes were typed after the right password (ASVS 6.3.5)."""
    if account.wrong_in_a_row < wrong_tries.WRONG_IN_A_ROW_TO_NOTIFY:
        return session
    sessions.save_flash(turn.tx, session.id, flash=WRONG_CODES)
    return replace(session, flash=WRONG_CODES)


def _forget_tries(turn: Turn, account: Held, *, browser_id: str | None) -> None:
    """A second factor resets the browser's counters and the count of consecutive wrong codes."""
    wrong_tries.forget(turn, account, browser_id=browser_id)
    if account.wrong_in_a_row:
        accounts.save_guesses(turn.tx, account, in_a_row=0, millionths=account.guess_millionths)


def _new_session(
    account: Account, visitor: Visitor, *, level: Level, next_path: str, now: int
) -> Session:
    return Session(
        id=token.new_id(),
        account_id=account.id,
        level=level,
        aal=Aal.AAL1,
        amr=AMR_PASSWORD,
        next_path=next_path,
        network=visitor.network,
        browser=visitor.browser,
        browser_id=None,
        password_version=account.password_version,
        password_at=now,
        second_factor_at=None,
        created_at=now,
        seen_at=now,
        expires_at=now,
        time_zone=visitor.time_zone,
    )
