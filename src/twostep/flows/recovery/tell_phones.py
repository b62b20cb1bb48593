"""The one notice that goes out by text: of a waiting recovery, to every phone of the account.

Whose mailbox the thief reads too hears of it so. It counts against the same limits as codes, in the
part that strangers may use; where that is used up it is left out, and the recovery goes on. Landlines
take no texts. Sources: delivery: Abuse; screens: Lost-device recovery.
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


LIFE_SECONDS = 86_400  # as a notice by e-mail has


def tell_phones(turn: Turn, account: Held) -> None:
    """Queue it to each phone that takes texts. The account is locked."""
    for phone in phones.list_confirmed(turn.tx, account.id):
        way = choose_way(turn.env, phone, purpose=Purpose.SIGN_IN, channel=Channel.SMS)
        if not isinstance(way, Refused):
            _tell(turn, account, phone)


def _tell(turn: Turn, account: Held, phone: Phone) -> None:
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
