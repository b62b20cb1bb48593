"""Send a code to a phone: challenge, outbox row and event in one transaction.

Only somebody who has given the right password, or has just proved who they are, can cause a message.
A resend in the same attempt carries the same code, so that whichever message arrives first works.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import event, out_of_band, sealing, token
from twostep.core import session as session_core
from twostep.core.account import Account
from twostep.core.authenticator import MethodKind, Phone, method_name
from twostep.core.challenge import Challenge, is_open
from twostep.core.event import Outcome
from twostep.core.out_of_band import Attempt, MaySend, Purpose, Sending, SendState, SentCode
from twostep.core.refusal import Reason, Refused
from twostep.core.session import Level, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.second_factor import check_of
from twostep.flows.send_limits import count_send
from twostep.flows.unseal import tell_broken, unseal
from twostep.store import accounts, audit, challenges, outbox, phones, sessions
from twostep.store.outbox import OutboxRow
from twostep.store.tx import Tx


NUMBER = "phones.number"
CODE = "challenges.code"
EXPIRY_MARGIN_SECONDS = 60  # a code that arrives in its last minute helps nobody


@dataclass(frozen=True, slots=True)
class Sent:
    """A code is queued. `next_at`: when one more may be asked for, None: this was the last."""

    phone: Phone
    channel: str
    next_at: int | None


def send_code(
    tx: Tx,
    env: Env,
    visitor: Visitor,
    session: Session,
    *,
    purpose: Purpose,
    phone_id: str,
    channel: str,
    old_token: str,
    now: int,
) -> Sent | Refused:
    """Send, or send again, the attempt's code to a phone of the account.

    Refused: NOT_FOUND, CHANNEL_OFF, CHANNEL_UNKNOWN, NUMBER_LANDLINE, SEND_TOO_SOON, SEND_LIMIT,
    STEP_ENDED, STEP_ENDING.
    """
    account = accounts.lock(tx, session.account_id)
    current = sessions.load_current(tx, session.id, digest=token.digest(old_token))
    if account is None or current is None or not _may_ask(current, purpose, env=env, now=now):
        return Refused(Reason.STEP_ENDED)
    phone = phones.load(tx, phone_id, account_id=account.id)
    if refused := refuse_phone(env, phone, purpose=purpose, channel=channel):
        return refused
    if phone is None:
        return Refused(Reason.NOT_FOUND)
    return queue_code(
        tx, env, account, current, visitor, phone=phone, channel=channel, purpose=purpose, now=now
    )


def queue_code(
    tx: Tx,
    env: Env,
    account: Account,
    session: Session,
    visitor: Visitor,
    *,
    phone: Phone,
    channel: str,
    purpose: Purpose,
    now: int,
) -> Sent | Refused:
    """Decide the limits and queue the message. The account is locked, the phone is its own."""
    e164 = _number_or_none(tx, env, phone, now=now)
    if e164 is None:
        return Refused(Reason.CHANNEL_OFF)
    attempt = load_attempt(tx, session, purpose=purpose, now=now)
    allowed = out_of_band.may_send(attempt, now=now)
    if isinstance(allowed, MaySend):
        refused = count_send(
            tx,
            env,
            account,
            visitor,
            e164=e164,
            channel=channel,
            confirmed=phone.confirmed_at is not None,
            known_browser=session.browser_id is not None,
            now=now,
        )
        allowed = refused or allowed
    if isinstance(allowed, Refused):
        refusal = event.new_event(
            event.CODE_SEND_REFUSED,
            Outcome.THROTTLED,
            purpose=str(purpose),
            channel=channel,
            reason=str(allowed.reason),
        )
        audit.append(tx, refusal, account_id=account.id, source=visitor.source, now=now)
        return allowed
    challenge = _challenge_for(
        tx, env, session, phone=phone, channel=channel, purpose=purpose,
        ends_at=attempt.ends_at, now=now,
    )  # fmt: skip
    _queue(tx, env, challenge, phone=phone, now=now)
    sent = event.new_event(
        event.CODE_SENT,
        method=method_name(MethodKind.PHONE, phone.id),
        purpose=str(purpose),
        channel=channel,
        region=phone.region,
    )
    audit.append(tx, sent, account_id=account.id, source=visitor.source, now=now)
    return Sent(phone, channel, allowed.next_at)


def refuse_phone(
    env: Env, phone: Phone | None, *, purpose: Purpose, channel: str
) -> Refused | None:
    """Whether this phone can be sent a code at all, by this channel."""
    if not env.settings.policy.phones or phone is None:
        return Refused(Reason.NOT_FOUND)
    if (phone.confirmed_at is None) is not (purpose is Purpose.ADD_PHONE):
        return Refused(Reason.NOT_FOUND)
    if channel not in {"sms", "call"}:
        return Refused(Reason.CHANNEL_UNKNOWN)
    if channel == "sms" and phone.line == "fixed":
        return Refused(Reason.NUMBER_LANDLINE)
    if channel not in open_channels(env) or not env.settings.delivery.is_open(phone.region):
        return Refused(Reason.CHANNEL_OFF)
    return None


def open_channels(env: Env) -> tuple[str, ...]:
    """By what codes can travel here: a channel without a provider is not offered."""
    settings = env.settings
    return tuple(
        channel
        for channel, providers in (
            ("sms", settings.sms_providers),
            ("call", settings.call_providers),
        )
        if providers
    )


def open_number(env: Env, phone: Phone) -> str:
    """The phone's number in E.164. Raises `SealBroken`."""
    return unseal(
        env, phone.number, purpose=NUMBER, row_id=phone.id, account_id=phone.account_id
    ).decode()


def _number_or_none(tx: Tx, env: Env, phone: Phone, *, now: int) -> str | None:
    """The number; None where it does not open, which is written down."""
    try:
        return open_number(env, phone)
    except sealing.SealBroken:
        method = method_name(MethodKind.PHONE, phone.id)
        tell_broken(tx, phone.account_id, purpose=NUMBER, method=method, now=now)
        return None


def load_attempt(tx: Tx, session: Session, *, purpose: Purpose, now: int) -> Attempt:
    """The sends of this attempt so far, and when it ends.

    A sign-in ends with its half session. A step-up or a phone's confirmation has ten minutes from its
    first send.
    """
    since = now - out_of_band.CODE_LIFE_SECONDS + 1
    rows = [
        row
        for row in outbox.list_of_attempt(tx, session.id, since=since)
        if row.kind == kind_of(purpose)
    ]
    sends = tuple(Sending(row.created_at, _shown_state(row)) for row in reversed(rows))
    if purpose is Purpose.SIGN_IN:
        return Attempt(session.expires_at, sends)
    began_at = sends[0].asked_at if len(sends) >= out_of_band.SEND_LIMIT else now
    return Attempt(began_at + out_of_band.CODE_LIFE_SECONDS, sends)


def kind_of(purpose: Purpose) -> str:
    """The outbox's name for messages with a code for this purpose."""
    return f"code.{purpose}"


def _shown_state(row: OutboxRow) -> SendState:
    if row.state == "expired":
        return SendState.FAILED
    return SendState(row.state)


def _may_ask(session: Session, purpose: Purpose, *, env: Env, now: int) -> bool:
    if not session_core.is_live(session, now=now, limits=env.limits):
        return False
    return (session.level is Level.HALF) is (purpose is Purpose.SIGN_IN)


def _challenge_for(
    tx: Tx,
    env: Env,
    session: Session,
    *,
    phone: Phone,
    channel: str,
    purpose: Purpose,
    ends_at: int,
    now: int,
) -> Challenge:
    """The outstanding challenge where the same code can go out again, else a new one."""
    old = challenges.load_newest(tx, session.id, purpose)
    outstanding = None
    if old is not None and is_open(old, now=now):
        outstanding = SentCode(old.phone_id, old.purpose, old.expires_at, old.tries_left)
    decision = out_of_band.reuse_or_new(
        outstanding, authenticator_id=phone.id, purpose=purpose, step_ends_at=ends_at, now=now
    )
    if old is not None and isinstance(decision, out_of_band.Reuse):
        challenges.save_channel(tx, old.id, channel=channel)
        return old
    if old is not None:
        challenges.end(tx, old.id, now=now)
    code = out_of_band.new_code()
    row_id = token.new_id()
    challenge = Challenge(
        id=row_id,
        account_id=session.account_id,
        session_id=session.id,
        purpose=purpose,
        phone_id=phone.id,
        channel=channel,
        code=sealing.seal(
            env.keyring,
            code.encode(),
            purpose=CODE,
            row_id=row_id,
            account_id=session.account_id,
        ),
        check=check_of(env, row_id, code),
        call_key=out_of_band.new_call_key(),
        tries_left=out_of_band.CODE_TRIES,
        created_at=now,
        expires_at=decision.expires_at,
        ended_at=None,
    )
    challenges.insert(tx, challenge)
    return challenge


def _queue(tx: Tx, env: Env, challenge: Challenge, *, phone: Phone, now: int) -> None:
    tx.on_commit(env.wake_outbox)
    outbox.insert(
        tx,
        OutboxRow(
            id=token.new_id(),
            account_id=challenge.account_id,
            session_id=challenge.session_id,
            challenge_id=challenge.id,
            channel=challenge.channel,
            kind=kind_of(challenge.purpose),
            phone_id=phone.id,
            payload=None,
            state="queued",
            reason="",
            provider="",
            provider_id="",
            attempt=0,
            next_at=now,
            not_after=challenge.expires_at - EXPIRY_MARGIN_SECONDS,
            created_at=now,
            accepted_at=None,
        ),
    )
