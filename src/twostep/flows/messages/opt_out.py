"""STOP and START: numbers that asked for no more texts are not sent any, nor added.

What we know comes from providers: a refusal that says so, or the text itself. A provider that let its
own list lapse is found out after a month, when one more try is made. What else a refusal teaches of
a number, that it is a landline, is remembered here, too.
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
from twostep.store.audit import trail as audit
from twostep.store.messages import opt_outs
from twostep.store.methods import phones


NUMBER = "opt_outs.number"
REMEMBERED_SECONDS = 30 * 86_400


def is_opted_out(turn: Turn, e164: str) -> bool:
    """Whether this number asked for no more texts."""
    return opt_outs.is_out(
        turn.tx, fingerprints(turn.env, e164), since=turn.now - REMEMBERED_SECONDS
    )


def refuse_opted_out(turn: Turn, e164: str) -> Refused | None:
    """Whether no text may go there; `detail` holds the `number` that START can be texted to."""
    if not is_opted_out(turn, e164):
        return None
    senders = text_senders(turn.env.settings)  # a name cannot be answered
    number = next((sender for sender in senders if sender.startswith("+")), "")
    return Refused(Reason.NUMBER_OPTED_OUT, detail={"number": number} if number else {})


def note_opt_out(turn: Turn, e164: str, *, provider: str) -> None:
    """A provider refused a text because its receiver opted out."""
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
    told = event.new_event(event.NUMBER_OPTED_OUT, provider=provider)
    audit.append_system(turn.tx, told, subject=row_id, source=SYSTEM, now=turn.now)


def take_opt_report(turn: Turn, report: OptReport, *, provider: str) -> None:
    """Somebody texted STOP or START to one of our numbers."""
    if report.out:
        note_opt_out(turn, report.number, provider=provider)
    elif opt_outs.remove(turn.tx, fingerprints(turn.env, report.number)):
        told = event.new_event(event.NUMBER_OPTED_IN, provider=provider)
        audit.append_system(turn.tx, told, subject=token.new_id(), source=SYSTEM, now=turn.now)


def note_refusal(turn: Turn, phone: Phone | None, *, reason: str, provider: str) -> None:
    """Remember what a message's failure says of its number: opted out, or a landline."""
    if phone is not None and reason == Failure.LANDLINE:
        phones.learn_landline(turn.tx, phone.id)
    if phone is not None and reason == Failure.OPTED_OUT:
        with suppress(SealBroken):  # then it cannot be sent to anyway
            note_opt_out(turn, open_number(turn.env, phone), provider=provider)
