"""The first step: user name or verified e-mail address, and password.

Argon2 runs between a read and ONE write flow. The write flow decides the throttles and compares what
was read; past a limit it refuses whatever the hash said. Unknown names cost the same hash and have
the same counters. Sources: ASVS 6.3.1, 6.3.8; security: Guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from twostep.flows.env import Env, Visitor
from twostep.flows.policy.decide import needs_enrolment
from twostep.flows.proof.remembered_browsers import recognise
from twostep.flows.proof.retired_password import refuse_retired, remind_of_retired
from twostep.flows.sign_in.complete import SignedIn, complete_sign_in, open_session
from twostep.flows.sign_in.sessions import end_earlier, find_earlier, lock_with
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.sign_in import known_browsers, throttles
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class _Claim:
    """What was read before the hash: whose password it would be, and which counters apply."""

    account: Account | None
    subject: str
    browser_id: str | None
    counters: tuple[tuple[str, Rule], ...]


async def sign_in(
    env: Env,
    visitor: Visitor,
    *,
    identifier: str,
    typed: str,
    next_path: str,
    old_token: str = "",
    now: int,
) -> SignedIn | Refused:
    """Verify a password; the answer is a half, full or enrolment session.

    `old_token`: the session cookie that the browser still has; that session ends.

    Refused: SIGN_IN_WRONG (unknown, wrong or disabled: alike), THROTTLED, PASSWORD_RETIRED, CHANGED.
    Raises `Overloaded`.
    """
    claim = await env.store.read(_look_up, env, visitor, identifier=identifier)
    refused = await env.store.read(_view_wait, claim, now=now)
    if refused:
        return refused
    stored = claim.account.password_hash if claim.account else None
    pool = env.hashes.run if claim.browser_id is None else env.hashes.run_known
    verdict = await pool(
        password.verify_hash,
        stored or password.dummy_hash(env.profile),
        typed,
        profile=env.profile,
    )
    new_hash = None
    if verdict.ok and verdict.needs_rehash and stored:
        new_hash = await pool(password.hash_password, typed, profile=env.profile)
    right = verdict.ok and stored is not None
    return await env.store.run(
        _finish,
        env,
        visitor,
        claim=claim,
        right=right,
        new_hash=new_hash,
        next_path=next_path,
        old_token=old_token,
        now=now,
    )


def _look_up(tx: Tx, env: Env, visitor: Visitor, *, identifier: str) -> _Claim:
    if "@" in identifier:
        account = accounts.load_by_address(tx, email_key(identifier))
        name_key = email_key(identifier)
    else:
        name_key = user_name_key(identifier)
        account = accounts.load_by_name(tx, name_key)
    browser_id = None
    if account and visitor.browser_token:
        digest = token.digest(visitor.browser_token)
        browser_id = known_browsers.load_known_browser(tx, account.id, digest)
    if account:
        subjects = [account.id]
    else:  # under every key, so that a rotation starts no count anew
        digests = sealing.macs(env.keyring, name_key.encode(), purpose="throttles.subject")
        subjects = [digest.hex()[-40:] for digest in digests]
    counters = dict.fromkeys(
        counter for subject in subjects for counter in _counters(subject, browser_id, visitor)
    )
    return _Claim(account, subjects[0], browser_id, tuple(counters))


def _counters(
    subject: str, browser_id: str | None, visitor: Visitor
) -> tuple[tuple[str, Rule], ...]:
    """A known browser has one bucket of its own, so a thousand wrong passwords from strangers do not
    keep the owner out."""
    if browser_id is not None:
        rule = throttle.PASSWORD_ACCOUNT_NETWORK
        return ((f"{rule.name}:{subject}:browser:{browser_id}", rule),)
    return (
        (
            f"{throttle.PASSWORD_ACCOUNT_NETWORK.name}:{subject}:{visitor.network}",
            throttle.PASSWORD_ACCOUNT_NETWORK,
        ),
        (f"{throttle.PASSWORD_STRANGERS.name}:{subject}", throttle.PASSWORD_STRANGERS),
        (f"{throttle.PASSWORD_NETWORK.name}:{visitor.network}", throttle.PASSWORD_NETWORK),
    )


def _view_wait(tx: Tx, claim: _Claim, *, now: int) -> Refused | None:
    """The wait there is, before a hash is spent."""
    return _longest({key: throttles.load(tx, key) for key, _ in claim.counters}, claim, now=now)


def _refuse_waiting(tx: Tx, claim: _Claim, *, now: int) -> Refused | None:
    """The same where it decides, in the order in which counters are locked."""
    keys = sorted(key for key, _ in claim.counters)
    return _longest({key: throttles.hold(tx, key) for key in keys}, claim, now=now)


def _longest(states: Mapping[str, State], claim: _Claim, *, now: int) -> Refused | None:
    waits = [
        refused
        for key, rule in claim.counters
        if (refused := throttle.refuse(states[key], rule, now=now))
    ]
    return max(waits, key=lambda refused: refused.retry_at or 0, default=None)


def _finish(
    tx: Tx,
    env: Env,
    visitor: Visitor,
    *,
    claim: _Claim,
    right: bool,
    new_hash: str | None,
    next_path: str,
    old_token: str,
    now: int,
) -> SignedIn | Refused:
    earlier = find_earlier(tx, old_token) if right else None
    account = lock_with(tx, claim.account.id, earlier) if claim.account else None
    if refused := _refuse_waiting(tx, claim, now=now):
        return refused
    if claim.account and (
        account is None or account.password_version != claim.account.password_version
    ):
        return Refused(Reason.CHANGED)
    if account is None or not right or account.status is Status.DISABLED:
        return _count_wrong(tx, visitor, claim=claim, now=now)
    throttles.remove(tx, claim.counters[0][0])
    if account.status is Status.RETIRED:
        retired = refuse_retired(account)
        told = event.new_event(event.PASSWORD_REFUSED, Outcome.REFUSED, reason=retired.reason)
        record(tx, account, visitor, told, now=now)
        remind_of_retired(tx, env, account, visitor, now=now)
        return retired
    if new_hash is not None:
        accounts.save_password_hash(
            tx, account.id, password_hash=new_hash, version=account.password_version
        )
    end_earlier(tx, env, visitor, earlier, now=now)
    record(tx, account, visitor, event.new_event(event.PASSWORD_ACCEPTED), now=now)
    return _open(
        tx, env, account, visitor, browser_id=claim.browser_id, next_path=next_path, now=now
    )


def _open(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    browser_id: str | None,
    next_path: str,
    now: int,
) -> SignedIn:
    """Open what the right password opens: the second step, enrolment, or everything."""
    remembered = recognise(tx, env, account, visitor, now=now) if account.two_step else None
    if remembered is None and (account.two_step or needs_enrolment(env, account)):
        return open_session(
            tx,
            env,
            account,
            visitor,
            level=Level.HALF if account.two_step else Level.ENROL,
            browser_id=browser_id,
            next_path=next_path,
            now=now,
        )
    signed_in = complete_sign_in(
        tx,
        env,
        account,
        visitor,
        half=None,
        old_token="",
        amr=AMR_PASSWORD,
        aal=Aal.AAL1,
        method=f"browser:{remembered.id}" if remembered else "",
        next_path=next_path,
        now=now,
    )
    return replace(signed_in, remember_token=remembered.cookie if remembered else None)


def _count_wrong(tx: Tx, visitor: Visitor, *, claim: _Claim, now: int) -> Refused:
    until_at = None
    counters = sorted(claim.counters, key=lambda counter: counter[0])
    states = {key: throttles.lock(tx, key, now=now) for key, _ in counters}
    if refused := _longest(states, claim, now=now):  # others came first, where no counter was yet
        return refused
    for key, rule in counters:
        state = throttle.count(states[key], rule, now=now)
        throttles.save(tx, key, state, now=now)
        until_at = max(until_at or 0, throttle.waits_until(state, rule, now=now) or 0) or None
    outcome = Outcome.REFUSED if until_at is None else Outcome.THROTTLED
    told = event.new_event(event.PASSWORD_REFUSED, outcome, reason=Reason.SIGN_IN_WRONG)
    if claim.account and claim.account.id in tx.heads:
        audit.append(tx, told, account_id=claim.account.id, source=visitor.source, now=now)
    else:
        audit.append_system(tx, told, subject=claim.subject, source=visitor.source, now=now)
    return Refused(Reason.SIGN_IN_WRONG, retry_at=until_at)
