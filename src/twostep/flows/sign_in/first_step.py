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

from twostep.core import sealing, token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.email_address import email_key
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password, throttle
from twostep.core.sign_in.session import AMR_PASSWORD, Aal, Level
from twostep.core.sign_in.throttle import Rule, State
from twostep.core.sign_in.user_name import user_name_key
from twostep.flows.policy.decide import must_enroll
from twostep.flows.proof.remembered_browsers import recognise
from twostep.flows.proof.retired_password import refuse_retired, remind_of_retired
from twostep.flows.sign_in.complete import Proof, SignedIn, complete_sign_in, open_session
from twostep.flows.sign_in.sessions import end_earlier, find_earlier, lock_with
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.sign_in import known_browsers, throttles


@dataclass(frozen=True, slots=True)
class _Claim:
    """What was read before hashing: the account, if any, and the counters that apply.

    `counters`: of wrong passwords, the first one of this network or browser alone. `right`: of right
    ones.
    """

    account: Account | None
    subject: str
    browser_id: str | None
    counters: tuple[tuple[str, Rule], ...]
    right: tuple[str, Rule]


async def sign_in(
    opener: TurnOpener, *, identifier: str, typed: str, next_path: str
) -> SignedIn | Refused:
    """Verify a password and open a half, full or enrolment session; the browser's earlier one ends.

    Refused: SIGN_IN_WRONG (the same for an unknown name, a wrong password and a disabled account),
    THROTTLED, PASSWORD_RETIRED, CHANGED. Raises `Overloaded`.
    """
    claim = await opener.read(_look_up, identifier=identifier)
    refused = await opener.read(_view_wait, claim)
    if refused:
        return refused
    stored = claim.account.password_hash if claim.account else None
    pool = opener.env.hashes.run if claim.browser_id is None else opener.env.hashes.run_known
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
    if "@" in identifier:
        account = accounts.load_by_address(turn.tx, email_key(identifier))
        name_key = email_key(identifier)
    else:
        name_key = user_name_key(identifier)
        account = accounts.load_by_name(turn.tx, name_key)
    browser_id = None
    if account and turn.visitor.browser_token:
        digest = token.digest(turn.visitor.browser_token)
        browser_id = known_browsers.load_known_browser(turn.tx, account.id, digest, now=turn.now)
    if account and browser_id:
        return _claim_of_browser(account, browser_id)
    # Under every key, so that a key rotation does not reset the counts.
    digests = sealing.macs(turn.env.keyring, name_key.encode(), purpose="throttles.subject")
    subjects = [digest.hex()[-40:] for digest in digests]
    network = turn.visitor.network
    counters = [
        counter
        for subject in subjects
        for counter in (
            _counter(throttle.PASSWORD_ACCOUNT_NETWORK, f"{subject}:{network}"),
            _counter(throttle.PASSWORD_STRANGERS, subject),
        )
    ]
    return _Claim(
        account,
        subjects[0],
        None,
        (*counters, _counter(throttle.PASSWORD_NETWORK, network)),
        right=_counter(throttle.PASSWORD_RIGHT, f"{subjects[0]}:{network}"),
    )


def _claim_of_browser(account: Account, browser_id: str) -> _Claim:
    """A known browser has counters of its own, so a thousand wrong passwords from strangers do not
    lock out the owner."""
    wrong_tries, right_tries = (
        _counter(throttle.in_browser(rule), f"{account.id}:browser:{browser_id}")
        for rule in (throttle.PASSWORD_ACCOUNT_NETWORK, throttle.PASSWORD_RIGHT)
    )
    return _Claim(account, account.id, browser_id, (wrong_tries,), right_tries)


def _counter(rule: Rule, subject: str) -> tuple[str, Rule]:
    return f"{rule.name}:{subject}", rule


def _view_wait(turn: Turn, claim: _Claim) -> Refused | None:
    """Refuse during a wait, before spending a hash."""
    counters = (*claim.counters, claim.right)
    return _longest({key: throttles.load(turn.tx, key) for key, _ in counters}, counters, turn.now)


def _hold(turn: Turn, claim: _Claim) -> dict[str, State]:
    """Read the counters for the binding check, in locking order."""
    keys = sorted(key for key, _ in (*claim.counters, claim.right))
    return {key: throttles.hold(turn.tx, key) for key in keys}


def _longest(
    states: Mapping[str, State], counters: Iterable[tuple[str, Rule]], now: int
) -> Refused | None:
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
    throttles.remove(turn.tx, claim.counters[0][0])
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
    waiting = _longest(counted, counters, turn.now)
    outcome = Outcome.REFUSED if waiting is None else Outcome.THROTTLED
    refusal = event.new_event(event.PASSWORD_REFUSED, outcome, reason=Reason.SIGN_IN_WRONG)
    if account is not None:
        turn.record(account, refusal)
    else:
        turn.record_system(refusal, subject=claim.subject)
    if waiting is None:
        return Refused(Reason.SIGN_IN_WRONG)
    return replace(waiting, reason=Reason.SIGN_IN_WRONG)
