"""The first step: user name or verified e-mail address, and password.

Argon2 runs between a read and ONE write flow. The write flow applies the throttles and checks that
what was read still holds; past a limit it refuses whatever the hash result. Unknown names cost the
same hash and have the same counters. What strangers try counts under the name as they typed it, not
under the account: otherwise a wait would tell which name and which address belong together.
Sources: ASVS 6.3.1, 6.3.8; security: Guessing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password, throttle
from twostep.core.sign_in.session import AMR_PASSWORD, Aal, Level
from twostep.core.sign_in.throttle import State
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.policy.decide import must_enroll
from twostep.flows.proof.known_browsers import forget_known, known_id
from twostep.flows.proof.password_tries import (
    Counter,
    browser_counters,
    counter,
    in_a_row_keys,
    is_used_up,
    name_key,
    subjects_of,
)
from twostep.flows.proof.proven_browsers import forget_proven, proven_id
from twostep.flows.proof.remembered_browsers import recognise
from twostep.flows.proof.retired_password import GUESSING, refuse_retired, remind_of_retired
from twostep.flows.sign_in.complete import Proof, SignedIn, complete_sign_in, open_session
from twostep.flows.sign_in.sessions import end_earlier, find_earlier, lock_with
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.sign_in import throttles


@dataclass(frozen=True, slots=True)
class _Claim:
    """What was read before hashing: the account, if any, and the counters that apply.

    `browser_id`: of a known browser. `by_itself`: whether the browser has counters to itself.
    `counters`: of wrong passwords. `right`: of right ones. `forgiven`: the keys of the counters that
    a right password ends.
    """

    account: Account | None
    subject: str
    browser_id: str | None
    by_itself: bool
    counters: tuple[Counter, ...]
    right: Counter
    forgiven: tuple[str, ...]


async def sign_in(
    opener: TurnOpener, *, identifier: str, typed: str, next_path: str
) -> SignedIn | Refused:
    """Verify a password and open a half, full or enrolment session; the browser's earlier one ends.

    Refused: SIGN_IN_WRONG (the same for an unknown name, a wrong password and a disabled account),
    THROTTLED, BROWSER_UNPROVEN, PASSWORD_RETIRED, CHANGED. Raises `Overloaded`.
    """
    claim = await opener.read(_look_up, identifier=identifier)
    refused = await opener.read(_view_wait, claim)
    if refused:
        return refused
    stored = claim.account.password_hash if claim.account else None
    pool = opener.env.hashes.run_known if claim.by_itself else opener.env.hashes.run
    verdict = await pool(
        claim.subject,
        password.verify_hash,
        stored or password.dummy_hash(opener.env.profile),
        typed,
        profile=opener.env.profile,
    )
    new_hash = None
    if verdict.ok and verdict.needs_rehash and stored:
        new_hash = await pool(
            claim.subject, password.hash_password, typed, profile=opener.env.profile
        )
    right = verdict.ok and stored is not None
    return await opener.run(
        _finish, claim=claim, right=right, new_hash=new_hash, next_path=next_path
    )


def _look_up(turn: Turn, *, identifier: str) -> _Claim:
    typed_key = name_key(identifier)
    load = accounts.load_by_address if "@" in identifier else accounts.load_by_name
    account = load(turn.tx, typed_key)
    subjects = subjects_of(turn, typed_key)
    in_a_row = in_a_row_keys(subjects)
    if account:
        browser_id = known_id(turn, account)
        if browser := browser_id or proven_id(turn, account):
            # Of its own, so a thousand wrong passwords from strangers do not lock out the owner.
            counters = browser_counters(account.id, browser)
            rule = throttle.in_browser(throttle.PASSWORD_RIGHT)
            return _Claim(
                account,
                account.id,
                browser_id,
                by_itself=True,
                counters=counters,
                right=counter(rule, f"{account.id}:browser:{browser}"),
                forgiven=(*(key for key, _ in counters), *in_a_row),
            )
    network = turn.visitor.network
    counters_of_name = [
        each
        for subject in subjects
        for each in (
            counter(throttle.PASSWORD_ACCOUNT_NETWORK, f"{subject}:{network}"),
            counter(throttle.PASSWORD_STRANGERS, subject),
            counter(throttle.PASSWORD_IN_A_ROW, subject),
        )
    ]
    return _Claim(
        account,
        subjects[0],
        browser_id=None,
        by_itself=False,
        counters=(*counters_of_name, counter(throttle.PASSWORD_NETWORK, network)),
        right=counter(throttle.PASSWORD_RIGHT, f"{subjects[0]}:{network}"),
        forgiven=(counters_of_name[0][0], *in_a_row),
    )


def _view_wait(turn: Turn, claim: _Claim) -> Refused | None:
    """Refuse during a wait, before spending a hash."""
    counters = (*claim.counters, claim.right)
    return _longest({key: throttles.load(turn.tx, key) for key, _ in counters}, counters, turn.now)


def _hold(turn: Turn, claim: _Claim) -> dict[str, State]:
    """Read the counters for the binding check, in locking order."""
    keys = sorted(key for key, _ in (*claim.counters, claim.right))
    return {key: throttles.hold(turn.tx, key) for key in keys}


def _longest(states: Mapping[str, State], counters: Iterable[Counter], now: int) -> Refused | None:
    waits = [
        refused
        for key, rule in counters
        if (refused := throttle.refuse(states[key], rule, now=now))
    ]
    return max(waits, key=lambda refused: refused.retry_at or 0, default=None)


def _finish(
    turn: Turn, *, claim: _Claim, right: bool, new_hash: str | None, next_path: str
) -> SignedIn | Refused:
    earlier = find_earlier(turn) if right else None
    account = lock_with(turn, claim.account.id, earlier) if claim.account else None
    states = _hold(turn, claim)
    if refused := _longest(states, (*claim.counters, claim.right), turn.now):
        return refused
    if claim.account and (
        account is None or account.password_version != claim.account.password_version
    ):
        return Refused(Reason.CHANGED)
    if account is None or not right or account.status is Status.DISABLED:
        return _count_wrong(turn, account, claim=claim)
    throttles.remove_all(turn.tx, claim.forgiven)
    key, rule = claim.right
    throttles.save(turn.tx, key, throttle.count(states[key], rule, now=turn.now), now=turn.now)
    if account.status is Status.RETIRED:
        retired = refuse_retired(account)
        refusal = event.new_event(event.PASSWORD_REFUSED, Outcome.REFUSED, reason=retired.reason)
        turn.record(account, refusal)
        remind_of_retired(turn, account)
        return retired
    if new_hash is not None:
        accounts.save_password_hash(
            turn.tx, account, password_hash=new_hash, version=account.password_version
        )
    end_earlier(turn, earlier)
    turn.record(account, event.new_event(event.PASSWORD_ACCEPTED))
    return _open(turn, account, browser_id=claim.browser_id, next_path=next_path)


def _open(turn: Turn, account: Held, *, browser_id: str | None, next_path: str) -> SignedIn:
    """Open the second step, enrolment or a full session, as policy and methods require."""
    remembered = recognise(turn, account) if account.two_step else None
    if remembered is None and (account.two_step or must_enroll(turn.env, account)):
        return open_session(
            turn,
            account,
            level=Level.HALF if account.two_step else Level.ENROL,
            browser_id=browser_id,
            next_path=next_path,
        )
    signed_in = complete_sign_in(
        turn,
        account,
        half=None,
        proof=Proof(AMR_PASSWORD, Aal.AAL1, f"browser:{remembered.id}" if remembered else ""),
        next_path=next_path,
    )
    return replace(signed_in, remember_token=remembered.cookie if remembered else None)


def _count_wrong(turn: Turn, account: Held | None, *, claim: _Claim) -> Refused:
    counters = sorted(claim.counters, key=lambda counter: counter[0])
    states = {key: throttles.lock(turn.tx, key, now=turn.now) for key, _ in counters}
    # Concurrent tries may have used up a counter that did not exist when it was read.
    if refused := _longest(states, counters, turn.now):
        return refused
    counted = {key: throttle.count(states[key], rule, now=turn.now) for key, rule in counters}
    for key, state in counted.items():
        throttles.save(turn.tx, key, state, now=turn.now)
    is_over = (
        account is not None and claim.by_itself and _end_guessing(turn, account, claim, counted)
    )
    waiting = None if is_over else _longest(counted, counters, turn.now)
    outcome = Outcome.REFUSED if waiting is None else Outcome.THROTTLED
    refusal = event.new_event(event.PASSWORD_REFUSED, outcome, reason=Reason.SIGN_IN_WRONG)
    if account is not None:
        turn.record(account, refusal)
    else:
        turn.record_system(refusal, subject=claim.subject)
    if waiting is None:
        return Refused(Reason.SIGN_IN_WRONG)
    if waiting.reason is Reason.BROWSER_UNPROVEN:
        if account is not None:
            turn.notify(
                account, NoticeKind.PASSWORD_GUESSED, count=throttle.PASSWORD_IN_A_ROW.limit
            )
        return waiting
    return replace(waiting, reason=Reason.SIGN_IN_WRONG)


def _end_guessing(turn: Turn, account: Held, claim: _Claim, counted: Mapping[str, State]) -> bool:
    """After too many wrong passwords in a row, a known or proven browser counts as a stranger's."""
    if not any(is_used_up(counted[key], rule) for key, rule in claim.counters):
        return False
    throttles.remove_all(turn.tx, [key for key, _ in claim.counters])
    if claim.browser_id is None:
        forget_proven(turn, account)
    else:
        forget_known(turn, account, browser_id=claim.browser_id, reason=GUESSING)
    return True
