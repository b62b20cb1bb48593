"""Wrong second-step tries: impose waits, notify the owner, retire the password.

Only somebody who has the password can guess at the second step, so in the end it is the stolen
password that is retired, not the phone (security: Guessing). A known browser has its own, larger
allowance in a row, so a stranger cannot use up the owner's, and is outside its network's; only a full
sign-in from that browser puts it back. Used up, the browser is forgotten and counts as a stranger.
The chances of all tries are summed, whatever browser they come from, until the password changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.refusal import Reason, RefusalDetail, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.core.sign_in.throttle import Rule, State
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Visitor
from twostep.flows.proof.known_browsers import forget_known
from twostep.flows.proof.retired_password import (
    GUESSING,
    is_guessed,
    is_lucky,
    refuse_retired,
    retire_password,
)
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.messages import outbox
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


WRONG_IN_A_ROW_TO_NOTIFY = 3
NOTIFY_AGAIN_SECONDS = 1800
TRIES_LEFT_TO_SHOW = 3


def key(rule: Rule, account_id: str, browser_id: str | None) -> str:
    """The counter of an account for one known browser, or for all strangers together."""
    return f"{rule.name}:{account_id}:{browser_id or 'strangers'}"


def refuse(turn: Turn, account: Account, *, rule: Rule, browser_id: str | None) -> Refused | None:
    """Refuse during a wait, or once too much was guessed; call it first in the transaction that
    evaluates the code."""
    if is_lucky(account.guess_millionths):  # a session opened before the password was retired
        return refuse_retired(account)
    return _refuse(turn, account.id, browser_id, rule=rule, read=throttles.hold)


def view_wait(turn: Turn, session: Session, *, rule: Rule) -> Refused | None:
    """What `refuse` would say, without locks: for pages, and before spending a hash."""
    return _refuse(turn, session.account_id, session.browser_id, rule=rule, read=throttles.load)


def _refuse(
    turn: Turn,
    account_id: str,
    browser_id: str | None,
    *,
    rule: Rule,
    read: Callable[[Tx, str], State],
) -> Refused | None:
    state = read(turn.tx, key(rule, account_id, browser_id))
    if browser_id is not None:
        return throttle.refuse(state, throttle.in_browser(rule), now=turn.now)
    refused = throttle.refuse(state, rule, now=turn.now)
    network = read(turn.tx, _network_key(turn.visitor))
    return refused or throttle.refuse(network, throttle.CODE_NETWORK, now=turn.now)


def announce_reads(turn: Turn, account_id: str, *, rule: Rule, browser_id: str | None) -> None:
    """Announce what `refuse` will read."""
    turn.tx.ahead(throttles.hold, key(rule, account_id, browser_id))
    if browser_id is None:
        turn.tx.ahead(throttles.hold, _network_key(turn.visitor))


def forget(turn: Turn, account: Account, *, browser_id: str | None) -> None:
    """A full sign-in clears the counts of the browser it came from."""
    rules = (throttle.CODE, throttle.RECOVERY_CODE)
    throttles.remove_both(turn.tx, *(key(rule, account.id, browser_id) for rule in rules))


def forget_all(turn: Turn, account: Account) -> None:
    """A new password clears every count and wait: guesses made with the old one no longer matter."""
    for rule in (throttle.CODE, throttle.RECOVERY_CODE):
        throttles.remove_with_prefix(turn.tx, f"{rule.name}:{account.id}:")


@dataclass(frozen=True, slots=True)
class WrongTry:
    """A try that was evaluated and was wrong.

    `chances`: how many codes were valid at that moment, so the odds of a guess in millionths.
    """

    rule: Rule
    reason: Reason
    chances: int
    purpose: str
    browser_id: str | None


def count_wrong(turn: Turn, account: Held, *, wrong_try: WrongTry) -> Refused:
    """Count a wrong try and return its result: tries left, a wait, or a retired password."""
    rule, browser_id = wrong_try.rule, wrong_try.browser_id
    account_key = key(rule, account.id, browser_id)
    state = throttle.count(throttles.lock(turn.tx, account_key, now=turn.now), rule, now=turn.now)
    throttles.save(turn.tx, account_key, state, now=turn.now)
    strangers = account.wrong_in_a_row
    if browser_id is None:
        strangers += 1
        _count_network(turn)
    else:
        rule = throttle.in_browser(rule)
    millionths = account.guess_millionths + wrong_try.chances
    accounts.save_guesses(turn.tx, account, in_a_row=strangers, millionths=millionths)
    until = throttle.waits_until(state, rule, now=turn.now)
    turn.record(
        account,
        event.new_event(
            event.CODE_REFUSED,
            Outcome.REFUSED if until is None else Outcome.THROTTLED,
            purpose=wrong_try.purpose,
            reason=str(wrong_try.reason),
        ),
    )
    if is_guessed(in_a_row=strangers, millionths=millionths):
        retire_password(turn, account, reason=GUESSING)
        return Refused(Reason.PASSWORD_RETIRED)
    in_a_row = strangers if browser_id is None else state.count
    _notify_owner(turn, account, in_a_row=in_a_row)
    if browser_id is not None and state.count >= throttle.KNOWN_BROWSER_IN_A_ROW:
        forget(turn, account, browser_id=browser_id)
        forget_known(turn, account, browser_id=browser_id, reason=GUESSING)
    detail = RefusalDetail(in_a_row=in_a_row, scope=rule.scope)
    left = throttle.tries_left(state, rule)
    if 0 < left <= TRIES_LEFT_TO_SHOW:
        detail["tries_left"] = left
    return Refused(wrong_try.reason, retry_at=until, detail=detail)


def _count_network(turn: Turn) -> None:
    """Count a stranger's wrong code against its network, which catches spraying across accounts."""
    network_key = _network_key(turn.visitor)
    state = throttle.count(
        throttles.lock(turn.tx, network_key, now=turn.now), throttle.CODE_NETWORK, now=turn.now
    )
    throttles.save(turn.tx, network_key, state, now=turn.now)


def _network_key(visitor: Visitor) -> str:
    return f"{throttle.CODE_NETWORK.name}:{visitor.network}"


def _notify_owner(turn: Turn, account: Account, *, in_a_row: int) -> None:
    if in_a_row < WRONG_IN_A_ROW_TO_NOTIFY or outbox.is_notice_recent(
        turn.tx,
        account.id,
        kind=NoticeKind.WRONG_CODES,
        since=turn.now - NOTIFY_AGAIN_SECONDS,
        now=turn.now,
    ):
        return
    turn.notify(account, NoticeKind.WRONG_CODES, count=in_a_row)
