"""Browsers in which a link for a new password was used: their owner reads the account's mail.

For a day such a browser has counters of wrong passwords to itself, so that strangers who type wrong
passwords cannot keep it out (security: Guessing). It proves nothing at the second step.
"""

from __future__ import annotations

from twostep.core import token
from twostep.core.account import Account
from twostep.flows.mail_links import PROVEN_BROWSER, PROVEN_SECONDS
from twostep.flows.turn import Turn
from twostep.store.account import mail_links
from twostep.store.account.accounts import Held
from twostep.store.account.mail_links import MailLink
from twostep.store.sign_in import known_browsers


def proven_id(turn: Turn, account: Account) -> str | None:
    """A name for the asking browser's counters, if it is proven."""
    if not turn.visitor.browser_token:
        return None
    digest = _digest(account, turn.visitor.browser_token)
    row = mail_links.load(turn.tx, digest, purpose=PROVEN_BROWSER)
    if row is None or not row.created_at <= turn.now < row.expires_at:
        return None
    return f"proven:{digest.hex()[:32]}"


def remember_as_proven(turn: Turn, account: Held) -> str | None:
    """Remember the asking browser as proven; return its cookie value if it is new."""
    presented = turn.visitor.browser_token
    # As with known browsers, never a value that we did not issue.
    is_ours = presented and known_browsers.is_browser_cookie(turn.tx, token.digest(presented))
    browser_token = presented if is_ours else token.new_token()
    digest = _digest(account, browser_token)
    mail_links.remove(turn.tx, digest, purpose=PROVEN_BROWSER)
    link = MailLink(
        account_id=account.id,
        purpose=PROVEN_BROWSER,
        subject_id="",
        created_at=turn.now,
        expires_at=turn.now + PROVEN_SECONDS,
        used_at=None,
    )
    mail_links.insert(turn.tx, link, digest=digest)
    return None if is_ours else browser_token


def forget_proven(turn: Turn, account: Held) -> None:
    """The asking browser counts as a stranger's again."""
    digest = _digest(account, turn.visitor.browser_token)
    mail_links.remove(turn.tx, digest, purpose=PROVEN_BROWSER)


def _digest(account: Account, browser_token: str) -> bytes:
    """Of account and cookie, because one browser may be proven for several accounts."""
    return token.digest(f"{account.id}:{browser_token}")
