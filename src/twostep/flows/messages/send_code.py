"""Send a code to a phone: challenge, outbox row and event in one transaction.

Only somebody who has entered the right password, or has just proved who they are, can trigger a
message. A resend within an attempt carries the same code, so whichever message arrives first works.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.config.delivery import CountryUse
from twostep.core import token
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.messages.channel import Channel, read_channel
from twostep.core.methods import out_of_band
from twostep.core.methods.authenticator import MethodKind, Phone, method_name
from twostep.core.methods.out_of_band import (
    NO_ANSWER,
    Attempt,
    MaySend,
    Purpose,
    Sending,
    SendState,
)
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import session as session_core
from twostep.core.sign_in.session import Level, Session
from twostep.flows.env import Env
from twostep.flows.messages.failover import troubled_channels
from twostep.flows.messages.numbers import number_or_none
from twostep.flows.messages.queue_message import challenge_for, queue_message
from twostep.flows.messages.send_limits import Wanted, count_send
from twostep.flows.messages.sent_code import kind_of
from twostep.flows.policy.decide import accepts_phones
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow
from twostep.store.methods import phones
from twostep.store.sign_in import sessions


@dataclass(frozen=True, slots=True)
class Sent:
    """A code is queued. `next_at`: when another may be requested; None if this was the last."""

    phone: Phone
    channel: Channel
    next_at: int | None


def send_code(
    turn: Turn, session: Session, *, purpose: Purpose, phone_id: str, channel: str
) -> Sent | Refused:
    """Send or resend the attempt's code to a phone of the account.

    Refused: NOT_FOUND, CHANNEL_OFF, CHANNEL_UNKNOWN, NUMBER_LANDLINE, SEND_TOO_SOON, SEND_LIMIT,
    STEP_ENDED, STEP_ENDING.
    """
    account = accounts.lock(turn.tx, session.account_id)
    current = sessions.load_current(
        turn.tx, session.id, digest=token.digest(turn.visitor.session_token)
    )
    if (
        account is None
        or current is None
        or not _may_ask(current, purpose, env=turn.env, now=turn.now)
    ):
        return Refused(Reason.STEP_ENDED)
    phone = phones.load(turn.tx, phone_id, account_id=account.id)
    way = choose_way(turn.env, phone, purpose=purpose, channel=channel)
    if isinstance(way, Refused):
        return way
    return queue_code(
        turn, account, current, phone=way.phone, channel=way.channel, purpose=purpose)  # fmt: skip


def queue_code(
    turn: Turn,
    account: Held,
    session: Session,
    *,
    phone: Phone,
    channel: Channel,
    purpose: Purpose,
) -> Sent | Refused:
    """Check the limits and queue the message. The phone must belong to the account."""
    e164 = number_or_none(turn, phone)
    if e164 is None:
        return Refused(Reason.CHANNEL_OFF)
    attempt = load_attempt(turn, session, phone_id=phone.id, purpose=purpose)
    wanted = Wanted(
        e164=e164,
        region=phone.region,
        channel=channel,
        confirmed=phone.confirmed_at is not None,
        known_browser=session.browser_id is not None,
    )
    allowed = out_of_band.may_send(attempt, now=turn.now)
    if isinstance(allowed, MaySend):
        refused = _refuse_troubled(turn, channel)
        allowed = refused or count_send(turn, account, wanted) or allowed
    if isinstance(allowed, Refused):
        _record_refusal(turn, account, allowed, purpose=purpose, channel=channel)
        return allowed
    challenge = challenge_for(
        turn, session, phone=phone, channel=channel, purpose=purpose, ends_at=attempt.ends_at
    )
    queue_message(turn, challenge, phone=phone, e164=e164)
    sent = event.new_event(
        event.CODE_SENT,
        method=method_name(MethodKind.PHONE, phone.id),
        purpose=str(purpose),
        channel=str(channel),
        region=phone.region,
    )
    turn.record(account, sent)
    return Sent(phone, channel, allowed.next_at)


def _record_refusal(
    turn: Turn, account: Held, refused: Refused, *, purpose: Purpose, channel: Channel
) -> None:
    send_refused = event.new_event(
        event.CODE_SEND_REFUSED,
        Outcome.THROTTLED,
        purpose=str(purpose),
        channel=str(channel),
        reason=str(refused.reason),
    )
    turn.record(account, send_refused)


@dataclass(frozen=True, slots=True)
class PhoneWay:
    """A phone that can be sent a code, and the channel to use."""

    phone: Phone
    channel: Channel


def choose_way(
    env: Env, phone: Phone | None, *, purpose: Purpose, channel: str
) -> PhoneWay | Refused:
    """Check that this phone can be sent a code over the chosen channel."""
    if not accepts_phones(env) or phone is None:
        return Refused(Reason.NOT_FOUND)
    if (phone.confirmed_at is None) is not (purpose is Purpose.ADD_PHONE):
        return Refused(Reason.NOT_FOUND)
    chosen = read_channel(channel)
    if isinstance(chosen, Refused):
        return chosen
    if chosen is Channel.SMS and phone.line == "fixed":
        return Refused(Reason.NUMBER_LANDLINE)
    use: CountryUse = "enrol" if purpose is Purpose.ADD_PHONE else "signin"
    delivery = env.settings.delivery
    if chosen not in open_channels(env) or not delivery.allows(phone.region, use, chosen):
        return Refused(Reason.CHANNEL_OFF)
    return PhoneWay(phone, chosen)


def _refuse_troubled(turn: Turn, channel: Channel) -> Refused | None:
    return Refused(Reason.CHANNEL_OFF) if channel in troubled_channels(turn) else None


def open_channels(env: Env) -> tuple[Channel, ...]:
    """The channels that can carry codes; one without a provider is not offered.

    During a call the provider asks us what to say, so calls need a provider that can reach us.
    """
    settings = env.settings
    reaching_us = {"console", *env.callbacks}
    return tuple(
        channel
        for channel, can_send in (
            (Channel.SMS, bool(settings.sms_providers)),
            (Channel.CALL, not reaching_us.isdisjoint(settings.call_providers)),
        )
        if can_send
    )


def load_attempt(turn: Turn, session: Session, *, phone_id: str, purpose: Purpose) -> Attempt:
    """The attempt's sends so far, and when it ends.

    A sign-in ends with its half session; a step-up or a phone confirmation ends ten minutes after its
    first send. Confirming another number is a new attempt; signing in with another phone is not.
    Sends dated in the future (the clock was set back) do not count.
    """
    since = turn.now - out_of_band.CODE_LIFE_SECONDS + 1
    only_phone = phone_id if purpose is Purpose.ADD_PHONE else None
    rows = [
        row
        for row in outbox.list_of_attempt(turn.tx, session.id, since=since, phone_id=only_phone)
        if row.kind == kind_of(purpose) and row.created_at <= turn.now
    ]
    sends = tuple(Sending(row.created_at, shown_state(row)) for row in reversed(rows))
    if purpose is Purpose.SIGN_IN:
        return Attempt(session.expires_at, sends)
    began_at = sends[0].asked_at if len(sends) >= out_of_band.SEND_LIMIT else turn.now
    return Attempt(began_at + out_of_band.CODE_LIFE_SECONDS, sends)


def shown_state(row: OutboxRow) -> SendState:
    """The state to show for a message; one waiting for its second copy shows as failed."""
    if row.state == "expired" or (row.state == "queued" and row.reason == NO_ANSWER):
        return SendState.FAILED
    return SendState(row.state)


def _may_ask(session: Session, purpose: Purpose, *, env: Env, now: int) -> bool:
    if not session_core.is_live(session, now=now, limits=env.limits):
        return False
    return (session.level is Level.HALF) is (purpose is Purpose.SIGN_IN)
