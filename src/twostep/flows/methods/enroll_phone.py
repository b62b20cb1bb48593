"""Add a backup phone: type a number, receive a code there, confirm it with the code.

A telephone is a restricted authenticator (NIST SP 800-63B-4 §3.2.9), so an app or passkey must exist.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import sealing, token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.messages.channel import Channel, read_channel
from twostep.core.methods import phone_number
from twostep.core.methods.authenticator import MOST_PHONES, MethodKind, Phone, method_name
from twostep.core.methods.challenge import Challenge, is_open
from twostep.core.methods.code_input import read_six_digits
from twostep.core.methods.out_of_band import Purpose
from twostep.core.methods.phone_number import PhoneNumber
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env
from twostep.flows.messages.numbers import NUMBER, fingerprint, fingerprints, number_or_none
from twostep.flows.messages.send_code import Sent, choose_way, open_channels, queue_code
from twostep.flows.messages.send_limits import count_new_number
from twostep.flows.messages.sent_code import is_sent_code
from twostep.flows.policy.decide import accepts_phones
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import Turn
from twostep.store.account.accounts import Held
from twostep.store.methods import apps, challenges, passkeys, phones


MOST_ACCOUNTS_WITH_ONE_NUMBER = 5


@dataclass(frozen=True, slots=True)
class PhoneAdded:
    """The phone was added."""

    phone: Phone


def refuse_adding(turn: Turn, account_id: str) -> Refused | None:
    """Refuse if this account may not add a phone; asked when the form is opened."""
    if not accepts_phones(turn.env):
        return Refused(Reason.NOT_FOUND)
    if not apps.list_apps(turn.tx, account_id) and not passkeys.list_passkeys(turn.tx, account_id):
        return Refused(Reason.PHONE_NEEDS_APP)
    if len(phones.list_confirmed(turn.tx, account_id)) >= MOST_PHONES:
        return Refused(Reason.PHONE_LIMIT, detail={"maximum": MOST_PHONES})
    if not open_channels(turn.env):
        return Refused(Reason.CHANNEL_OFF)
    return None


def begin_phone(
    turn: Turn, current: Session, *, region: str, typed: str, channel: str
) -> Sent | Refused:
    """Read a number and send a code there; a number the session typed before is dropped.

    Refused: every NUMBER_ reason, PHONE_LIMIT, PHONE_NEEDS_APP, CHANNEL_OFF, SEND_LIMIT.
    """
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    if refused := refuse_adding(turn, account.id):
        return refused
    chosen = read_channel(channel)
    number: PhoneNumber | Refused
    if isinstance(chosen, Refused):
        number = chosen
    else:
        number = _read(turn.env, region=region, typed=typed, channel=chosen)
        if isinstance(number, PhoneNumber):
            refused = _refuse_number(turn, account, number)
            if refused is None:
                return _queue_first(turn, account, current, number=number, channel=chosen)
            number = refused
    turn.record(
        account, event.new_event(event.NUMBER_UNMATCHED, Outcome.REFUSED, reason=str(number.reason))
    )
    return number


def resend(turn: Turn, current: Session, *, channel: str) -> Sent | Refused:
    """Send the code again, on the same or another channel."""
    account = turn.lock(current)
    phone = phones.load_unconfirmed(turn.tx, current.id)
    if account is None or phone is None:
        return Refused(Reason.NOT_FOUND)
    way = choose_way(turn.env, phone, purpose=Purpose.ADD_PHONE, channel=channel)
    if isinstance(way, Refused):
        return way
    sent = queue_code(
        turn, account, current, phone=phone, channel=way.channel, purpose=Purpose.ADD_PHONE)  # fmt: skip
    if isinstance(sent, Sent):
        phones.save_channel(turn.tx, phone.id, channel=way.channel)
    return sent


def confirm_phone(turn: Turn, current: Session, *, typed: str) -> PhoneAdded | Refused:
    """Confirm the number with the code that was sent to it.

    A guess here reveals nothing about the account, so only the code's own five tries are counted.
    Refused: NOT_FOUND (no number was typed), PHONE_LIMIT, NUMBER_DUPLICATE (another session was
    first), CODE_WRONG, CODE_EXPIRED, CODE_SPENT.
    """
    account = turn.lock(current)
    phone = phones.load_unconfirmed(turn.tx, current.id)
    challenge = challenges.load_newest(turn.tx, current.id, Purpose.ADD_PHONE)
    if not accepts_phones(turn.env) or account is None or phone is None or challenge is None:
        return Refused(Reason.NOT_FOUND)
    code = read_six_digits(typed)
    if isinstance(code, Refused):
        return code
    if len(phones.list_confirmed(turn.tx, account.id)) >= MOST_PHONES:
        return Refused(Reason.PHONE_LIMIT, detail={"maximum": MOST_PHONES})
    is_right = is_sent_code(turn.env, challenge, code.code) and challenge.phone_id == phone.id
    if is_right and _has_number(turn, phone):
        return Refused(Reason.NUMBER_DUPLICATE)
    if (
        is_right
        and is_open(challenge, now=turn.now)
        and challenges.consume(turn.tx, challenge.id, now=turn.now)
    ):
        return _confirm(turn, account, phone=phone)
    refused = _count_wrong(turn, challenge)
    turn.record(
        account,
        event.new_event(
            event.CODE_REFUSED,
            Outcome.REFUSED,
            purpose=str(Purpose.ADD_PHONE),
            reason=str(refused.reason),
        ),
    )
    return refused


def _count_wrong(turn: Turn, challenge: Challenge) -> Refused:
    """Why the code does not confirm the number; a guess uses up one of the challenge's tries."""
    if challenge.tries_left == 0:
        return Refused(Reason.CODE_SPENT)
    if turn.now >= challenge.expires_at:
        return Refused(Reason.CODE_EXPIRED)
    if not is_open(challenge, now=turn.now):
        return Refused(Reason.CODE_WRONG)
    left = challenges.count_wrong(turn.tx, challenge.id, now=turn.now)
    if left == 0:
        return Refused(Reason.CODE_SPENT)
    return Refused(Reason.CODE_WRONG, detail={"tries_left": left})


def _has_number(turn: Turn, phone: Phone) -> bool:
    """Whether another session has confirmed this number in the meantime."""
    e164 = number_or_none(turn, phone)
    return e164 is not None and phones.has_number(
        turn.tx, phone.account_id, fingerprints(turn.env, e164)
    )


def _read(env: Env, *, region: str, typed: str, channel: Channel) -> PhoneNumber | Refused:
    if channel not in open_channels(env):
        return Refused(Reason.CHANNEL_OFF)
    delivery = env.settings.delivery
    open_regions = {
        row.code for row in phone_number.regions() if delivery.allows(row.code, "enrol", channel)
    }
    return phone_number.read_number(
        typed,
        region=region,
        open_regions=open_regions,
        channel=channel,
        voip=delivery.voip,
    )


def _refuse_number(turn: Turn, account: Account, number: PhoneNumber) -> Refused | None:
    prints = fingerprints(turn.env, number.e164)
    if phones.has_number(turn.tx, account.id, prints):
        return Refused(Reason.NUMBER_DUPLICATE)
    others = phones.count_accounts_with(turn.tx, prints, other_than=account.id)
    if others >= MOST_ACCOUNTS_WITH_ONE_NUMBER:
        return Refused(Reason.NUMBER_SHARED)
    return count_new_number(turn, account)


def _queue_first(
    turn: Turn, account: Held, current: Session, *, number: PhoneNumber, channel: Channel
) -> Sent | Refused:
    phone = _new_phone(turn.env, current, number=number, channel=channel, now=turn.now)
    phones.insert(turn.tx, phone, fingerprint=fingerprint(turn.env, number.e164))
    sent = queue_code(
        turn, account, current, phone=phone, channel=channel, purpose=Purpose.ADD_PHONE
    )
    if isinstance(sent, Refused):  # keep the number typed before
        phones.remove(turn.tx, phone.id, account_id=account.id)
    else:
        phones.remove_unconfirmed(turn.tx, current.id, keep=phone.id)
    return sent


def _new_phone(
    env: Env, current: Session, *, number: PhoneNumber, channel: Channel, now: int
) -> Phone:
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


def _confirm(turn: Turn, account: Held, *, phone: Phone) -> PhoneAdded:
    phones.confirm(turn.tx, phone.id, now=turn.now)
    forget_browsers(turn, account)
    method = method_name(MethodKind.PHONE, phone.id)
    turn.record(
        account,
        event.new_event(
            event.PHONE_ADDED,
            method=method,
            channel=str(phone.channel),
            region=phone.region,
            hint=phone.hint,
        ),
    )
    turn.notify(account, NoticeKind.PHONE_ADDED, undo=method, hint=phone.hint)
    return PhoneAdded(phone)
