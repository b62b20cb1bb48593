"""The only notice sent by text: of a waiting recovery, to every phone of the account.

It reaches owners whose mailbox the thief can read. It counts against the share of the limits open to
unknown browsers; once that is used up the notice is skipped and the recovery continues. Landlines take
no texts. Sources: delivery: Abuse; screens: Lost-device recovery.
"""

from __future__ import annotations

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import Phone
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Refused
from twostep.flows.messages.numbers import number_or_none
from twostep.flows.messages.queue_message import RECOVERY, queue_text
from twostep.flows.messages.send_code import choose_way
from twostep.flows.messages.send_limits import Wanted, count_send
from twostep.flows.turn import Turn
from twostep.store.account.accounts import Held
from twostep.store.methods import phones


LIFE_SECONDS = 86_400  # the same as for a notice by mail


def notify_phones(turn: Turn, account: Held) -> None:
    """Queue the notice to each phone that takes texts."""
    for phone in phones.list_confirmed(turn.tx, account.id):
        way = choose_way(turn.env, phone, purpose=Purpose.SIGN_IN, channel=Channel.SMS)
        if not isinstance(way, Refused):
            _queue_notice(turn, account, phone)


def _queue_notice(turn: Turn, account: Held, phone: Phone) -> None:
    e164 = number_or_none(turn, phone)
    if e164 is None:
        return
    wanted = Wanted(e164, phone.region, Channel.SMS, confirmed=True, known_browser=False)
    refused = count_send(turn, account, wanted)
    if refused is None:
        queue_text(turn, phone, kind=RECOVERY, e164=e164, seconds=LIFE_SECONDS)
        return
    reason = str(refused.reason)
    failed = event.new_event(event.NOTICE_FAILED, Outcome.FAILED, kind=RECOVERY, reason=reason)
    turn.record(account, failed)
