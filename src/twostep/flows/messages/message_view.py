"""The status of an attempt's newest message, for the line on the page and its polling."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.messages.channel import Channel
from twostep.core.methods import out_of_band
from twostep.core.methods.authenticator import Phone
from twostep.core.methods.challenge import Challenge
from twostep.core.methods.out_of_band import MaySend, Purpose, SendState
from twostep.core.sign_in.session import Session
from twostep.flows.messages.send_code import load_attempt, shown_state
from twostep.flows.turn import Turn
from twostep.store.messages import outbox
from twostep.store.methods import challenges, phones


LATE_SECONDS = 60
_ON_ITS_WAY = frozenset({SendState.QUEUED, SendState.ACCEPTED})


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """The newest message of an attempt.

    `state`: queued, accepted, delivered or failed. `can_send_at`: when another may be requested, in
    Unix seconds; None if this attempt allows no more. `is_late`: there was no news of it for a
    minute, so it is worth offering another method.
    """

    phone: Phone
    channel: Channel
    state: SendState
    reason: str
    state_at: int
    expires_at: int
    is_over: bool
    can_send_at: int | None
    is_late: bool = False


def view_delivery(turn: Turn, session: Session, *, purpose: Purpose) -> DeliveryView | None:
    """The newest message of this attempt; None if nothing was sent."""
    challenge = challenges.load_newest(turn.tx, session.id, purpose)
    if challenge is None:
        return None
    phone = phones.load(turn.tx, challenge.phone_id, account_id=session.account_id)
    row = outbox.load_newest_of_challenge(turn.tx, challenge.id)
    if phone is None or row is None:
        return None
    return DeliveryView(
        phone=phone,
        channel=row.channel,
        state=shown_state(row),
        reason=row.reason,
        state_at=row.accepted_at or row.created_at,
        expires_at=challenge.expires_at,
        is_over=_is_over(challenge, now=turn.now),
        can_send_at=_can_send_at(turn, session, phone, purpose=purpose),
        is_late=shown_state(row) in _ON_ITS_WAY and turn.now - row.created_at >= LATE_SECONDS,
    )


def _is_over(challenge: Challenge, *, now: int) -> bool:
    return challenge.ended_at is not None or now >= challenge.expires_at


def _can_send_at(turn: Turn, session: Session, phone: Phone, *, purpose: Purpose) -> int | None:
    attempt = load_attempt(turn, session, phone_id=phone.id, purpose=purpose)
    allowed = out_of_band.may_send(attempt, now=turn.now)
    if isinstance(allowed, MaySend):
        return turn.now
    return None if len(attempt.sends) >= out_of_band.SEND_LIMIT else allowed.retry_at
