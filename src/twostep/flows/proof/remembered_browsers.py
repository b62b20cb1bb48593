"""Remembered browsers: not asked for a code for some days, if policy allows.

    code or passkey, box ticked ──▶ remembered ──password──▶ signed in (aal1), next value
                                        │  previous value, within 60 s: signed in, same next value
                                        │  any older value: row removed, owner notified
                                        └── forgotten, too old, password or authenticator changed ──▶ none

The cookie holds a series and a value. The series is constant and finds the row; the value changes at
each use, so a copied cookie gives itself away when it is used later. The next value is derived from
the previous one with our key: two tabs get the same one, and a browser whose response was lost gets
it again, so neither is later mistaken for a copy. Source: security: Sessions.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hmac import compare_digest

from twostep.core import sealing, token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods.authenticator import (
    MOST_REMEMBERED_BROWSERS,
    MethodKind,
    RememberedBrowser,
)
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.sign_in import remembered_browsers
from twostep.store.sign_in.remembered_browsers import Remembered


DAY_SECONDS = 86_400
GRACE_SECONDS = 60  # two tabs, or a lost response
SERIES_CHARACTERS = 22
NEXT_VALUE = "remembered_browsers.next"
# Texted codes and backup codes prove too little to trust the browser with.
GRANTED_AFTER = frozenset({MethodKind.APP, MethodKind.PASSKEY})


@dataclass(frozen=True, slots=True)
class Recognised:
    """The browser is remembered.

    `cookie`: its next value; None if the key that derived it is gone, so the cookie stays as it is.
    """

    id: str
    cookie: str | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many browsers will be asked for a code again."""

    browsers: int


def remember(turn: Turn, account: Held, *, kind: MethodKind) -> str | None:
    """Remember the browser of a sign-in that was just completed; returns the cookie's value.

    None if policy does not allow it, or if the second step was too weak.
    """
    days = turn.env.settings.policy.remember_browser_days
    if not days or kind not in GRANTED_AFTER:
        return None
    series, value = secrets.token_urlsafe(16), token.new_token()
    if previous := _load(turn, account):
        remembered_browsers.remove(turn.tx, previous.browser.id, account_id=account.id)
    browser = RememberedBrowser(
        id=token.new_id(),
        account_id=account.id,
        browser=turn.visitor.browser,
        network=turn.visitor.network,
        created_at=turn.now,
        last_used_at=turn.now,
        expires_at=turn.now + days * DAY_SECONDS,
    )
    remembered_browsers.insert(
        turn.tx,
        browser,
        series=token.digest(series),
        digest=token.digest(value),
        most=MOST_REMEMBERED_BROWSERS,
    )
    remembered = event.new_event(event.BROWSER_REMEMBERED, days=days)
    turn.record(account, remembered)
    return series + value


def recognise(turn: Turn, account: Held) -> Recognised | None:
    """Recognise the browser after the right password; None if it is not remembered.

    A value replaced more than a minute ago is a copy: the row is removed and the owner notified.
    """
    row = _load(turn, account)
    if row is None or not row.browser.created_at <= turn.now < _ends_at(turn.env, row.browser):
        return None
    browser_id = row.browser.id
    series, shown = _parts(turn.visitor)
    presented = token.digest(shown)
    if compare_digest(presented, row.digest):
        value = next(_next_values(turn.env, shown))
        remembered_browsers.rotate(
            turn.tx,
            browser_id,
            old_digest=presented,
            new_digest=token.digest(value),
            network=turn.visitor.network,
            now=turn.now,
        )
        return Recognised(browser_id, series + value)
    is_previous = row.previous_digest is not None and compare_digest(presented, row.previous_digest)
    if is_previous and 0 <= turn.now - row.rotated_at <= GRACE_SECONDS:
        matches = [
            series + value
            for value in _next_values(turn.env, shown)
            if compare_digest(token.digest(value), row.digest)
        ]
        return Recognised(browser_id, matches[0] if matches else None)
    remembered_browsers.remove(turn.tx, browser_id, account_id=account.id)
    reused = event.new_event(event.BROWSER_TOKEN_REUSED, Outcome.REFUSED)
    turn.record(account, reused)
    turn.notify(account, NoticeKind.BROWSER_COPIED, method=row.browser.browser)
    return None


def forget_browsers(turn: Turn, account: Held) -> int:
    """Forget every remembered browser, after a password or authenticator has changed."""
    count = remembered_browsers.remove_all(turn.tx, account.id)
    if count:
        forgotten = event.new_event(event.BROWSER_FORGOTTEN, all=count)
        turn.record(account, forgotten)
    return count


def forget_browser(turn: Turn, current: Session, *, browser_id: str) -> Forgotten | Refused:
    """Forget one browser. Refused: NOT_FOUND (also for another account's)."""
    account = accounts.lock(turn.tx, current.account_id)
    if account is None or not remembered_browsers.remove(
        turn.tx, browser_id, account_id=account.id
    ):
        return Refused(Reason.NOT_FOUND)
    turn.record(account, event.new_event(event.BROWSER_FORGOTTEN))
    return Forgotten(1)


def forget_all(turn: Turn, current: Session) -> Forgotten | Refused:
    """Forget every browser of the account at its owner's request."""
    account = accounts.lock(turn.tx, current.account_id)
    if account is None:
        return Refused(Reason.CHANGED)
    return Forgotten(forget_browsers(turn, account))


def list_remembered(turn: Turn, account: Account) -> tuple[RememberedBrowser, ...]:
    """The account's browsers that are not asked for a code under today's policy, last used first."""
    live = remembered_browsers.list_live(turn.tx, account.id, now=turn.now)
    browsers = (replace(row, expires_at=_ends_at(turn.env, row)) for row in live)
    return tuple(browser for browser in browsers if turn.now < browser.expires_at)


def current_browser_id(turn: Turn, account: Account) -> str | None:
    """The id of the row of the visitor's own browser, if it is remembered."""
    row = _load(turn, account)
    return row.browser.id if row else None


def _load(turn: Turn, account: Account) -> Remembered | None:
    series, shown = _parts(turn.visitor)
    if not shown:
        return None
    return remembered_browsers.load(turn.tx, account.id, series=token.digest(series))


def _parts(visitor: Visitor) -> tuple[str, str]:
    """The cookie's series and value."""
    text = visitor.remember_token
    return text[:SERIES_CHARACTERS], text[SERIES_CHARACTERS:]


def _ends_at(env: Env, browser: RememberedBrowser) -> int:
    """When the browser will be asked again; policy may have become stricter since it was remembered."""
    days = env.settings.policy.remember_browser_days
    return min(browser.expires_at, browser.created_at + days * DAY_SECONDS)


def _next_values(env: Env, value: str) -> Iterator[str]:
    """The values that follow `value`, one per key, newest key first."""
    for mac in sealing.macs(env.keyring, value.encode(), purpose=NEXT_VALUE):
        yield base64.urlsafe_b64encode(mac[-sealing.MAC_BYTES :]).rstrip(b"=").decode()
