"""Add a backup phone: a number is typed, a code goes there, the code confirms it.

A telephone is a restricted authenticator (NIST SP 800-63B-4 §3.2.9): only beside an app or a passkey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twostep.core import sealing, token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods import phone_number
from twostep.core.methods.authenticator import MOST_PHONES, MethodKind, Phone, method_name
from twostep.core.methods.challenge import Challenge, is_open
from twostep.core.methods.code_input import read_six_digits
from twostep.core.methods.out_of_band import Purpose
from twostep.core.methods.phone_number import PhoneNumber
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.flows.messages.numbers import NUMBER, fingerprint, fingerprints, number_or_none
from twostep.flows.messages.send_code import Sent, open_channels, queue_code, refuse_phone
from twostep.flows.messages.send_limits import count_new_number
from twostep.flows.messages.sent_code import is_sent_code
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import lock_owner, record
from twostep.store.methods import apps, challenges, passkeys, phones
from twostep.store.tx import Tx


MOST_ACCOUNTS_WITH_ONE_NUMBER = 5


@dataclass(frozen=True, slots=True)
class PhoneAdded:
    """The phone works."""

    phone: Phone


def refuse_adding(tx: Tx, env: Env, account_id: str) -> Refused | None:
    """Whether this account may add a phone at all: asked when the form is opened."""
    if not env.settings.policy.phones:
        return Refused(Reason.NOT_FOUND)
    if not apps.list_apps(tx, account_id) and not passkeys.list_passkeys(tx, account_id):
        return Refused(Reason.PHONE_NEEDS_APP)
    if len(phones.list_confirmed(tx, account_id)) >= MOST_PHONES:
        return Refused(Reason.PHONE_LIMIT, detail={"maximum": MOST_PHONES})
    if not open_channels(env):
        return Refused(Reason.CHANNEL_OFF)
    return None


def begin_phone(
    tx: Tx,
    env: Env,
    visitor: Visitor,
    current: Session,
    *,
    region: str,
    typed: str,
    channel: str,
    now: int,
) -> Sent | Refused:
    """Read a number and send a code there. What the session typed before is dropped.

    Refused: every NUMBER_ reason, PHONE_LIMIT, PHONE_NEEDS_APP, CHANNEL_OFF, SEND_LIMIT.
    """
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    if refused := refuse_adding(tx, env, account.id):
        return refused
    number = _read(env, region=region, typed=typed, channel=channel)
    if isinstance(number, PhoneNumber):
        refused = _refuse_number(tx, env, account, number, now=now)
        if refused is None:
            return _queue_first(
                tx, env, account, current, visitor, number=number, channel=channel, now=now
            )
        number = refused
    record(
        tx,
        account,
        visitor,
        event.new_event(event.NUMBER_UNMATCHED, Outcome.REFUSED, reason=str(number.reason)),
        now=now,
    )
    return number


def resend(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, channel: str, now: int
) -> Sent | Refused:
    """Send the code again, perhaps by the other channel."""
    account = lock_owner(tx, current)
    phone = phones.load_unconfirmed(tx, current.id)
    if account is None or phone is None:
        return Refused(Reason.NOT_FOUND)
    if refused := refuse_phone(env, phone, purpose=Purpose.ADD_PHONE, channel=channel):
        return refused
    sent = queue_code(
        tx,
        env,
        account,
        current,
        visitor,
        phone=phone,
        channel=channel,
        purpose=Purpose.ADD_PHONE,
        now=now,
    )
    if isinstance(sent, Sent):
        phones.save_channel(tx, phone.id, channel=channel)
    return sent


def confirm_phone(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, typed: str, now: int
) -> PhoneAdded | Refused:
    """Confirm the number with the code that went there.

    A guess here proves nothing about the account, so only the code's own five tries count.
    Refused: NOT_FOUND (no number was typed), PHONE_LIMIT, NUMBER_DUPLICATE (another session was
    first), CODE_WRONG, CODE_EXPIRED, CODE_SPENT.
    """
    account = lock_owner(tx, current)
    phone = phones.load_unconfirmed(tx, current.id)
    challenge = challenges.load_newest(tx, current.id, Purpose.ADD_PHONE)
    if not env.settings.policy.phones or account is None or phone is None or challenge is None:
        return Refused(Reason.NOT_FOUND)
    code = read_six_digits(typed)
    if isinstance(code, Refused):
        return code
    if len(phones.list_confirmed(tx, account.id)) >= MOST_PHONES:
        return Refused(Reason.PHONE_LIMIT, detail={"maximum": MOST_PHONES})
    right = is_sent_code(env, challenge, code.code) and challenge.phone_id == phone.id
    if right and _has_number(tx, env, phone, now=now):
        return Refused(Reason.NUMBER_DUPLICATE)
    if right and is_open(challenge, now=now) and challenges.consume(tx, challenge.id, now=now):
        return _confirm(tx, env, account, visitor, phone=phone, now=now)
    refused = _count_wrong(tx, challenge, now=now)
    record(
        tx,
        account,
        visitor,
        event.new_event(
            event.CODE_REFUSED,
            Outcome.REFUSED,
            purpose=str(Purpose.ADD_PHONE),
            reason=str(refused.reason),
        ),
        now=now,
    )
    return refused


def _count_wrong(tx: Tx, challenge: Challenge, *, now: int) -> Refused:
    """Why the code does not confirm; a guess costs the challenge one of its tries."""
    if challenge.tries_left == 0:
        return Refused(Reason.CODE_SPENT)
    if now >= challenge.expires_at:
        return Refused(Reason.CODE_EXPIRED)
    if not is_open(challenge, now=now):
        return Refused(Reason.CODE_WRONG)
    left = challenges.count_wrong(tx, challenge.id, now=now)
    if left == 0:
        return Refused(Reason.CODE_SPENT)
    return Refused(Reason.CODE_WRONG, detail={"tries_left": left})


def _has_number(tx: Tx, env: Env, phone: Phone, *, now: int) -> bool:
    """Whether another session has confirmed this number meanwhile."""
    e164 = number_or_none(tx, env, phone, now=now)
    return e164 is not None and phones.has_number(tx, phone.account_id, fingerprints(env, e164))


def _read(env: Env, *, region: str, typed: str, channel: str) -> PhoneNumber | Refused:
    if channel not in {"sms", "call"}:
        return Refused(Reason.CHANNEL_UNKNOWN)
    if channel not in open_channels(env):
        return Refused(Reason.CHANNEL_OFF)
    delivery = env.settings.delivery
    way: Literal["sms", "call"] = "call" if channel == "call" else "sms"
    open_regions = {
        one.code for one in phone_number.regions() if delivery.allows(one.code, way, "enrol")
    }
    return phone_number.read_number(
        typed,
        region=region,
        open_regions=open_regions,
        channel=way,
        voip=delivery.voip,
    )


def _refuse_number(
    tx: Tx, env: Env, account: Account, number: PhoneNumber, *, now: int
) -> Refused | None:
    prints = fingerprints(env, number.e164)
    if phones.has_number(tx, account.id, prints):
        return Refused(Reason.NUMBER_DUPLICATE)
    others = phones.count_accounts_with(tx, prints, other_than=account.id)
    if others >= MOST_ACCOUNTS_WITH_ONE_NUMBER:
        return Refused(Reason.NUMBER_SHARED)
    return count_new_number(tx, account, now=now)


def _queue_first(
    tx: Tx,
    env: Env,
    account: Account,
    current: Session,
    visitor: Visitor,
    *,
    number: PhoneNumber,
    channel: str,
    now: int,
) -> Sent | Refused:
    phone = _new_phone(env, current, number=number, channel=channel, now=now)
    phones.insert(tx, phone, fingerprint=fingerprint(env, number.e164))
    sent = queue_code(
        tx,
        env,
        account,
        current,
        visitor,
        phone=phone,
        channel=channel,
        purpose=Purpose.ADD_PHONE,
        now=now,
    )
    if isinstance(sent, Refused):  # what was typed before stays as it was
        phones.remove(tx, phone.id, account_id=account.id)
    else:
        phones.remove_unconfirmed(tx, current.id, keep=phone.id)
    return sent


def _new_phone(env: Env, current: Session, *, number: PhoneNumber, channel: str, now: int) -> Phone:
    phone_id = token.new_id()
    return Phone(
        id=phone_id,
        account_id=current.account_id,
        session_id=current.id,
        number=sealing.seal(
            env.keyring,
            number.e164.encode(),
            purpose=NUMBER,
            row_id=phone_id,
            account_id=current.account_id,
        ),
        region=number.region,
        line=number.line,
        hint=phone_number.hint(number.e164),
        channel=channel,
        created_at=now,
        confirmed_at=None,
        last_used_at=None,
    )


def _confirm(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, phone: Phone, now: int
) -> PhoneAdded:
    phones.confirm(tx, phone.id, now=now)
    forget_browsers(tx, account, visitor.source, now=now)
    method = method_name(MethodKind.PHONE, phone.id)
    record(
        tx,
        account,
        visitor,
        event.new_event(
            event.PHONE_ADDED,
            method=method,
            channel=phone.channel,
            region=phone.region,
            hint=phone.hint,
        ),
        now=now,
    )
    notify(
        tx,
        env,
        account,
        NoticeKind.PHONE_ADDED,
        visitor=visitor,
        now=now,
        undo=method,
        hint=phone.hint,
    )
    return PhoneAdded(phone)
