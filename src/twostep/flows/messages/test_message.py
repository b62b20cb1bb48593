"""A test text to an operator's own backup phone: does the whole way work?"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Role
from twostep.core.audit import event
from twostep.core.methods.authenticator import MethodKind, Phone, method_name
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.numbers import number_or_none
from twostep.flows.messages.queue_message import TEST, queue_text
from twostep.flows.messages.send_code import open_channels, shown_state
from twostep.flows.messages.send_limits import Wanted, count_send
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.messages import outbox
from twostep.store.methods import phones
from twostep.store.tx import Tx


LIFE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class TestMessage:
    """The newest test text. `state`: as of any message."""

    hint: str
    state: str
    reason: str
    provider: str
    at: int


def send_test(
    tx: Tx, env: Env, visitor: Visitor, session: Session, *, now: int
) -> TestMessage | Refused:
    """Queue a text to the operator's first phone that takes texts.

    Refused: NOT_FOUND (no operator), NUMBER_EMPTY (no such phone), CHANNEL_OFF, SEND_LIMIT,
    NUMBER_OPTED_OUT.
    """
    account = accounts.lock(tx, session.account_id)
    if account is None or account.role is not Role.OPERATOR:
        return Refused(Reason.NOT_FOUND)
    phone = _own_phone(tx, account.id)
    if phone is None:
        return Refused(Reason.NUMBER_EMPTY)
    e164 = number_or_none(tx, env, phone, now=now)
    if e164 is None or "sms" not in open_channels(env):
        return Refused(Reason.CHANNEL_OFF)
    wanted = Wanted(e164, phone.region, "sms", confirmed=True, known_browser=True)
    if refused := count_send(tx, env, account, visitor, wanted, now=now):
        return refused
    row = queue_text(tx, env, phone, kind=TEST, e164=e164, seconds=LIFE_SECONDS, now=now)
    told = event.new_event(
        event.TEST_MESSAGE_SENT, method=method_name(MethodKind.PHONE, phone.id), channel="sms"
    )
    audit.append(tx, told, account_id=account.id, source=visitor.source, now=now)
    return TestMessage(phone.hint, row.state, row.reason, row.provider, now)


def view_test(tx: Tx, account_id: str) -> tuple[Phone | None, TestMessage | None]:
    """The phone that a test would go to, and the newest test."""
    phone = _own_phone(tx, account_id)
    row = outbox.load_newest_of_kind(tx, account_id, kind=TEST)
    if row is None or phone is None:
        return phone, None
    at = row.accepted_at or row.created_at
    return phone, TestMessage(phone.hint, str(shown_state(row)), row.reason, row.provider, at)


def _own_phone(tx: Tx, account_id: str) -> Phone | None:
    found = (one for one in phones.list_confirmed(tx, account_id) if one.line != "fixed")
    return next(found, None)
