"""The data for Account security, the page of sessions and the pages of each method."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods.authenticator import KnownBrowser, Methods, RememberedBrowser
from twostep.core.sign_in.session import Session
from twostep.flows.account.activity import list_activity
from twostep.flows.proof.known_browsers import list_known
from twostep.flows.proof.remembered_browsers import current_browser_id, list_remembered
from twostep.flows.sign_in.sessions import list_sessions
from twostep.flows.turn import Turn
from twostep.store.methods import passkeys
from twostep.store.methods.all_methods import load_methods


ROWS = 5

OFFER_SECONDS = 900

# Events after which signing out everywhere else is offered.
_CHANGES = frozenset(
    {
        event.APP_ADDED,
        event.APP_REMOVED,
        event.PASSKEY_ADDED,
        event.PASSKEY_REMOVED,
        event.PHONE_ADDED,
        event.PHONE_REMOVED,
        event.RECOVERY_CODES_CREATED,
        event.TWO_STEP_DISABLED,
        event.TWO_STEP_ENABLED,
    }
)


@dataclass(frozen=True, slots=True)
class SecurityView:
    """`sessions`: the current one first. `offered`: a method has just changed while other browsers
    are signed in. `browsers`: those not asked for a code; `this_browser`: the current one's id.
    `known_browsers`: those that have signed in before, known for half a year.
    `handle`: the account's WebAuthn user handle, None before the first passkey."""

    methods: Methods
    browsers: tuple[RememberedBrowser, ...]
    this_browser: str | None
    known_browsers: tuple[KnownBrowser, ...]
    handle: bytes | None
    sessions: tuple[Session, ...]
    offered: bool


def view_security(turn: Turn, account: Account, current: Session) -> SecurityView:
    """Read Account security."""
    live = list_sessions(turn, account.id)
    newest = list_activity(turn, account.id, limit=20)
    changed = any(
        activity.event in _CHANGES and turn.now - activity.at < OFFER_SECONDS for activity in newest
    )
    return SecurityView(
        methods=load_methods(turn.tx, account.id),
        browsers=list_remembered(turn, account),
        handle=passkeys.load_handle(turn.tx, account.id),
        this_browser=current_browser_id(turn, account),
        known_browsers=list_known(turn, account),
        sessions=tuple(sorted(live, key=lambda session: session.id != current.id)),
        offered=changed and len(live) > 1,
    )
