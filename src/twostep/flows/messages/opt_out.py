"""STOP and START: numbers that opted out are sent no texts and cannot be added.

We learn of an opt-out from providers: a refused text, or the STOP itself. After a month we try once
more, in case the provider has dropped the number from its own list. A refusal can also show that a
number is a landline, which is remembered as well.
"""

from __future__ import annotations

from contextlib import suppress

from twostep.core import sealing, token
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM
from twostep.core.methods.authenticator import Phone
from twostep.core.refusal import Reason, Refused
from twostep.core.sealing import SealBroken
from twostep.delivery.port import Failure, OptReport
from twostep.delivery.providers import text_senders
from twostep.flows.messages.numbers import fingerprint, fingerprints, open_number
from twostep.flows.turn import Turn
from twostep.store.messages import opt_outs
from twostep.store.methods import phones


NUMBER = "opt_outs.number"
REMEMBERED_SECONDS = 30 * 86_400


def is_opted_out(turn: Turn, e164: str) -> bool:
    """Whether this number has opted out of texts."""
    return opt_outs.is_out(
        turn.tx, fingerprints(turn.env, e164), since=turn.now - REMEMBERED_SECONDS
    )


def refuse_opted_out(turn: Turn, e164: str) -> Refused | None:
    """Refuse a number that opted out; `detail` has the `number` to text START to, if any."""
    if not is_opted_out(turn, e164):
        return None
    senders = text_senders(turn.env.settings)  # nobody can reply to an alphanumeric sender
    number = next((sender for sender in senders if sender.removeprefix("+").isdecimal()), "")
    return Refused(Reason.NUMBER_OPTED_OUT, detail={"number": number} if number else {})


def record_opt_out(turn: Turn, e164: str, *, provider: str) -> None:
    """Record that a provider refused a text because its recipient opted out."""
    if is_opted_out(turn, e164):
        return
    row_id = token.new_id()
    sealed = sealing.seal(
        turn.env.keyring, e164.encode(), purpose=NUMBER, row_id=row_id, account_id=""
    )
    opt_outs.save(
        turn.tx,
        fingerprint(turn.env, e164),
        row_id=row_id,
        number=sealed,
        provider=provider,
        now=turn.now,
    )
    opted_out = event.new_event(event.NUMBER_OPTED_OUT, provider=provider)
    turn.record_system_by(SYSTEM, opted_out, subject=row_id)


def record_opt_report(turn: Turn, report: OptReport, *, provider: str) -> None:
    """Record that somebody texted STOP or START to one of our numbers."""
    if report.out:
        record_opt_out(turn, report.number, provider=provider)
    elif opt_outs.remove(turn.tx, fingerprints(turn.env, report.number)):
        opted_in = event.new_event(event.NUMBER_OPTED_IN, provider=provider)
        turn.record_system_by(SYSTEM, opted_in, subject=token.new_id())


def record_refusal(turn: Turn, phone: Phone | None, *, reason: str, provider: str) -> None:
    """Record what a failed message says about its number: opted out, or a landline."""
    if phone is not None and reason == Failure.LANDLINE:
        phones.learn_landline(turn.tx, phone.id)
    if phone is not None and reason == Failure.OPTED_OUT:
        with suppress(SealBroken):  # a number that does not open cannot be sent to anyway
            record_opt_out(turn, open_number(turn.env, phone), provider=provider)
