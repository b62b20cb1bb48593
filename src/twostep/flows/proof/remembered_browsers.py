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
from twostep.core.audit.event import Outcome, Source
from twostep.core.methods.authenticator import (
    MOST_REMEMBERED_BROWSERS,
    MethodKind,
    RememberedBrowser,
)
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.sign_in import remembered_browsers
from twostep.store.sign_in.remembered_browsers import Remembered
from twostep.store.tx import Tx


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


def remember(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, kind: MethodKind, now: int
) -> str | None:
    """Remember the browser of a sign-in that was just completed; the cookie's value.

    None: policy does not allow it, or the second step was of a weaker kind.
    """
    days = env.settings.policy.remember_browser_days
    if not days or kind not in GRANTED_AFTER:
        return None
    series, value = secrets.token_urlsafe(16), token.new_token()
    if found := _load(tx, account, visitor):
        remembered_browsers.remove(tx, found.browser.id, account_id=account.id)
    browser = RememberedBrowser(
        id=token.new_id(),
        account_id=account.id,
        browser=visitor.browser,
        network=visitor.network,
        created_at=now,
        last_used_at=now,
        expires_at=now + days * DAY_SECONDS,
    )
    remembered_browsers.insert(
        tx,
        browser,
        series=token.digest(series),
        digest=token.digest(value),
        most=MOST_REMEMBERED_BROWSERS,
    )
    remembered = event.new_event(event.BROWSER_REMEMBERED, days=days)
    record(tx, account, visitor, remembered, now=now)
    return series + value


def recognise(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, now: int
) -> Recognised | None:
    """Whether the browser is remembered for the locked account, after the right password.

    A value from before the last minute is a copy: the row ends and the owner is told.
    """
    found = _load(tx, account, visitor)
    if found is None or not found.browser.created_at <= now < _ends_at(env, found.browser):
        return None
    browser_id = found.browser.id
    series, shown = _parts(visitor)
    presented = token.digest(shown)
    if compare_digest(presented, found.digest):
        value = next(_next_values(env, shown))
        remembered_browsers.rotate(
            tx,
            browser_id,
            old_digest=presented,
            new_digest=token.digest(value),
            network=visitor.network,
            now=now,
        )
        return Recognised(browser_id, series + value)
    is_previous = found.previous_digest is not None and compare_digest(
        presented, found.previous_digest
    )
    if is_previous and 0 <= now - found.rotated_at <= GRACE_SECONDS:
        again = [
            series + value
            for value in _next_values(env, shown)
            if compare_digest(token.digest(value), found.digest)
        ]
        return Recognised(browser_id, again[0] if again else None)
    remembered_browsers.remove(tx, browser_id, account_id=account.id)
    reused = event.new_event(event.BROWSER_TOKEN_REUSED, Outcome.REFUSED)
    record(tx, account, visitor, reused, now=now)
    notify(
        tx, env, account, NoticeKind.BROWSER_COPIED, visitor=visitor, now=now,
        method=found.browser.browser,
    )  # fmt: skip
    return None


def forget_browsers(tx: Tx, account: Account, source: Source, *, now: int) -> int:
    """Forget every remembered browser: a password or an authenticator has changed."""
    count = remembered_browsers.remove_all(tx, account.id)
    if count:
        forgotten = event.new_event(event.BROWSER_FORGOTTEN, all=count)
        audit.append(tx, forgotten, account_id=account.id, source=source, now=now)
    return count


def forget_browser(
    tx: Tx, visitor: Visitor, current: Session, *, browser_id: str, now: int
) -> Forgotten | Refused:
    """Forget one browser. Refused: NOT_FOUND (also for somebody else's)."""
    account = accounts.lock(tx, current.account_id)
    if account is None or not remembered_browsers.remove(tx, browser_id, account_id=account.id):
        return Refused(Reason.NOT_FOUND)
    record(tx, account, visitor, event.new_event(event.BROWSER_FORGOTTEN), now=now)
    return Forgotten(1)


def forget_all(tx: Tx, visitor: Visitor, current: Session, *, now: int) -> Forgotten | Refused:
    """Forget every browser of the account, because its owner asks."""
    account = accounts.lock(tx, current.account_id)
    if account is None:
        return Refused(Reason.CHANGED)
    return Forgotten(forget_browsers(tx, account, visitor.source, now=now))


def list_remembered(
    tx: Tx, env: Env, account: Account, *, now: int
) -> tuple[RememberedBrowser, ...]:
    """Browsers of the account that are not asked for a code, as policy is now; the last used first."""
    live = remembered_browsers.list_live(tx, account.id, now=now)
    ends = (replace(one, expires_at=_ends_at(env, one)) for one in live)
    return tuple(one for one in ends if now < one.expires_at)


def is_this(tx: Tx, account: Account, visitor: Visitor) -> str | None:
    """The id of the row that the asking browser's cookie belongs to."""
    found = _load(tx, account, visitor)
    return found.browser.id if found else None


def _load(tx: Tx, account: Account, visitor: Visitor) -> Remembered | None:
    series, shown = _parts(visitor)
    if not shown:
        return None
    return remembered_browsers.load(tx, account.id, series=token.digest(series))


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
