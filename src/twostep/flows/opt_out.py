"""STOP and START: numbers that asked for no more texts are not sent any, nor added.

What we know comes from providers: a refusal that says so, or the text itself. A provider that let its
own list lapse is found out after a month, when one more try is made.
"""

from __future__ import annotations

from contextlib import suppress

from twostep.core import event, sealing, token
from twostep.core.authenticator import Phone
from twostep.core.event import SYSTEM
from twostep.core.sealing import SealBroken
from twostep.delivery.channel import OptReport
from twostep.flows.env import Env
from twostep.flows.number_digest import fingerprint, fingerprints
from twostep.flows.sealed_number import open_number
from twostep.store import audit, opt_outs
from twostep.store.tx import Tx


NUMBER = "opt_outs.number"
REMEMBERED_SECONDS = 30 * 86_400


def is_opted_out(tx: Tx, env: Env, e164: str, *, now: int) -> bool:
    """Whether this number asked for no more texts."""
    return opt_outs.is_out(tx, fingerprints(env, e164), since=now - REMEMBERED_SECONDS)


def note_opt_out(tx: Tx, env: Env, e164: str, *, provider: str, now: int) -> None:
    """A provider refused a text because its receiver opted out."""
    if is_opted_out(tx, env, e164, now=now):
        return
    row_id = token.new_id()
    sealed = sealing.seal(env.keyring, e164.encode(), purpose=NUMBER, row_id=row_id, account_id="")
    opt_outs.save(
        tx, fingerprint(env, e164), row_id=row_id, number=sealed, provider=provider, now=now
    )
    told = event.new_event(event.NUMBER_OPTED_OUT, provider=provider)
    audit.append_system(tx, told, subject=row_id, source=SYSTEM, now=now)


def take_opt_report(tx: Tx, env: Env, report: OptReport, *, provider: str, now: int) -> None:
    """Somebody texted STOP or START to one of our numbers."""
    if report.out:
        note_opt_out(tx, env, report.number, provider=provider, now=now)
    elif opt_outs.remove(tx, fingerprints(env, report.number)):
        told = event.new_event(event.NUMBER_OPTED_IN, provider=provider)
        audit.append_system(tx, told, subject=token.new_id(), source=SYSTEM, now=now)


def note_refusal(tx: Tx, env: Env, phone: Phone | None, *, provider: str, now: int) -> None:
    """A message to this phone was refused because its owner opted out."""
    if phone is not None:
        with suppress(SealBroken):  # then it cannot be sent to anyway
            note_opt_out(tx, env, open_number(env, phone), provider=provider, now=now)
