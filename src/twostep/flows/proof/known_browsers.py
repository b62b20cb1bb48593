"""Browsers that have signed in to an account before, within half a year.

Strangers, neighbours and colleagues cannot use up what such a browser may do (security: Guessing).
Its owner sees the list and can forget a browser; it is also forgotten after too many wrong codes in
a row, when two-step sign-in is turned on in another browser, and by a new password.
"""

from __future__ import annotations

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods.authenticator import MOST_KNOWN_BROWSERS, KnownBrowser, MethodKind
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.turn import Done, Turn
from twostep.store.account.accounts import Held
from twostep.store.audit import trail
from twostep.store.sign_in import known_browsers


def known_id(turn: Turn, account: Account) -> str | None:
    """The id of the asking browser, if it was known before this sign-in."""
    if not turn.visitor.browser_token:
        return None
    return known_browsers.load_known_browser(
        turn.tx, account.id, token.digest(turn.visitor.browser_token), now=turn.now
    )


def remember_as_known(turn: Turn, account: Held, *, by: str) -> tuple[str, str | None]:
    """Remember the browser as known; return its id, and its cookie value if it is new.

    The owner is notified of a new browser, except of the account's first, and of one that signed in
    with a backup code: its notice says so too. `by`: the method that completed the sign-in.
    """
    presented = token.digest(turn.visitor.browser_token)
    browser_token = None
    is_known = (
        turn.visitor.browser_token != ""
        and known_browsers.load_known_browser(turn.tx, account.id, presented, now=turn.now)
        is not None
    )
    if not is_known and not (
        turn.visitor.browser_token and known_browsers.is_browser_cookie(turn.tx, presented)
    ):
        # Never adopt a value that we did not issue: an attacker could have planted it.
        browser_token = token.new_token()
        presented = token.digest(browser_token)
        turn.tx.ahead(trail.has_event, account.id, event.SIGN_IN_COMPLETED)
        if not by.startswith(MethodKind.CODES):
            turn.announce_notice(account, NoticeKind.BROWSER_NEW)
    is_first = not is_known and not trail.has_event(turn.tx, account.id, event.SIGN_IN_COMPLETED)
    browser = KnownBrowser(
        token.new_id(), account.id, presented, turn.visitor.browser, seen_at=turn.now
    )
    browser_id = known_browsers.save_known_browser(turn.tx, browser, most=MOST_KNOWN_BROWSERS)
    if not is_known and not is_first:
        turn.record(account, event.new_event(event.BROWSER_NEW))
        if not by.startswith(MethodKind.CODES):
            turn.notify(account, NoticeKind.BROWSER_NEW)
    return browser_id, browser_token


def list_known(turn: Turn, account: Account) -> tuple[KnownBrowser, ...]:
    """The account's known browsers, the one that signed in last first."""
    return tuple(known_browsers.list_known(turn.tx, account.id, now=turn.now))


def forget_known(turn: Turn, account: Held, *, browser_id: str, reason: str) -> bool:
    """Forget one known browser of the account; False if it is not one."""
    if not known_browsers.remove_known_browser(turn.tx, browser_id, account_id=account.id):
        return False
    _record_forgotten(turn, account, browsers=1, reason=reason)
    return True


def forget_other_known(turn: Turn, account: Held, *, keep: str | None, reason: str) -> None:
    """Forget every known browser of the account but `keep`."""
    count = known_browsers.remove_known_browsers(turn.tx, account.id, keep=keep or "")
    if count:
        _record_forgotten(turn, account, browsers=count, reason=reason)


def forget_by_owner(turn: Turn, current: Session, *, browser_id: str) -> Done | Refused:
    """Forget a browser at its owner's request. Refused: NOT_FOUND (also for another account's)."""
    account = turn.lock(current)
    if account is None or not forget_known(turn, account, browser_id=browser_id, reason="owner"):
        return Refused(Reason.NOT_FOUND)
    return Done()


def _record_forgotten(turn: Turn, account: Held, *, browsers: int, reason: str) -> None:
    forgotten = event.new_event(event.KNOWN_BROWSER_FORGOTTEN, browsers=browsers, reason=reason)
    turn.record(account, forgotten)
