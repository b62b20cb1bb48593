"""The one notice that goes out by text: of a waiting recovery, to every phone of the account.

Whose mailbox the thief reads too hears of it so. It counts against the same limits as codes, in the
part that strangers may use; where that is used up it is left out, and the recovery goes on. Landlines
take no texts. Sources: delivery: Abuse; screens: Lost-device recovery.
"""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods.authenticator import Phone
from twostep.core.methods.out_of_band import Purpose
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.numbers import number_or_none
from twostep.flows.messages.queue_message import RECOVERY, queue_text
from twostep.flows.messages.send_code import refuse_phone
from twostep.flows.messages.send_limits import Wanted, count_send
from twostep.flows.turn import record
from twostep.store.methods import phones
from twostep.store.tx import Tx


LIFE_SECONDS = 86_400  # as a notice by e-mail has


def tell_phones(tx: Tx, env: Env, account: Account, visitor: Visitor, *, now: int) -> None:
    """Queue it to each phone that takes texts. The account is locked."""
    for phone in phones.list_confirmed(tx, account.id):
        if refuse_phone(env, phone, purpose=Purpose.SIGN_IN, channel="sms") is None:
            _tell(tx, env, account, visitor, phone, now=now)


def _tell(tx: Tx, env: Env, account: Account, visitor: Visitor, phone: Phone, *, now: int) -> None:
    e164 = number_or_none(tx, env, phone, now=now)
    if e164 is None:
        return
    wanted = Wanted(e164, phone.region, "sms", confirmed=True, known_browser=False)
    refused = count_send(tx, env, account, visitor, wanted, now=now)
    if refused is None:
        queue_text(tx, env, phone, kind=RECOVERY, e164=e164, seconds=LIFE_SECONDS, now=now)
        return
    reason = str(refused.reason)
    failed = event.new_event(event.NOTICE_FAILED, Outcome.FAILED, kind=RECOVERY, reason=reason)
    record(tx, account, visitor, failed, now=now)
