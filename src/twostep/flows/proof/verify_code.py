"""Verify and burn a second factor, for sign-in and for step-up alike.

All six-digit codes share one throttle; a wrong one also costs the outstanding sent code one of its
five tries. Backup codes have their own throttle. A right code during a wait is neither consumed nor
counted. Replays, and codes of an app that is ahead of the clock, are refused without being counted
anywhere, because they are not guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods import recovery_codes, totp
from twostep.core.methods.authenticator import App, MethodKind, RecoveryCode, method_name
from twostep.core.methods.challenge import Challenge, is_open
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import AMR_OF_SECOND_FACTOR, Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.audit.unreadable import record_unreadable
from twostep.flows.messages.sent_code import is_sent_code
from twostep.flows.policy.decide import accepts_phones
from twostep.flows.proof import wrong_tries
from twostep.flows.proof.apps_ahead import is_ahead, record_ahead
from twostep.flows.proof.known_browsers import known_id
from twostep.flows.proof.wrong_tries import WrongTry
from twostep.flows.turn import Turn
from twostep.flows.unseal import APP_SECRET, Unreadable, unseal
from twostep.store.account.accounts import Held
from twostep.store.methods import apps, backup_codes, challenges, phones
from twostep.store.sign_in import sessions


CODE_REPLAYED = "code_replayed"  # the message that open sessions show


@dataclass(frozen=True, slots=True)
class Passed:
    """A second factor was accepted and burnt. `left`: remaining backup codes, if one was used."""

    kind: MethodKind
    method_id: str
    amr: str
    left: int | None = None

    @property
    def method(self) -> str:
        """Its name in events."""
        return method_name(self.kind, self.method_id)


def verify_six_digits(
    turn: Turn, account: Held, session: Session, *, code: str, purpose: Purpose
) -> Passed | Refused:
    """Verify an app's code or a sent code. The account is locked."""
    rule = throttle.CODE
    if refused := wrong_tries.refuse(turn, account, rule=rule, browser_id=session.browser_id):
        return refused
    challenge = challenges.load_newest(turn.tx, session.id, purpose)
    if challenge and not accepts_phones(turn.env):
        challenge = None
    account_apps = apps.list_apps(turn.tx, account.id)
    tried = [_verify_app(turn, app, code=code) for app in account_apps]
    sent = _verify_sent(turn, challenge, code=code)
    passed = _burn_first_app(turn, account_apps, tried)
    if passed is None and challenge and sent is True:
        passed = _burn_sent(turn, challenge)
    if passed is not None:
        return _passed(turn, account, passed, purpose=purpose)
    answers = [answer for answer in tried if not isinstance(answer, Unreadable)]
    reason = _why_not(answers, challenge if sent is True else None, now=turn.now)
    outstanding = (
        challenge is not None
        and not isinstance(sent, Unreadable)
        and is_open(challenge, now=turn.now)
    )
    chances = 3 * sum(not is_ahead(answer) for answer in answers) + outstanding
    _require_chances(turn, [*tried, sent], chances if reason is None else 1)
    if is_ahead(reason):
        record_ahead(turn, account, account_apps, answers)
    # Next to an app that is ahead, the account's other codes can still be guessed.
    if reason and not (is_ahead(reason) and chances):
        return _refuse_uncounted(turn, account, session, purpose=purpose, refused=reason)
    if challenge and outstanding:
        challenges.count_wrong(turn.tx, challenge.id, now=turn.now)
    wrong_try = WrongTry(
        rule,
        reason.reason if reason else Reason.CODE_WRONG,
        chances=chances,
        purpose=str(purpose),
        browser_id=session.browser_id,
    )
    return wrong_tries.count_wrong(turn, account, wrong_try=wrong_try)


def verify_backup_code(
    turn: Turn,
    account: Held,
    session: Session,
    *,
    digest: bytes,
    codes: Sequence[RecoveryCode],
    purpose: Purpose,
) -> Passed | Refused:
    """Verify the digest of a backup code against a set's codes. The account is locked."""
    rule = throttle.RECOVERY_CODE
    if refused := wrong_tries.refuse(turn, account, rule=rule, browser_id=session.browser_id):
        return refused
    stored = [(code.id, code.digest, code.used_at is not None) for code in codes]
    answer = recovery_codes.match(digest, stored)
    if isinstance(answer, recovery_codes.MatchedCode):
        if backup_codes.consume(turn.tx, answer.code_id, now=turn.now):
            left = sum(code.used_at is None for code in codes) - 1
            passed = Passed(
                MethodKind.CODES, answer.code_id, AMR_OF_SECOND_FACTOR["codes"], left=left
            )
            _notify_of_backup_code(turn, account, passed=passed, purpose=purpose)
            return _passed(turn, account, passed, purpose=purpose)
        answer = Refused(Reason.BACKUP_CODE_USED)
    if answer.reason is Reason.BACKUP_CODE_USED:
        return _refuse_uncounted(turn, account, session, purpose=purpose, refused=answer)
    wrong_try = WrongTry(
        rule, answer.reason, chances=0, purpose=str(purpose), browser_id=session.browser_id
    )
    return wrong_tries.count_wrong(turn, account, wrong_try=wrong_try)


def use_up_code(turn: Turn, account_id: str, *, code: str) -> bool:
    """Whether this is a code of one of the account's apps, which it then never is again.

    Whoever may learn this without passing the second step must not be able to use what they learn.
    """
    for app in apps.list_apps(turn.tx, account_id):
        answer = _verify_app(turn, app, code=code)
        if isinstance(answer, totp.MatchedStep):
            _burn_app(turn, app, answer)
            return True
        if isinstance(answer, Refused) and answer.reason is Reason.CODE_USED:
            return True
    return False


def _require_chances(turn: Turn, tried: Sequence[object], chances: int) -> None:
    """Raise `Unreadable` if the code could only be that of a value that does not open: it is not a
    guess. Beside others that can be guessed it has to count, and is only recorded."""
    for broken in tried:
        if isinstance(broken, Unreadable):
            if not chances:
                raise broken
            record_unreadable(turn, broken)


def _verify_sent(turn: Turn, challenge: Challenge | None, *, code: str) -> bool | Unreadable:
    """Whether it is the code that was sent."""
    try:
        return challenge is not None and is_sent_code(turn.env, challenge, code)
    except Unreadable as broken:
        return broken


def _verify_app(turn: Turn, app: App, *, code: str) -> totp.MatchedStep | Refused | Unreadable:
    """Verify against one app."""
    try:
        secret = unseal(
            turn.env, app.secret, purpose=APP_SECRET, row_id=app.id, account_id=app.account_id
        )
    except Unreadable as broken:
        return broken
    return totp.verify(
        secret,
        code,
        now=turn.now,
        last_step=app.last_step,
        window=totp.Window(app.centre, turn.env.settings.totp.tolerance_steps),
        parameters=totp.Parameters(
            cast("totp.Algorithm", app.algorithm), app.digits, app.period_seconds
        ),
    )


def _burn_first_app(
    turn: Turn,
    account_apps: Sequence[App],
    answers: Sequence[totp.MatchedStep | Refused | Unreadable],
) -> Passed | None:
    """Burn the code in the first app that accepts it; None if none does or another request was first."""
    for app, answer in zip(account_apps, answers, strict=True):
        if isinstance(answer, totp.MatchedStep) and _burn_app(turn, app, answer):
            return Passed(MethodKind.APP, app.id, AMR_OF_SECOND_FACTOR["app"])
    return None


def _burn_sent(turn: Turn, challenge: Challenge) -> Passed | None:
    """Burn the sent code; None if it has expired or another request was first."""
    if not is_open(challenge, now=turn.now) or not challenges.consume(
        turn.tx, challenge.id, now=turn.now
    ):
        return None
    phones.save_used(turn.tx, challenge.phone_id, now=turn.now)
    amr = AMR_OF_SECOND_FACTOR[challenge.channel]
    return Passed(MethodKind.PHONE, challenge.phone_id, amr)


def _burn_app(turn: Turn, app: App, accepted: totp.MatchedStep) -> bool:
    drift = totp.Drift(app.centre, app.edge_run)
    if turn.env.settings.totp.tolerance_steps:
        drift = totp.learn_centre(*drift, accepted.offset)
    return apps.advance_step(
        turn.tx,
        app.id,
        step=accepted.step,
        drift=drift,
        now=turn.now,
        browser=turn.visitor.browser,
    )


def _why_not(
    answers: Sequence[totp.MatchedStep | Refused], sent: Challenge | None, *, now: int
) -> Refused | None:
    """The reason for refusing, if it is more than a wrong guess; None for a guess."""
    refused = [
        # Matched, but another request burnt it first.
        Refused(Reason.CODE_USED) if isinstance(answer, totp.MatchedStep) else answer
        for answer in answers
    ]
    for reason in (Reason.CODE_USED, Reason.CLOCK_MOVED_BACK):
        for answer in refused:
            if answer.reason is reason:
                return answer
    if sent is None:
        return None
    if sent.tries_left == 0:
        return Refused(Reason.CODE_SPENT)
    return Refused(Reason.CODE_EXPIRED if now >= sent.expires_at else Reason.CODE_USED)


def _refuse_uncounted(
    turn: Turn, account: Held, session: Session, *, purpose: Purpose, refused: Refused
) -> Refused:
    """Record the refusal; it counts against nobody.

    Somebody else may have read a code over the owner's shoulder, so after a replay the owner's open
    sessions say so (NIST SP 800-63B-4 §3.1.4.2).
    """
    if refused.reason in {Reason.CODE_USED, Reason.BACKUP_CODE_USED}:
        sessions.save_flash_of_others(turn.tx, account.id, keep=session.id, flash=CODE_REPLAYED)
    turn.record(
        account,
        event.new_event(
            event.CODE_REFUSED,
            Outcome.REFUSED,
            purpose=str(purpose),
            reason=str(refused.reason),
        ),
    )
    return refused


def _passed(turn: Turn, account: Held, passed: Passed, *, purpose: Purpose) -> Passed:
    turn.record(
        account, event.new_event(event.CODE_ACCEPTED, method=passed.method, purpose=str(purpose))
    )
    return passed


def _notify_of_backup_code(turn: Turn, account: Held, *, passed: Passed, purpose: Purpose) -> None:
    left = passed.left or 0
    turn.record(account, event.new_event(event.RECOVERY_CODE_USED, method=passed.method, left=left))
    # One mail for one sign-in: `remember_as_known` leaves the new browser to this one.
    is_new = purpose is Purpose.SIGN_IN and known_id(turn, account) is None
    turn.notify(account, NoticeKind.RECOVERY_CODE_USED, count=left, new_browser=int(is_new))
