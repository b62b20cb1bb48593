"""Remembered browsers: for some days not asked for a code, where policy allows it.

    code or passkey, box ticked ──▶ remembered ──password──▶ signed in (aal1), next value
                                        │  value before, within 60 s: signed in, the same next value
                                        │  any older value: row ends, owner told
                                        └── forgotten, too old, password or authenticator changed ──▶ none

The cookie holds a series and a value. The series stays and finds the row; the value is new at each
use, so a copy that comes back later gives itself away. The next value follows from the one before
under our key: two tabs get the same one, and whose answer got lost gets it again, so that neither is
taken for a copy afterwards. Source: security: Sessions.
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
GRACE_SECONDS = 60  # two tabs, or an answer that got lost
SERIES_CHARACTERS = 22
NEXT_VALUE = "remembered_browsers.next"
# A texted code and a backup code prove less than the browser would then be trusted with.
GRANTED_AFTER = frozenset({MethodKind.APP, MethodKind.PASSKEY})


@dataclass(frozen=True, slots=True)
class Recognised:
    """The browser is remembered. `cookie`: its next value; None: the key it came from is gone, and
    it keeps the one it has."""

    id: str
    cookie: str | None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many browsers will be asked for a code again."""

    browsers: int


def remember(turn: Turn, account: Held, *, kind: MethodKind) -> str | None:
    """Remember the browser of a sign-in that was just completed; the cookie's value.

    None: policy does not allow it, or the second step was of a weaker kind.
    """
    days = turn.env.settings.policy.remember_browser_days
    if not days or kind not in GRANTED_AFTER:
        return None
    series, value = secrets.token_urlsafe(16), token.new_token()
    if found := _load(turn, account):
        remembered_browsers.remove(turn.tx, found.browser.id, account_id=account.id)
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
    """Whether the browser is remembered for the locked account, after the right password.

    A value from before the last minute is a copy: the row ends and the owner is told.
    """
    found = _load(turn, account)
    if found is None or not found.browser.created_at <= turn.now < _ends_at(
        turn.env, found.browser
    ):
        return None
    browser_id = found.browser.id
    series, shown = _parts(turn.visitor)
    presented = token.digest(shown)
    if compare_digest(presented, found.digest):
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
    is_previous = found.previous_digest is not None and compare_digest(
        presented, found.previous_digest
    )
    if is_previous and 0 <= turn.now - found.rotated_at <= GRACE_SECONDS:
        again = [
            series + value
            for value in _next_values(turn.env, shown)
            if compare_digest(token.digest(value), found.digest)
        ]
        return Recognised(browser_id, again[0] if again else None)
    remembered_browsers.remove(turn.tx, browser_id, account_id=account.id)
    reused = event.new_event(event.BROWSER_TOKEN_REUSED, Outcome.REFUSED)
    turn.record(account, reused)
    turn.notify(account, NoticeKind.BROWSER_COPIED, method=found.browser.browser)
    return None


def forget_browsers(turn: Turn, account: Held) -> int:
    """Forget every remembered browser: a password or an authenticator has changed."""
    count = remembered_browsers.remove_all(turn.tx, account.id)
    if count:
        forgotten = event.new_event(event.BROWSER_FORGOTTEN, all=count)
        turn.record(account, forgotten)
    return count


def forget_browser(turn: Turn, current: Session, *, browser_id: str) -> Forgotten | Refused:
    """Forget one browser. Refused: NOT_FOUND (also for somebody else's)."""
    account = accounts.lock(turn.tx, current.account_id)
    if account is None or not remembered_browsers.remove(
        turn.tx, browser_id, account_id=account.id
    ):
        return Refused(Reason.NOT_FOUND)
    turn.record(account, event.new_event(event.BROWSER_FORGOTTEN))
    return Forgotten(1)


def forget_all(turn: Turn, current: Session) -> Forgotten | Refused:
    """Forget every browser of the account, because its owner asks."""
    account = accounts.lock(turn.tx, current.account_id)
    if account is None:
        return Refused(Reason.CHANGED)
    return Forgotten(forget_browsers(turn, account))


def list_remembered(turn: Turn, account: Account) -> tuple[RememberedBrowser, ...]:
    """Browsers of the account that are not asked for a code, as policy is now; the last used first."""
    live = remembered_browsers.list_live(turn.tx, account.id, now=turn.now)
    ends = (replace(one, expires_at=_ends_at(turn.env, one)) for one in live)
    return tuple(one for one in ends if turn.now < one.expires_at)


def is_this(turn: Turn, account: Account) -> str | None:
    """The id of the row that the asking browser's cookie belongs to."""
    found = _load(turn, account)
    return found.browser.id if found else None


def _load(turn: Turn, account: Account) -> Remembered | None:
    series, shown = _parts(turn.visitor)
    if not shown:
        return None
    return remembered_browsers.load(turn.tx, account.id, series=token.digest(series))


def _parts(visitor: Visitor) -> tuple[str, str]:
    """Series and value of the cookie."""
    text = visitor.remember_token
    return text[:SERIES_CHARACTERS], text[SERIES_CHARACTERS:]


def _ends_at(env: Env, browser: RememberedBrowser) -> int:
    """When it will be asked again: policy may have become stricter since it was remembered."""
    days = env.settings.policy.remember_browser_days
    return min(browser.expires_at, browser.created_at + days * DAY_SECONDS)


def _next_values(env: Env, value: str) -> Iterator[str]:
    """What comes after a value, under every key, the newest first."""
    for made in sealing.macs(env.keyring, value.encode(), purpose=NEXT_VALUE):
        yield base64.urlsafe_b64encode(made[-sealing.MAC_BYTES :]).rstrip(b"=").decode()
