"""Language and time zone, and the account's e-mail addresses."""

from __future__ import annotations

from twostep import i18n
from twostep.core import token
from twostep.core.account import Account, EmailAddress
from twostep.core.audit import event
from twostep.core.email_address import email_key, read_email_address
from twostep.core.methods.authenticator import MOST_ADDRESSES
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import (
    CONFIRM_EMAIL,
    CONFIRM_SECONDS,
    RESET_PASSWORD,
    new_link,
    notify,
    queue_mail,
)
from twostep.flows.turn import Done, lock_owner, record
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.messages import outbox
from twostep.store.tx import Tx


CONFIRM_MAILS_AN_HOUR = 3


def save_profile(
    tx: Tx, visitor: Visitor, current: Session, *, language: str, time_zone: str, now: int
) -> Done | Refused:
    """Save language and time zone. Refused: LANGUAGE_UNKNOWN, TIME_ZONE_UNKNOWN."""
    if not i18n.has_language(language):
        return Refused(Reason.LANGUAGE_UNKNOWN)
    if i18n.known_zone(time_zone) != time_zone:
        return Refused(Reason.TIME_ZONE_UNKNOWN)
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    if (language, time_zone) != (account.language, account.time_zone):
        accounts.save_profile(tx, account.id, language=language, time_zone=time_zone)
        record(tx, account, visitor, event.new_event(event.PROFILE_CHANGED), now=now)
    return Done()


def list_addresses(tx: Tx, account_id: str) -> list[EmailAddress]:
    """The account's addresses, unverified ones too."""
    return addresses.list_addresses(tx, account_id)


def add_address(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, typed: str, now: int
) -> EmailAddress | Refused:
    """Add an address: a link goes there. Once it is confirmed, every address is told.

    An address that belongs to another account is taken like any other, and its owner gets the
    link: whether it is known stays unsaid. Refused: EMAIL_MALFORMED, EMAIL_DUPLICATE, EMAIL_LIMIT,
    SEND_LIMIT.
    """
    read = read_email_address(typed)
    if isinstance(read, Refused):
        return read
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    own = addresses.list_addresses(tx, account.id)
    if any(read.key == email_key(one.address) for one in own):
        return Refused(Reason.EMAIL_DUPLICATE)
    if len(own) >= MOST_ADDRESSES:
        return Refused(Reason.EMAIL_LIMIT, detail={"maximum": MOST_ADDRESSES})
    hour = 3600
    if (
        outbox.count_notices(
            tx, account.id, kind=NoticeKind.EMAIL_CONFIRM, since=now - hour, now=now
        )
        >= CONFIRM_MAILS_AN_HOUR
    ):
        return Refused(Reason.SEND_LIMIT, retry_at=now + hour)
    address = EmailAddress(token.new_id(), account.id, read.text, None, now)
    addresses.insert_address(tx, address, address_key=read.key)
    _send_confirmation(tx, env, account, visitor, address, now=now)
    record(tx, account, visitor, event.new_event(event.EMAIL_ADDED), now=now)
    return address


def _send_confirmation(
    tx: Tx, env: Env, account: Account, visitor: Visitor, address: EmailAddress, *, now: int
) -> None:
    link = new_link(
        tx,
        account,
        purpose=CONFIRM_EMAIL,
        subject_id=address.id,
        seconds=CONFIRM_SECONDS,
        now=now,
    )
    payload: dict[str, object] = {
        "to": address.address,
        "at": now,
        "browser": visitor.browser,
        "network": visitor.network,
        "data": {"address": address.address},
        "action": link,
    }
    queue_mail(tx, env, account, NoticeKind.EMAIL_CONFIRM, payload=payload, now=now)


def view_confirmation(tx: Tx, current: Session, *, link: str, now: int) -> str | Refused:
    """The address that a link would confirm. Refused: LINK_DEAD."""
    found = mail_links.load(tx, token.digest(link), purpose=CONFIRM_EMAIL)
    if (
        found is None
        or found.used_at is not None
        or not found.created_at <= now < found.expires_at
        or found.account_id != current.account_id
    ):
        return Refused(Reason.LINK_DEAD)
    own = addresses.list_addresses(tx, current.account_id)
    unconfirmed = (one for one in own if one.id == found.subject_id and one.verified_at is None)
    address = next((one.address for one in unconfirmed), None)
    return address or Refused(Reason.LINK_DEAD)


def confirm_address(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, link: str, now: int
) -> Done | Refused:
    """Confirm an address by its mailed link, in a session of its account; all addresses are told.

    Refused: LINK_DEAD, and EMAIL_TAKEN, which does not use the link up: the other account may give
    the address back.
    """
    account = lock_owner(tx, current)
    address = view_confirmation(tx, current, link=link, now=now)
    if account is None or isinstance(address, Refused):
        return Refused(Reason.LINK_DEAD)
    digest = token.digest(link)
    found = mail_links.load(tx, digest, purpose=CONFIRM_EMAIL)
    if found is None:
        return Refused(Reason.LINK_DEAD)
    if not addresses.verify_address(tx, found.subject_id, account_id=account.id, now=now):
        return Refused(Reason.EMAIL_TAKEN)
    mail_links.consume(tx, digest, purpose=CONFIRM_EMAIL, now=now)
    record(tx, account, visitor, event.new_event(event.EMAIL_VERIFIED), now=now)
    notify(
        tx,
        env,
        account,
        NoticeKind.EMAIL_ADDED,
        visitor=visitor,
        now=now,
        undo=f"email:{found.subject_id}",
        address=address,
    )
    return Done()


def remove_address(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, address_id: str, now: int
) -> Done | Refused:
    """Remove an address; it is told too. Refused: NOT_FOUND, EMAIL_LAST."""
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    own = addresses.list_addresses(tx, account.id)
    verified = tuple(one.address for one in own if one.verified_at is not None)
    address = next((one for one in own if one.id == address_id), None)
    if address is None:
        return Refused(Reason.NOT_FOUND)
    if address.verified_at is not None and len(verified) == 1:
        return Refused(Reason.EMAIL_LAST)
    addresses.remove_address(tx, address_id, account_id=account.id)
    record(tx, account, visitor, event.new_event(event.EMAIL_REMOVED), now=now)
    if address.verified_at is not None:
        # One may still lie in its mailbox.
        mail_links.remove_open(tx, account.id, purpose=RESET_PASSWORD)
        notify(
            tx,
            env,
            account,
            NoticeKind.EMAIL_REMOVED,
            visitor=visitor,
            now=now,
            to=verified,
            address=address.address,
        )
    return Done()
