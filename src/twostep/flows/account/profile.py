"""Change the language, the time zone and the account's e-mail addresses."""

from __future__ import annotations

from dataclasses import replace

from twostep import i18n
from twostep.core import token
from twostep.core.account import Account, EmailAddress, Preferences
from twostep.core.audit import event
from twostep.core.email_address import email_key, read_email_address
from twostep.core.methods.authenticator import MOST_ADDRESSES
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level, Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.mail_links import CONFIRM_EMAIL, CONFIRM_SECONDS, RESET_PASSWORD
from twostep.flows.turn import Done, Turn
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.account.accounts import Held
from twostep.store.messages import outbox
from twostep.store.sign_in import sessions


CONFIRM_MAILS_AN_HOUR = 3


def save_profile(turn: Turn, current: Session, *, language: str, time_zone: str) -> Done | Refused:
    """Save language and time zone. Refused: LANGUAGE_UNKNOWN, TIME_ZONE_UNKNOWN."""
    if not i18n.has_language(language):
        return Refused(Reason.LANGUAGE_UNKNOWN)
    if i18n.known_zone(time_zone) != time_zone:
        return Refused(Reason.TIME_ZONE_UNKNOWN)
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    _save(turn, account, Preferences(language, True, time_zone, True))
    return Done()


def choose_language(turn: Turn, current: Session, *, language: str) -> None:
    """Choose the language from any page. Until a sign-in is complete, the session alone keeps it."""
    account = turn.lock(current)
    if account is None or not i18n.has_language(language):
        return
    if current.level is Level.FULL:
        _save(turn, account, replace(account.preferences, language=language, language_chosen=True))
    else:
        sessions.save_language(turn.tx, current.id, language=language)


def _save(turn: Turn, account: Held, preferences: Preferences) -> None:
    old = account.preferences
    accounts.save_profile(turn.tx, account, preferences)
    if (preferences.language, preferences.time_zone) != (old.language, old.time_zone):
        turn.record(account, event.new_event(event.PROFILE_CHANGED))


def list_addresses(turn: Turn, account_id: str) -> list[EmailAddress]:
    """List the account's addresses, including unverified ones."""
    return addresses.list_addresses(turn.tx, account_id)


def add_address(turn: Turn, current: Session, *, typed: str) -> EmailAddress | Refused:
    """Add an address and mail it a link. Once it is confirmed, every address is notified.

    An address of another account is accepted like any other and its owner gets the link, so that
    nothing reveals whether it is known. Refused: EMAIL_MALFORMED, EMAIL_DUPLICATE, EMAIL_LIMIT,
    SEND_LIMIT, CHANGED.
    """
    new = read_email_address(typed)
    if isinstance(new, Refused):
        return new
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    listed = addresses.list_addresses(turn.tx, account.id)
    if any(new.key == email_key(row.address) for row in listed):
        return Refused(Reason.EMAIL_DUPLICATE)
    if len(listed) >= MOST_ADDRESSES:
        return Refused(Reason.EMAIL_LIMIT, detail={"maximum": MOST_ADDRESSES})
    hour = 3600
    if (
        outbox.count_notices(
            turn.tx, account.id, kind=NoticeKind.EMAIL_CONFIRM, since=turn.now - hour, now=turn.now
        )
        >= CONFIRM_MAILS_AN_HOUR
    ):
        return Refused(Reason.SEND_LIMIT, retry_at=turn.now + hour)
    address = EmailAddress(token.new_id(), account.id, new.text, None, turn.now)
    addresses.insert_address(turn.tx, address, address_key=new.key)
    _send_confirmation(turn, account, address)
    turn.record(account, event.new_event(event.EMAIL_ADDED))
    return address


def _send_confirmation(turn: Turn, account: Account, address: EmailAddress) -> None:
    link = turn.new_link(
        account, purpose=CONFIRM_EMAIL, subject_id=address.id, seconds=CONFIRM_SECONDS
    )
    payload: dict[str, object] = {
        "to": address.address,
        "data": {"address": address.address},
        "action": link,
    }
    turn.queue_mail(account, NoticeKind.EMAIL_CONFIRM, payload=payload)


def view_confirmation(turn: Turn, current: Session, *, link: str) -> str | Refused:
    """The address that a link confirms. Refused: LINK_DEAD."""
    link_row = mail_links.load(turn.tx, token.digest(link), purpose=CONFIRM_EMAIL)
    if (
        link_row is None
        or link_row.used_at is not None
        or not link_row.created_at <= turn.now < link_row.expires_at
        or link_row.account_id != current.account_id
    ):
        return Refused(Reason.LINK_DEAD)
    listed = addresses.list_addresses(turn.tx, current.account_id)
    unconfirmed = (
        row for row in listed if row.id == link_row.subject_id and row.verified_at is None
    )
    address = next((row.address for row in unconfirmed), None)
    return address or Refused(Reason.LINK_DEAD)


def confirm_address(turn: Turn, current: Session, *, link: str) -> Done | Refused:
    """Confirm an address by its link, in a session of its account; notifies all addresses.

    Refused: LINK_DEAD, and EMAIL_TAKEN, which does not use the link up: the other account may remove
    the address.
    """
    account = turn.lock(current)
    address = view_confirmation(turn, current, link=link)
    if account is None or isinstance(address, Refused):
        return Refused(Reason.LINK_DEAD)
    digest = token.digest(link)
    link_row = mail_links.load(turn.tx, digest, purpose=CONFIRM_EMAIL)
    if link_row is None:
        return Refused(Reason.LINK_DEAD)
    if not addresses.verify_address(
        turn.tx, link_row.subject_id, account_id=account.id, now=turn.now
    ):
        return Refused(Reason.EMAIL_TAKEN)
    mail_links.consume(turn.tx, digest, purpose=CONFIRM_EMAIL, now=turn.now)
    turn.record(account, event.new_event(event.EMAIL_VERIFIED))
    turn.notify(
        account, NoticeKind.EMAIL_ADDED, undo=f"email:{link_row.subject_id}", address=address
    )
    return Done()


def remove_address(turn: Turn, current: Session, *, address_id: str) -> Done | Refused:
    """Remove an address, and notify it too. Refused: NOT_FOUND, EMAIL_LAST, CHANGED."""
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    listed = addresses.list_addresses(turn.tx, account.id)
    verified = tuple(row.address for row in listed if row.verified_at is not None)
    address = next((row for row in listed if row.id == address_id), None)
    if address is None:
        return Refused(Reason.NOT_FOUND)
    if address.verified_at is not None and len(verified) == 1:
        return Refused(Reason.EMAIL_LAST)
    addresses.remove_address(turn.tx, address_id, account_id=account.id)
    turn.record(account, event.new_event(event.EMAIL_REMOVED))
    if address.verified_at is not None:
        # Its mailbox may still hold a reset link.
        mail_links.remove_open(turn.tx, account.id, purpose=RESET_PASSWORD)
        turn.notify(account, NoticeKind.EMAIL_REMOVED, to=verified, address=address.address)
    return Done()
