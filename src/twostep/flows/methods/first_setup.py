"""Who may set up an account's first app or passkey.

A thief who has the password alone must not be first, for that would lock the owner out. So in a browser
that is new to an account which has signed in elsewhere before, the first set-up is confirmed by a link
mailed to the account, or by the help desk's code. The account's own first browser, and one that has been
known for a day, set up at once: by then its owner has had the mail about a new browser. The link may be
opened on any device. It goes only to addresses that the account had a day ago, so that a thief who adds
an address gains nothing. Source: security: Amendments, 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods.code_input import TypedTemporaryCode, read_code
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.limits import count_all
from twostep.flows.mail_links import CONFIRM_SETUP, NOT_ME, NOT_ME_SECONDS, SETUP_SECONDS
from twostep.flows.proof import wrong_tries
from twostep.flows.proof.verify_typed import TypedDigest, digest_typed
from twostep.flows.proof.wrong_tries import WrongTry
from twostep.flows.sign_in.second_step import burn_temporary
from twostep.flows.turn import Done, Turn, TurnOpener
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.account.accounts import Held
from twostep.store.audit import trail
from twostep.store.sign_in import known_browsers, sessions


KNOWN_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class SetupLink:
    """The session that a mailed link is about: its browser, network and start."""

    browser: str
    network: str
    signed_in_at: int


def refuse_unconfirmed(turn: Turn, account: Account, current: Session) -> Refused | None:
    """Refuse a first set-up that is still to be confirmed. After a reset by the help desk it is not:
    whoever has a password then got it by the mailed link."""
    if account.two_step or account.must_enroll:
        return None
    known_at = None
    if current.browser_id is not None:
        known_at = known_browsers.known_since(turn.tx, current.browser_id, account_id=account.id)
    if known_at is not None and known_at <= turn.now - KNOWN_SECONDS:
        return None
    since = current.created_at if known_at is None else known_at
    kind, made_at = event.SIGN_IN_COMPLETED, account.created_at
    if not trail.has_event_between(turn.tx, account.id, kind, since=made_at, before=since):
        return None
    if mail_links.was_used_for(turn.tx, account.id, purpose=CONFIRM_SETUP, subject_id=current.id):
        return None
    return Refused(Reason.SETUP_UNCONFIRMED)


def send_setup_link(turn: Turn, current: Session) -> Done | Refused:
    """Mail the link. Refused: CHANGED, SEND_LIMIT, NOT_FOUND (no address is old enough)."""
    account = turn.lock(current)
    if account is None or refuse_unconfirmed(turn, account, current) is None:
        return Refused(Reason.CHANGED)
    old_enough = [
        row.address
        for row in addresses.list_addresses(turn.tx, account.id)
        if row.verified_at is not None
        and (row.verified_at <= turn.now - KNOWN_SECONDS or row.verified_at == account.created_at)
    ]
    if not old_enough:
        return Refused(Reason.NOT_FOUND)
    rule = throttle.SETUP_MAIL
    if refused := count_all(turn.tx, [(f"{rule.name}:{account.id}", rule)], now=turn.now):
        return refused
    for address in old_enough:
        payload: dict[str, object] = {
            "to": address,
            "data": {},
            "action": turn.new_link(
                account, purpose=CONFIRM_SETUP, subject_id=current.id, seconds=SETUP_SECONDS
            ),
            "not_me": turn.new_link(account, purpose=NOT_ME, subject_id="", seconds=NOT_ME_SECONDS),
        }
        turn.queue_mail(account, NoticeKind.SETUP_CONFIRM, payload=payload)
    turn.record(account, event.new_event(event.SETUP_LINK_SENT))
    return Done()


def view_setup_link(turn: Turn, *, link: str) -> SetupLink | Refused:
    """What a link would confirm. Refused: LINK_DEAD (also when its session has ended)."""
    row = mail_links.load(turn.tx, token.digest(link), purpose=CONFIRM_SETUP)
    if row is None or row.used_at is not None or not row.created_at <= turn.now < row.expires_at:
        return Refused(Reason.LINK_DEAD)
    session = sessions.load_by_id(turn.tx, row.subject_id, account_id=row.account_id)
    if session is None:
        return Refused(Reason.LINK_DEAD)
    return SetupLink(session.browser, session.network, session.created_at)


def confirm_by_link(turn: Turn, *, link: str) -> Done | Refused:
    """Confirm the set-up in the session that asked. Refused: LINK_DEAD."""
    row = mail_links.load(turn.tx, token.digest(link), purpose=CONFIRM_SETUP)
    account = accounts.lock(turn.tx, row.account_id) if row else None
    if account is None or isinstance(view_setup_link(turn, link=link), Refused):
        return Refused(Reason.LINK_DEAD)
    return _confirm(turn, account, link=link, by="link")


def _confirm(turn: Turn, account: Held, *, link: str, by: str) -> Done | Refused:
    digest = token.digest(link)
    if not mail_links.consume(turn.tx, digest, purpose=CONFIRM_SETUP, now=turn.now):
        return Refused(Reason.LINK_DEAD)
    turn.record(account, event.new_event(event.SETUP_CONFIRMED, by=by))
    return Done()


async def confirm_by_code(opener: TurnOpener, current: Session, *, typed: str) -> Done | Refused:
    """Confirm with the help desk's code.

    Refused: what `read_code` refuses, BACKUP_CODE_WRONG, TEMPORARY_CODE_OVER, THROTTLED, CHANGED.
    Raises `Overloaded`.
    """
    code = read_code(typed)
    if isinstance(code, Refused):
        return code
    digest = None
    if isinstance(code, TypedTemporaryCode):
        hashed = await digest_typed(opener, current, code=code)
        if isinstance(hashed, Refused):
            return hashed
        digest = hashed
    return await opener.run(_finish_code, current, digest=digest)


def _finish_code(turn: Turn, current: Session, *, digest: TypedDigest | None) -> Done | Refused:
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    rule, browser_id = throttle.RECOVERY_CODE, current.browser_id
    if waiting := wrong_tries.refuse(turn, account, rule=rule, browser_id=browser_id):
        return waiting
    refused = burn_temporary(turn, account, digest=digest)
    if refused is None:
        link = turn.new_link(
            account, purpose=CONFIRM_SETUP, subject_id=current.id, seconds=SETUP_SECONDS
        )
        return _confirm(turn, account, link=link, by="help_desk")
    if refused.reason is Reason.TEMPORARY_CODE_OVER:
        return refused
    wrong_try = WrongTry(
        rule, refused.reason, chances=0, purpose=str(Purpose.STEP_UP), browser_id=browser_id
    )
    return wrong_tries.count_wrong(turn, account, wrong_try=wrong_try)
