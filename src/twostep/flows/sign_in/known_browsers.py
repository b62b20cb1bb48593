"""Browsers that have signed in to an account before."""

from __future__ import annotations

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods.authenticator import MOST_KNOWN_BROWSERS
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.turn import Turn
from twostep.store.account import addresses
from twostep.store.account.accounts import Held
from twostep.store.audit import trail
from twostep.store.sign_in import known_browsers
from twostep.store.sign_in.known_browsers import KnownBrowser


def known_id(turn: Turn, account: Account) -> str | None:
    """The id of the asking browser, if it was known before this sign-in."""
    if not turn.visitor.browser_token:
        return None
    return known_browsers.load_known_browser(
        turn.tx, account.id, token.digest(turn.visitor.browser_token)
    )


def remember_as_known(turn: Turn, account: Held) -> tuple[str, str | None]:
    """Remember the browser as known; return its id, and its cookie value if it is new.

    The owner is notified of a new browser, except of the account's first.
    """
    presented = token.digest(turn.visitor.browser_token)
    browser_token = None
    is_known = (
        turn.visitor.browser_token != ""
        and known_browsers.load_known_browser(turn.tx, account.id, presented) is not None
    )
    if not is_known and not (
        turn.visitor.browser_token and known_browsers.is_browser_cookie(turn.tx, presented)
    ):
        # Never adopt a value that we did not issue: an attacker could have planted it.
        browser_token = token.new_token()
        presented = token.digest(browser_token)
        turn.tx.ahead(trail.has_event, account.id, event.SIGN_IN_COMPLETED)
        turn.tx.ahead(addresses.list_addresses, account.id)
    is_first = not is_known and not trail.has_event(turn.tx, account.id, event.SIGN_IN_COMPLETED)
    browser = KnownBrowser(
        token.new_id(), account.id, presented, turn.visitor.browser, seen_at=turn.now
    )
    browser_id = known_browsers.save_known_browser(turn.tx, browser, most=MOST_KNOWN_BROWSERS)
    if not is_known and not is_first:
        turn.record(account, event.new_event(event.BROWSER_NEW))
        turn.notify(account, NoticeKind.BROWSER_NEW)
    return browser_id, browser_token
