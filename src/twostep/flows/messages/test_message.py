"""Send a test text to the operator's own backup phone, to check the whole delivery path."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Role
from twostep.core.audit import event
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import MethodKind, Phone, method_name
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.flows.messages.numbers import number_or_none
from twostep.flows.messages.queue_message import TEST, queue_text
from twostep.flows.messages.send_code import open_channels, shown_state
from twostep.flows.messages.send_limits import Wanted, count_send
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.messages import outbox
from twostep.store.methods import phones


LIFE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class TestMessage:
    """The newest test text. `state`: one of `SendState`."""

    hint: str
    state: str
    reason: str
    provider: str
    at: int


def send_test(turn: Turn, session: Session) -> TestMessage | Refused:
    """Queue a text to the operator's first phone that takes texts.

    Refused: NOT_FOUND (not an operator), NUMBER_EMPTY (no such phone), CHANNEL_OFF, SEND_LIMIT,
    NUMBER_OPTED_OUT.
    """
    account = accounts.lock(turn.tx, session.account_id)
    if account is None or account.role is not Role.OPERATOR:
        return Refused(Reason.NOT_FOUND)
    phone = _test_phone(turn, account.id)
    if phone is None:
        return Refused(Reason.NUMBER_EMPTY)
    e164 = number_or_none(turn, phone)
    if e164 is None or Channel.SMS not in open_channels(turn.env):
        return Refused(Reason.CHANNEL_OFF)
    wanted = Wanted(e164, phone.region, Channel.SMS, confirmed=True, known_browser=True)
    if refused := count_send(turn, account, wanted):
        return refused
    row = queue_text(turn, phone, kind=TEST, e164=e164, seconds=LIFE_SECONDS)
    test_sent = event.new_event(
        event.TEST_MESSAGE_SENT,
        method=method_name(MethodKind.PHONE, phone.id),
        channel=str(Channel.SMS),
    )
    turn.record(account, test_sent)
    return TestMessage(phone.hint, row.state, row.reason, row.provider, turn.now)


def view_test(turn: Turn, account_id: str) -> tuple[Phone | None, TestMessage | None]:
    """The phone that a test would be sent to, and the newest test."""
    phone = _test_phone(turn, account_id)
    row = outbox.load_newest_of_kind(turn.tx, account_id, kind=TEST)
    if row is None or phone is None:
        return phone, None
    at = row.accepted_at or row.created_at
    return phone, TestMessage(phone.hint, str(shown_state(row)), row.reason, row.provider, at)


def _test_phone(turn: Turn, account_id: str) -> Phone | None:
    confirmed = phones.list_confirmed(turn.tx, account_id)
    return next((phone for phone in confirmed if phone.line != "fixed"), None)
