"""Counters of wrong passwords: under a name as it was typed, in a browser, within a session."""

from __future__ import annotations

from twostep.core import sealing
from twostep.core.audit import event
from twostep.core.email_address import email_key
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.core.sign_in.throttle import Rule, State
from twostep.core.sign_in.user_name import user_name_key
from twostep.flows.proof.known_browsers import forget_known
from twostep.flows.proof.retired_password import GUESSING
from twostep.flows.turn import Turn
from twostep.store.account import addresses
from twostep.store.account.accounts import Held
from twostep.store.sign_in import sessions, throttles


Counter = tuple[str, Rule]

# Typed where the account is signed in already, or has been: nobody else can use these up.
_IN_BROWSER = throttle.in_browser(throttle.PASSWORD_ACCOUNT_NETWORK)
_IN_A_ROW = throttle.in_browser(throttle.PASSWORD_IN_A_ROW)


def counter(rule: Rule, subject: str) -> Counter:
    """The key of a counter, with its rule."""
    return f"{rule.name}:{subject}", rule


def name_key(identifier: str) -> str:
    """What a name or address counts under, however it was typed."""
    return email_key(identifier) if "@" in identifier else user_name_key(identifier)


def subjects_of(turn: Turn, typed_key: str) -> list[str]:
    """What stands for a typed name in the keys of counters.

    Under every key, so that a key rotation does not reset the counts.
    """
    digests = sealing.macs(turn.env.keyring, typed_key.encode(), purpose="throttles.subject")
    return [digest.hex()[-40:] for digest in digests]


def in_a_row_keys(subjects: list[str]) -> list[str]:
    """The counters of strangers' tries in a row."""
    return [counter(throttle.PASSWORD_IN_A_ROW, subject)[0] for subject in subjects]


def browser_counters(account_id: str, browser: str) -> tuple[Counter, Counter]:
    """The counters of one browser by itself: until the next wait, and in a row."""
    subject = f"{account_id}:browser:{browser}"
    return counter(_IN_BROWSER, subject), counter(_IN_A_ROW, subject)


def is_used_up(state: State, rule: Rule) -> bool:
    """Whether so many tries in a row were wrong that a browser counts as a stranger's."""
    return rule.name == _IN_A_ROW.name and state.count >= rule.limit


def forget_in_a_row(turn: Turn, account: Held) -> None:
    """A new password: guesses at the old one no longer matter, whatever name they were made under."""
    listed = addresses.list_addresses(turn.tx, account.id)
    typed = [account.name, *(address.address for address in listed)]
    keys = {key for name in typed for key in in_a_row_keys(subjects_of(turn, name_key(name)))}
    throttles.remove_all(turn.tx, sorted(keys))


def refuse_password_tries(turn: Turn, current: Session) -> Refused | None:
    """Refuse a password typed within a session during a wait."""
    (key, rule), _ = browser_counters(current.account_id, _browser(current))
    return throttle.refuse(throttles.load(turn.tx, key), rule, now=turn.now)


def count_password_try(
    turn: Turn, account: Held, current: Session, *, right: bool
) -> Refused | None:
    """Count a wrong password typed within a session; a right one clears the count.

    After a hundred in a row the session ends and its browser counts as new.
    """
    if refused := refuse_password_tries(turn, current):
        return refused
    counters = browser_counters(current.account_id, _browser(current))
    if right:
        throttles.remove_all(turn.tx, [key for key, _ in counters])
        return None
    state, in_a_row = (count_try(turn, each) for each in counters)
    reason = Reason.PASSWORD_CURRENT_WRONG
    turn.record(
        account, event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=str(reason))
    )
    if is_used_up(in_a_row, _IN_A_ROW):
        _end_guessing(turn, account, current)
    until = throttle.waits_until(state, _IN_BROWSER, now=turn.now)
    return Refused(reason, retry_at=until, detail={"scope": _IN_BROWSER.scope})


def count_try(turn: Turn, of: Counter) -> State:
    """Count one wrong try, exactly, and return the new state."""
    key, rule = of
    state = throttle.count(throttles.lock(turn.tx, key, now=turn.now), rule, now=turn.now)
    throttles.save(turn.tx, key, state, now=turn.now)
    return state


def _end_guessing(turn: Turn, account: Held, current: Session) -> None:
    throttles.remove_all(
        turn.tx, [key for key, _ in browser_counters(account.id, _browser(current))]
    )
    if current.browser_id is not None:
        forget_known(turn, account, browser_id=current.browser_id, reason=GUESSING)
    if sessions.remove(turn.tx, current.id, account_id=account.id):
        turn.record(account, event.new_event(event.SESSION_ENDED, by=GUESSING, sessions=1))


def _browser(current: Session) -> str:
    return current.browser_id or current.id
