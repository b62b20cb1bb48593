"""Wrong second-step tries: waits, the owner told, the password retired.

Second-step guesses can only come from somebody who has the password, so in the end it is the stolen
password that goes, not the phone (security: Guessing). A known browser has an allowance of its own,
so a stranger cannot use up the owner's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.core.sign_in.throttle import Rule, State
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.flows.proof.retired_password import GUESSING, is_guessed, retire_password
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.messages import outbox
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


WRONG_IN_A_ROW_TO_TELL = 3
TELL_AGAIN_SECONDS = 1800
TRIES_LEFT_TO_SAY = 3


def key(rule: Rule, account_id: str, browser_id: str | None) -> str:
    """The counter of one account and one known browser, or of all strangers together."""
    return f"{rule.name}:{account_id}:{browser_id or 'strangers'}"


def refuse(
    tx: Tx, account: Account, visitor: Visitor, *, rule: Rule, browser_id: str | None, now: int
) -> Refused | None:
    """Refuse during a wait, before anything is evaluated, in the transaction that then evaluates."""
    own_key = key(rule, account.id, browser_id)
    return _refuse(tx, own_key, visitor, rule=rule, read=throttles.hold, now=now)


def refuse_session(
    tx: Tx, session: Session, visitor: Visitor, *, rule: Rule, now: int
) -> Refused | None:
    """The same for a session's own account."""
    own_key = key(rule, session.account_id, session.browser_id)
    return _refuse(tx, own_key, visitor, rule=rule, read=throttles.hold, now=now)


def view_wait(
    tx: Tx, session: Session, visitor: Visitor, *, rule: Rule, now: int
) -> Refused | None:
    """What `refuse` would say: for a page, and before a hash is spent on what was typed."""
    own_key = key(rule, session.account_id, session.browser_id)
    return _refuse(tx, own_key, visitor, rule=rule, read=throttles.load, now=now)


def _refuse(
    tx: Tx,
    own_key: str,
    visitor: Visitor,
    *,
    rule: Rule,
    read: Callable[[Tx, str], State],
    now: int,
) -> Refused | None:
    own = throttle.refuse(read(tx, own_key), rule, now=now)
    network = read(tx, _network_key(visitor))
    return own or throttle.refuse(network, throttle.CODE_NETWORK, now=now)


def announce_reads(
    tx: Tx, account_id: str, visitor: Visitor, *, rule: Rule, browser_id: str | None
) -> None:
    """Announce what `refuse` reads."""
    tx.ahead(throttles.hold, key(rule, account_id, browser_id))
    tx.ahead(throttles.hold, _network_key(visitor))


def forget(tx: Tx, account: Account, *, browser_id: str | None) -> None:
    """A full sign-in ends the counts of the browser it came from."""
    rules = (throttle.CODE, throttle.RECOVERY_CODE)
    throttles.remove_both(tx, *(key(rule, account.id, browser_id) for rule in rules))


def forget_all(tx: Tx, account: Account) -> None:
    """A new password ends every count and wait: what was guessed with the old one is over."""
    for rule in (throttle.CODE, throttle.RECOVERY_CODE):
        throttles.remove_with_prefix(tx, f"{rule.name}:{account.id}:")


@dataclass(frozen=True, slots=True)
class WrongTry:
    """A try that was evaluated and found wrong.

    `chances`: codes that were right at that moment, so the chance of a guess in millionths.
    """

    rule: Rule
    reason: Reason
    chances: int
    purpose: str
    browser_id: str | None


def count_wrong(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, wrong: WrongTry, now: int
) -> Refused:
    """Count a wrong try and say what follows: tries left, a wait, or the end of the password."""
    own_key = key(wrong.rule, account.id, wrong.browser_id)
    state = throttle.count(throttles.lock(tx, own_key, now=now), wrong.rule, now=now)
    throttles.save(tx, own_key, state, now=now)
    count_network(tx, visitor, now=now)

    in_a_row = account.wrong_in_a_row + 1
    millionths = account.guess_millionths + (wrong.chances if wrong.browser_id is None else 0)
    accounts.save_guesses(tx, account.id, in_a_row=in_a_row, millionths=millionths)
    until = throttle.waits_until(state, wrong.rule, now=now)
    record(
        tx,
        account,
        visitor,
        event.new_event(
            event.CODE_REFUSED,
            Outcome.REFUSED if until is None else Outcome.THROTTLED,
            purpose=wrong.purpose,
            reason=str(wrong.reason),
        ),
        now=now,
    )
    if is_guessed(in_a_row=in_a_row, millionths=millionths):
        retire_password(tx, env, account, visitor, reason=GUESSING, now=now)
        return Refused(Reason.PASSWORD_RETIRED)
    _tell_owner(tx, env, account, visitor, in_a_row=in_a_row, now=now)
    detail: dict[str, str | int] = {"in_a_row": in_a_row}
    left = throttle.tries_left(state, wrong.rule)
    if 0 < left <= TRIES_LEFT_TO_SAY:
        detail["tries_left"] = left
    return Refused(wrong.reason, retry_at=until, detail=detail)


def count_network(tx: Tx, visitor: Visitor, *, now: int) -> None:
    """Count a wrong code against the network it came from: spraying over accounts trips this."""
    network_key = _network_key(visitor)
    state = throttle.count(throttles.lock(tx, network_key, now=now), throttle.CODE_NETWORK, now=now)
    throttles.save(tx, network_key, state, now=now)


def _network_key(visitor: Visitor) -> str:
    return f"{throttle.CODE_NETWORK.name}:{visitor.network}"


def _tell_owner(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, in_a_row: int, now: int
) -> None:
    if in_a_row < WRONG_IN_A_ROW_TO_TELL or outbox.is_notice_recent(
        tx, account.id, kind=NoticeKind.WRONG_CODES, since=now - TELL_AGAIN_SECONDS, now=now
    ):
        return
    notify(tx, env, account, NoticeKind.WRONG_CODES, visitor=visitor, now=now, count=in_a_row)
