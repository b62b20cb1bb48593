"""Queue a message with a code: its challenge, its outbox row and the record that limits count.

Two kinds of text carry no code: an operator's test and the notice of a recovery.
"""

from __future__ import annotations

from dataclasses import replace

from twostep.core import sealing, token
from twostep.core.messages.channel import Channel
from twostep.core.methods import out_of_band
from twostep.core.methods.authenticator import Phone
from twostep.core.methods.challenge import Challenge, is_open
from twostep.core.methods.out_of_band import Purpose, SentCode
from twostep.core.sign_in.session import Session
from twostep.flows.messages.numbers import fingerprint, prefix_digest
from twostep.flows.messages.sent_code import CODE, check_of, kind_of
from twostep.flows.turn import Turn
from twostep.store.messages import outbox, sends
from twostep.store.messages.outbox import OutboxRow
from twostep.store.messages.sends import Send
from twostep.store.methods import challenges


TEST = "test"

RECOVERY = "recovery.text"

EXPIRY_MARGIN_SECONDS = 60  # a code that arrives in its last minute is no use


def challenge_for(
    turn: Turn, session: Session, *, phone: Phone, channel: Channel, purpose: Purpose, ends_at: int
) -> Challenge:
    """The outstanding challenge if its code can be sent again, otherwise a new one."""
    old = challenges.load_newest(turn.tx, session.id, purpose)
    outstanding = None
    if old is not None and is_open(old, now=turn.now):
        outstanding = SentCode(old.phone_id, old.purpose, old.expires_at, old.tries_left)
    decision = out_of_band.reuse_or_new(
        outstanding, authenticator_id=phone.id, purpose=purpose, step_ends_at=ends_at, now=turn.now
    )
    if old is not None and isinstance(decision, out_of_band.Reuse):
        language = turn.visitor.language
        challenges.save_channel(turn.tx, old.id, channel=channel, language=language)
        return replace(old, channel=channel, language=language)
    if old is not None:
        challenges.end(turn.tx, old.id, now=turn.now)
    challenge = _new_challenge(
        turn, session, phone=phone, channel=channel, purpose=purpose, expires_at=decision.expires_at
    )
    challenges.insert(turn.tx, challenge)
    return challenge


def _new_challenge(
    turn: Turn,
    session: Session,
    *,
    phone: Phone,
    channel: Channel,
    purpose: Purpose,
    expires_at: int,
) -> Challenge:
    code = out_of_band.new_code()
    row_id = token.new_id()
    return Challenge(
        id=row_id,
        account_id=session.account_id,
        session_id=session.id,
        purpose=purpose,
        phone_id=phone.id,
        channel=channel,
        code=sealing.seal(
            turn.env.keyring,
            code.encode(),
            purpose=CODE,
            row_id=row_id,
            account_id=session.account_id,
        ),
        check_mac=check_of(turn.env, row_id, code),
        call_key=out_of_band.new_call_key(),
        tries_left=out_of_band.CODE_TRIES,
        created_at=turn.now,
        expires_at=expires_at,
        ended_at=None,
        language=turn.visitor.language,
    )


def queue_message(turn: Turn, challenge: Challenge, *, phone: Phone, e164: str) -> None:
    """Add the message to the outbox, which sends it after the commit."""
    turn.tx.on_commit(turn.env.wake_outbox)
    row = OutboxRow(
        id=token.new_id(),
        account_id=challenge.account_id,
        session_id=challenge.session_id,
        challenge_id=challenge.id,
        channel=challenge.channel,
        kind=kind_of(challenge.purpose),
        phone_id=phone.id,
        next_at=turn.now,
        not_after=challenge.expires_at - EXPIRY_MARGIN_SECONDS,
        created_at=turn.now,
    )
    outbox.insert(turn.tx, row)
    record_send(turn, row, phone=phone, e164=e164)


def queue_text(turn: Turn, phone: Phone, *, kind: str, e164: str, seconds: int) -> OutboxRow:
    """Add a text without a code to the outbox; it expires after `seconds`."""
    turn.tx.on_commit(turn.env.wake_outbox)
    row = OutboxRow(
        id=token.new_id(),
        account_id=phone.account_id,
        channel=Channel.SMS,
        kind=kind,
        phone_id=phone.id,
        next_at=turn.now,
        not_after=turn.now + seconds,
        created_at=turn.now,
    )
    outbox.insert(turn.tx, row)
    record_send(turn, row, phone=phone, e164=e164)
    return row


def record_send(turn: Turn, row: OutboxRow, *, phone: Phone, e164: str) -> None:
    """Record this send for the limits, without the phone number itself."""
    sends.insert(
        turn.tx,
        Send(
            id=row.id,
            account_id=row.account_id,
            challenge_id=row.challenge_id,
            region=phone.region,
            channel=row.channel,
            confirmed=phone.confirmed_at is not None,
            fingerprint=fingerprint(turn.env, e164),
            prefix=prefix_digest(turn.env, e164),
            sent_at=turn.now,
        ),
    )
